#include "daemon/quantity.h"
#include "transport/time_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void counts(void **state)
{
    (void)state;
    uint64_t out;
    assert_true(quantity_parse_count("0", &out) && out == 0);
    assert_true(quantity_parse_count("18446744073709551615", &out) && out == UINT64_MAX);
    const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1.5", "0x10", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(quantity_parse_count(bad[i], &out));
}

static void numbers(void **state)
{
    (void)state;
    double out;
    assert_true(quantity_parse_number("-0.25", &out) && out == -0.25);
    assert_true(quantity_parse_number("1e3", &out) && out == 1000);
    const char *const bad[] = {"", " 1", "1 ", "nan", "inf", "1e999", "1,5", "x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(quantity_parse_number(bad[i], &out));
}

static void sizes(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"512", 512},       {"512B", 512},         {"64K", 65536},   {"64k", 65536},
        {"8G", 8ULL << 30}, {"8 GiB", 8ULL << 30}, {"1MB", 1 << 20}, {"2T", 2ULL << 40},
    };
    uint64_t out;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(quantity_parse_size(good[i].text, &out) && out == good[i].bytes);
    const char *const bad[] = {"", "G", "8X", "8GG", "-1", "1.5G", "8iB", "99999999999T"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(quantity_parse_size(bad[i], &out));
}

static void durations(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t bare_ms, ms;
    } good[] = {
        {"100ms", 1, 100},   {"100 ms", 1000, 100}, {"60s", 1, 60000},        {"5m", 1, 300000},
        {"5min", 1, 300000}, {"12h", 1, 43200000},  {"30d", 1, 2592000000LL}, {"2w", 1, 1209600000},
        {"250", 1, 250},     {"250", 1000, 250000}, {"0", 1000, 0},
    };
    int64_t out;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(quantity_parse_duration(good[i].text, good[i].bare_ms, &out) &&
                    out == good[i].ms);
    const char *const bad[] = {"", "s", "-1s", "5 parsecs", "1.5s", "5S", "9223372036854775807d"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(quantity_parse_duration(bad[i], 1, &out));
}

static void times(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0", 0},
        {"1700000000123", 1700000000123},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T16:00:00Z", 1795449600000},
        {"2026-11-23t16:00:00.5z", 1795449600500},
        {"2026-11-23 17:00:00.1239+01:00", 1795449600123},
        {"2026-11-23T11:00:00-05:00", 1795449600000},
        {"2024-02-29T00:00:00Z", 1709164800000},
    };
    int64_t out;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(time_text_parse(good[i].text, &out));
        assert_int_equal(out, good[i].ms);
    }
    const char *const bad[] = {
        "",
        "now",
        "-5",
        "2026-11-23",
        "2026-11-23T16:00:00",
        "2026-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T16:00:00.Z",
        "2026-11-23T16:00:00+1:00",
        "2026-11-23T16:00:00Zx",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(time_text_parse(bad[i], &out));
}

/* What is printed is read back as the same. */
static void printing(void **state)
{
    (void)state;
    char out[QUANTITY_TEXT];
    quantity_print_size(8ULL << 30, out);
    assert_string_equal(out, "8G");
    quantity_print_size(1000, out);
    assert_string_equal(out, "1000");
    quantity_print_duration(90000, out);
    assert_string_equal(out, "90s");
    quantity_print_duration(2592000000LL, out);
    assert_string_equal(out, "30d");
    quantity_print_time(1795449600500, out);
    assert_string_equal(out, "2026-11-23T16:00:00.500Z");
    for (uint64_t n = 1; n < (1ULL << 50); n = n * 3 + 7) {
        uint64_t bytes;
        int64_t ms;
        quantity_print_size(n, out);
        assert_true(quantity_parse_size(out, &bytes) && bytes == n);
        quantity_print_duration((int64_t)n, out);
        assert_true(quantity_parse_duration(out, 1, &ms) && ms == (int64_t)n);
    }
    for (int64_t time = 0; time < 4102444800000; time += 86399999987) {
        int64_t ms;
        quantity_print_time(time, out);
        assert_true(time_text_parse(out, &ms) && ms == time);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),    cmocka_unit_test(numbers), cmocka_unit_test(sizes),
        cmocka_unit_test(durations), cmocka_unit_test(times),   cmocka_unit_test(printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
