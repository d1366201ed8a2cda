/*
 * Adagrad with one accumulator a row (Duchi, Hazan & Singer 2011), decaying: the step that goes
 * with a gradient whose mean square is `square`, and many of them at once, in arrays that the
 * compiler makes vectors of.
 */
#ifndef MODEL_ADAGRAD_H
#define MODEL_ADAGRAD_H

#include <math.h>
#include <stdint.h>

#define ADAGRAD_DECAY 0.9999f

static inline float adagrad_step(float *sum, float square, float rate, float floor)
{
    *sum = *sum * ADAGRAD_DECAY + square;
    return -rate / sqrtf(*sum + floor);
}

/* step[n] of sum[n] and square[n]; no two of the arrays are the same. */
static inline void adagrad_steps(float *restrict sum, const float *restrict square, uint32_t size,
                                 float rate, float floor, float *restrict step)
{
    for (uint32_t n = 0; n < size; n++) {
        sum[n] = sum[n] * ADAGRAD_DECAY + square[n];
        step[n] = -rate / sqrtf(sum[n] + floor);
    }
}

#endif
