#include "daemon/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

static void bounds_rise(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bound(i) > histogram_bound(i - 1));
}

static void quantiles_are_within_a_fifth(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    for (int i = 1; i <= 10000; i++)
        histogram_add(&histogram, i / 10000.0);
    static const double asked[] = {0.01, 0.1, 0.5, 0.9, 0.99};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_true(fabs(histogram_quantile(&histogram, asked[i]) / asked[i] - 1) < 0.2);
    assert_true(histogram.count == 10000);
    assert_true(fabs(histogram.sum - 5000.5) < 1e-6);
}

static void extremes_stay_in_range(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    assert_true(histogram_quantile(&histogram, 0.5) == 0);
    histogram_add(&histogram, -5);
    histogram_add(&histogram, (double)NAN);
    histogram_add(&histogram, 1e300);
    assert_true(histogram.count == 3);
    assert_true(histogram_quantile(&histogram, 0.1) <= histogram_bound(0));
    assert_true(isfinite(histogram_quantile(&histogram, 1)));
    assert_true(histogram.at[HISTOGRAM_BOUNDS] == 1);
}

static void window_forgets_after_a_minute(void **state)
{
    (void)state;
    struct histogram_window window = {0};
    int64_t now = 1700000000000;
    histogram_window_add(&window, now, 0.5);
    histogram_window_add(&window, now + 30000, 0.5);
    assert_true(histogram_window_sum(&window, now + 49000).count == 2);
    assert_true(histogram_window_sum(&window, now + 61000).count == 1);
    assert_true(histogram_window_sum(&window, now + 1000000).count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(quantiles_are_within_a_fifth),
        cmocka_unit_test(extremes_stay_in_range),
        cmocka_unit_test(window_forgets_after_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
