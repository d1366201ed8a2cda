/* The best of many scores, of any number, as a plain sort has them. */
#include "model/top.h"

#include "tests/unit/small_stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SCORES = 3000 };

static float scores[SCORES];
static uint32_t order[SCORES];

static int compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    if (scores[one] != scores[two])
        return scores[one] < scores[two] ? 1 : -1;
    return one < two ? -1 : 1;
}

/* Few values, so that many scores are alike; some are no numbers, or without an end. */
static void fill(uint64_t key)
{
    for (uint32_t n = 0; n < SCORES; n++) {
        uint64_t dice = small_random(key * SCORES + n);
        scores[n] = (float)(dice % 500) / 50.0f - 5.0f;
        if (dice >> 32 & 1)
            scores[n] += (float)n * 1e-3f;
        if (dice % 97 == 0)
            scores[n] = dice % 2 == 0 ? NAN : -INFINITY;
    }
}

static void check(uint32_t count, uint32_t size, float floor)
{
    static struct list list;
    uint32_t wanted = 0;
    for (uint32_t n = 0; n < count; n++)
        if (scores[n] > floor)
            order[wanted++] = n;
    qsort(order, wanted, sizeof *order, compare);
    wanted = wanted < size ? wanted : size;
    top_select(scores, count, floor, size, &list);
    assert_int_equal(list.size, wanted);
    for (uint32_t n = 0; n < wanted; n++) {
        assert_int_equal(list.at[n].slot, order[n]);
        assert_true(list.at[n].score == scores[order[n]]);
    }
}

static void is_what_a_sort_has_first(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 2, 15, 16, 17, 100, 159, 160, 161, 999, LIST_SIZE_MAX};
    for (uint32_t key = 0; key < 4; key++) {
        fill(key);
        for (uint32_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
            for (uint32_t count = 0; count <= SCORES; count = 3 * count + 1) {
                check(count, sizes[n], -INFINITY);
                check(count, sizes[n], 3.0f);
            }
    }
}

static void a_slot_more_than_wanted_replaces_the_worst(void **state)
{
    (void)state;
    struct top top;
    struct list list;
    top_begin(&top, 2, 0.0f);
    top_push(&top, 7, 0.0f); /* not above the floor */
    top_push(&top, 8, 1.0f);
    top_push(&top, 9, 3.0f);
    assert_true(top.floor == 1.0f);
    top_push(&top, 3, 1.0f); /* as good, and its slot comes first */
    top_push(&top, 4, 2.0f);
    top_push(&top, 5, 0.5f);
    top_end(&top, &list);
    assert_int_equal(list.size, 2);
    assert_true(list.at[0].slot == 9 && list.at[1].slot == 4);
}

/* Against the rule; but there is no entry that nobody wrote. */
static void a_slot_pushed_twice_does_no_harm(void **state)
{
    (void)state;
    struct top top;
    struct list list;
    memset(&list, 0xff, sizeof list);
    top_begin(&top, 10, 0.0f);
    for (uint32_t n = 0; n < 6; n++)
        top_push(&top, 3 + n / 2, 1.0f + (float)(n / 2));
    top_end(&top, &list);
    assert_int_equal(list.size, 6);
    for (uint32_t n = 0; n < list.size; n++)
        assert_in_range(list.at[n].slot, 3, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_a_sort_has_first),
        cmocka_unit_test(a_slot_more_than_wanted_replaces_the_worst),
        cmocka_unit_test(a_slot_pushed_twice_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
