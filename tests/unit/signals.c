/* What events mean: names, fractions, ratings, and the values that are refused. */
#include "model/signals.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct event event_of(const char *name)
{
    return (struct event){
        .user = text_of("u"), .item = text_of("i"), .name = text_of(name), .ts_ms = 1};
}

static struct event event_with(const char *name, double value)
{
    struct event event = event_of(name);
    event.value = value;
    event.has_value = true;
    return event;
}

/* Judges by the default signals; the action is left alone when the event is refused. */
static enum verdict judge(struct event event, struct action *action)
{
    struct signals signals;
    signals_init(&signals);
    return signals_judge(&signals, &event, action);
}

static void assert_weight(struct event event, double weight)
{
    struct action action;
    assert_int_equal(judge(event, &action), VERDICT_ACCEPTED);
    assert_float_equal(action.weight, weight, 0);
}

static void test_default_weights(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double weight;
    } rows[] = {{"play", 1}, {"click", 1}, {"like", 1},   {"add", 1},     {"purchase", 1},
                {"view", 0}, {"skip", -1}, {"forget", 0}, {"dislike", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_weight(event_of(rows[i].name), rows[i].weight);
}

static void test_names_are_exact(void **state)
{
    (void)state;
    struct action action;
    static const char *const unknown[] = {"Play", "pla", "playe", "p", "login", "play ", "ratings"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_int_equal(judge(event_of(unknown[i]), &action), VERDICT_IGNORED);
    char longest[300];
    memset(longest, 'p', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(judge(event_of(longest), &action), VERDICT_IGNORED);
}

static void test_fraction_of_plays(void **state)
{
    (void)state;
    static const struct {
        double value;
        double weight, fraction;
        bool skipped;
    } rows[] = {{1, 1, 1, false},      {0.5, 1, 0.5, false},   {7, 1, 1, false},
                {0.3, 1, 0.3F, false}, {0.25, -1, 0.25, true}, {0, -1, 0, true},
                {-0.0, -1, 0, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct action action;
        assert_int_equal(judge(event_with("play", rows[i].value), &action), VERDICT_ACCEPTED);
        assert_int_equal(action.kind, SIGNAL_PLAY);
        assert_float_equal(action.weight, rows[i].weight, 0);
        assert_float_equal(action.fraction, rows[i].fraction, 0);
        assert_int_equal(action.skipped, rows[i].skipped);
        assert_false(signbit(action.fraction));
    }
    struct action action;
    assert_int_equal(judge(event_of("play"), &action), VERDICT_ACCEPTED);
    assert_float_equal(action.fraction, 1, 0);
    assert_int_equal(judge(event_of("skip"), &action), VERDICT_ACCEPTED);
    assert_float_equal(action.fraction, 0, 0);
    assert_true(action.skipped);
    assert_int_equal(judge(event_with("skip", 0.75), &action), VERDICT_ACCEPTED);
    assert_float_equal(action.fraction, 0.75, 0);
    assert_true(action.skipped);
}

static void test_short_play_weighs_as_the_skip_is_set(void **state)
{
    (void)state;
    struct signals signals;
    struct action action;
    signals_init(&signals);
    assert_int_equal(signals_set(&signals, "skip", -0.25F), STATUS_OK);
    signals.skip_below = 0.5F;
    struct event event = event_with("play", 0.4);
    assert_int_equal(signals_judge(&signals, &event, &action), VERDICT_ACCEPTED);
    assert_float_equal(action.weight, -0.25, 0);
}

static void test_ratings(void **state)
{
    (void)state;
    assert_weight(event_with("rating", 5), 1);
    assert_weight(event_with("rating", 4), 1);
    assert_weight(event_with("rating", 3.5), 0);
    assert_weight(event_with("rating", 2.5), 0);
    assert_weight(event_with("rating", 2), -1);
    assert_weight(event_with("rating", 0.5), -1);
    struct action action;
    assert_int_equal(judge(event_of("rating"), &action), VERDICT_BAD_VALUE);
    static const double refused[] = {0.4, 5.5, -1, 0, 1e300, -1e300};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(judge(event_with("rating", refused[i]), &action), VERDICT_BAD_VALUE);
}

static void test_rating_on_the_edge_of_a_scale_with_no_exact_float(void **state)
{
    (void)state;
    struct signals signals;
    struct action action;
    signals_init(&signals);
    signals.scale_low = 0.1F;
    signals.scale_high = 0.9F;
    signals.rating_negative = 0.2F;
    signals.rating_positive = 0.7F;
    struct event low = event_with("rating", 0.1), edge = event_with("rating", 0.7),
                 high = event_with("rating", 0.9);
    assert_int_equal(signals_judge(&signals, &low, &action), VERDICT_ACCEPTED);
    assert_int_equal(signals_judge(&signals, &edge, &action), VERDICT_ACCEPTED);
    assert_float_equal(action.weight, 1, 0);
    assert_int_equal(signals_judge(&signals, &high, &action), VERDICT_ACCEPTED);
}

static void test_values_that_are_none(void **state)
{
    (void)state;
    struct action action;
    static const char *const by_value[] = {"play", "skip", "rating"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(judge(event_with(by_value[i], (double)NAN), &action), VERDICT_BAD_VALUE);
        assert_int_equal(judge(event_with(by_value[i], (double)INFINITY), &action),
                         VERDICT_BAD_VALUE);
        assert_int_equal(judge(event_with(by_value[i], -0.5), &action), VERDICT_BAD_VALUE);
    }
    assert_weight(event_with("purchase", -19.99), 1);
    assert_weight(event_with("click", (double)NAN), 1);
    assert_int_equal(judge(event_with("login", (double)NAN), &action), VERDICT_IGNORED);
}

static void test_item_is_needed_but_for_forget(void **state)
{
    (void)state;
    struct action action;
    struct event event = event_of("click");
    event.item = (struct text){NULL, 0};
    assert_int_equal(judge(event, &action), VERDICT_MISSING_ITEM);
    event.name = text_of("login");
    assert_int_equal(judge(event, &action), VERDICT_MISSING_ITEM);
    event.name = text_of("forget");
    assert_int_equal(judge(event, &action), VERDICT_ACCEPTED);
    assert_int_equal(action.kind, SIGNAL_FORGET);
}

static void test_setting(void **state)
{
    (void)state;
    struct signals signals;
    struct action action;
    signals_init(&signals);
    assert_int_equal(signals_set(&signals, "share", 0.5F), STATUS_OK);
    struct event share = event_of("share"), play = event_of("play");
    assert_int_equal(signals_judge(&signals, &share, &action), VERDICT_ACCEPTED);
    assert_float_equal(action.weight, 0.5, 0);
    assert_int_equal(action.signal, signals_find(&signals, text_of("share")));
    assert_int_equal(signals_set(&signals, "play", 2), STATUS_OK);
    assert_int_equal(signals_judge(&signals, &play, &action), VERDICT_ACCEPTED);
    assert_float_equal(action.weight, 2, 0);

    assert_int_equal(signals_set(&signals, "forget", 1), STATUS_INVALID);
    assert_int_equal(signals_set(&signals, "", 1), STATUS_INVALID);
    assert_int_equal(signals_set(&signals, "x", NAN), STATUS_INVALID);
    assert_int_equal(signals_set(&signals, "x", INFINITY), STATUS_INVALID);
    char name[SIGNAL_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[SIGNAL_NAME_MAX + 1] = 0;
    assert_int_equal(signals_set(&signals, name, 1), STATUS_INVALID);
    name[SIGNAL_NAME_MAX] = 0;
    assert_int_equal(signals_set(&signals, name, 1), STATUS_OK);
    assert_true(signals_find(&signals, text_of(name)) >= 0);
}

static void test_room(void **state)
{
    (void)state;
    struct signals signals;
    signals_init(&signals);
    for (int i = 0; signals.size < SIGNALS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "more%d", i);
        assert_int_equal(signals_set(&signals, name, 1), STATUS_OK);
    }
    assert_int_equal(signals_set(&signals, "one too many", 1), STATUS_INVALID);
    assert_int_equal(signals_set(&signals, "play", 3), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_weights),
        cmocka_unit_test(test_names_are_exact),
        cmocka_unit_test(test_fraction_of_plays),
        cmocka_unit_test(test_short_play_weighs_as_the_skip_is_set),
        cmocka_unit_test(test_ratings),
        cmocka_unit_test(test_rating_on_the_edge_of_a_scale_with_no_exact_float),
        cmocka_unit_test(test_values_that_are_none),
        cmocka_unit_test(test_item_is_needed_but_for_forget),
        cmocka_unit_test(test_setting),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
