#include "daemon/prequential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

enum { TAG = 5 };

static struct text item(int number, char text[16])
{
    snprintf(text, 16, "i%d", number);
    return text_of(text);
}

/* `size` items from `first` on. */
static void fill(uint64_t *items, int first, int size)
{
    char text[16];
    for (int i = 0; i < size; i++)
        items[i] = prequential_item(item(first + i, text));
}

static struct prequential *make(void)
{
    struct prequential *prequential = NULL;
    assert_int_equal(prequential_create(&prequential), STATUS_OK);
    uint64_t items[100];
    fill(items, 0, 100);
    prequential_show_popular(prequential, items, 100);
    return prequential;
}

static void ranks_fall_into_cuts(void **state)
{
    (void)state;
    struct prequential *prequential = make();
    char text[16];
    uint64_t items[100];
    assert_true(isnan(prequential_recall(prequential, 0)));
    fill(items, 1000, 100);
    prequential_show(prequential, 3, TAG, items, 100);
    prequential_observe(prequential, 3, TAG, true, item(1000, text)); /* rank 1 */
    prequential_observe(prequential, 3, TAG, true, item(1009, text)); /* rank 10 */
    prequential_observe(prequential, 3, TAG, true, item(1010, text)); /* rank 11 */
    prequential_observe(prequential, 3, TAG, true, item(9, text));    /* popular only, rank 10 */
    assert_true(fabs(prequential_recall(prequential, 0) - 1 / 4.0) < 1e-3);
    assert_true(fabs(prequential_recall(prequential, 1) - 2 / 4.0) < 1e-3);
    assert_true(fabs(prequential_recall(prequential, 2) - 3 / 4.0) < 1e-3);
    assert_true(isnan(prequential_lift(prequential, 0)));
    assert_true(fabs(prequential_lift(prequential, 1) - 2) < 1e-2);
    assert_true(fabs(prequential_lift(prequential, 2) - 3) < 1e-2);
    prequential_destroy(prequential);
}

static void without_a_list_the_popular_one_is_read(void **state)
{
    (void)state;
    struct prequential *prequential = make();
    char text[16];
    prequential_observe(prequential, UINT32_MAX, 0, false, item(0, text));
    assert_true(fabs(prequential_recall(prequential, 0) - 1) < 1e-9);
    assert_true(fabs(prequential_lift(prequential, 0) - 1) < 1e-9);
    prequential_destroy(prequential);
}

static void lists_not_remembered_do_not_count(void **state)
{
    (void)state;
    struct prequential *prequential = make();
    char text[16];
    uint64_t items[10];
    fill(items, 0, 10);
    prequential_observe(prequential, 3, TAG, true, item(0, text));
    prequential_show(prequential, 3, TAG, items, 10);
    prequential_observe(prequential, 3, TAG + 1, true, item(0, text)); /* another user's slot */
    prequential_show(prequential, 3 + PREQUENTIAL_USERS, TAG, items, 10);
    prequential_observe(prequential, 3, TAG, true, item(0, text)); /* displaced */
    prequential_forget(prequential, 3 + PREQUENTIAL_USERS);
    prequential_observe(prequential, 3 + PREQUENTIAL_USERS, TAG, true, item(0, text));
    assert_true(isnan(prequential_recall(prequential, 0)));
    prequential_destroy(prequential);
}

static void old_events_fade(void **state)
{
    (void)state;
    struct prequential *prequential = make();
    char text[16];
    for (int i = 0; i < 50000; i++)
        prequential_observe(prequential, UINT32_MAX, 0, false, item(0, text));
    for (int i = 0; i < PREQUENTIAL_HALF_LIFE; i++)
        prequential_observe(prequential, UINT32_MAX, 0, false, item(5000, text));
    assert_true(fabs(prequential_recall(prequential, 0) - 0.5) < 0.03);
    prequential_destroy(prequential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_fall_into_cuts),
        cmocka_unit_test(without_a_list_the_popular_one_is_read),
        cmocka_unit_test(lists_not_remembered_do_not_count),
        cmocka_unit_test(old_events_fade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
