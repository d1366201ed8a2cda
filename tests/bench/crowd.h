/*
 * A made-up crowd, as large as asked for: what the benches learn from that must not depend on data.
 * Users are drawn with density x^-1/2, items x^-2/3: few do much, few things are wanted by many.
 * The same numbers give the same events.
 */
#ifndef TESTS_BENCH_CROWD_H
#define TESTS_BENCH_CROWD_H

#include "model/event.h"
#include "model/random.h"

#include <math.h>
#include <stdio.h>

enum { CROWD_BLOCK = 4096 };

struct crowd {
    uint32_t users, items;
    uint64_t made; /* events so far */
    struct event event[CROWD_BLOCK];
    char text[CROWD_BLOCK][2][16];
};

static inline uint32_t crowd_draw(uint64_t key, uint32_t bound, double power)
{
    double even = (double)(random_mix(key) >> 11) * 0x1p-53;
    uint32_t drawn = (uint32_t)((double)bound * pow(even, power));
    return drawn < bound ? drawn : bound - 1;
}

static inline struct text crowd_id(char text[16], char kind, uint32_t number)
{
    int size = snprintf(text, 16, "%c%u", kind, number);
    return (struct text){text, (uint32_t)size};
}

/* The next events, at most CROWD_BLOCK. In the first round each user comes once, in an order that
 * jumps about, with an item each in turn: afterwards all are known. */
static inline void crowd_make(struct crowd *crowd, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++, crowd->made++) {
        uint64_t key = 2 * crowd->made;
        bool first = crowd->made < crowd->users;
        uint32_t user = first ? (uint32_t)((crowd->made * 2654435761u + 12345) % crowd->users)
                              : crowd_draw(key, crowd->users, 2.0);
        uint32_t item = first && crowd->made < crowd->items
                            ? (uint32_t)crowd->made
                            : crowd_draw(key + 1, crowd->items, 3.0);
        crowd->event[n] = (struct event){
            .user = crowd_id(crowd->text[n][0], 'u', user),
            .item = crowd_id(crowd->text[n][1], 'i', item),
            .name = {"click", 5},
            .ts_ms = INT64_C(1760000000000) + (int64_t)crowd->made,
        };
    }
}

#endif
