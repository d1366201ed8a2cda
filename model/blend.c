#include "model/blend.h"

#include <math.h>

enum { BLEND_ALWAYS_UNTIL = 5000, BLEND_EVERY = 4 };

#define RATE 0.05f
#define SUM_DECAY 0.9999f

void blend_init(struct blend *blend)
{
    *blend = (struct blend){.weight = {
                                [FEATURE_FACTORS] = 1.0f,
                                [FEATURE_POPULAR_FAST] = 0.1f,
                                [FEATURE_POPULAR_SLOW] = 0.1f,
                                [FEATURE_NEXT] = 0.4f,
                                [FEATURE_NEXT_EARLIER] = 0.2f,
                                [FEATURE_NEIGHBOURS] = 0.3f,
                            }};
    for (uint32_t f = 0; f < FEATURES; f++)
        blend->sum[f] = 1.0f;
}

bool blend_is_due(uint64_t now)
{
    return now < BLEND_ALWAYS_UNTIL || now % BLEND_EVERY == 0;
}

void blend_learn(struct blend *blend, const struct samples *samples, blend_values values,
                 float rate)
{
    float score[SAMPLES_ROOM], gradient[SAMPLES_ROOM], by_weight[FEATURES] = {0};
    for (uint32_t n = 0; n < samples->size; n++) {
        score[n] = 0.0f;
        for (uint32_t f = 0; f < FEATURES; f++)
            score[n] += blend->weight[f] * values[n][f];
    }
    samples_softmax(samples, score, gradient);
    for (uint32_t n = 0; n < samples->size; n++)
        for (uint32_t f = 0; f < FEATURES; f++)
            by_weight[f] += gradient[n] * values[n][f];
    for (uint32_t f = 0; f < FEATURES; f++) {
        float g = rate * by_weight[f];
        blend->sum[f] = blend->sum[f] * SUM_DECAY + g * g;
        blend->weight[f] -= RATE * g / sqrtf(blend->sum[f]);
    }
}
