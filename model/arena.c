#include "model/arena.h"

#include "model/fetch.h"
#include "model/pages.h"

#include <string.h>

#define RANGE_FIRST ((size_t)1 << 14)
#define RANGE_MOST ((size_t)1 << 30)

enum { FETCHED_MOST = 512, FETCHED_AHEAD = 2048 };

/* 0..15: up to 256 bytes by steps of 16; then powers of two. */
static uint32_t class_of(size_t bytes)
{
    if (bytes <= ARENA_FINE)
        return (uint32_t)((bytes + 15) / 16 - 1);
    return 8 + 64 - (uint32_t)__builtin_clzll(bytes - 1) - 1;
}

static size_t size_of(uint32_t class)
{
    return class < 16 ? (class + 1) * (size_t)16 : (size_t)1 << (class - 7);
}

size_t arena_size(size_t bytes)
{
    return size_of(class_of(bytes));
}

void arena_finish(struct arena *arena)
{
    for (uint32_t n = 0; n < arena->range_count; n++)
        pages_give(arena->range[n].at, arena->range[n].bytes);
    *arena = (struct arena){0};
}

static void chain(struct arena *arena, void *at, uint32_t class)
{
    memcpy(at, &arena->given[class], sizeof(void *));
    arena->given[class] = at;
}

/* What is left of a range, or skipped to align, is given back in the largest pieces it makes. */
static void give_rest(struct arena *arena, unsigned char *at, size_t bytes)
{
    while (bytes >= 16) {
        uint32_t class = ARENA_CLASSES - 1;
        while (size_of(class) > bytes)
            class --;
        chain(arena, at, class);
        at += size_of(class);
        bytes -= size_of(class);
    }
}

/* Of at least so many bytes. */
static bool add_range(struct arena *arena, size_t least)
{
    size_t bytes = arena->cut == 0           ? RANGE_FIRST
                   : arena->cut < RANGE_MOST ? arena->cut
                                             : RANGE_MOST;
    if (bytes < least)
        bytes = least;
    void *at = arena->range_count < ARENA_RANGES ? pages_take(bytes) : NULL;
    if (at == NULL)
        return false;
    give_rest(arena, arena->at, (size_t)(arena->end - arena->at));
    arena->range[arena->range_count++] = (struct arena_range){at, bytes};
    arena->at = at;
    arena->end = arena->at + bytes;
    arena->cut += bytes;
    pages_ask(at, arena->end);
    return true;
}

static size_t alignment_of(size_t bytes)
{
    size_t lowest = bytes & (0 - bytes);
    return lowest < 64 ? lowest : 64;
}

static void *cut(struct arena *arena, size_t bytes)
{
    size_t skip = 0;
    for (;;) {
        skip = (0 - (uintptr_t)arena->at) & (alignment_of(bytes) - 1);
        if ((size_t)(arena->end - arena->at) >= skip + bytes)
            break;
        if (!add_range(arena, bytes))
            return NULL;
    }
    give_rest(arena, arena->at, skip);
    unsigned char *at = arena->at + skip;
    arena->at = at + bytes;
    /* As much as was cut, further on: so each line of the range comes near once. */
    fetch_lines(arena->at + FETCHED_AHEAD, bytes < FETCHED_MOST ? bytes : FETCHED_MOST);
    pages_advance(at, arena->at, arena->end);
    return at;
}

/* The piece that is taken next was given back long ago, and the one after it is named in it. */
static void fetch_next(const struct arena *arena, uint32_t class)
{
    size_t bytes = size_of(class);
    if (arena->given[class] != NULL)
        fetch_lines(arena->given[class], bytes < FETCHED_MOST ? bytes : FETCHED_MOST);
}

void *arena_take(struct arena *arena, size_t bytes)
{
    uint32_t class = class_of(bytes);
    void *at = arena->given[class];
    if (at == NULL)
        return cut(arena, size_of(class));
    memcpy(&arena->given[class], at, sizeof(void *));
    memset(at, 0, sizeof(void *)); /* the rest was zeroed when it was given */
    fetch_next(arena, class);
    return at;
}

void *arena_take_run(struct arena *arena, size_t bytes)
{
    if (!add_range(arena, bytes))
        return NULL;
    void *at = arena->at;
    arena->at += bytes;
    return at;
}

void arena_give(struct arena *arena, void *at, size_t bytes)
{
    if (at == NULL)
        return;
    memset(at, 0, bytes);
    chain(arena, at, class_of(bytes));
}
