/*
 * Random numbers by counting: the n-th number of a stream is a function of (key, n) alone, so that
 * a restart in the middle needs no generator state (Salmon et al. 2011, "Parallel random numbers:
 * as easy as 1, 2, 3"; the mixing function is splitmix64's finalizer, Steele et al. 2014).
 */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H

#include <stdint.h>

#define RANDOM_STEP 0x9e3779b97f4a7c15u
#define RANDOM_MIX_1 0xbf58476d1ce4e5b9u
#define RANDOM_MIX_2 0x94d049bb133111ebu

static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * RANDOM_MIX_1;
    x = (x ^ (x >> 27)) * RANDOM_MIX_2;
    return x ^ (x >> 31);
}

/* The key of one purpose at one step, e.g. (seed, events learned, PURPOSE_NEGATIVES). */
static inline uint64_t random_key(uint64_t seed, uint64_t step, uint64_t purpose)
{
    return random_mix(seed ^ random_mix(step * RANDOM_STEP + purpose));
}

static inline uint64_t random_at(uint64_t key, uint64_t n)
{
    return random_mix(key + (n + 1) * RANDOM_STEP);
}

/* Uniform in 0..bound-1 (Lemire's multiply-shift; the bias of 2^-32 does not matter here). */
static inline uint32_t random_below(uint32_t bits, uint32_t bound)
{
    return (uint32_t)(((uint64_t)bits * bound) >> 32);
}

/* Uniform in [-1, 1). */
static inline float random_signed(uint32_t bits)
{
    return (float)(int32_t)bits * 0x1p-31f;
}

#endif
