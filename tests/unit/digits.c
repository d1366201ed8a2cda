/* Two numbers' digits by vectors and without them, against each other and against printf(). */
#include "transport/digits.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { BELOW = 100000000, ROOM = 16 };

/* A byte before and one after must stay. */
static void check(uint32_t first, uint32_t second)
{
    char expected[ROOM + 1], plain[ROOM + 2], got[ROOM + 2];
    memset(plain, 77, sizeof plain);
    memset(got, 77, sizeof got);
    const struct zeros by_plain = put_two_numbers_plain(plain + 1, first, second);
    const struct zeros zeros = put_two_numbers(got + 1, first, second);
    (void)snprintf(expected, sizeof expected, "%08" PRIu32 "%08" PRIu32, first, second);
    assert_memory_equal(plain + 1, expected, ROOM);
    assert_memory_equal(got, plain, sizeof got);
    assert_true(plain[0] == 77 && plain[ROOM + 1] == 77);
    assert_int_equal(by_plain.first, 8 - snprintf(NULL, 0, "%" PRIu32, first));
    assert_int_equal(by_plain.second, 8 - snprintf(NULL, 0, "%" PRIu32, second));
    assert_int_equal(zeros.first, by_plain.first);
    assert_int_equal(zeros.second, by_plain.second);
}

static void numbers_of_all_lengths(void **state)
{
    (void)state;
    for (uint32_t one = 1; one < BELOW; one *= 10)
        for (uint32_t other = 1; other < BELOW; other *= 10) {
            check(one - 1, other - 1);
            check(one, 10 * other - 1);
            check(10 * one - 1, other);
            check(one + one / 2, 7 * other);
        }
}

static void all_quarters(void **state)
{
    (void)state;
    for (uint32_t four = 0; four < 10000; four++) {
        check(four, 10000 * four);
        check(10000 * four + 9999 - four, BELOW - 1 - four);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_all_lengths),
        cmocka_unit_test(all_quarters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
