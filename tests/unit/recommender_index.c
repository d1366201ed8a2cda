/* Lists by the index and by a plain scan: the same ones, whatever was learned in between. */
#include "daemon/engine.h"
#include "model/random.h"
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { USERS = 150, ITEMS = 5000, EVENTS = 24000, ROUNDS = 40, EACH_ROUND = 50, LIST = 100 };
enum { EVERY_LIST = 1 << 20 }; /* so many to come that any change is worth taking in */

static const int64_t base_ms = 1700000000000;

static struct recommender *create(int32_t exclude_days, uint64_t memory_limit)
{
    struct recommender_settings settings;
    struct recommender *model;
    struct error error;
    recommender_settings_init(&settings);
    settings.exclude_days = exclude_days;
    settings.memory_limit = memory_limit;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    return model;
}

static int64_t time_of(uint32_t n)
{
    return base_ms + 60000 * (int64_t)n;
}

/* Popular items come up often, others once or never. */
static void learn(struct recommender *model, uint32_t n)
{
    static const char *const names[] = {"click", "play",    "like", "skip",
                                        "view",  "dislike", "play", "purchase"};
    uint64_t dice = random_at(5, n);
    uint32_t share = (uint32_t)dice % 4 == 0 ? 60 : ITEMS;
    char user[16], item[16];
    snprintf(user, sizeof user, "u%u", random_below((uint32_t)(dice >> 32), USERS));
    snprintf(item, sizeof item, "i%u", random_below((uint32_t)random_at(6, n), share));
    struct event event = {.user = text_of(user),
                          .item = text_of(item),
                          .name = text_of(n % 997 == 996 ? "forget" : names[dice % 8]),
                          .ts_ms = time_of(n)};
    if (n % 997 == 996)
        event.item = (struct text){0};
    struct learned learned;
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

/* Items are retired, come back, expire. */
static void describe(struct recommender *model, uint32_t n)
{
    char item[16];
    snprintf(item, sizeof item, "i%u", random_below((uint32_t)random_at(7, n), ITEMS));
    struct item_card card = {.item = text_of(item), .available = n % 3 != 0};
    if (n % 3 == 1)
        card.expires_ms = time_of(EVENTS) + 1000 * (int64_t)n;
    assert_int_equal(recommender_describe(model, &card), STATUS_OK);
}

static void compare(const struct recommender *scanned, const struct recommender *indexed,
                    uint32_t first, int64_t ts_ms)
{
    static struct list wanted[RECOMMENDER_TOGETHER], found[RECOMMENDER_TOGETHER];
    static struct query *queries[RECOMMENDER_TOGETHER];
    struct list *lists[RECOMMENDER_TOGETHER];
    uint32_t users = recommender_user_bound(scanned), count = 1 + first % RECOMMENDER_TOGETHER;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t user = n == 0 ? SLOT_NONE : (first + n) % users;
        assert_int_equal(query_create(scanned, &queries[n]), STATUS_OK);
        assert_int_equal(recommender_query(scanned, queries[n], user, ts_ms), STATUS_OK);
        recommender_top(scanned, queries[n], LIST, &wanted[n]);
        assert_int_equal(recommender_query(indexed, queries[n], user, ts_ms), STATUS_OK);
        lists[n] = &found[n];
    }
    recommender_top_together(indexed, queries, count, LIST, lists);
    for (uint32_t n = 0; n < count; n++) {
        assert_int_equal(found[n].size, wanted[n].size);
        for (uint32_t k = 0; k < wanted[n].size; k++) {
            assert_int_equal(found[n].at[k].slot, wanted[n].at[k].slot);
            assert_true(found[n].at[k].score == wanted[n].at[k].score);
            assert_true(text_equal(found[n].at[k].item, wanted[n].at[k].item));
        }
        query_destroy(queries[n]);
    }
}

static void assert_states_equal(struct recommender *a, struct recommender *b)
{
    char digest_a[33], digest_b[33];
    struct engine engine = {.model = a};
    assert_int_equal(engine_digest(&engine, digest_a), STATUS_OK);
    engine.model = b;
    assert_int_equal(engine_digest(&engine, digest_b), STATUS_OK);
    assert_string_equal(digest_a, digest_b);
}

static void try(int32_t exclude_days, uint64_t memory_limit)
{
    struct recommender *scanned = create(exclude_days, memory_limit);
    struct recommender *indexed = create(exclude_days, memory_limit);
    uint32_t n = 0;
    for (; n < EVENTS; n++) {
        learn(scanned, n);
        learn(indexed, n);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t k = 0; k < EACH_ROUND; k++, n++) {
            learn(scanned, n);
            learn(indexed, n);
            if (k % 10 == 0) {
                describe(scanned, n);
                describe(indexed, n);
            }
        }
        recommender_expect_lists(indexed, EVERY_LIST);
        assert_true(recommender_index_count(indexed).used);
        assert_false(recommender_index_count(scanned).used);
        compare(scanned, indexed, round, time_of(n));
    }
    assert_true((memory_limit > 0) == (recommender_count(indexed).evicted_items > 0));
    assert_states_equal(scanned, indexed);
    recommender_destroy(indexed);
    recommender_destroy(scanned);
}

static void lists_are_those_of_a_scan(void **state)
{
    (void)state;
    try(HAVE_FOREVER, 0);
}

static void also_with_repeats(void **state)
{
    (void)state;
    try(HAVE_NEVER, 0);
}

/* Items are let go, and their slots given to others. */
static void also_where_memory_is_limited(void **state)
{
    (void)state;
    try(HAVE_FOREVER, 13 << 20);
}

static void few_lists_or_few_items_are_not_worth_it(void **state)
{
    (void)state;
    struct recommender *model = create(HAVE_FOREVER, 0);
    for (uint32_t n = 0; n < EVENTS; n++)
        learn(model, n);
    recommender_expect_lists(model, 1);
    assert_false(recommender_index_count(model).used);
    for (uint32_t n = 0; n < 100; n++)
        recommender_expect_lists(model, 1); /* but they add up */
    assert_true(recommender_index_count(model).used);
    uint64_t all = recommender_index_count(model).items_set;
    assert_in_range(all, 4500, ITEMS);
    learn(model, EVENTS);
    assert_false(recommender_index_count(model).used);
    recommender_expect_lists(model, EVERY_LIST);
    assert_in_range(recommender_index_count(model).items_set, all + 1, all + 200);
    recommender_destroy(model);
    model = create(HAVE_FOREVER, 0);
    for (uint32_t n = 0; n < 100; n++)
        learn(model, n);
    recommender_expect_lists(model, EVERY_LIST);
    assert_false(recommender_index_count(model).used);
    recommender_destroy(model);
}

/* Nobody waits for all of them: lists come by a scan until they are in. */
static void many_changes_are_taken_in_bit_by_bit(void **state)
{
    (void)state;
    struct recommender *model = create(HAVE_FOREVER, 0), *scanned = create(HAVE_FOREVER, 0);
    uint32_t n = 0, calls = 0;
    for (; n < EVENTS; n++) {
        learn(model, n);
        learn(scanned, n);
    }
    for (uint64_t all = 0; calls == 0 || !recommender_index_count(model).used; calls++) {
        learn(model, n); /* meanwhile others change */
        learn(scanned, n++);
        recommender_expect_lists(model, 100);
        assert_in_range(recommender_index_count(model).items_set - all, 1, ITEMS / 2);
        all = recommender_index_count(model).items_set;
        compare(scanned, model, calls, time_of(n));
    }
    assert_in_range(calls, 3, 20);
    recommender_destroy(scanned);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_those_of_a_scan),
        cmocka_unit_test(also_with_repeats),
        cmocka_unit_test(also_where_memory_is_limited),
        cmocka_unit_test(few_lists_or_few_items_are_not_worth_it),
        cmocka_unit_test(many_changes_are_taken_in_bit_by_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
