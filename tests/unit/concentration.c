/* Coverage and the Gini coefficient, on counts whose figures are known. */
#include "daemon/concentration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add(struct concentration *concentration, uint32_t item, uint32_t times)
{
    while (times-- > 0)
        concentration_add(concentration, item);
}

static void test_known_figures(void **state)
{
    (void)state;
    struct concentration c;
    concentration_init(&c);
    assert_float_equal(concentration_gini(&c, 10), 0.0, 1e-12);
    add(&c, 7, 5);
    add(&c, 90000, 5);
    assert_int_equal(concentration_covered(&c), 2);
    assert_int_equal(c.total, 10);
    assert_float_equal(concentration_gini(&c, 2), 0.0, 1e-12);
    assert_float_equal(concentration_gini(&c, 4), 0.5, 1e-12); /* half of the items have all */
    add(&c, 7, 10);
    /* 5 and 15 of 20 on 2 items: (15 - 5) / (2 * 20) */
    assert_float_equal(concentration_gini(&c, 2), 0.25, 1e-12);
    concentration_finish(&c);
}

static void test_all_on_one(void **state)
{
    (void)state;
    struct concentration c;
    concentration_init(&c);
    add(&c, 3, 100);
    assert_float_equal(concentration_gini(&c, 1000), 0.999, 1e-12);
    concentration_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_figures),
        cmocka_unit_test(test_all_on_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
