/* All that influences what is learned next is in the state: a model that is kept and read back
 * after every event stays the same as one that goes straight on. */
#include "model/recommender.h"
#include "tests/unit/small_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/model_memory.h"

enum { EVENTS = 300 };

static struct recommender *fresh(enum loss_id loss, int32_t exclude_days, uint64_t memory_limit)
{
    struct recommender_settings settings;
    struct recommender *model;
    struct error error;
    recommender_settings_init(&settings);
    settings.loss = loss;
    settings.dim = 16;
    settings.exclude_days = exclude_days;
    settings.memory_limit = memory_limit;
    for (int part = 0; part < PARTS; part++)
        settings.part[part] = 1.0f;
    assert_int_equal(recommender_create(&settings, &model, &error), STATUS_OK);
    return model;
}

/* Entries of the catalogue that come, change and go among the events. */
static void describe(struct recommender *model, uint32_t n)
{
    char item[24], artist[24];
    struct item_card card = {.available = n % 13 != 0};
    snprintf(item, sizeof item, "%u", 1000 + n * 7 % 150);
    snprintf(artist, sizeof artist, "artist:%u", n % 11);
    card.item = text_of(item);
    card.features[card.feature_count++] = text_of(artist);
    card.features[card.feature_count++] = text_of("genre:any");
    assert_int_equal(recommender_describe(model, &card), STATUS_OK);
}

static void live(struct recommender *model, uint32_t n)
{
    struct small_event at;
    struct learned learned;
    small_stream_at(n, &at);
    recommender_learn(model, &at.event, &learned);
    assert_int_equal(learned.status, STATUS_OK);
    if (n % 3 == 0)
        describe(model, n);
}

static void compare(enum loss_id loss, int32_t exclude_days, uint64_t memory_limit)
{
    struct recommender *straight = fresh(loss, exclude_days, memory_limit);
    struct recommender *other = fresh(loss, exclude_days, memory_limit);
    for (uint32_t n = 0; n < EVENTS; n++) {
        live(straight, n);
        live(other, n);
        other = restarted(other);
    }
    struct memory one = saved(straight), two = saved(other);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.bytes, two.bytes, one.size);
    free(one.bytes);
    free(two.bytes);
    recommender_destroy(straight);
    recommender_destroy(other);
}

static void with_every_loss(void **state)
{
    (void)state;
    for (int loss = 0; loss < LOSSES; loss++)
        compare((enum loss_id)loss, HAVE_FOREVER, 0);
}

static void where_lists_may_hold_what_the_user_has(void **state)
{
    (void)state;
    compare(LOSS_SOFTMAX, HAVE_NEVER, 0);
}

static void where_items_are_let_go(void **state)
{
    (void)state;
    compare(LOSS_SOFTMAX, HAVE_FOREVER, 2300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_every_loss),
        cmocka_unit_test(where_lists_may_hold_what_the_user_has),
        cmocka_unit_test(where_items_are_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
