/* Sparse features: runs that are put off come to the same, for the samples, as runs walked at once;
 * and what is drawn from them is what they name. */
#include "model/sparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 1000, LONG = 600, SHORT = 3 };

static struct lists {
    uint32_t longer[LONG], shorter[SHORT];
    float values[LONG], by_item[ITEMS];
} lists;

static void fill_lists(void)
{
    for (uint32_t n = 0; n < LONG; n++) {
        lists.longer[n] = (n * 7 + 11) % ITEMS;
        lists.values[n] = 0.25f * (float)(n % 9);
    }
    memcpy(lists.shorter, (uint32_t[SHORT]){18, 999, 25}, sizeof lists.shorter);
    for (uint32_t n = 0; n < ITEMS; n++)
        lists.by_item[n] = 1.0f / (float)(1 + n);
}

static void propose(struct sparse *sparse)
{
    assert_int_equal(sparse_grow(sparse, ITEMS), STATUS_OK);
    sparse_add(sparse, 25, FEATURE_REPEAT_COUNT, 2.0f);
    sparse_add(sparse, 4, FEATURE_REPEAT_COUNT, 1.0f);
    sparse_add_run(sparse, &(struct sparse_run){lists.longer, lists.values, lists.by_item, LONG,
                                                3.0f, FEATURE_NEIGHBOURS, FEATURE_NEIGHBOURS_LAST});
    sparse_add_run(sparse, &(struct sparse_run){lists.shorter, NULL, NULL, SHORT, 0.5f,
                                                FEATURE_NEXT, FEATURE_NEXT});
}

static uint32_t count_named(uint32_t item)
{
    uint32_t count = item == 25 || item == 4;
    for (uint32_t n = 0; n < LONG; n++)
        count += lists.longer[n] == item;
    for (uint32_t n = 0; n < SHORT; n++)
        count += lists.shorter[n] == item;
    return count;
}

static void samples_get_what_all_would(void **state)
{
    (void)state;
    struct sparse all = {0}, focused = {.puts_off = true};
    uint32_t samples[] = {25, 18, 500, 0, 25, 999, 4, 12}, place[8];
    propose(&all);
    for (int round = 0; round < 2; round++) { /* nothing is left over from the first */
        sparse_clear(&focused);
        propose(&focused);
        sparse_focus(&focused, samples, 8, place);
        for (int n = 0; n < 8; n++) {
            uint32_t named = count_named(samples[n]);
            assert_int_equal(place[n] > 0, named > 0);
            assert_int_equal(sparse_is_touched(&focused, samples[n]), named > 0);
            assert_int_equal(focused.named[place[n]], place[n] > 0 ? named : 0);
            assert_memory_equal(sparse_row_at(&focused, place[n]), sparse_row(&all, samples[n]),
                                SPARSE_ROW * sizeof(float));
        }
    }
    assert_false(sparse_is_touched(&focused, 11)); /* in a run, but no sample */
    sparse_finish(&all);
    sparse_finish(&focused);
}

static void entries_are_those_of_the_runs(void **state)
{
    (void)state;
    struct sparse sparse = {.puts_off = true};
    propose(&sparse);
    assert_int_equal(sparse_entries(&sparse), 2 + LONG + SHORT);
    uint32_t entries[] = {0, 1, 2, 3, 1 + LONG, 2 + LONG, 4 + LONG}, items[7];
    sparse_pick(&sparse, entries, 7, items);
    uint32_t expected[] = {25, 4, 11, 18, lists.longer[LONG - 1], 18, 25};
    assert_memory_equal(items, expected, sizeof items);
    sparse_finish(&sparse);
}

static void more_runs_than_fit_are_walked_at_once(void **state)
{
    (void)state;
    struct sparse sparse = {.puts_off = true};
    uint32_t samples[] = {18}, place[1];
    assert_int_equal(sparse_grow(&sparse, ITEMS), STATUS_OK);
    for (int n = 0; n < RUNS_MOST + 5; n++)
        sparse_add_run(&sparse, &(struct sparse_run){lists.shorter, NULL, NULL, SHORT, 1.0f,
                                                     FEATURE_NEXT, FEATURE_NEXT});
    sparse_focus(&sparse, samples, 1, place);
    assert_float_equal(sparse_row_at(&sparse, place[0])[0], RUNS_MOST + 5, 0);
    sparse_finish(&sparse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_get_what_all_would),
        cmocka_unit_test(entries_are_those_of_the_runs),
        cmocka_unit_test(more_runs_than_fit_are_walked_at_once),
    };
    fill_lists();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
