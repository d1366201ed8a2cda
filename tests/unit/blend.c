/* When the blend learns: rarer with time, and at no rhythm that a stream could have, too. */
#include "model/blend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void early_events_are_all_due(void **state)
{
    (void)state;
    for (uint64_t now = 1; now < 7500; now++)
        assert_true(blend_is_due(now));
}

/* Of each second event, each third one, …: as many as of all. */
static void no_rhythm_of_a_stream_falls_beside_it(void **state)
{
    (void)state;
    enum { FIRST = 1000000, COUNT = 24000 };
    for (uint32_t rhythm = 1; rhythm <= 24; rhythm++)
        for (uint32_t phase = 0; phase < rhythm; phase++) {
            uint32_t due = 0, expected = COUNT / 8;
            for (uint64_t n = 0; n < COUNT; n++)
                due += blend_is_due(FIRST + n * rhythm + phase);
            assert_in_range(due, expected * 97 / 100, expected * 103 / 100);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_events_are_all_due),
        cmocka_unit_test(no_rhythm_of_a_stream_falls_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
