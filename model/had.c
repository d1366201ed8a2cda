#include "model/had.h"

#include "model/fetch.h"
#include "model/kernels.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_AT_FIRST = 4, FETCHED_MOST = 128, STEPS = 3, SOME = 64 };

void had_finish(struct had *had, struct arena *arena)
{
    arena_give(arena, had->at, had_bytes(had));
    *had = (struct had){0};
}

_Static_assert(sizeof(struct had_entry) == 16 && offsetof(struct had_entry, item) == 0,
               "cells as kernels.h looks them up");

static uint32_t home_of(uint32_t item, uint32_t room)
{
    return kernels_home(item, room - 1); /* room is at most 2^13 */
}

/* At a half: beyond it searches soon leave the lines that were brought near. The smallest table is
 * a single line, and goes on to three quarters. */
static bool is_full(const struct had *had)
{
    return 4u * had->size >= (had->room == ROOM_AT_FIRST ? 3u : 2u) * had->room;
}

/* A fuller table is searched for longer than to its line's end, and a full one soon read. */
void had_fetch(const struct had *had, uint32_t item)
{
    if (had->room == 0)
        return;
    const uint32_t home = home_of(item, had->room);
    fetch_line(&had->at[home]);
    fetch_line(&had->at[(home + 4) & (had->room - 1u)]);
    if (is_full(had) && had->room <= FETCHED_MOST)
        fetch_lines(had->at, had_bytes(had));
}

/* 0 where a search for the item ends, at its cell or an empty one, else 1. */
static inline uint32_t goes_on(const struct had *had, uint32_t cell, uint32_t item)
{
    uint32_t there = had->at[cell & (had->room - 1u)].item;
    return (uint32_t)((there != 0) & (there != item + 1));
}

/* The item's, or the empty one where it would be. How far that is nobody can tell beforehand, and a
 * branch gone wrong costs more than steps that go nowhere: so the first ones are no branches. */
static inline struct had_entry *cell_of(const struct had *had, uint32_t item)
{
    uint32_t cell = home_of(item, had->room);
    for (int n = 0; n < STEPS; n++)
        cell += goes_on(had, cell, item);
    while (goes_on(had, cell, item) != 0)
        cell++;
    return &had->at[cell & (had->room - 1u)];
}

struct had_entry *had_seek(const struct had *had, uint32_t item)
{
    return had->room == 0 ? NULL : cell_of(had, item);
}

struct had_entry *had_find(const struct had *had, uint32_t item)
{
    struct had_entry *entry = had_seek(had, item);
    return entry == NULL || entry->item == 0 ? NULL : entry;
}

void had_which(const struct had *had, const uint32_t *items, uint32_t count, bool *has)
{
    uint32_t place[HAD_ASKED];
    assert(count <= HAD_ASKED);
    memset(has, 0, count * sizeof *has);
    if (had->room == 0)
        return;
    kernels->look_up(&had->at->item, had->room - 1u, items, count, place);
    for (uint32_t n = 0; n < count; n++)
        if (place[n] != UINT32_MAX)
            has[n] = (had->at[place[n]].flags & HAD_HAS) != 0;
}

/* Which cells are empty nobody can tell beforehand: so nothing branches on it. */
uint32_t had_items(const struct had *had, uint32_t *items)
{
    const struct had_entry *entry = had->at, *end = entry + had->room;
    uint32_t count = 0;
    for (; entry < end; entry++) {
        items[count] = entry->item - 1;
        count += (entry->flags & HAD_HAS) != 0; /* never of an empty one */
    }
    return count;
}

/* Of the cells from `first` on, at most SOME, those with entries not touched before `since`.
 * Without a branch, as nobody can tell beforehand which they are. */
static uint32_t kept_of(const struct had *had, uint32_t first, uint32_t since, uint32_t *kept)
{
    uint32_t end = had->room - first < SOME ? had->room : first + SOME, count = 0;
    for (uint32_t cell = first; cell < end; cell++) {
        const struct had_entry *entry = &had->at[cell];
        kept[count] = cell;
        count += (uint32_t)((entry->item != 0) & (entry->last_n >= since));
    }
    return count;
}

/* Of an item that is not there, where most cells are empty. */
static void put(const struct had *had, const struct had_entry *entry)
{
    uint32_t cell = home_of(entry->item - 1, had->room);
    while (had->at[cell].item != 0)
        cell = (cell + 1) & (had->room - 1u);
    had->at[cell] = *entry;
}

/* Moves the entries not touched before `since` into a table of `room` cells. */
static enum status rebuild(struct had *had, struct arena *arena, uint32_t room, uint32_t since)
{
    struct had fresh = {.at = arena_take(arena, room * sizeof *fresh.at), .room = (uint16_t)room};
    if (fresh.at == NULL)
        return STATUS_NO_MEMORY;
    fetch_lines(fresh.at, room <= FETCHED_MOST ? had_bytes(&fresh) : 0);
    for (uint32_t first = 0; first < had->room; first += SOME) {
        uint32_t kept[SOME], count = kept_of(had, first, since, kept);
        for (uint32_t n = 0; n < count; n++)
            put(&fresh, &had->at[kept[n]]);
        fresh.size = (uint16_t)(fresh.size + count);
    }
    arena_give(arena, had->at, had_bytes(had));
    *had = fresh;
    return STATUS_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The user's event count at the boundary of the oldest quarter. */
static uint32_t quarter_mark(const struct had *had)
{
    uint32_t ages[2 * HAD_MAX] = {0}, count = 0;
    for (uint32_t cell = 0; cell < had->room; cell++)
        if (had->at[cell].item != 0)
            ages[count++] = had->at[cell].last_n;
    qsort(ages, count, sizeof *ages, compare_numbers);
    return ages[count / 4];
}

static enum status make_room(struct had *had, struct arena *arena)
{
    if (had->size >= HAD_MAX && rebuild(had, arena, had->room, quarter_mark(had)) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (had->size >= HAD_MAX) /* all of one age, as only a made-up state can have them */
        had_finish(had, arena);
    if (!is_full(had))
        return STATUS_OK;
    return rebuild(had, arena, had->room == 0 ? ROOM_AT_FIRST : 2u * had->room, 0);
}

struct had_entry *had_add(struct had *had, struct arena *arena, uint32_t item,
                          struct had_entry *sought)
{
    if (sought == NULL || had->size >= HAD_MAX || is_full(had)) {
        if (make_room(had, arena) != STATUS_OK)
            return NULL;
        sought = cell_of(had, item);
    }
    *sought = (struct had_entry){.item = item + 1};
    had->size++;
    return sought;
}

struct had_entry *had_touch(struct had *had, struct arena *arena, uint32_t item)
{
    struct had_entry *entry = had_seek(had, item);
    return entry != NULL && entry->item != 0 ? entry : had_add(had, arena, item, entry);
}

void had_remove(struct had *had, uint32_t item)
{
    struct had_entry *entry = had_find(had, item);
    if (entry == NULL)
        return;
    uint32_t mask = had->room - 1u, gap = (uint32_t)(entry - had->at);
    for (uint32_t cell = (gap + 1) & mask; had->at[cell].item != 0; cell = (cell + 1) & mask) {
        uint32_t home = home_of(had->at[cell].item - 1, had->room);
        if (((cell - home) & mask) >= ((cell - gap) & mask)) {
            had->at[gap] = had->at[cell];
            gap = cell;
        }
    }
    had->at[gap] = (struct had_entry){0};
    had->size--;
}

enum status had_save(const struct had *had, struct state_writer *writer)
{
    return had->room == 0 ? STATUS_OK : writer->write(writer, had->at, had_bytes(had));
}

bool had_can_be(const struct had *had)
{
    uint32_t room = had->room;
    if (room == 0)
        return had->size == 0;
    return (room & (room - 1)) == 0 && room >= ROOM_AT_FIRST && room <= 2 * HAD_MAX &&
           had->size < room;
}
