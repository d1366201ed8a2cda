/* The neural tower: its way back against finite differences of its way forward. */
#include "model/random.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIM = 16, GAP_ROWS = 2 * GAP_BUCKETS + 16, FLOATS = 3 * DIM * TOWER_HIDDEN };

/* The weights as the tower saves them, then Adagrad's accumulators. */
struct weights {
    struct state_writer writer;
    struct state_reader reader;
    size_t size, at;
    float value[FLOATS + GAP_ROWS * TOWER_HIDDEN + 2 * TOWER_HIDDEN + GAP_ROWS];
};

static enum status keep(struct state_writer *writer, const void *bytes, size_t size)
{
    struct weights *weights = (struct weights *)writer;
    assert_true(weights->size + size <= sizeof weights->value);
    memcpy((char *)weights->value + weights->size, bytes, size);
    weights->size += size;
    return STATUS_OK;
}

static enum status give(struct state_reader *reader, void *bytes, size_t size)
{
    struct weights *weights = (struct weights *)((char *)reader - offsetof(struct weights, reader));
    memcpy(bytes, (char *)weights->value + weights->at, size);
    weights->at += size;
    return STATUS_OK;
}

static uint64_t left(const struct state_reader *reader)
{
    const struct weights *weights =
        (const struct weights *)((const char *)reader - offsetof(struct weights, reader));
    return sizeof weights->value - weights->at;
}

static void save(const struct recommender *model, struct weights *weights)
{
    *weights = (struct weights){.writer = {keep}, .reader = {give, left, NULL, NULL, NULL}};
    assert_int_equal(part_tower.save(model->part[PART_TOWER], 0, 0, &weights->writer), STATUS_OK);
    assert_int_equal(weights->size, sizeof weights->value);
}

static void load(struct recommender *model, struct weights *weights)
{
    weights->at = 0;
    assert_int_equal(part_tower.load(model->part[PART_TOWER], 0, 0, &weights->reader), STATUS_OK);
}

/* A model with the tower alone, that has seen a few users go through a few items. */
static struct recommender *experienced(void)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = DIM;
    memset(settings.part, 0, sizeof settings.part);
    settings.part[PART_TOWER] = 1.5f; /* not 1: the weight goes forth and back */
    struct recommender *model;
    struct error error;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    for (uint32_t n = 0; n < 300; n++) {
        char user[16], item[16];
        snprintf(user, sizeof user, "u%u", n % 7);
        snprintf(item, sizeof item, "i%u", random_below((uint32_t)random_at(5, n), 30));
        struct event event = {.user = text_of(user),
                              .item = text_of(item),
                              .name = text_of("click"),
                              .ts_ms = 1000000 + 40000 * (int64_t)n};
        struct learned learned;
        assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    }
    return model;
}

static float by_x[DIM] __attribute__((aligned(64)));

static int choose_by_x(void **state)
{
    (void)state;
    for (int n = 0; n < DIM; n++)
        by_x[n] = random_signed((uint32_t)random_at(9, (uint64_t)n));
    return 0;
}

/* The loss whose gradient by x is by_x. */
static double loss(const struct recommender *model, struct query *query)
{
    double sum = 0.0;
    assert_int_equal(query_prepare(model, query, 3, 14000), STATUS_OK);
    for (int n = 0; n < DIM; n++)
        sum += (double)by_x[n] * (double)query->taste.x[n];
    return sum;
}

static double slope(struct recommender *model, struct query *query, struct weights *weights,
                    size_t at)
{
    const float step = 0.01f, kept = weights->value[at];
    weights->value[at] = kept + step;
    load(model, weights);
    double above = loss(model, query);
    weights->value[at] = kept - step;
    load(model, weights);
    double below = loss(model, query);
    weights->value[at] = kept;
    return (above - below) / (2.0 * (double)step);
}

/* Row Adagrad only scales a row's gradient: the step is just opposite to it. */
static bool is_opposite(const double *gradient, const double *step, size_t size)
{
    double along = 0.0, gradients = 0.0, steps = 0.0;
    for (size_t n = 0; n < size; n++) {
        along += gradient[n] * step[n];
        gradients += gradient[n] * gradient[n];
        steps += step[n] * step[n];
    }
    if (gradients < 1e-10)
        return steps < 1e-10;
    return along < -0.999 * sqrt(gradients * steps) && steps > 0.0;
}

static void the_way_back_is_the_gradient(void **state)
{
    (void)state;
    static struct weights before, after;
    struct recommender *model = experienced();
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    save(model, &before);
    loss(model, query);
    part_tower.back(model->part[PART_TOWER], query, by_x);
    save(model, &after);
    uint32_t moved = 0;
    size_t widths[] = {2 * DIM, DIM, TOWER_HIDDEN},
           counts[] = {TOWER_HIDDEN, TOWER_HIDDEN, GAP_ROWS};
    for (size_t table = 0, at = 0; table < 3; table++)
        for (size_t row = 0; row < counts[table]; row++, at += widths[table]) {
            double gradient[2 * DIM], step[2 * DIM];
            bool moves = false;
            for (size_t n = 0; n < widths[table]; n++) {
                gradient[n] = slope(model, query, &before, at + n);
                step[n] = (double)after.value[at + n] - (double)before.value[at + n];
                moves = moves || step[n] != 0.0;
            }
            moved += moves;
            if (!is_opposite(gradient, step, widths[table]))
                fail_msg("table %zu, row %zu: the step is not against the gradient", table, row);
        }
    assert_int_equal(moved, 2 * TOWER_HIDDEN + TOWER_ROWS_USED);
    query_destroy(query);
    recommender_destroy(model);
}

static void steps_lead_down(void **state)
{
    (void)state;
    struct recommender *model = experienced();
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    double before = loss(model, query);
    for (int n = 0; n < 20; n++) {
        part_tower.back(model->part[PART_TOWER], query, by_x);
        double after = loss(model, query);
        assert_true(after < before);
        before = after;
    }
    query_destroy(query);
    recommender_destroy(model);
}

static void without_a_history_it_says_nothing(void **state)
{
    (void)state;
    struct recommender *model = experienced();
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(query_prepare(model, query, SLOT_NONE, 14000), STATUS_OK);
    for (int n = 0; n < DIM; n++)
        assert_true(query->taste.x[n] == 0.0f);
    query_destroy(query);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_back_is_the_gradient),
        cmocka_unit_test(steps_lead_down),
        cmocka_unit_test(without_a_history_it_says_nothing),
    };
    return cmocka_run_group_tests(tests, choose_by_x, NULL);
}
