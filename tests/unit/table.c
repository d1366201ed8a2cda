/* Tables of rows, and the memory they are made of. */
#include "model/table.h"
#include "model/pages.h"
#include "tests/unit/memory_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

static void rows_never_move_and_begin_at_zero(void **state)
{
    (void)state;
    enum { ROWS = 40000, ROW = 288 };
    static const uint32_t kept[] = {0, 1023, 1024, 5000, 9999};
    struct table table;
    void *at[5];
    table_init(&table, ROW);
    for (uint32_t rows = 1; rows <= ROWS; rows++) {
        assert_int_equal(table_grow(&table, rows), STATUS_OK);
        const unsigned char *row = table_row(&table, rows - 1);
        for (int n = 0; n < ROW; n++)
            assert_int_equal(row[n], 0);
        memset(table_row(&table, rows - 1), (int)(rows % 251 + 1), ROW);
        for (int n = 0; n < 5; n++)
            if (rows == kept[n] + 1)
                at[n] = table_row(&table, kept[n]);
    }
    for (int n = 0; n < 5; n++)
        assert_ptr_equal(table_row(&table, kept[n]), at[n]);
    for (uint32_t row = 0; row < ROWS; row++) {
        const unsigned char *bytes = table_row(&table, row);
        assert_int_equal(bytes[0], (row + 1) % 251 + 1);
        assert_int_equal(bytes[ROW - 1], (row + 1) % 251 + 1);
    }
    table_finish(&table);
    assert_int_equal(table.rows, 0);
}

static void blocks_are_aligned(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 12);
    assert_int_equal(table_grow(&table, 300 * TABLE_BLOCK_ROWS), STATUS_OK);
    for (uint32_t block = 0; block < 300; block++)
        assert_int_equal((uintptr_t)table_row(&table, block * TABLE_BLOCK_ROWS) % 64, 0);
    table_finish(&table);
}

static void pages_come_zeroed_and_mending_keeps_what_is_in_them(void **state)
{
    (void)state;
    size_t small = 1000, big = 3 * PAGES_HUGE + 5;
    unsigned char *a = pages_take(small), *b = pages_take(big);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal((uintptr_t)b % PAGES_HUGE, 0);
    for (size_t n = 0; n < big; n += 4096) {
        assert_int_equal(b[n], 0);
        b[n] = (unsigned char)(n / 4096);
    }
    struct pages_walk walk = {0, 0};
    int steps = 0;
    while (pages_mend(&walk))
        steps++;
    assert_int_equal(steps, 4);
    for (size_t n = 0; n < big; n += 4096)
        assert_int_equal(b[n], (unsigned char)(n / 4096));
    pages_give(a, small);
    pages_give(b, big);
    pages_give(NULL, big);
    walk = (struct pages_walk){0, 0};
    assert_false(pages_mend(&walk));
}

static int hooked;

static void count_hook(void)
{
    hooked++;
}

/* By what mincore() says: in memory or not. */
static bool is_there(unsigned char *at)
{
    unsigned char there = 0;
    assert_int_equal(mincore(at, 4096, &there), 0);
    return (there & 1) != 0;
}

/* What can be made ready here at all: not before Linux 5.14. */
static bool can_prepare(unsigned char *at)
{
    enum { POPULATE_WRITE = 23 };
    return madvise(at, 4096, POPULATE_WRITE) == 0;
}

static void the_page_after_the_front_is_made_ready(void **state)
{
    (void)state;
    size_t bytes = 4 * PAGES_HUGE;
    unsigned char *at = pages_take(bytes), *end = at + bytes;
    assert_non_null(at);
    pages_ask(at, end); /* nobody waits for it */
    pages_prepare();
    assert_false(is_there(at + PAGES_HUGE));

    hooked = 0;
    pages_on_asked(count_hook);
    pages_advance(at, at + PAGES_HUGE - 1, end); /* still in the first page */
    assert_int_equal(hooked, 0);
    pages_advance(at + PAGES_HUGE - 1, at + PAGES_HUGE, end);
    assert_int_equal(hooked, 1);
    assert_false(is_there(at + 2 * PAGES_HUGE));
    bool can = can_prepare(at);
    pages_prepare();
    assert_int_equal(is_there(at + 2 * PAGES_HUGE), can);
    assert_false(is_there(at + PAGES_HUGE));
    assert_false(is_there(at + 3 * PAGES_HUGE));
    for (size_t n = 0; n < PAGES_HUGE; n += 4096)
        assert_int_equal(at[2 * PAGES_HUGE + n], 0);

    pages_advance(end - PAGES_HUGE - 1, end - 1, end); /* there is nothing behind the last one */
    assert_int_equal(hooked, 1);
    for (int n = 0; n < 1000; n++) /* more than are remembered */
        pages_ask(at, end);
    assert_true(hooked < 1000);
    pages_give(at, bytes);
    pages_prepare(); /* what is gone by then is let be */
    pages_on_asked(NULL);
}

static bool is_anything(const struct table *table, uint32_t first, uint32_t end)
{
    (void)table;
    return first < end;
}

/* Into a table that was grown before, block by block. */
static void check_that_it_comes_back(size_t row_bytes, uint32_t count, uint32_t grown, bool checked)
{
    struct memory memory = memory_state();
    struct table from, to;
    table_init(&from, row_bytes);
    table_init(&to, row_bytes);
    assert_int_equal(table_grow(&from, count), STATUS_OK);
    for (uint32_t row = 0; row < count; row++)
        *(uint32_t *)table_row(&from, row) = row + 1;
    assert_int_equal(table_save(&from, count, &memory.writer), STATUS_OK);
    assert_int_equal(memory.size, count * row_bytes);
    for (uint32_t rows = TABLE_BLOCK_ROWS; rows <= grown; rows += TABLE_BLOCK_ROWS)
        assert_int_equal(table_grow(&to, rows), STATUS_OK);
    assert_int_equal(checked ? table_load_checked(&to, count, &memory.reader, is_anything)
                             : table_load(&to, count, &memory.reader),
                     STATUS_OK);
    assert_int_equal(memory.at, memory.size);
    assert_int_equal(table_grow(&to, count + 5000), STATUS_OK);
    for (uint32_t row = 0; row < count + 5000; row++)
        assert_int_equal(*(uint32_t *)table_row(&to, row), row < count ? row + 1 : 0);
    free(memory.bytes);
    table_finish(&from);
    table_finish(&to);
}

static void comes_back_and_grows_on(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 1024, 1025, 40000};
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        for (uint32_t grown = 0; grown <= 20000; grown += 10000)
            for (int checked = 0; checked < 2; checked++) {
                check_that_it_comes_back(4, counts[n], grown, checked);
                check_that_it_comes_back(288, counts[n], grown, checked);
            }
    }
}

static void takes_no_memory_for_a_claim(void **state)
{
    (void)state;
    struct memory memory = memory_state();
    struct table table;
    memory_write(&memory.writer, "sixteen bytes...", 16);
    table_init(&table, 256);
    assert_int_equal(table_load(&table, UINT32_MAX, &memory.reader), STATUS_BAD_DATA);
    assert_int_equal(table_bytes(&table), 0);
    free(memory.bytes);
    table_finish(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_never_move_and_begin_at_zero),
        cmocka_unit_test(blocks_are_aligned),
        cmocka_unit_test(comes_back_and_grows_on),
        cmocka_unit_test(takes_no_memory_for_a_claim),
        cmocka_unit_test(pages_come_zeroed_and_mending_keeps_what_is_in_them),
        cmocka_unit_test(the_page_after_the_front_is_made_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
