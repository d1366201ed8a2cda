#include "daemon/chance.h"

#include <math.h>

/* SplitMix64 (Steele, Lea, Flood 2014): one addition and a mix. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void chance_init(struct chance *chance, uint64_t seed, uint64_t key)
{
    chance->state = mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ mix(~key);
}

uint64_t chance_bits(struct chance *chance)
{
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(chance->state);
}

double chance_uniform(struct chance *chance)
{
    return (double)(chance_bits(chance) >> 11) * 0x1p-53;
}

uint32_t chance_below(struct chance *chance, uint32_t bound)
{
    return (uint32_t)(((chance_bits(chance) >> 32) * bound) >> 32);
}

bool chance_happens(struct chance *chance, double probability)
{
    return chance_uniform(chance) < probability;
}

double chance_normal(struct chance *chance)
{
    /* Box and Muller's cosine; the sine is let go, so that every call costs two draws. */
    double radius = sqrt(2 * chance_exponential(chance));
    return radius * cos(6.283185307179586 * chance_uniform(chance));
}

double chance_exponential(struct chance *chance)
{
    return -log(1 - chance_uniform(chance));
}

uint32_t chance_pick(struct chance *chance, const double *weights, uint32_t size, double total)
{
    double left = chance_uniform(chance) * total;
    uint32_t last = 0; /* rounding may leave a little over: the last that had any weight */
    for (uint32_t i = 0; i < size; i++) {
        if (weights[i] <= 0)
            continue;
        last = i;
        left -= weights[i];
        if (left < 0)
            break;
    }
    return last;
}
