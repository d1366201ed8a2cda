/* The steps of bare.h against those that all losses share: to the last bit. */
#include "model/bare.h"
#include "model/feature.h"
#include "model/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 300, STEPS = 3000 };

struct world {
    struct factors factors;
    struct sampler sampler;
    struct user user;
    struct arena arena;
    struct bare_habit habit;
    uint32_t wanted[ITEMS];
};

static void begin(struct world *world, uint32_t dim)
{
    struct factor_weights weights = {.own = 0.7f};
    *world = (struct world){0};
    factors_init(&world->factors, 3, dim, &weights);
    sampler_init(&world->sampler);
    assert_int_equal(sampler_grow(&world->sampler, ITEMS), STATUS_OK);
    assert_int_equal(factors_grow_users(&world->factors, 1), STATUS_OK);
    assert_int_equal(factors_grow_items(&world->factors, ITEMS), STATUS_OK);
    factors_add_user(&world->factors, 0);
    for (uint32_t item = 0; item < ITEMS; item++) {
        factors_add_item(&world->factors, item, item);
        world->wanted[item] = item;
    }
    for (uint32_t item = 0; item < ITEMS; item += 10) { /* score 0: no gradient, if squared */
        float *row = table_floats(&world->factors.candidate_rows, item);
        memset(row, 0, dim * sizeof *row);
        row[dim + COLUMN_SUM] = 0.5f;
    }
    for (uint32_t item = 0; item < 40; item++)
        had_touch(&world->user.had, &world->arena, item * 5)->flags = HAD_HAS;
}

static void finish(struct world *world)
{
    factors_finish(&world->factors);
    sampler_finish(&world->sampler);
    had_finish(&world->user.had, &world->arena);
    arena_finish(&world->arena);
}

/* Few candidates now and then: the same ones come twice, or none do. */
static struct draw draw_at(const struct world *world, enum loss_id loss, uint32_t n)
{
    return (struct draw){
        .key = random_at(7, n),
        .positive = (uint32_t)(random_at(8, n) % ITEMS),
        .most = losses[loss].negatives,
        .wanted = world->wanted,
        .wanted_count = n % 4 == 0 ? 1 + n % 9 : ITEMS,
        .uniform = true,
        .had = n % 3 == 0 ? NULL : &world->user.had,
        .rows = &world->factors.candidate_rows,
    };
}

static struct loss_target target_at(enum loss_id loss, uint32_t n)
{
    return (struct loss_target){.wanted = n % 5 != 0,
                                .rated = loss != LOSS_WARP && n % 7 == 0,
                                .rating = 0.25f * (float)(n % 4),
                                .candidates = ITEMS + n / 100};
}

static float rate_at(uint32_t n)
{
    return 0.5f + (float)(n % 4);
}

static void learn_shared(struct world *world, enum loss_id loss, uint32_t n)
{
    static struct samples samples;
    struct taste taste;
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    struct draw draw = draw_at(world, loss, n);
    struct loss_target target = target_at(loss, n);
    factors_taste(&world->factors, &world->user, 0, 0, &taste);
    sampler_draw(&world->sampler, &draw, &samples);
    factors_score_samples(&world->factors, &taste, &samples);
    losses[loss].gradient(&target, &samples);
    if (samples.size > 0)
        factors_learn(&world->factors, &world->user, 0, &taste, &samples, rate_at(n), by_x);
}

static void learn_bare(struct world *world, enum loss_id loss, uint32_t n)
{
    struct draw draw = draw_at(world, loss, n);
    const float *const row = table_floats(&world->factors.candidate_rows, n % ITEMS);
    const float *const next[] = {row, row, row, row, row, row, row, row, row};
    struct bare_step step = {.loss = loss,
                             .next = next,
                             .next_count = n % 10, /* more than a kernel takes, too */
                             .near_count = n % 3,
                             .target = target_at(loss, n),
                             .draw = &draw,
                             .user = &world->user,
                             .rate = rate_at(n)};
    bare_learn(&world->factors, &world->habit, &step);
}

static void assert_same(const struct world *one, const struct world *other)
{
    uint32_t dim = one->factors.dim;
    assert_memory_equal(table_floats(&one->factors.user_rows, 0),
                        table_floats(&other->factors.user_rows, 0), dim * sizeof(float));
    assert_memory_equal(&one->user.gradient_sum, &other->user.gradient_sum, sizeof(float));
    for (uint32_t item = 0; item < ITEMS; item++)
        assert_memory_equal(factors_candidate(&one->factors, item),
                            factors_candidate(&other->factors, item),
                            (dim + COLUMNS) * sizeof(float));
}

/* What is kept of rows elsewhere is renewed by these marks. */
static void assert_marked(struct world *world, const struct table *before)
{
    struct factors *factors = &world->factors;
    for (uint32_t item = 0; item < ITEMS; item++)
        if ((factors->changes.bits[item / 64] >> item % 64 & 1) == 0)
            assert_memory_equal(factors_candidate(factors, item), table_floats(before, item),
                                (factors->dim + COLUMNS) * sizeof(float));
    memset(factors->changes.bits, 0, factors->changes.room / 8);
}

static void check_steps(enum loss_id loss, uint32_t dim)
{
    static struct world shared, bare;
    begin(&shared, dim);
    begin(&bare, dim);
    for (uint32_t n = 0; n < STEPS; n++) {
        learn_bare(&bare, loss, n);
        assert_marked(&bare, &shared.factors.candidate_rows); /* as they were before the step */
        learn_shared(&shared, loss, n);
        assert_same(&shared, &bare);
    }
    assert_true(factors_columns(&bare.factors, 1)[COLUMN_BIAS] != 0.0f);
    finish(&shared);
    finish(&bare);
}

static void they_are_the_steps_that_all_losses_share(void **state)
{
    (void)state;
    static const enum loss_id some[] = {LOSS_LOGISTIC, LOSS_SQUARED, LOSS_WARP};
    for (int l = 0; l < 3; l++) {
        check_steps(some[l], 48);
        check_steps(some[l], 64); /* the usual length has kernels of its own */
    }
}

static void warp_gets_used_to_how_many_it_looks_at(void **state)
{
    (void)state;
    static struct world world;
    begin(&world, 48);
    assert_int_equal(bare_looks_at(&world.habit, LOSS_LOGISTIC), losses[LOSS_LOGISTIC].negatives);
    for (uint32_t n = 0; n < 20; n++)
        learn_bare(&world, LOSS_WARP, 1 + 5 * n);
    assert_in_range(bare_looks_at(&world.habit, LOSS_WARP), 1, 2);
    for (uint32_t item = 0; item < ITEMS; item++) /* nothing but the item is ever far ahead */
        factors_change_columns(&world.factors, item)[COLUMN_BIAS] = -100.0f;
    for (uint32_t n = 0; n < 200; n++) {
        uint32_t positive = draw_at(&world, LOSS_WARP, 1 + 5 * n).positive;
        factors_change_columns(&world.factors, positive)[COLUMN_BIAS] = 100.0f;
        learn_bare(&world, LOSS_WARP, 1 + 5 * n);
        factors_change_columns(&world.factors, positive)[COLUMN_BIAS] = -100.0f;
    }
    assert_in_range(bare_looks_at(&world.habit, LOSS_WARP), 30, SAMPLES_MAX + 1);
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_steps_that_all_losses_share),
        cmocka_unit_test(warp_gets_used_to_how_many_it_looks_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
