/*
 * Many floats at a time: the arithmetic of float_text() in a loop without branches, which the
 * compiler turns into vector instructions, then the bytes one float after the other.
 */
#include "transport/float_text.h"

#include "transport/digits.h"

#include <math.h>
#include <stdbool.h>

/* Compiled with -fno-trapping-math: comparisons may be made that nobody asked for. */

enum { BLOCK = 16, DECADE_LEAST = -5, DECADES = 11, DECADE_OTHER = 127 };

/* What floats are as text; a decade of DECADE_OTHER: not so, float_text() tells. */
struct block {
    uint64_t digits[BLOCK]; /* eight of them, of 0 to 9, the first one lowest */
    int32_t decade[BLOCK];  /* of the first digit */
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
    static const double decades[DECADES] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,
                                            1e1,  1e2,  1e3,  1e4,  1e5};
    static const double scales[DECADES] = {1e12, 1e11, 1e10, 1e9, 1e8, 1e7,
                                           1e6,  1e5,  1e4,  1e3, 1e2};
    for (int i = 0; i < BLOCK; i++) {
        const float value = fabsf(values[i]);
        const bool usual = value >= 1e-5F && value < 1e6F;
        const double exact = usual ? (double)value : 1;
        int32_t decade = DECADE_LEAST;
        double scale = scales[0];
        for (int n = 1; n < DECADES; n++) {
            scale = exact >= decades[n] ? scales[n] : scale;
            decade += exact >= decades[n] ? 1 : 0;
        }
        const uint32_t bits = bits_of((float)exact);
        const uint32_t below = (bits & 0x7fffff) == 0 ? 1 : 0;
        const double half = double_of((uint64_t)((bits >> 23) + 1023 - 127 - 24 - below) << 52);
        const double scaled = exact * scale, reach = half * (1 - 1e-6) * scale;
        const int32_t seven = 10 * (int32_t)(scaled * .1 + .5), eight = (int32_t)(scaled + .5);
        const int32_t number = fabs(seven - scaled) < reach ? seven : eight;
        const bool found = usual && fabs(number - scaled) < reach && number < 100000000;
        block->decade[i] = found ? decade : DECADE_OTHER;
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

static size_t write_one(float value, uint64_t digits, int32_t decade, char *out)
{
    if (decade == DECADE_OTHER)
        return float_text(value, out);
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

size_t float_texts(const float *values, uint32_t count, char *out)
{
    static make_fn *make;
    if (make == NULL)
        make = choose();
    char *at = out;
    for (uint32_t first = 0; first < count; first += BLOCK) {
        struct block block;
        float some[BLOCK] = {0};
        uint32_t size = count - first < BLOCK ? count - first : BLOCK;
        memcpy(some, values + first, size * sizeof *some);
        make(some, &block);
        for (uint32_t i = 0; i < size; i++) {
            at += write_one(some[i], block.digits[i], block.decade[i], at);
            *at++ = ',';
        }
    }
    return (size_t)(at - out);
}
