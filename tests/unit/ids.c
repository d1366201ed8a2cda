/* Ids to slots and back, and the arena that long ones are kept in. */
#include "model/ids.h"
#include "tests/unit/memory_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct memory saved(const struct ids *ids)
{
    struct memory memory = memory_state();
    assert_int_equal(ids_save(ids, &memory.writer), STATUS_OK);
    return memory;
}

/* ---- many ids that come and go, of all lengths ---- */

enum { NAMES = 5000, STEPS = 60000 };

static char name[NAMES][ID_BYTES_MAX + 1];

static struct text text_at(uint32_t n)
{
    return text_of(name[n]);
}

static void make_names(void)
{
    for (uint32_t n = 0; n < NAMES; n++) {
        int used = snprintf(name[n], sizeof name[n], "%u.", n);
        uint32_t more = n % 3 == 0 ? 240 - n % 200 : n % 3 == 1 ? n % 16 : 0;
        memset(name[n] + used, 'x', more);
    }
}

/* Whatever is guessed. */
static void check_sought(const struct ids *ids, uint32_t n, uint32_t slot)
{
    struct ids_sought sought;
    ids_seek(ids, text_at(n), &sought);
    const uint32_t guess[] = {ids_guess(ids, sought.hash), SLOT_NONE, n, 0, ids->bound - 1};
    for (size_t g = 0; g < sizeof guess / sizeof *guess; g++)
        assert_int_equal(ids_find_sought(ids, text_at(n), &sought, guess[g]), slot);
}

static void check_all(const struct ids *ids, const uint32_t slot_of[NAMES])
{
    uint32_t known = 0;
    for (uint32_t n = 0; n < NAMES; n++) {
        assert_int_equal(ids_find(ids, text_at(n)), slot_of[n]);
        check_sought(ids, n, slot_of[n]);
        known += slot_of[n] != SLOT_NONE;
        if (slot_of[n] != SLOT_NONE)
            assert_true(text_equal(ids_text(ids, slot_of[n]), text_at(n)));
    }
    assert_int_equal(ids_count(ids), known);
}

/* Sought before, and used after that. */
static void release_sought(struct ids *ids, uint32_t n, uint32_t slot)
{
    struct ids_sought sought;
    ids_seek(ids, text_at(n), &sought);
    ids_release(ids, slot);
    assert_int_equal(ids_find_sought(ids, text_at(n), &sought, slot), SLOT_NONE);
}

/* Steps of a fixed random walk, beginning with the `first`. */
static void walk(struct ids *ids, uint32_t slot_of[NAMES], uint32_t first, uint32_t steps)
{
    for (uint32_t step = first; step < first + steps; step++) {
        uint32_t n = (uint32_t)(((uint64_t)step * 2654435761u >> 7) % NAMES);
        bool release = step % 4 == 3 && slot_of[n] != SLOT_NONE, added;
        if (release) {
            release_sought(ids, n, slot_of[n]);
            slot_of[n] = SLOT_NONE;
            continue;
        }
        uint32_t slot = ids_intern(ids, text_at(n), &added);
        assert_int_equal(added, slot_of[n] == SLOT_NONE);
        assert_true(added || slot == slot_of[n]);
        slot_of[n] = slot;
    }
}

static void finds_what_was_added_and_not_what_was_released(void **state)
{
    (void)state;
    static uint32_t slot_of[NAMES];
    struct ids ids;
    memset(slot_of, 0xff, sizeof slot_of);
    assert_int_equal(ids_init(&ids, 1), STATUS_OK);
    for (uint32_t step = 0; step < STEPS; step += STEPS / 20) {
        walk(&ids, slot_of, step, STEPS / 20);
        check_all(&ids, slot_of);
    }
    assert_int_equal(ids_find(&ids, text_of("nobody")), SLOT_NONE);
    ids_finish(&ids);
}

static void finds_all_at_every_size(void **state)
{
    (void)state;
    struct ids ids;
    assert_int_equal(ids_init(&ids, 7), STATUS_OK);
    for (uint32_t n = 0; n < NAMES; n++) {
        bool added;
        assert_int_equal(ids_intern(&ids, text_at(n), &added), n);
        for (uint32_t back = 0; back < 40 && back <= n; back++) /* also while the table grows */
            check_sought(&ids, n - back, n - back);
        assert_int_equal(ids_find(&ids, text_at(n / 2)), n / 2);
    }
    ids_finish(&ids);
}

static void goes_on_alike_after_a_restart(void **state)
{
    (void)state;
    static uint32_t slot_of[NAMES], again[NAMES];
    struct ids ids, loaded;
    memset(slot_of, 0xff, sizeof slot_of);
    assert_int_equal(ids_init(&ids, 1), STATUS_OK);
    walk(&ids, slot_of, 0, 7000);
    struct memory before = saved(&ids);
    assert_int_equal(ids_init(&loaded, 1), STATUS_OK);
    assert_int_equal(ids_load(&loaded, &before.reader), STATUS_OK);
    assert_int_equal(ids_index(&loaded), STATUS_OK);
    assert_int_equal(before.at, before.size);
    check_all(&loaded, slot_of);
    assert_int_equal(ids_bytes(&loaded), ids_bytes(&ids));
    memcpy(again, slot_of, sizeof again);
    walk(&ids, slot_of, 7000, 7000);
    walk(&loaded, again, 7000, 7000);
    assert_memory_equal(again, slot_of, sizeof again);
    struct memory one = saved(&ids), other = saved(&loaded);
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.bytes, other.bytes, one.size);
    free(before.bytes);
    free(one.bytes);
    free(other.bytes);
    ids_finish(&ids);
    ids_finish(&loaded);
}

static void refuses_states_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        uint32_t bound, released;
        char key[2][16]; /* the size, then the text */
        uint32_t slot[2];
        uint32_t slots;
        enum status status;
    } states[] = {
        {2, 0, {"\1a", "\1b"}, {0}, 0, STATUS_OK},
        {2, 0, {"\1a", "\1a"}, {0}, 0, STATUS_BAD_DATA}, /* twice */
        {2, 1, {"\1a", ""}, {1}, 1, STATUS_OK},
        {2, 1, {"\1a", ""}, {0}, 1, STATUS_BAD_DATA}, /* in use */
        {2, 2, {"\1a", ""}, {1, 1}, 2, STATUS_BAD_DATA},
        {2, 1, {"\1a", ""}, {2}, 1, STATUS_BAD_DATA},             /* beyond */
        {UINT32_MAX, 0, {"\1a", "\1b"}, {0}, 0, STATUS_BAD_DATA}, /* claims */
        {2, UINT32_MAX, {"\1a", "\1b"}, {0}, 0, STATUS_BAD_DATA},
        {2, 0, {"\1a", "\20b"}, {0}, 0, STATUS_BAD_DATA}, /* where are its bytes? */
        {2, 0, {"\1a", "\1bc"}, {0}, 0, STATUS_BAD_DATA}, /* more of them than it has */
        {2, 0, {"\1a", "\7bcdefghi"}, {0}, 0, STATUS_BAD_DATA},
        {2, 0, {"\1a", "\7bcdefgh"}, {0}, 0, STATUS_OK},
        {2, 0, {"\1a", "\10bcdefghij"}, {0}, 0, STATUS_BAD_DATA},
        {2, 0, {"\1a", "\10bcdefghi"}, {0}, 0, STATUS_OK},
        {2, 0, {"\1a", "\16bcdefghijklmnop"}, {0}, 0, STATUS_BAD_DATA},
        {2, 0, {"\1a", "\17bcdefghijklmnop"}, {0}, 0, STATUS_OK},
    };
    for (size_t n = 0; n < sizeof states / sizeof states[0]; n++) {
        struct memory memory = memory_state();
        memory_write(&memory.writer, &states[n].bound, sizeof(uint32_t));
        memory_write(&memory.writer, &states[n].released, sizeof(uint32_t));
        memory_write(&memory.writer, states[n].key, sizeof states[n].key);
        memory_write(&memory.writer, states[n].slot, states[n].slots * sizeof(uint32_t));
        struct ids ids;
        assert_int_equal(ids_init(&ids, 1), STATUS_OK);
        enum status status = ids_load(&ids, &memory.reader);
        assert_int_equal(status == STATUS_OK ? ids_index(&ids) : status, states[n].status);
        ids_finish(&ids);
        free(memory.bytes);
    }
}

/* The hash of a loaded one is reckoned in another way than that of one looked up. */
static void finds_those_of_every_size_again(void **state)
{
    (void)state;
    enum { LONGEST = 40 };
    static const char text[LONGEST + 1] = "abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    struct ids ids, loaded;
    bool added;
    assert_int_equal(ids_init(&ids, 3), STATUS_OK);
    for (uint32_t size = 1; size <= LONGEST; size++)
        assert_int_equal(ids_intern(&ids, (struct text){text, size}, &added), size - 1);
    struct memory memory = saved(&ids);
    assert_int_equal(ids_init(&loaded, 3), STATUS_OK);
    assert_int_equal(ids_load(&loaded, &memory.reader), STATUS_OK);
    assert_int_equal(ids_index(&loaded), STATUS_OK);
    for (uint32_t size = 1; size <= LONGEST; size++)
        assert_int_equal(ids_find(&loaded, (struct text){text, size}), size - 1);
    free(memory.bytes);
    ids_finish(&ids);
    ids_finish(&loaded);
}

/* ---- the arena ---- */

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 3000 };
    static struct {
        unsigned char *at;
        size_t bytes;
    } piece[PIECES];
    struct arena arena = {0};
    for (uint32_t step = 0; step < 4 * PIECES; step++) {
        uint32_t n = (uint32_t)((uint64_t)step * 2654435761u >> 5) % PIECES;
        for (size_t i = 0; i < piece[n].bytes; i++)
            assert_int_equal(piece[n].at[i], n % 255 + 1);
        arena_give(&arena, piece[n].at, piece[n].bytes);
        size_t bytes = step % 50 == 0 ? ARENA_MOST - step % 1000 : 1 + step % 700;
        piece[n].at = arena_take(&arena, bytes);
        piece[n].bytes = bytes;
        assert_non_null(piece[n].at);
        assert_true(arena_size(bytes) >= bytes);
        assert_int_equal((uintptr_t)piece[n].at % 16, 0);
        if (arena_size(bytes) % 64 == 0)
            assert_int_equal((uintptr_t)piece[n].at % 64, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(piece[n].at[i], 0);
        memset(piece[n].at, (int)(n % 255 + 1), bytes);
    }
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added_and_not_what_was_released),
        cmocka_unit_test(finds_all_at_every_size),
        cmocka_unit_test(goes_on_alike_after_a_restart),
        cmocka_unit_test(refuses_states_that_cannot_be),
        cmocka_unit_test(finds_those_of_every_size_again),
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
    };
    make_names();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
