/* The demo's hit rates: a window over the last plays beside all of them. */
#include "daemon/demo_scores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void rates_of_nothing(void **state)
{
    (void)state;
    struct scores *scores = calloc(1, sizeof *scores);
    scores_init(scores);
    assert_true(hits_rate(&scores->all, scores->all.best) == 0);
    assert_true(hits_way(&scores->all) == 0);
    free(scores);
}

static void window_forgets_and_all_does_not(void **state)
{
    (void)state;
    struct scores *scores = calloc(1, sizeof *scores);
    scores_init(scores);
    for (int i = 0; i < SCORES_WINDOW; i++)
        scores_add(scores, true, true, true);
    assert_int_equal(scores->window.plays, SCORES_WINDOW);
    for (int i = 0; i < SCORES_WINDOW / 2; i++)
        scores_add(scores, false, true, false);
    assert_int_equal(scores->window.plays, SCORES_WINDOW);
    assert_int_equal(scores->window.popular, SCORES_WINDOW / 2);
    assert_int_equal(scores->window.tasted, SCORES_WINDOW);
    assert_int_equal(scores->window.best, SCORES_WINDOW / 2);
    assert_int_equal(scores->all.plays, SCORES_WINDOW + SCORES_WINDOW / 2);
    assert_int_equal(scores->all.popular, SCORES_WINDOW);
    free(scores);
}

static void way_is_from_popular_to_best(void **state)
{
    (void)state;
    const struct hits hits = {.plays = 100, .popular = 10, .tasted = 40, .best = 60};
    assert_float_equal((float)hits_way(&hits), 0.6F, 1e-6F);
    assert_float_equal((float)hits_rate(&hits, hits.tasted), 0.4F, 1e-6F);
    const struct hits worse = {.plays = 100, .popular = 10, .tasted = 5, .best = 60};
    assert_true(hits_way(&worse) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_of_nothing),
        cmocka_unit_test(window_forgets_and_all_does_not),
        cmocka_unit_test(way_is_from_popular_to_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
