/* Who may hold an item: never too few, seldom too many, and the same after a restart. */
#include "daemon/holders.h"
#include "model/random.h"

#include "tests/unit/memory_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

enum { SIZE = 100, USERS = 3000 };

static uint64_t item_of(uint32_t user, uint32_t n)
{
    return random_at(user, n);
}

static struct holders *made(uint32_t size)
{
    struct holders *holders;
    assert_int_equal(holders_create(size, &holders), STATUS_OK);
    return holders;
}

static void note(struct holders *holders, uint32_t user)
{
    uint64_t items[SIZE];
    for (uint32_t n = 0; n < SIZE; n++)
        items[n] = item_of(user, n);
    holders_note(holders, user, items, SIZE);
}

/* All but each seventh one. */
static struct holders *of_many(void)
{
    struct holders *holders = made(SIZE);
    for (uint32_t user = USERS; user-- > 0;)
        if (user % 7 != 0)
            note(holders, user);
    return holders;
}

static void check_many(const struct holders *holders)
{
    uint32_t wrong = 0, known = 0;
    for (uint32_t user = 0; user < USERS; user++) {
        assert_int_equal(holders_know(holders, user), user % 7 != 0);
        for (uint32_t n = 0; n < SIZE; n++)
            assert_true(holders_may_hold(holders, user, item_of(user, n)));
        if (user % 7 == 0) {
            assert_true(holders_may_hold(holders, user, 12345));
            continue;
        }
        for (uint32_t n = SIZE; n < 2 * SIZE; n++, known++)
            wrong += holders_may_hold(holders, user, item_of(user, n));
    }
    assert_in_range(wrong, 1, known / 40);
}

static void answers_no_for_what_is_not_there(void **state)
{
    (void)state;
    struct holders *holders = of_many();
    check_many(holders);
    holders_destroy(holders);
}

static void the_last_list_counts(void **state)
{
    (void)state;
    struct holders *holders = made(SIZE);
    note(holders, 1);
    holders_note(holders, 1, NULL, 0);
    assert_true(holders_know(holders, 1));
    uint32_t held = 0;
    for (uint32_t n = 0; n < SIZE; n++)
        held += holders_may_hold(holders, 1, item_of(1, n));
    assert_in_range(held, 0, 2);
    holders_forget(holders, 1);
    holders_forget(holders, 1000000);
    assert_false(holders_know(holders, 1));
    assert_true(holders_may_hold(holders, 1, item_of(1, 0)));
    assert_false(holders_know(holders, 1000000));
    holders_destroy(holders);
}

static void comes_back(void **state)
{
    (void)state;
    struct memory memory = memory_state();
    struct holders *holders = of_many(), *back = made(SIZE);
    assert_int_equal(holders_save(holders, &memory.writer), STATUS_OK);
    assert_int_equal(holders_load(back, &memory.reader, USERS), STATUS_OK);
    check_many(back);
    memory.at = 0;
    memory.size /= 2;
    assert_int_equal(holders_load(back, &memory.reader, USERS), STATUS_BAD_DATA);
    holders_destroy(back);
    holders_destroy(holders);
    free(memory.bytes);
}

static void knows_nothing_by_what_does_not_fit(void **state)
{
    (void)state;
    struct memory memory = memory_state();
    struct holders *holders = of_many(), *longer = made(4 * SIZE), *few = made(SIZE);
    assert_int_equal(holders_save(holders, &memory.writer), STATUS_OK);
    assert_int_equal(holders_load(longer, &memory.reader, USERS), STATUS_OK);
    memory.at = 0;
    assert_int_equal(holders_load(few, &memory.reader, USERS - 1), STATUS_OK);
    for (uint32_t user = 0; user < USERS; user++) {
        assert_false(holders_know(longer, user));
        assert_false(holders_know(few, user));
    }
    holders_destroy(few);
    holders_destroy(longer);
    holders_destroy(holders);
    free(memory.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_no_for_what_is_not_there),
        cmocka_unit_test(the_last_list_counts),
        cmocka_unit_test(comes_back),
        cmocka_unit_test(knows_nothing_by_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
