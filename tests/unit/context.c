/* The hour, the kind of day and the device shape the list. */
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t hour_ms = 3600000, day_ms = 24 * 3600000;

static struct recommender *fresh(float context)
{
    struct recommender_settings settings;
    struct recommender *model;
    struct error error;
    recommender_settings_init(&settings);
    settings.part[PART_CONTEXT] = context;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    return model;
}

static void act(struct recommender *model, const char *user, const char *item, const char *device,
                int64_t ts_ms)
{
    struct event event = {.user = text_of(user),
                          .item = text_of(item),
                          .name = text_of("click"),
                          .device = text_of(device),
                          .ts_ms = ts_ms};
    struct learned learned;
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

/* Of the first ten of the list at a time, how many are of the kind whose ids begin so. */
static uint32_t count_of(const struct recommender *model, const char *user, char kind,
                         int64_t ts_ms)
{
    struct query *query;
    struct list list;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(
        recommender_query(model, query, recommender_find_user(model, text_of(user)), ts_ms),
        STATUS_OK);
    recommender_top(model, query, 10, &list);
    query_destroy(query);
    uint32_t count = 0;
    for (uint32_t n = 0; n < list.size; n++)
        count += list.at[n].item.at[0] == kind;
    return count;
}

/* 40 days, each event by somebody new: `early` items in one half, `late` items in the other. */
static void fill(struct recommender *model, bool by_device)
{
    for (uint32_t n = 0; n < 4000; n++) {
        char user[16], item[16];
        bool late = n % 2 == 1;
        uint32_t which = n * 2654435761u >> 27; /* 0..31 */
        snprintf(user, sizeof user, "u%u", n);
        snprintf(item, sizeof item, "%c%u", late ? 'l' : 'e', which);
        int64_t ts_ms = n / 100 * day_ms + 9 * hour_ms + (late && !by_device ? 11 * hour_ms : 0);
        const char *device = late ? "speaker" : "phone";
        act(model, user, "hello", by_device ? device : "", ts_ms);
        act(model, user, item, "", ts_ms + 60000);
    }
}

static void the_list_follows_the_hour(void **state)
{
    (void)state;
    struct recommender *model = fresh(1.0f);
    fill(model, false);
    assert_true(count_of(model, "stranger", 'e', 41 * day_ms + 9 * hour_ms) >= 9);
    assert_true(count_of(model, "stranger", 'l', 41 * day_ms + 20 * hour_ms) >= 9);
    recommender_destroy(model);
}

static void switched_off_the_hour_does_not_matter(void **state)
{
    (void)state;
    struct recommender *model = fresh(0.0f);
    fill(model, false);
    assert_int_equal(count_of(model, "stranger", 'e', 41 * day_ms + 9 * hour_ms),
                     count_of(model, "stranger", 'e', 41 * day_ms + 20 * hour_ms));
    recommender_destroy(model);
}

static void the_list_follows_the_last_known_device(void **state)
{
    (void)state;
    struct recommender *model = fresh(1.0f);
    fill(model, true);
    int64_t now_ms = 41 * day_ms + 9 * hour_ms;
    act(model, "a", "hello", "phone", now_ms);
    act(model, "b", "hello", "speaker", now_ms);
    assert_true(count_of(model, "a", 'e', now_ms) >= 9);
    assert_true(count_of(model, "b", 'l', now_ms) >= 9);
    act(model, "a", "hello", "speaker", now_ms); /* goes over to the other device */
    assert_true(count_of(model, "a", 'l', now_ms) >= 9);
    recommender_destroy(model);
}

static void more_devices_than_there_is_room_for(void **state)
{
    (void)state;
    struct recommender *model = fresh(1.0f);
    for (uint32_t n = 0; n < 500; n++) {
        char device[16];
        snprintf(device, sizeof device, "device %u", n);
        act(model, n % 2 == 0 ? "a" : "b", n % 3 == 0 ? "x" : "y", device, n * hour_ms);
    }
    assert_int_equal(recommender_count(model).events, 500);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_follows_the_hour),
        cmocka_unit_test(switched_off_the_hour_does_not_matter),
        cmocka_unit_test(the_list_follows_the_last_known_device),
        cmocka_unit_test(more_devices_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
