#include "daemon/ranker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 90, ITEMS = 4500, /* enough for the index */ EVENTS = 6000, BATCH = 64, LIST = 20 };

static const int64_t base_ms = 1700000000000;

static void learn(struct recommender *model, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char user[16], item[16];
        snprintf(user, sizeof user, "u%d", i * 7 % USERS);
        snprintf(item, sizeof item, "i%d", i * 37 % ITEMS);
        struct event event = {.user = text_of(user),
                              .item = text_of(item),
                              .name = text_of("like"),
                              .ts_ms = base_ms + i * 1000};
        struct learned learned;
        assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    }
}

/* The same lists by one thread and by many, batch after batch, with learning in between. */
static void threads_change_nothing(void **state)
{
    (void)state;
    struct recommender_settings settings;
    struct recommender *model;
    struct ranker *alone, *together;
    struct error error;
    recommender_settings_init(&settings);
    settings.dim = 16;
    settings.exclude_days = HAVE_NEVER;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    learn(model, 0, EVENTS);
    assert_int_equal(ranker_create(model, 1, &alone, &error), STATUS_OK);
    assert_int_equal(ranker_create(model, 4, &together, &error), STATUS_OK);
    struct list *lists = calloc(2 * BATCH, sizeof *lists);
    assert_non_null(lists);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t users[BATCH], size = 1 + round % BATCH;
        int64_t ts_ms = base_ms + (EVENTS + round) * 1000;
        for (uint32_t i = 0; i < size; i++)
            users[i] = (round + i) % recommender_user_bound(model);
        assert_int_equal(ranker_rank(alone, users, size, ts_ms, LIST, false, lists), STATUS_OK);
        assert_int_equal(ranker_rank(together, users, size, ts_ms, LIST, true, lists + BATCH),
                         STATUS_OK);
        for (uint32_t i = 0; i < size; i++) {
            const struct list *one = &lists[i], *other = &lists[BATCH + i];
            assert_int_equal(one->size, LIST);
            assert_int_equal(other->size, LIST);
            for (uint32_t k = 0; k < LIST; k++) {
                assert_int_equal(one->at[k].slot, other->at[k].slot);
                assert_true(one->at[k].score == other->at[k].score);
            }
        }
        learn(model, EVENTS + (int)round * 5, 5);
    }
    free(lists);
    ranker_destroy(together);
    ranker_destroy(alone);
    recommender_destroy(model);
}

static void count_part(void *context, uint32_t n)
{
    ((uint32_t *)context)[n]++;
}

/* Each part once, and all of them by the time it returns; lists may be ranked before and after. */
static void parts_are_shared(void **state)
{
    (void)state;
    enum { ROUNDS = 300 };
    struct recommender_settings settings;
    struct recommender *model;
    struct ranker *ranker;
    struct error error;
    uint32_t user = 0;
    static uint32_t done[ROUNDS];
    static struct list list;
    recommender_settings_init(&settings);
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    learn(model, 0, 100);
    assert_int_equal(ranker_create(model, 4, &ranker, &error), STATUS_OK);
    for (uint32_t count = 0; count < ROUNDS; count++) {
        memset(done, 0, sizeof done);
        ranker_share(ranker, count, count_part, done);
        for (uint32_t n = 0; n < ROUNDS; n++)
            assert_int_equal(done[n], n < count);
        assert_int_equal(ranker_rank(ranker, &user, 1, base_ms, LIST, false, &list), STATUS_OK);
        assert_true(list.size > 0);
    }
    ranker_destroy(ranker);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_nothing),
                                       cmocka_unit_test(parts_are_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
