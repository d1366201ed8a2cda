/* The negatives: each is drawn as often as is said to be expected, wherever it may come from. */
#include "model/samples.h"
#include "model/feature.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ITEMS = 200, WANTED = ITEMS - 1, POSITIVE = WANTED, LONG = 90, SHORT = 3, DRAWS = 20000 };

static struct world {
    struct sampler sampler;
    struct table rows;
    struct sparse proposed;
    struct draw draw;
    uint32_t wanted[WANTED], longer[LONG], shorter[SHORT];
} world;

static void make_world(void)
{
    sampler_init(&world.sampler);
    table_init(&world.rows, 16 * sizeof(float));
    world.proposed = (struct sparse){.puts_off = true};
    assert_int_equal(sampler_grow(&world.sampler, ITEMS), STATUS_OK);
    assert_int_equal(table_grow(&world.rows, ITEMS), STATUS_OK);
    assert_int_equal(sparse_grow(&world.proposed, ITEMS), STATUS_OK);
    for (uint32_t n = 0; n < WANTED; n++)
        world.wanted[n] = n;
    for (uint32_t n = 0; n < LONG; n++)
        world.longer[n] = n + 70;
    for (uint32_t n = 0; n < SHORT; n++)
        world.shorter[n] = 71 + 50 * n;
    for (uint32_t n = 0; n < 50; n++)
        sampler_push(&world.sampler, n % 20);
    world.draw = (struct draw){.positive = POSITIVE,
                               .most = SAMPLES_MAX,
                               .wanted = world.wanted,
                               .wanted_count = WANTED,
                               .rows = &world.rows};
}

static void unmake_world(void)
{
    sampler_finish(&world.sampler);
    table_finish(&world.rows);
    sparse_finish(&world.proposed);
}

static void propose(uint32_t runs)
{
    struct sparse *proposed = &world.proposed;
    sparse_clear(proposed);
    sparse_add(proposed, 25, FEATURE_REPEAT_COUNT, 2.0f);
    sparse_add(proposed, 150, FEATURE_REPEAT_COUNT, 1.0f);
    for (uint32_t n = 0; n < runs; n++)
        sparse_add_run(proposed, &(struct sparse_run){world.longer, NULL, NULL, LONG, 1.0f,
                                                      FEATURE_NEIGHBOURS, FEATURE_NEIGHBOURS});
    if (runs > 0)
        sparse_add_run(proposed, &(struct sparse_run){world.shorter, NULL, NULL, SHORT, 1.0f,
                                                      FEATURE_NEXT, FEATURE_NEXT});
}

/* Draws many times, with what `focus` tells of what was proposed. */
static void check_draws(uint32_t runs, bool focus)
{
    static struct samples samples;
    uint32_t count[ITEMS] = {0};
    float expected[ITEMS] = {0};
    for (world.draw.key = 0; world.draw.key < DRAWS; world.draw.key++) {
        if (focus)
            propose(runs);
        sampler_draw(&world.sampler, &world.draw, &samples);
        if (focus)
            samples_focus(&samples, &world.proposed);
        assert_int_equal(samples.size, SAMPLES_MAX + 1);
        for (uint32_t n = 1; n < samples.size; n++) {
            count[samples.item[n]]++;
            expected[samples.item[n]] = samples.expected[n];
        }
    }
    for (uint32_t item = 0; item < ITEMS; item++)
        assert_float_equal((float)count[item] / DRAWS, expected[item],
                           6.0f * sqrtf(expected[item] / DRAWS)); /* six deviations */
    assert_int_equal(count[POSITIVE], 0);
}

static void each_comes_as_often_as_expected(void **state)
{
    (void)state;
    make_world();
    world.draw.proposed = &world.proposed;
    check_draws(1, true);
    check_draws(0, true);             /* nothing but what is added at once */
    check_draws(RUNS_MOST + 2, true); /* some of the runs are walked at once */
    unmake_world();
}

static void so_do_those_of_a_list_of_hard_ones(void **state)
{
    (void)state;
    struct hard hard = {.size = 0};
    make_world();
    hard_add(&hard, world.longer, LONG);
    assert_int_equal(hard.size, HARD_EACH);
    hard_add(&hard, world.shorter, SHORT);
    world.draw.hard = &hard;
    check_draws(0, false);
    hard_add(&hard, world.longer, LONG); /* and no further than there is room */
    assert_int_equal(hard.size, HARD_MOST);
    check_draws(0, false);
    unmake_world();
}

/* The samples are those of a draw for nobody, without what the user has. */
static void check_left_out(const struct had *had)
{
    static struct samples all, left;
    uint32_t size = 0;
    world.draw.had = NULL;
    sampler_draw(&world.sampler, &world.draw, &all);
    world.draw.had = had;
    sampler_draw(&world.sampler, &world.draw, &left);
    assert_int_equal(all.size, SAMPLES_MAX + 1);
    for (uint32_t n = 0; n < all.size; n++) {
        const struct had_entry *entry = had_find(had, all.item[n]);
        if (entry != NULL && (entry->flags & HAD_HAS) != 0)
            continue;
        assert_int_equal(left.item[size], all.item[n]);
        assert_true(left.expected[size] == all.expected[n]);
        size++;
    }
    assert_int_equal(left.size, size);
    assert_true(size < all.size);
}

/* Few are compared, more are stamped, many looked up. */
static void what_the_user_has_is_left_out_in_each_way(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct had few = {0}, more = {0}, many = {0};
    make_world();
    for (uint32_t item = 0; item < 90; item += 3)
        had_touch(&more, &arena, item)->flags = item % 2 == 0 ? HAD_HAS : HAD_SKIPPED;
    for (uint32_t item = 0; item < 1000; item++)
        had_touch(&many, &arena, 3 * item)->flags = item % 2 == 0 ? HAD_HAS : HAD_SKIPPED;
    for (uint32_t item = 0; item < 5; item++)
        had_touch(&few, &arena, item)->flags = item % 2 == 0 ? HAD_HAS : HAD_SKIPPED;
    check_left_out(&few);
    check_left_out(&more);
    sampler_fetch_places(&world.sampler, &world.draw, true);
    sampler_fetch_rows(&world.sampler, &world.draw, true); /* changes nothing */
    check_left_out(&many);
    had_finish(&few, &arena);
    had_finish(&more, &arena);
    had_finish(&many, &arena);
    arena_finish(&arena);
    unmake_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_as_often_as_expected),
        cmocka_unit_test(so_do_those_of_a_list_of_hard_ones),
        cmocka_unit_test(what_the_user_has_is_left_out_in_each_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
