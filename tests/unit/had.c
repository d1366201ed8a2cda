/* What a user did with which items: found as it was put there, however it got there. */
#include "model/had.h"

#include "tests/unit/small_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ITEMS = 300, STEPS = 20000 };

static struct arena arena;

/* In one step, or in two. */
static struct had_entry *touch(struct had *had, uint32_t item, bool in_two)
{
    if (!in_two)
        return had_touch(had, &arena, item);
    struct had_entry *sought = had_seek(had, item);
    return sought != NULL && sought->item != 0 ? sought : had_add(had, &arena, item, sought);
}

static void check(const struct had *had, const uint32_t last[ITEMS])
{
    uint32_t size = 0;
    for (uint32_t item = 0; item < ITEMS; item++) {
        const struct had_entry *entry = had_find(had, item), *sought = had_seek(had, item);
        assert_int_equal(entry != NULL, last[item] > 0);
        assert_true(entry == NULL || (entry == sought && entry->last_n == last[item]));
        assert_true(entry != NULL || sought == NULL || sought->item == 0);
        size += entry != NULL;
    }
    assert_int_equal(had->size, size);
}

static void finds_what_was_touched_and_not_removed(void **state)
{
    (void)state;
    struct had had = {0};
    uint32_t last[ITEMS] = {0};
    check(&had, last);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint64_t dice = small_random(step);
        uint32_t item = (uint32_t)(dice % (step < STEPS / 2 ? 20 : ITEMS));
        if ((dice >> 32) % 3 == 0) {
            had_remove(&had, item);
            last[item] = 0;
        } else {
            struct had_entry *entry = touch(&had, item, (dice >> 40) % 2 == 0);
            assert_int_equal(entry->item, item + 1);
            assert_int_equal(entry->last_n, last[item]); /* zeroed if new */
            last[item] = entry->last_n = step;
        }
        if (step < 100 || step % 97 == 0)
            check(&had, last);
    }
    had_finish(&had, &arena);
    arena_finish(&arena);
}

static void of_more_than_fit_the_oldest_quarter_goes(void **state)
{
    (void)state;
    struct had one = {0}, two = {0};
    for (uint32_t item = 0; item < HAD_MAX + 1; item++) {
        touch(&one, item, false)->last_n = item + 1;
        touch(&two, item, true)->last_n = item + 1;
    }
    assert_int_equal(one.size, HAD_MAX - HAD_MAX / 4 + 1);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.at, two.at, had_bytes(&one));
    for (uint32_t item = 0; item < HAD_MAX + 1; item++)
        assert_int_equal(had_find(&two, item) != NULL, item >= HAD_MAX / 4);
    had_finish(&one, &arena);
    had_finish(&two, &arena);
    arena_finish(&arena);
}

/* No age tells what to let go: it stays bounded all the same. */
static void entries_of_one_age_stay_within_bounds(void **state)
{
    (void)state;
    struct had had = {0};
    for (uint32_t item = 0; item < 3 * HAD_MAX; item++) {
        had_touch(&had, &arena, item)->last_n = 7;
        assert_true(had.size <= HAD_MAX && had.room <= 2 * HAD_MAX);
        assert_non_null(had_find(&had, item));
    }
    had_finish(&had, &arena);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_touched_and_not_removed),
        cmocka_unit_test(of_more_than_fit_the_oldest_quarter_goes),
        cmocka_unit_test(entries_of_one_age_stay_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
