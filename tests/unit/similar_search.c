/* What is like an item, searched in steps and together with others, against comparing one pair
 * after the other. */
#include "model/similar.h"
#include "model/vectors.h"
#include "small_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVENTS = 6000, SIZE = 12 };

static struct list one, other;

static struct recommender *learned_model(float neighbours)
{
    struct recommender_settings settings;
    struct recommender *model;
    struct error error;
    recommender_settings_init(&settings);
    settings.part[PART_NEIGHBOURS] = neighbours;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct small_event small;
        struct learned learned;
        small_stream_at(i, &small);
        recommender_learn(model, &small.event, &learned);
        assert_int_equal(learned.status, STATUS_OK);
    }
    return model;
}

static void assert_same(const struct list *a, const struct list *b)
{
    assert_int_equal(a->size, b->size);
    for (uint32_t n = 0; n < a->size; n++) {
        assert_int_equal(a->at[n].slot, b->at[n].slot);
        assert_int_equal(a->at[n].score == b->at[n].score, 1);
    }
}

/* Without counts it is the cosine of the vectors: nobody outside of the list is nearer. */
static void the_nearest_by_vectors(void **state)
{
    (void)state;
    struct recommender *model = learned_model(0);
    uint32_t dim = recommender_settings_of(model)->dim, bound = recommender_item_bound(model);
    for (uint32_t item = 0; item < bound; item++) {
        assert_int_equal(recommender_similar(model, item, SIZE, &one), STATUS_OK);
        const float *own = recommender_item_vector(model, item, NULL);
        float last = one.size == SIZE ? one.at[SIZE - 1].score : 0;
        uint32_t nearer = 0;
        for (uint32_t n = 0; n < bound; n++)
            if (n != item && recommender_item_wanted(model, n) > 0)
                nearer += vectors_cosine(own, recommender_item_vector(model, n, NULL), dim) >
                          last + 1e-5f;
        assert_true(nearer <= one.size);
        for (uint32_t n = 0; n < one.size; n++) {
            uint32_t slot = one.at[n].slot;
            float cosine = vectors_cosine(own, recommender_item_vector(model, slot, NULL), dim);
            assert_float_equal(one.at[n].score, cosine, 1e-5);
            assert_int_not_equal(slot, item);
        }
    }
    recommender_destroy(model);
}

static void together_and_alone_are_the_same(void **state)
{
    (void)state;
    struct recommender *model = learned_model(1);
    uint32_t items[SIMILAR_TOGETHER], bound = recommender_item_bound(model), steps = 0;
    struct similar *similar;
    assert_int_equal(similar_create(&similar), STATUS_OK);
    for (uint32_t first = 0; first + SIMILAR_TOGETHER <= bound; first += SIMILAR_TOGETHER) {
        for (uint32_t n = 0; n < SIMILAR_TOGETHER; n++)
            items[n] = (first + n * 7) % bound;
        similar_begin(similar, items, SIMILAR_TOGETHER, SIZE);
        do
            steps++;
        while (similar_step(similar, model));
        for (uint32_t n = 0; n < SIMILAR_TOGETHER; n++) {
            similar_take(similar, model, n, recommender_latest_ms(model), &one);
            assert_int_equal(recommender_similar(model, items[n], SIZE, &other), STATUS_OK);
            assert_true(one.size > 0);
            assert_same(&one, &other);
        }
    }
    assert_int_equal(steps, bound / SIMILAR_TOGETHER * ((bound + SIMILAR_STEP - 1) / SIMILAR_STEP));
    similar_destroy(similar);
    recommender_destroy(model);
}

/* Counts make neighbours of those that vectors alone would not. */
static void no_list_misses_what_counts_alone_bring(void **state)
{
    (void)state;
    struct recommender *model = learned_model(1);
    uint32_t bound = recommender_item_bound(model);
    uint32_t *all = malloc(bound * sizeof *all);
    for (uint32_t n = 0; n < bound; n++)
        all[n] = n;
    for (uint32_t item = 0; item < bound; item++) {
        assert_int_equal(recommender_similar(model, item, SIZE, &one), STATUS_OK);
        similar_rank(model, item, all, bound, recommender_latest_ms(model), &other);
        assert_true(other.size >= one.size);
        other.size = one.size;
        assert_same(&one, &other);
    }
    free(all);
    recommender_destroy(model);
}

static void what_is_retired_is_left_out(void **state)
{
    (void)state;
    struct recommender *model = learned_model(1);
    assert_int_equal(recommender_similar(model, 3, SIZE, &one), STATUS_OK);
    struct item_card card = {.item = one.at[1].item};
    uint32_t gone = one.at[1].slot, slots[SIZE];
    for (uint32_t n = 0; n < one.size; n++)
        slots[n] = one.at[n].slot;
    assert_int_equal(recommender_describe(model, &card), STATUS_OK);
    similar_rank(model, 3, slots, one.size, recommender_latest_ms(model), &other);
    assert_int_equal(other.size, one.size - 1);
    for (uint32_t n = 0; n < other.size; n++)
        assert_int_not_equal(other.at[n].slot, gone);
    assert_int_equal(recommender_similar(model, 3, SIZE, &other), STATUS_OK);
    for (uint32_t n = 0; n < other.size; n++)
        assert_int_not_equal(other.at[n].slot, gone);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_by_vectors),
        cmocka_unit_test(together_and_alone_are_the_same),
        cmocka_unit_test(no_list_misses_what_counts_alone_bring),
        cmocka_unit_test(what_is_retired_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
