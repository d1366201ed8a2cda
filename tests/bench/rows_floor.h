/*
 * The floor of learning: random rows of floats read and written, and nothing else. Which row is
 * next is only hashed, so that the processor may fetch as many at once as it can; every float is
 * changed.
 */
#ifndef TESTS_BENCH_ROWS_FLOOR_H
#define TESTS_BENCH_ROWS_FLOOR_H

#include "tests/bench/bench.h"

#include "model/random.h"

#include <stdbool.h>

struct rows_floor {
    float *table; /* (rows, dim), in huge pages */
    uint32_t rows, dim;
};

static inline struct rows_floor rows_floor_create(uint32_t rows, uint32_t dim)
{
    return (struct rows_floor){bench_huge((size_t)rows * dim * sizeof(float)), rows, dim};
}

static inline float *rows_floor_at(const struct rows_floor *floor, uint64_t n)
{
    uint32_t row = random_below((uint32_t)(random_at(1, n) >> 32), floor->rows);
    return floor->table + (size_t)row * floor->dim;
}

static inline void rows_floor_write(float *row, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++)
        row[i] = row[i] * 0.5f + 1.0f;
}

/* In registers: sums that go through memory take longer than the row. */
static inline void rows_floor_read(const float *row, uint32_t dim)
{
    typedef float lanes __attribute__((vector_size(16), may_alias));
    lanes a = {0}, b = a, c = a, d = a;
    for (uint32_t i = 0; i < dim; i += 16) {
        const lanes *at = (const lanes *)(row + i);
        a += at[0];
        b += at[1];
        c += at[2];
        d += at[3];
    }
    __asm__ volatile("" : : "m"(a), "m"(b), "m"(c), "m"(d)); /* somebody might look at the sums */
}

/* ns a row, read, and written too. */
static inline double rows_floor_run(const struct rows_floor *floor, uint64_t count, bool written)
{
    enum { LINES_AHEAD = 128 }; /* fetched before their turn; half and twice as many are slower */
    const uint64_t ahead = (uint64_t)LINES_AHEAD * 16 / floor->dim;
    const uint64_t begun = bench_cpu_ns();
    for (uint64_t n = 0; n < count; n++) {
        const float *next = rows_floor_at(floor, n + ahead);
        for (uint32_t i = 0; i < floor->dim; i += 16)
            __builtin_prefetch(next + i, 1);
        float *row = rows_floor_at(floor, n);
        if (written)
            rows_floor_write(row, floor->dim);
        else
            rows_floor_read(row, floor->dim);
    }
    return (double)(bench_cpu_ns() - begun) / (double)count;
}

#endif
