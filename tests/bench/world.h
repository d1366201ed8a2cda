/* Who does what in the benches of learning: pairs of a user and an item, skewed or all alike. */
#ifndef TESTS_BENCH_WORLD_H
#define TESTS_BENCH_WORLD_H

#include "tests/bench/bench.h"

#include "model/random.h"

#include <math.h>
#include <stdbool.h>

/* Draws ranks 0..size-1 by 1 / (rank + 1)^power. */
struct skew {
    double *sum; /* (size) cumulated */
    uint32_t size;
};

static inline struct skew skew_create(uint32_t size, double power)
{
    struct skew skew = {malloc(size * sizeof(double)), size};
    double sum = 0.0;
    for (uint32_t n = 0; n < size; n++)
        skew.sum[n] = sum += pow(n + 1.0, -power);
    return skew;
}

static inline uint32_t skew_draw(const struct skew *skew, uint64_t bits)
{
    double at = (double)(bits >> 11) * 0x1p-53 * skew->sum[skew->size - 1];
    uint32_t low = 0, high = skew->size - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (skew->sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct world {
    struct skew users, items;
    uint64_t drawn, learned; /* events so far */
};

static inline struct world world_create(int argc, char **argv)
{
    uint32_t users = (uint32_t)bench_number(argc, argv, "--users", 200e3);
    uint32_t items = (uint32_t)bench_number(argc, argv, "--items", 50e3);
    bool skewed = bench_number(argc, argv, "--skew", 0) > 0;
    return (struct world){.users = skew_create(users, skewed ? 0.6 : 0.0),
                          .items = skew_create(items, skewed ? 1.0 : 0.0)};
}

struct pair {
    uint32_t user, item;
};

static inline void draw_pairs(struct world *world, struct pair *pairs, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++, world->drawn++)
        pairs[n] = (struct pair){skew_draw(&world->users, random_at(1, 2 * world->drawn)),
                                 skew_draw(&world->items, random_at(1, 2 * world->drawn + 1))};
}

#endif
