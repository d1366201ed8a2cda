#include "model/had.h"

#include "model/fetch.h"
#include "model/kernels.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_AT_FIRST = 4, FETCHED_MOST = 128 };

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

static bool is_full(const struct had *had)
{
    return 4u * had->size >= 3u * had->room;
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

static struct had_entry *cell_of(const struct had *had, uint32_t item)
{
    uint32_t cell = home_of(item, had->room);
    while (had->at[cell].item != 0 && had->at[cell].item != item + 1)
        cell = (cell + 1) & (had->room - 1u);
    return &had->at[cell];
}

struct had_entry *had_find(const struct had *had, uint32_t item)
{
    if (had->room == 0)
        return NULL;
    struct had_entry *entry = cell_of(had, item);
    return entry->item == 0 ? NULL : entry;
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

void had_stamp(const struct had *had, uint32_t *stamps, uint32_t stamp)
{
    for (uint32_t cell = 0; cell < had->room; cell++)
        if ((had->at[cell].flags & HAD_HAS) != 0) /* never of an empty one */
            stamps[had->at[cell].item - 1] = stamp;
}

/* Moves the entries not touched before `since` into a table of `room` cells. */
static enum status rebuild(struct had *had, struct arena *arena, uint32_t room, uint32_t since)
{
    struct had fresh = {.at = arena_take(arena, room * sizeof *fresh.at), .room = (uint16_t)room};
    if (fresh.at == NULL)
        return STATUS_NO_MEMORY;
    fetch_lines(fresh.at, room <= FETCHED_MOST ? had_bytes(&fresh) : 0);
    for (uint32_t cell = 0; cell < had->room; cell++) {
        const struct had_entry *entry = &had->at[cell];
        if (entry->item == 0 || entry->last_n < since)
            continue;
        *cell_of(&fresh, entry->item - 1) = *entry;
        fresh.size++;
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
    uint32_t *ages = malloc(had->size * sizeof *ages);
    if (ages == NULL)
        return 0;
    uint32_t count = 0;
    for (uint32_t cell = 0; cell < had->room; cell++)
        if (had->at[cell].item != 0)
            ages[count++] = had->at[cell].last_n;
    qsort(ages, count, sizeof *ages, compare_numbers);
    uint32_t mark = ages[count / 4];
    free(ages);
    return mark;
}

struct had_entry *had_touch(struct had *had, struct arena *arena, uint32_t item)
{
    struct had_entry *entry = had_find(had, item);
    if (entry != NULL)
        return entry;
    if (had->size >= HAD_MAX && rebuild(had, arena, had->room, quarter_mark(had)) != STATUS_OK)
        return NULL;
    if (is_full(had)) {
        uint32_t room = had->room == 0 ? ROOM_AT_FIRST : 2u * had->room;
        if (rebuild(had, arena, room, 0) != STATUS_OK)
            return NULL;
    }
    entry = cell_of(had, item);
    *entry = (struct had_entry){.item = item + 1};
    had->size++;
    return entry;
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
