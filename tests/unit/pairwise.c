/* The step on a pair against the one that all losses share, and the negative it goes against. */
#include "model/pairwise.h"
#include "model/feature.h"
#include "model/loss.h"
#include "model/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { DIM = 48, ITEMS = 7 };

struct world {
    struct factors factors;
    struct user user;
};

static void begin(struct world *world)
{
    struct factor_weights weights = {.own = 0.5f};
    *world = (struct world){0};
    factors_init(&world->factors, 3, DIM, &weights);
    assert_int_equal(factors_grow_users(&world->factors, 1), STATUS_OK);
    assert_int_equal(factors_grow_items(&world->factors, ITEMS), STATUS_OK);
    factors_add_user(&world->factors, 0);
    float *row = table_floats(&world->factors.user_rows, 0);
    for (uint32_t n = 0; n < DIM; n++)
        row[n] = 0.3f * random_signed((uint32_t)random_at(9, n));
    for (uint32_t item = 0; item < ITEMS; item++)
        factors_add_item(&world->factors, item, item);
}

/* What factors_learn() makes of it. */
static void learn_by_samples(struct world *world, uint32_t item, uint32_t other, bool wanted,
                             float rate)
{
    struct taste taste;
    float by_x[DIM_MAX];
    struct samples samples = {.size = 2, .item = {item, other}};
    for (uint32_t n = 0; n < 2; n++)
        samples.row[n] = table_floats(&world->factors.candidate_rows, samples.item[n]);
    factors_taste(&world->factors, &world->user, 0, 0, &taste);
    factors_score_samples(&world->factors, &taste, &samples);
    struct loss_target target = {.wanted = wanted};
    losses[LOSS_BPR].gradient(&target, &samples);
    factors_learn(&world->factors, &world->user, 0, &taste, &samples, rate, by_x);
}

static void assert_near(const float *a, const float *b, uint32_t size)
{
    for (uint32_t n = 0; n < size; n++)
        assert_true(fabsf(a[n] - b[n]) <= 1e-5f * (1.0f + fabsf(a[n])));
}

static void it_is_the_step_that_all_losses_share(void **state)
{
    (void)state;
    static struct world samples, pairs;
    begin(&samples);
    begin(&pairs);
    for (uint32_t n = 0; n < 200; n++) {
        uint32_t item = n % ITEMS, other = (n + 1 + n % 5) % ITEMS;
        bool wanted = n % 3 != 0;
        float rate = 0.5f + (float)(n % 4);
        if (item == other)
            continue;
        learn_by_samples(&samples, item, other, wanted, rate);
        pairwise_learn(&pairs.factors, &pairs.user, 0, wanted ? item : other, wanted ? other : item,
                       rate);
    }
    assert_near(table_floats(&samples.factors.user_rows, 0),
                table_floats(&pairs.factors.user_rows, 0), DIM);
    assert_near(&samples.user.gradient_sum, &pairs.user.gradient_sum, 1);
    for (uint32_t item = 0; item < ITEMS; item++)
        assert_near(factors_candidate(&samples.factors, item),
                    factors_candidate(&pairs.factors, item), DIM + COLUMNS);
    factors_finish(&samples.factors);
    factors_finish(&pairs.factors);
}

static void it_learns_whom_to_prefer(void **state)
{
    (void)state;
    static struct world world;
    begin(&world);
    for (uint32_t n = 0; n < 50; n++)
        pairwise_learn(&world.factors, &world.user, 0, 4, n % 4, 1.0f);
    const float *x = table_floats(&world.factors.user_rows, 0);
    float best = kernels->dot(x, factors_candidate(&world.factors, 4), DIM);
    for (uint32_t item = 0; item < 4; item++)
        assert_true(best > kernels->dot(x, factors_candidate(&world.factors, item), DIM) + 0.1f);
    factors_finish(&world.factors);
}

static void the_negative_is_the_first_that_a_draw_gives(void **state)
{
    (void)state;
    static struct sampler sampler;
    static struct samples samples;
    struct arena arena = {0};
    struct had had = {0};
    struct table rows;
    uint32_t wanted[ITEMS], refused = 0;
    sampler_init(&sampler);
    assert_int_equal(sampler_grow(&sampler, ITEMS), STATUS_OK);
    table_init(&rows, 64);
    assert_int_equal(table_grow(&rows, ITEMS), STATUS_OK);
    for (uint32_t item = 0; item < ITEMS; item++)
        wanted[item] = item;
    for (uint32_t item = 0; item < ITEMS - 2; item++)
        had_touch(&had, &arena, item)->flags = item % 2 == 0 ? HAD_HAS : HAD_SKIPPED;
    struct draw draw = {.most = 1,
                        .wanted = wanted,
                        .wanted_count = ITEMS,
                        .uniform = true,
                        .had = &had,
                        .rows = &rows};
    for (uint32_t n = 0; n < 500; n++) {
        draw.key = n;
        draw.positive = n % ITEMS;
        sampler_draw(&sampler, &draw, &samples);
        assert_int_equal(samples.size, 2);
        uint32_t item = sampler_draw_one(&draw);
        assert_int_equal(item, samples.item[1]);
        assert_int_not_equal(item, draw.positive);
        uint32_t place;
        sampler_places(n, 1, ITEMS, &place);
        refused += place != item;
    }
    assert_in_range(refused, 100, 400); /* it did have to try again */
    draw.wanted_count = 1;
    draw.positive = 0;
    assert_int_equal(sampler_draw_one(&draw), UINT32_MAX);
    had_finish(&had, &arena);
    arena_finish(&arena);
    table_finish(&rows);
    sampler_finish(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_step_that_all_losses_share),
        cmocka_unit_test(it_learns_whom_to_prefer),
        cmocka_unit_test(the_negative_is_the_first_that_a_draw_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
