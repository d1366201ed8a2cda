/* The network over the features: its way back against finite differences, and that it learns what
 * no weighted sum can tell. */
#include "model/interactions.h"
#include "model/kernels.h"
#include "model/random.h"
#include "model/recommender.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HIDDEN = INTERACTIONS_HIDDEN, CANDIDATES = 9 };

/* As it is saved: A, c, Adagrad's accumulators of both. */
struct weights {
    float in[FEATURES_ROOM][HIDDEN], out[HIDDEN], in_sum[HIDDEN], out_sum[HIDDEN];
};

struct writer {
    struct state_writer writer;
    struct weights weights;
    size_t size;
};

struct reader {
    struct state_reader reader;
    const struct weights *weights;
    size_t at;
};

static enum status keep(struct state_writer *writer, const void *bytes, size_t size)
{
    struct writer *kept = (struct writer *)writer;
    assert_true(kept->size + size <= sizeof kept->weights);
    memcpy((char *)&kept->weights + kept->size, bytes, size);
    kept->size += size;
    return STATUS_OK;
}

static enum status give(struct state_reader *reader, void *bytes, size_t size)
{
    struct reader *given = (struct reader *)reader;
    memcpy(bytes, (const char *)given->weights + given->at, size);
    given->at += size;
    return STATUS_OK;
}

static struct weights saved(const void *interactions)
{
    struct writer kept = {.writer = {.write = keep}};
    assert_int_equal(part_interactions.save(interactions, 0, 0, &kept.writer), STATUS_OK);
    assert_int_equal(kept.size, sizeof kept.weights);
    return kept.weights;
}

static void set(void *interactions, const struct weights *weights)
{
    struct reader given = {.reader = {.read = give}, .weights = weights};
    assert_int_equal(part_interactions.load(interactions, 0, 0, &given.reader), STATUS_OK);
}

static struct interactions *fresh(void)
{
    struct recommender_settings settings;
    void *interactions;
    recommender_settings_init(&settings);
    assert_int_equal(part_interactions.create(&settings, &interactions), STATUS_OK);
    return interactions;
}

static void fill(struct interactions_pass *pass, float by_score[CANDIDATES])
{
    memset(pass, 0, sizeof *pass);
    pass->size = CANDIDATES;
    for (uint32_t n = 0; n < CANDIDATES; n++) {
        for (uint32_t f = 0; f < FEATURES; f++)
            pass->input[n][f] = random_signed((uint32_t)random_at(5 + n, f));
        interactions_see(pass->input[n], pass->input[n][0]);
        pass->place[n] = n;
        by_score[n] = random_signed((uint32_t)random_at(4, n));
    }
}

static double loss(const struct interactions *interactions, struct interactions_pass *pass,
                   const float *by_score)
{
    float worth[SAMPLES_ROOM];
    double sum = 0.0;
    interactions_forward(interactions, pass->input, pass->size, pass->hidden, worth);
    for (uint32_t n = 0; n < pass->size; n++)
        sum += (double)by_score[n] * (double)worth[n];
    return sum;
}

/* By finite differences; the loss is linear between the bends of f. */
static double slope(struct interactions *interactions, const struct weights *weights, size_t at,
                    struct interactions_pass *pass, const float *by_score)
{
    const float by = 1e-3f;
    struct weights moved = *weights;
    ((float *)&moved)[at] += by;
    set(interactions, &moved);
    double above = loss(interactions, pass, by_score);
    ((float *)&moved)[at] -= 2 * by;
    set(interactions, &moved);
    double below = loss(interactions, pass, by_score);
    return (above - below) / (2 * (double)by);
}

/* Each step goes against the slope, and how far depends on the hidden unit alone. */
static void learning_goes_down_the_slope(void **state)
{
    (void)state;
    struct interactions *interactions = fresh();
    struct interactions_pass pass;
    float by_score[CANDIDATES];
    struct weights before = saved(interactions), after;
    for (uint32_t h = 0; h < HIDDEN; h++)
        before.out[h] = random_signed((uint32_t)random_at(9, h));
    fill(&pass, by_score);
    set(interactions, &before);
    loss(interactions, &pass, by_score);
    interactions_learn(interactions, &pass, by_score);
    after = saved(interactions);
    for (uint32_t h = 0; h < HIDDEN; h++) {
        double along = 0.0, slopes = 0.0, steps = 0.0;
        for (uint32_t f = 0; f < FEATURES_ROOM; f++) {
            size_t at = (size_t)(&before.in[f][h] - &before.in[0][0]);
            double by = slope(interactions, &before, at, &pass, by_score);
            double step = (double)(after.in[f][h] - before.in[f][h]);
            along += by * step;
            slopes += by * by;
            steps += step * step;
        }
        assert_true(steps > 0.0 && along < -0.999 * sqrt(slopes * steps));
        double by = slope(interactions, &before, offsetof(struct weights, out) / sizeof(float) + h,
                          &pass, by_score);
        assert_true(by * (double)(after.out[h] - before.out[h]) < 0.0);
    }
    part_interactions.destroy(interactions);
}

/* At first it says nothing, whatever it sees. */
static void nothing_is_lost_at_first(void **state)
{
    (void)state;
    struct interactions *interactions = fresh();
    struct interactions_pass pass;
    float by_score[CANDIDATES];
    fill(&pass, by_score);
    assert_true(loss(interactions, &pass, by_score) == 0.0);
    part_interactions.destroy(interactions);
}

/* Wanted is what has one of two features, and not both: no weights of the two tell that. */
static void either_but_not_both(void **state)
{
    (void)state;
    struct interactions *interactions = fresh();
    struct interactions_pass pass;
    float worth[SAMPLES_ROOM], by_score[SAMPLES_ROOM];
    memset(&pass, 0, sizeof pass);
    pass.size = 4;
    for (uint32_t n = 0; n < 4; n++) {
        pass.input[n][FEATURE_NEXT] = (float)(n % 2);
        pass.input[n][FEATURE_REPEAT_SITTING] = (float)(n / 2);
        interactions_see(pass.input[n], 0.0f);
        pass.place[n] = n;
    }
    for (uint32_t round = 0; round < 2000; round++) {
        float total = 0.0f;
        interactions_forward(interactions, pass.input, 4, pass.hidden, worth);
        for (uint32_t n = 0; n < 4; n++)
            total += by_score[n] = expf(worth[n]);
        for (uint32_t n = 0; n < 4; n++)
            by_score[n] = by_score[n] / total - (n == 1 + round % 2 ? 1.0f : 0.0f);
        interactions_learn(interactions, &pass, by_score);
    }
    interactions_forward(interactions, pass.input, 4, pass.hidden, worth);
    assert_true(fminf(worth[1], worth[2]) > fmaxf(worth[0], worth[3]) + 1.0f);
    part_interactions.destroy(interactions);
}

/* Sums keep damaged bytes out; but what comes past them must not get into every score. */
static void what_is_no_number_is_not_loaded(void **state)
{
    (void)state;
    struct interactions *interactions = fresh();
    const struct weights kept = saved(interactions);
    const size_t at[] = {0, offsetof(struct weights, out), offsetof(struct weights, in_sum),
                         sizeof kept - sizeof(float)};
    const float values[] = {NAN, INFINITY, -INFINITY};
    for (size_t n = 0; n < sizeof at / sizeof *at; n++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct weights bad = kept;
            memcpy((char *)&bad + at[n], &values[v], sizeof values[v]);
            struct reader given = {.reader = {.read = give}, .weights = &bad};
            assert_int_equal(part_interactions.load(interactions, 0, 0, &given.reader),
                             STATUS_BAD_DATA);
        }
    struct weights below = kept;
    below.out_sum[0] = -1.0f; /* has no square root */
    struct reader given = {.reader = {.read = give}, .weights = &below};
    assert_int_equal(part_interactions.load(interactions, 0, 0, &given.reader), STATUS_BAD_DATA);
    set(interactions, &kept);
    part_interactions.destroy(interactions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_goes_down_the_slope),
        cmocka_unit_test(nothing_is_lost_at_first),
        cmocka_unit_test(either_but_not_both),
        cmocka_unit_test(what_is_no_number_is_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
