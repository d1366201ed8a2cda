/* The catalogue's say over lists: features, items that nobody knows yet, retirement, expiry. */
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/model_memory.h"

enum { CROWDS = 4, ITEMS = 40, USERS = 80 };

static int64_t now_ms = 1700000000000;

static struct recommender *fresh_seeded(uint64_t seed, uint64_t memory_limit)
{
    struct recommender_settings settings;
    struct recommender *model;
    struct error error;
    recommender_settings_init(&settings);
    settings.seed = seed;
    settings.memory_limit = memory_limit;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    return model;
}

static struct recommender *fresh_with(uint64_t memory_limit)
{
    return fresh_seeded(1, memory_limit);
}

static struct recommender *fresh(void)
{
    return fresh_with(0);
}

static void act(struct recommender *model, const char *user, const char *item)
{
    struct event event = {
        .user = text_of(user), .item = text_of(item), .name = text_of("click"), .ts_ms = now_ms};
    struct learned learned;
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static void describe(struct recommender *model, const char *item, const char *artist,
                     bool available, int64_t expires_ms)
{
    struct item_card card = {
        .item = text_of(item), .available = available, .expires_ms = expires_ms};
    if (artist != NULL) {
        card.features[card.feature_count++] = text_of(artist);
        card.features[card.feature_count++] = text_of("genre:any");
    }
    assert_int_equal(recommender_describe(model, &card), STATUS_OK);
}

/* Crowd c likes the items of artist c; event `n` of them. */
static void act_number(struct recommender *model, uint32_t n)
{
    char user[16], item[16];
    uint32_t dice = n * 2654435761u, who = (dice >> 8) % USERS;
    uint32_t what = (dice >> 20) % (ITEMS / CROWDS) * CROWDS + who % CROWDS;
    snprintf(user, sizeof user, "u%u", who);
    snprintf(item, sizeof item, "i%u", what);
    act(model, user, item);
}

static void describe_all(struct recommender *model)
{
    char item[16], artist[16];
    for (uint32_t n = 0; n < ITEMS; n++) {
        snprintf(item, sizeof item, "i%u", n);
        snprintf(artist, sizeof artist, "artist:%u", n % CROWDS);
        describe(model, item, artist, true, 0);
    }
}

static void list_at(const struct recommender *model, const char *user, int64_t ts_ms, uint32_t size,
                    struct list *list)
{
    struct query *query;
    uint32_t slot = recommender_find_user(model, text_of(user));
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, slot, ts_ms), STATUS_OK);
    recommender_top(model, query, size, list);
    query_destroy(query);
}

static int place_of(const struct list *list, const char *item)
{
    for (uint32_t n = 0; n < list->size; n++)
        if (text_equal(list->at[n].item, text_of(item)))
            return (int)n;
    return -1;
}

static bool is_listed(const struct recommender *model, const char *user, const char *item,
                      int64_t ts_ms)
{
    struct list list;
    list_at(model, user, ts_ms, 100, &list);
    return place_of(&list, item) >= 0;
}

/* ---- */

/* Where a new item stands for a fan of its artist, and for somebody else. */
static void place_new_item(uint64_t seed, int *for_fan, int *for_other)
{
    struct recommender *model = fresh_seeded(seed, 0);
    struct list fan, other;
    describe_all(model);
    for (uint32_t n = 0; n < 1500; n++)
        act_number(model, n);
    for (uint32_t n = 0; n < 4; n++) {
        act(model, "fan", (const char *[]){"i1", "i5", "i9", "i13"}[n]);
        act(model, "other", (const char *[]){"i2", "i6", "i10", "i14"}[n]);
    }
    describe(model, "new", "artist:1", true, 0);
    list_at(model, "fan", now_ms, 100, &fan);
    list_at(model, "other", now_ms, 100, &other);
    *for_fan = place_of(&fan, "new");
    *for_other = place_of(&other, "new");
    recommender_destroy(model);
}

/* Among so few items a place is a matter of luck: so several draw. */
static void a_new_item_enters_lists_before_its_first_event(void **state)
{
    (void)state;
    enum { SEEDS = 6 };
    int for_fan, for_other, places = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        place_new_item(seed, &for_fan, &for_other);
        assert_in_range(for_fan, 0, 9); /* among the first ten of those whom it suits */
        places += for_other;
    }
    assert_true(places > 9 * SEEDS); /* what their own crowd likes comes before */
}

static void it_is_no_candidate_of_the_evaluation_nor_popular(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    describe_all(model);
    for (uint32_t n = 0; n < 300; n++)
        act_number(model, n);
    describe(model, "new", "artist:1", true, 0);
    struct query *query;
    struct list popular;
    uint32_t item = recommender_find_item(model, text_of("new"));
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, SLOT_NONE, now_ms), STATUS_OK);
    assert_int_equal(recommender_rank(model, query, item), 0);
    recommender_popular(model, now_ms, 100, &popular);
    assert_int_equal(popular.size, ITEMS);
    assert_int_equal(place_of(&popular, "new"), -1);
    act(model, "somebody", "new"); /* from now on it is one like others */
    assert_int_equal(recommender_query(model, query, SLOT_NONE, now_ms), STATUS_OK);
    assert_int_not_equal(recommender_rank(model, query, item), 0);
    recommender_popular(model, now_ms, 100, &popular);
    assert_true(place_of(&popular, "new") >= 0);
    query_destroy(query);
    recommender_destroy(model);
}

static void an_item_without_features_only_ends_short_lists_until_its_first_event(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    struct list list;
    act(model, "u", "a");
    describe(model, "bare", NULL, true, 0);
    list_at(model, "stranger", now_ms, 1, &list);
    assert_int_equal(place_of(&list, "a"), 0);
    list_at(model, "stranger", now_ms, 100, &list);
    assert_int_equal(place_of(&list, "bare"), 1);
    act(model, "u", "bare");
    act(model, "v", "bare");
    act(model, "w", "bare");
    list_at(model, "stranger", now_ms, 1, &list);
    assert_int_equal(place_of(&list, "bare"), 0);
    recommender_destroy(model);
}

static void the_second_event_of_a_user_changes_the_list(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    struct list first, second;
    for (uint32_t n = 0; n < 1500; n++)
        act_number(model, n);
    act(model, "newcomer", "i1");
    list_at(model, "newcomer", now_ms, 10, &first);
    act(model, "newcomer", "i2");
    list_at(model, "newcomer", now_ms, 10, &second);
    assert_true(place_of(&first, "i2") >= 0 || first.size == 10);
    assert_int_equal(place_of(&second, "i2"), -1);
    bool differs = false;
    for (uint32_t n = 0; n < 10; n++)
        differs |= first.at[n].slot != second.at[n].slot;
    assert_true(differs);
    uint32_t of_second = 0; /* the other crowd's items have come in */
    for (uint32_t n = 0; n < 10; n++)
        of_second += atoi(second.at[n].item.at + 1) % CROWDS == 2;
    assert_true(of_second >= 4);
    recommender_destroy(model);
}

static void a_retired_item_leaves_every_list_until_it_returns(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    struct list popular;
    describe_all(model);
    for (uint32_t n = 0; n < 300; n++)
        act_number(model, n);
    assert_true(is_listed(model, "stranger", "i3", now_ms));
    uint64_t described = recommender_count(model).described;
    assert_true(described > 0 && described <= recommender_count(model).items);
    describe(model, "i3", NULL, false, 0); /* a card that changes is no further one */
    assert_int_equal(recommender_count(model).described, described);
    assert_false(is_listed(model, "stranger", "i3", now_ms));
    recommender_popular(model, now_ms, 100, &popular);
    assert_int_equal(place_of(&popular, "i3"), -1);
    act(model, "u3", "i3"); /* what people do does not bring it back */
    assert_false(is_listed(model, "stranger", "i3", now_ms));
    describe(model, "i3", "artist:3", true, 0);
    assert_true(is_listed(model, "stranger", "i3", now_ms));
    describe(model, "never seen", NULL, false, 0);
    assert_int_equal(recommender_count(model).described, described + 1);
    act(model, "u3", "never seen");
    assert_false(is_listed(model, "stranger", "never seen", now_ms));
    recommender_destroy(model);
}

static void an_item_expires_at_its_time(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    act(model, "u", "a");
    describe(model, "a", "artist:1", true, now_ms + 3600000);
    assert_true(is_listed(model, "stranger", "a", now_ms));
    assert_true(is_listed(model, "stranger", "a", now_ms + 3599000));
    assert_false(is_listed(model, "stranger", "a", now_ms + 3600000));
    describe(model, "a", "artist:1", true, 0);
    assert_true(is_listed(model, "stranger", "a", now_ms + 3600000));
    recommender_destroy(model);
}

/* ---- keeping ---- */

/* Entries that come, go and change among the events. */
static void live(struct recommender *model, uint32_t n)
{
    char item[24], artist[24];
    act_number(model, n);
    if (n % 3 == 0) {
        snprintf(item, sizeof item, "i%u", n * 7 % 400);
        snprintf(artist, sizeof artist, "artist:%u", n * 13 % 60);
        describe(model, item, artist, n % 5 != 0, n % 4 == 0 ? now_ms + 1000 * (int64_t)n : 0);
    }
}

/* Whose states are the same; both are let go of. */
static void compare(struct recommender *straight, struct recommender *other)
{
    struct memory one = saved(straight), two = saved(other);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.bytes, two.bytes, one.size);
    free(one.bytes);
    free(two.bytes);
    recommender_destroy(straight);
    recommender_destroy(other);
}

static void a_restart_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    struct recommender *straight = fresh(), *other = fresh();
    for (uint32_t n = 0; n < 3000; n++) {
        live(straight, n);
        live(other, n);
        if (n % 500 == 77)
            other = restarted(other);
    }
    compare(straight, other);
}

/* At the first event about an item there is no step; nothing is left of the one before. */
static void a_restart_before_the_first_event_of_an_item_changes_nothing(void **state)
{
    (void)state;
    struct recommender *straight = fresh(), *other = fresh();
    char item[16];
    describe_all(straight);
    describe_all(other);
    for (uint32_t n = 0; n < 300; n++) {
        act_number(straight, n);
        act_number(other, n);
        if (n % 10 > 1)
            continue;
        other = restarted(other);
        snprintf(item, sizeof item, "new %u", n);
        act(straight, "somebody", item);
        act(other, "somebody", item);
    }
    compare(straight, other);
}

static void a_catalogue_keeps_under_the_memory_limit(void **state)
{
    (void)state;
    uint64_t limit = 16 * 1024 * 1024;
    struct recommender *model = fresh_with(limit);
    char item[24], artist[24];
    for (uint32_t n = 0; n < 40000; n++) {
        snprintf(item, sizeof item, "item %u", n);
        snprintf(artist, sizeof artist, "artist:%u", n / 3);
        describe(model, item, artist, true, 0);
    }
    struct recommender_counts counts = recommender_count(model);
    assert_true(counts.memory_bytes <= limit);
    assert_true(counts.evicted_items > 0);
    assert_true(counts.items > 500); /* not all at once, though all are of the same age */
    assert_int_not_equal(recommender_find_item(model, text_of("item 39999")), SLOT_NONE);
    model = restarted(model);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_item_enters_lists_before_its_first_event),
        cmocka_unit_test(it_is_no_candidate_of_the_evaluation_nor_popular),
        cmocka_unit_test(an_item_without_features_only_ends_short_lists_until_its_first_event),
        cmocka_unit_test(the_second_event_of_a_user_changes_the_list),
        cmocka_unit_test(a_retired_item_leaves_every_list_until_it_returns),
        cmocka_unit_test(an_item_expires_at_its_time),
        cmocka_unit_test(a_restart_in_the_middle_changes_nothing),
        cmocka_unit_test(a_restart_before_the_first_event_of_an_item_changes_nothing),
        cmocka_unit_test(a_catalogue_keeps_under_the_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
