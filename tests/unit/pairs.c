/* Pairs: bounded lists keep what weighs most, and somebody new has a chance to stay. */
#include "model/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 8, FROM = 3, ITEMS = 100 };

static struct pairs *new_pairs(void)
{
    void *pairs;
    assert_int_equal(pairs_create(MOST, &pairs), STATUS_OK);
    assert_int_equal(pairs_grow(pairs, 0, ITEMS), STATUS_OK);
    return pairs;
}

static void add(struct pairs *pairs, uint32_t to, float weight, float keep)
{
    assert_int_equal(pairs_add(pairs, FROM, to, weight, keep), STATUS_OK);
}

/* 0: not in the list. */
static float weight_of(const struct pairs *pairs, uint32_t item)
{
    const struct pair_list *list = pairs_of(pairs, FROM);
    for (uint32_t n = 0; n < list->size; n++)
        if (list->item[n] == item)
            return pair_weights(list)[n];
    return 0.0f;
}

static void weights_add_up_and_fade(void **state)
{
    (void)state;
    struct pairs *pairs = new_pairs();
    add(pairs, 10, 1.0f, 1.0f);
    add(pairs, 11, 2.0f, 1.0f);
    add(pairs, 10, 1.0f, 0.5f);
    assert_float_equal(weight_of(pairs, 10), 1.5f, 0.0f);
    assert_float_equal(weight_of(pairs, 11), 1.0f, 0.0f);
    assert_float_equal(pairs_of(pairs, FROM)->total, 2.5f, 0.0f);
    pairs_destroy(pairs);
}

static void the_lightest_gives_way_and_half_of_its_weight(void **state)
{
    (void)state;
    struct pairs *pairs = new_pairs();
    for (uint32_t item = 0; item < MOST; item++)
        add(pairs, item, item == 5 ? 4.0f : 6.0f, 1.0f);
    add(pairs, 50, 1.0f, 1.0f);
    assert_int_equal(pairs_of(pairs, FROM)->size, MOST);
    assert_float_equal(weight_of(pairs, 5), 0.0f, 0.0f);
    assert_float_equal(weight_of(pairs, 50), 3.0f, 0.0f);
    assert_float_equal(weight_of(pairs, 0), 6.0f, 0.0f);
    pairs_destroy(pairs);
}

/* What comes a few times in a row gets past what came once, long ago. */
static void who_comes_again_stays(void **state)
{
    (void)state;
    struct pairs *pairs = new_pairs();
    for (uint32_t item = 0; item < MOST; item++)
        add(pairs, item, 3.0f, 1.0f);
    for (int n = 0; n < 3; n++)
        add(pairs, 50, 1.0f, 1.0f);
    for (uint32_t item = 60; item < 60 + MOST / 2; item++)
        add(pairs, item, 1.0f, 1.0f);
    assert_true(weight_of(pairs, 50) > 4.0f);
    pairs_destroy(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_add_up_and_fade),
        cmocka_unit_test(the_lightest_gives_way_and_half_of_its_weight),
        cmocka_unit_test(who_comes_again_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
