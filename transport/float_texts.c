/*
 * Many floats at a time: the arithmetic of float_text() in a loop without branches, which the
 * compiler turns into vector instructions, then the bytes one float after the other.
 */
#include "transport/float_text.h"

#include "transport/digits.h"

#include <math.h>
#include <stdbool.h>

/* Compiled with -fno-trapping-math: comparisons may be made that nobody asked for. */

enum { BLOCK = 16, DECADE_LEAST = -5, DECADES = 11 };

static const double decades[DECADES + 1] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,
                                            1e1,  1e2,  1e3,  1e4,  1e5,  1e6};

/* Floats of one power of ten, as scores that are ranked together mostly are, and their text. */
struct block {
    double low, high;       /* what others are not found */
    double scale;           /* makes eight digits of them */
    uint64_t digits[BLOCK]; /* of 0 to 9, the first one lowest */
    int32_t found[BLOCK];   /* 0: float_text() tells */
};

static inline double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* See float_text.c, whose results these are. */
static inline __attribute__((always_inline)) void make_block(const float *values,
                                                             struct block *block)
{
    const double low = block->low, high = block->high, scale = block->scale;
    for (int i = 0; i < BLOCK; i++) {
        const double value = (double)fabsf(values[i]);
        const bool near = value >= low && value < high;
        const double exact = near ? value : low;
        const uint32_t bits = bits_of((float)exact);
        const uint32_t below = (bits & 0x7fffff) == 0 ? 1 : 0;
        const double half = double_of((uint64_t)((bits >> 23) + 1023 - 127 - 24 - below) << 52);
        const double scaled = exact * scale, reach = half * (1 - 1e-6) * scale;
        const int32_t seven = 10 * (int32_t)(scaled * .1 + .5), eight = (int32_t)(scaled + .5);
        const int32_t number = fabs(seven - scaled) < reach ? seven : eight;
        block->found[i] = near && fabs(number - scaled) < reach && number < 100000000;
        block->digits[i] = eight_digits((uint32_t)number);
    }
}

static void make_plain(const float *values, struct block *block)
{
    make_block(values, block);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void make_avx2(const float *values, struct block *block)
{
    make_block(values, block);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) static void
make_avx512(const float *values, struct block *block)
{
    make_block(values, block);
}
#endif

typedef void make_fn(const float *values, struct block *block);

static make_fn *choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return make_avx512;
    if (__builtin_cpu_supports("avx2"))
        return make_avx2;
#endif
    return make_plain;
}

/* The power of ten at or below the value, or the nearest there is. */
static int decade_of(float value)
{
    int decade = DECADE_LEAST + DECADES - 1;
    while (decade > DECADE_LEAST && (double)fabsf(value) < decades[decade - DECADE_LEAST])
        decade--;
    return decade;
}

static size_t write_found(float value, uint64_t digits, int decade, char *out)
{
    size_t count = 8 - (size_t)__builtin_clzll(digits) / 8; /* without zeros at the end */
    size_t used = value < 0;
    out[0] = '-';
    out += used;
    if (decade < 0) {
        memcpy(out, "0.00000", 8);
        put_digits(out + 1 - decade, digits);
        return used + (size_t)(1 - decade) + count;
    }
    const size_t whole = (size_t)decade + 1;
    put_digits(out, digits);
    out[whole] = '.';
    put_digits(out + whole + 1, digits >> 8 * whole);
    return used + (count > whole ? count + 1 : whole);
}

static size_t write_block(const float *values, uint32_t size, make_fn *make, char *out)
{
    static const double scales[DECADES] = {1e12, 1e11, 1e10, 1e9, 1e8, 1e7,
                                           1e6,  1e5,  1e4,  1e3, 1e2};
    const int decade = decade_of(values[size / 2]), n = decade - DECADE_LEAST;
    struct block block = {.low = decades[n], .high = decades[n + 1], .scale = scales[n]};
    make(values, &block);
    char *at = out;
    for (uint32_t i = 0; i < size; i++) {
        at += block.found[i] ? write_found(values[i], block.digits[i], decade, at)
                             : float_text(values[i], at);
        *at++ = ',';
    }
    return (size_t)(at - out);
}

size_t float_texts(const float *values, uint32_t count, char *out)
{
    static make_fn *make;
    if (make == NULL)
        make = choose();
    char *at = out;
    for (uint32_t first = 0; first < count; first += BLOCK) {
        float some[BLOCK] = {0};
        uint32_t size = count - first < BLOCK ? count - first : BLOCK;
        memcpy(some, values + first, size * sizeof *some);
        at += write_block(some, size, make, at);
    }
    return (size_t)(at - out);
}
