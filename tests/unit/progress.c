#include "daemon/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void counts_are_grouped(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(progress_count(0, out), "0");
    assert_string_equal(progress_count(999, out), "999");
    assert_string_equal(progress_count(1000, out), "1,000");
    assert_string_equal(progress_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void a_line_tells_rate_and_time_left(void **state)
{
    (void)state;
    char out[256];
    struct progress progress = {.what = "learning", .unit = "events"};
    progress_text(&progress, 50000, 0.25, 10, 79, out, sizeof out);
    assert_string_equal(out, "learning  25%  50,000 events  5,000/s  ETA 0:30");
    progress_text(&progress, 50000, -1, 10, 79, out, sizeof out);
    assert_string_equal(out, "learning  50,000 events  5,000/s");
    progress_text(&progress, 0, 0, 0, 79, out, sizeof out);
    assert_string_equal(out, "learning   0%  0 events  0/s");
    progress_text(&progress, 1, -1, 1, 79, out, sizeof out);
    assert_string_equal(out, "learning  1 event  1/s");
    progress_text(&progress, 3, -1, 12, 79, out, sizeof out);
    assert_string_equal(out, "learning  3 events  0.25/s");
}

static void a_bar_fits_any_terminal(void **state)
{
    (void)state;
    char out[256];
    struct progress progress = {.what = "learning", .unit = "events", .terminal = true};
    for (int columns = 0; columns < 200; columns++) {
        progress_text(&progress, 123456789, 0.5, 3600, columns, out, sizeof out);
        assert_true(strlen(out) <= (size_t)columns);
    }
    assert_non_null(strstr(out, "###############---------------"));
    progress_text(&progress, 10, 7.0, 1, 79, out, sizeof out);
    assert_non_null(strstr(out, "100% #"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test(a_line_tells_rate_and_time_left),
        cmocka_unit_test(a_bar_fits_any_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
