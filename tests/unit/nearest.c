#include "daemon/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void distances(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("dim", "dmi"), 1); /* two swapped */
    assert_int_equal(edit_distance("DIM", "dim"), 0);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("sitting", "kitten"), 3);
}

static const char *best(const char *wanted)
{
    static struct nearest nearest;
    static const char *const names[] = {"run", "demo", "load", "replay", "snapshot", "config"};
    nearest_init(&nearest, wanted);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nearest_offer(&nearest, names[i]);
    return nearest.name;
}

static void only_what_is_near_is_suggested(void **state)
{
    (void)state;
    assert_string_equal(best("rnu"), "run");
    assert_string_equal(best("snapshto"), "snapshot");
    assert_string_equal(best("conf"), "config");
    assert_string_equal(best("repaly"), "replay");
    assert_string_equal(best("xyz"), "");
    assert_string_equal(best(""), "");
    char longer[4 * NEAREST_NAME_MAX];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_string_equal(best(longer), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(only_what_is_near_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
