/*
 * Numbers that learning could have made: for who loads them, and takes nothing on trust. What is no
 * number, or absurdly large, would get into every score, and by learning into all other numbers.
 */
#ifndef MODEL_PLAUSIBLE_H
#define MODEL_PLAUSIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PLAUSIBLE_LIMIT 0x1p40f

/* Parameters: far from all that learning makes, and no sum of products of two overflows. By their
 * bits, so that it is done for many at a time: the exponent of what is no number is the largest,
 * and without the sign greater floats are greater integers. */
static inline bool floats_can_be(const float *at, size_t count)
{
    enum { TOO_LARGE = 0x53800000 }; /* PLAUSIBLE_LIMIT */
    uint32_t wrong = 0;
    for (size_t n = 0; n < count; n++) {
        int32_t bits;
        memcpy(&bits, &at[n], sizeof bits);
        wrong |= (bits & INT32_MAX) >= TOO_LARGE;
    }
    return wrong == 0;
}

/* Sums of squares, which have a root, and may get large with time. */
static inline bool sums_can_be(const float *at, size_t count)
{
    bool right = true;
    for (size_t n = 0; n < count; n++)
        right &= at[n] >= 0.0f && at[n] <= 1e30f;
    return right;
}

#endif
