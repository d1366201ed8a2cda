/*
 * Numbers that learning could have made: for who loads them, and takes nothing on trust. What is no
 * number, or absurdly large, would get into every score, and by learning into all other numbers.
 */
#ifndef MODEL_PLAUSIBLE_H
#define MODEL_PLAUSIBLE_H

#include "model/kernels.h"

#include <stdbool.h>
#include <stddef.h>

/* Parameters: far from all that learning makes, and no sum of products of two overflows. */
static inline bool floats_can_be(const float *at, size_t count)
{
    return kernels->are_below(at, count, 0x1p40f);
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
