/* Keep or skip: the head tells them apart, by item and by taste, and says nothing without skips. */
#include "model/keep_auc.h"
#include "model/random.h"
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

enum { USERS = 40, ITEMS = 60, EVENTS = 6000 };

static struct recommender *model_with(float skips)
{
    struct recommender *model = NULL;
    struct recommender_settings settings;
    struct error error;
    recommender_settings_init(&settings);
    settings.dim = 32;
    settings.part[PART_SKIPS] = skips;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    return model;
}

static void act(struct recommender *model, const char *user, const char *item, const char *name,
                double fraction, int64_t ts_ms)
{
    struct learned learned;
    struct event event = {.user = text_of(user),
                          .item = text_of(item),
                          .name = text_of(name),
                          .ts_ms = ts_ms,
                          .value = fraction,
                          .has_value = fraction >= 0};
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static float probability(const struct recommender *model, const char *user, const char *item)
{
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    uint32_t slot = recommender_find_user(model, text_of(user));
    assert_int_equal(recommender_query(model, query, slot, (int64_t)EVENTS * 60000), STATUS_OK);
    float p =
        recommender_keep_probability(model, query, recommender_find_item(model, text_of(item)));
    query_destroy(query);
    return p;
}

static float score(const struct recommender *model, const char *user, const char *item)
{
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    uint32_t slot = recommender_find_user(model, text_of(user));
    assert_int_equal(recommender_query(model, query, slot, (int64_t)EVENTS * 60000), STATUS_OK);
    float value = recommender_score(model, query, recommender_find_item(model, text_of(item)));
    query_destroy(query);
    return value;
}

/* Item 0 is kept by everybody, item 1 skipped; of the others each crowd keeps its own half, but is
 * played both. */
static void play_number(struct recommender *model, uint32_t n, bool skips)
{
    uint64_t bits = random_at(7, n);
    uint32_t user = random_below((uint32_t)bits, USERS);
    uint32_t item = random_below((uint32_t)(bits >> 32), ITEMS);
    uint32_t chance = (uint32_t)(random_at(8, n) % 100);
    bool kept = item == 0 || (item != 1 && item % 2 == user % 2) ? chance < 90 : chance < 10;
    char user_id[16], item_id[16];
    snprintf(user_id, sizeof user_id, "u%u", user);
    snprintf(item_id, sizeof item_id, "i%u", item);
    if (kept || skips)
        act(model, user_id, item_id, "play", kept ? 1.0 : 0.1, (int64_t)n * 60000);
}

static struct recommender *listened(float part, bool skips)
{
    struct recommender *model = model_with(part);
    for (uint32_t n = 0; n < EVENTS; n++)
        play_number(model, n, skips);
    return model;
}

static void items_and_tastes_are_told_apart(void **state)
{
    (void)state;
    struct recommender *model = listened(1, true);
    uint32_t right = 0, all = 0;
    float between = 0;
    for (uint32_t user = 0; user < USERS; user++) {
        char user_id[16];
        snprintf(user_id, sizeof user_id, "u%u", user);
        between += probability(model, user_id, "i0") - probability(model, user_id, "i1");
        for (uint32_t item = 2; item < ITEMS; item += 2) {
            char own[16], other[16];
            snprintf(own, sizeof own, "i%u", item + user % 2);
            snprintf(other, sizeof other, "i%u", item + 1 - user % 2);
            right += probability(model, user_id, own) > probability(model, user_id, other);
            all++;
        }
    }
    assert_true(between / USERS > 0.3f);
    assert_true(right > all * 9 / 10);
    recommender_destroy(model);
}

static void somebody_unknown_gets_the_items_rate(void **state)
{
    (void)state;
    struct recommender *model = listened(1, true);
    assert_true(probability(model, "nobody", "i0") > probability(model, "nobody", "i2"));
    assert_true(probability(model, "nobody", "i2") > probability(model, "nobody", "i1"));
    assert_float_equal(probability(model, "u1", "no such item"), 0.5f, 0);
    recommender_destroy(model);
}

static void without_skips_nothing_is_said_and_nothing_changes(void **state)
{
    (void)state;
    struct recommender *with = listened(1, false), *without = listened(0, false);
    assert_float_equal(probability(with, "u1", "i1"), 0.5f, 0);
    for (uint32_t item = 0; item < ITEMS; item++) {
        char id[16];
        snprintf(id, sizeof id, "i%u", item);
        assert_float_equal(score(with, "u1", id), score(without, "u1", id), 0);
    }
    recommender_destroy(with);
    recommender_destroy(without);
}

static void switched_off_it_says_nothing(void **state)
{
    (void)state;
    struct recommender *model = listened(0, true);
    assert_float_equal(probability(model, "u1", "i1"), 0.5f, 0);
    recommender_destroy(model);
}

static void a_skipped_item_ranks_lower(void **state)
{
    (void)state;
    struct recommender *model = listened(1, true);
    float before = score(model, "u0", "i20") - score(model, "u0", "i30");
    for (int n = 0; n < 3; n++)
        act(model, "u0", "i20", "skip", -1, (int64_t)EVENTS * 60000);
    float after = score(model, "u0", "i20") - score(model, "u0", "i30");
    assert_true(after < before);
    recommender_destroy(model);
}

/* Who comes back after having been forgotten is judged as somebody who never was there. */
static void the_forgotten_leave_nothing(void **state)
{
    (void)state;
    struct recommender *model = listened(1, true);
    act(model, "u4", "", "forget", -1, (int64_t)EVENTS * 60000);
    act(model, "u4", "i3", "view", -1, (int64_t)EVENTS * 60000);
    act(model, "new", "i3", "view", -1, (int64_t)EVENTS * 60000);
    for (uint32_t item = 0; item < ITEMS; item++) {
        char id[16];
        snprintf(id, sizeof id, "i%u", item);
        assert_float_equal(probability(model, "u4", id), probability(model, "new", id), 0);
    }
    recommender_destroy(model);
}

static void area_by_hand(void **state)
{
    (void)state;
    struct keep_auc auc = {0};
    assert_true(isnan(keep_auc_value(&auc)));
    /* User 0: kept .9 and .4, skipped .5 and .4: pairs won 1 + 1 + 0 + half, of 4. */
    assert_true(keep_auc_add(&auc, 0, 0.9f, true));
    assert_true(keep_auc_add(&auc, 0, 0.5f, false));
    assert_true(keep_auc_add(&auc, 0, 0.4f, true));
    assert_true(keep_auc_add(&auc, 0, 0.4f, false));
    assert_true(keep_auc_add(&auc, 1, 0.1f, true)); /* without skips: not counted */
    assert_float_equal((float)keep_auc_value(&auc), 0.625f, 1e-6f);
    assert_true(keep_auc_add(&auc, 2, 0.9f, true));
    assert_true(keep_auc_add(&auc, 2, 0.1f, false));
    assert_float_equal((float)keep_auc_value(&auc), (float)((0.625 * 4 + 2) / 6), 1e-6f);
    keep_auc_finish(&auc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_and_tastes_are_told_apart),
        cmocka_unit_test(somebody_unknown_gets_the_items_rate),
        cmocka_unit_test(without_skips_nothing_is_said_and_nothing_changes),
        cmocka_unit_test(switched_off_it_says_nothing),
        cmocka_unit_test(a_skipped_item_ranks_lower),
        cmocka_unit_test(the_forgotten_leave_nothing),
        cmocka_unit_test(area_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
