/* Which items' neighbours are searched for, when, and what is remembered of them. */
#include "daemon/related.h"
#include "memory_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 4, TAG = 77 };

static struct related *related;

static int begin(void **state)
{
    (void)state;
    return related_create(MOST, &related) != STATUS_OK;
}

static int end(void **state)
{
    (void)state;
    related_destroy(related);
    return 0;
}

static uint32_t next(uint32_t slice)
{
    return related_next(related, &slice);
}

static void put(uint32_t item, uint32_t wanted, uint32_t a, uint32_t b)
{
    const uint32_t slots[] = {a, b};
    assert_int_equal(related_put(related, item, TAG, wanted, slots, 2), STATUS_OK);
}

static void the_first_event_asks_for_a_search(void **state)
{
    (void)state;
    assert_int_equal(next(100), RELATED_NONE);
    assert_int_equal(related_touch(related, 5000), STATUS_OK);
    assert_int_equal(related_touch(related, 5000), STATUS_OK);
    assert_int_equal(related_touch(related, 3), STATUS_OK);
    assert_int_equal(related_queued(related), 2);
    assert_int_equal(next(0), 5000);
    assert_int_equal(next(0), 3);
    assert_int_equal(next(0), RELATED_NONE);
}

/* 80 events are known: the next search is due after 11 more. */
static void then_an_eighth_more_does(void **state)
{
    (void)state;
    related_touch(related, 7);
    assert_int_equal(next(0), 7);
    put(7, 80, 1, 2);
    for (int n = 0; n < 10; n++)
        related_touch(related, 7);
    assert_int_equal(related_queued(related), 0);
    related_touch(related, 7);
    assert_int_equal(next(0), 7);
}

static void what_comes_while_it_is_searched_for_counts(void **state)
{
    (void)state;
    related_touch(related, 7);
    assert_int_equal(next(0), 7);
    for (int n = 0; n < 8; n++)
        related_touch(related, 7);
    assert_int_equal(related_queued(related), 0);
    put(7, 80, 1, 2);
    for (int n = 0; n < 2; n++)
        related_touch(related, 7);
    assert_int_equal(related_queued(related), 0);
    related_touch(related, 7);
    assert_int_equal(related_queued(related), 1);
}

static void a_round_takes_all_that_had_an_event(void **state)
{
    (void)state;
    for (uint32_t item = 0; item < 3000; item += 1000) {
        related_touch(related, item);
        assert_int_equal(next(0), item);
        put(item, 800, 1, 2);
        related_touch(related, item);
    }
    related_mark(related, 2500);
    assert_false(related_waits(related));
    related_begin_round(related);
    assert_true(related_waits(related));
    uint32_t slice = 1500;
    assert_int_equal(related_next(related, &slice), 0);
    assert_int_equal(related_next(related, &slice), 1000);
    assert_int_equal(related_next(related, &slice), RELATED_NONE);
    assert_int_equal(slice, 0);
    assert_true(related_waits(related));
    assert_int_equal(next(10000), 2000);
    assert_int_equal(next(10000), 2500);
    assert_int_equal(next(10000), RELATED_NONE);
    assert_false(related_waits(related));
    related_begin_round(related);
    assert_int_equal(next(10000), RELATED_NONE);
}

static void neighbours_are_the_items_own(void **state)
{
    (void)state;
    uint32_t size;
    const uint32_t gone[] = {8, 11}, others[] = {12, 13};
    assert_null(related_of(related, 9, TAG, &size));
    put(9, 1, 10, 11);
    const uint32_t *slots = related_of(related, 9, TAG, &size);
    assert_non_null(slots);
    assert_int_equal(size, 2);
    assert_int_equal(slots[0], 10);
    assert_int_equal(slots[1], 11);
    assert_null(related_of(related, 9, TAG + 1, &size)); /* the slot is another's now */
    assert_true(related_has(related, 9, gone, 2));
    assert_false(related_has(related, 9, others, 2));
    assert_false(related_has(related, 8, gone, 2));
    assert_true(related_bound(related) > 9);
}

static void saved_and_loaded(uint32_t most, struct related **out)
{
    struct memory memory = memory_state();
    assert_int_equal(related_save(related, &memory.writer), STATUS_OK);
    assert_int_equal(related_create(most, out), STATUS_OK);
    assert_int_equal(related_load(*out, &memory.reader, 6000), STATUS_OK);
    assert_int_equal(memory.at, memory.size);
    free(memory.bytes);
}

static void it_is_kept(void **state)
{
    (void)state;
    struct related *again;
    uint32_t size;
    put(9, 80, 10, 11);
    put(5000, 80, 9, 11);
    for (int n = 0; n < 3; n++)
        related_touch(related, 5000);
    related_touch(related, 1); /* queued */
    related_touch(related, 2);
    related_touch(related, 2);
    saved_and_loaded(MOST, &again);
    related_destroy(related);
    related = again;
    assert_int_equal(related_of(related, 9, TAG, &size)[1], 11);
    assert_int_equal(size, 2);
    assert_int_equal(related_queued(related), 0);
    related_begin_round(related);
    assert_int_equal(next(10000), 1);
    assert_int_equal(next(10000), 2);
    assert_int_equal(next(10000), 5000);
    assert_int_equal(next(10000), RELATED_NONE);
    for (int n = 0; n < 10; n++)
        related_touch(related, 9);
    assert_int_equal(related_queued(related), 0);
    related_touch(related, 9);
    assert_int_equal(related_queued(related), 1);
}

static void a_list_is_short_with_fewer_than_were_wanted(void **state)
{
    (void)state;
    const uint32_t slots[MOST] = {1, 2};
    assert_false(related_is_short(related, 9)); /* not known */
    put(9, 80, 10, 11);
    assert_true(related_is_short(related, 9));
    assert_int_equal(related_put(related, 9, TAG, 80, slots, MOST), STATUS_OK);
    assert_false(related_is_short(related, 9));
}

static void another_number_of_neighbours(void **state)
{
    (void)state;
    struct related *again;
    uint32_t size;
    put(9, 80, 10, 11);
    saved_and_loaded(1, &again);
    assert_non_null(related_of(again, 9, TAG, &size));
    assert_int_equal(size, 1);
    related_begin_round(again);
    uint32_t slice = 10000;
    assert_int_equal(related_next(again, &slice), RELATED_NONE);
    related_destroy(again);
    saved_and_loaded(MOST + 1, &again); /* there are more to be found */
    related_begin_round(again);
    assert_int_equal(related_next(again, &slice), 9);
    related_destroy(again);
}

static void bad_bytes_are_refused(void **state)
{
    (void)state;
    struct related *again;
    struct memory memory = memory_state();
    put(9, 80, 10, 11);
    assert_int_equal(related_save(related, &memory.writer), STATUS_OK);
    const uint32_t bounds[] = {9, 11, 12};
    for (int n = 0; n < 3; n++) {
        memory.at = 0;
        assert_int_equal(related_create(MOST, &again), STATUS_OK);
        assert_int_equal(related_load(again, &memory.reader, bounds[n]),
                         n == 2 ? STATUS_OK : STATUS_BAD_DATA);
        related_destroy(again);
    }
    for (size_t size = 0; size < memory.size; size++) {
        struct memory cut = memory;
        cut.size = size;
        cut.at = 0;
        assert_int_equal(related_create(MOST, &again), STATUS_OK);
        assert_int_equal(related_load(again, &cut.reader, 12), STATUS_BAD_DATA);
        related_destroy(again);
    }
    free(memory.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_event_asks_for_a_search, begin, end),
        cmocka_unit_test_setup_teardown(then_an_eighth_more_does, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_while_it_is_searched_for_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_round_takes_all_that_had_an_event, begin, end),
        cmocka_unit_test_setup_teardown(neighbours_are_the_items_own, begin, end),
        cmocka_unit_test_setup_teardown(it_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(a_list_is_short_with_fewer_than_were_wanted, begin, end),
        cmocka_unit_test_setup_teardown(another_number_of_neighbours, begin, end),
        cmocka_unit_test_setup_teardown(bad_bytes_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
