#include "model/blend.h"

#include "model/due.h"
#include "model/kernels.h"
#include "model/plausible.h"

enum { DENSE_ROOM = 16 };

_Static_assert((int)FEATURES_DENSE <= (int)DENSE_ROOM, "the dense ones come first");

#define RATE 0.05f

static void weights_init(struct blend_weights *weights)
{
    *weights = (struct blend_weights){0};
    for (uint32_t f = 0; f < FEATURES_ROOM; f++)
        weights->sum[f] = 1.0f;
}

void blend_init(struct blend *blend)
{
    weights_init(&blend->general);
    for (int n = 0; n < BLEND_GAPS; n++)
        weights_init(&blend->by_gap[n]);
    for (int n = 0; n < BLEND_SIZES; n++)
        weights_init(&blend->by_size[n]);
    for (int n = 0; n < BLEND_SUPPORTS; n++)
        weights_init(&blend->by_support[n]);
    for (int n = 0; n < BLEND_HABITS; n++)
        weights_init(&blend->by_habit[n]);
    for (int n = 0; n < BLEND_AGAINS; n++)
        weights_init(&blend->by_again[n]);
    float *weight = blend->general.weight;
    weight[FEATURE_FACTORS] = 1.0f;
    weight[FEATURE_POPULAR_FAST] = 0.1f;
    weight[FEATURE_POPULAR_SLOW] = 0.1f;
    weight[FEATURE_NEXT] = 0.4f;
    weight[FEATURE_NEXT_EARLIER] = 0.2f;
    weight[FEATURE_NEIGHBOURS] = 0.3f;
    weight[FEATURE_PEERS] = 0.2f;
}

bool blend_can_be(const struct blend *blend)
{
    const struct blend_weights *all = (const void *)blend; /* it holds nothing else */
    for (size_t n = 0; n < sizeof *blend / sizeof *all; n++)
        if (!floats_can_be(all[n].weight, FEATURES_ROOM) || !sums_can_be(all[n].sum, FEATURES_ROOM))
            return false;
    return true;
}

static uint8_t octave(uint32_t count, uint8_t most)
{
    uint8_t octave = 0;
    while (octave < most && count >> octave > 0)
        octave++;
    return octave;
}

struct blend_situation blend_situation(const struct blend_known *known)
{
    static const uint32_t limits[BLEND_SIZES - 1] = {1, 2, 4, 10, 30, 100};
    struct blend_situation situation = {.gap = BLEND_GAPS - 1};
    if (known->visits > 0)
        situation.gap =
            known->gap_bucket / 2 < BLEND_GAPS - 1 ? known->gap_bucket / 2 : BLEND_GAPS - 2;
    while (situation.size < BLEND_SIZES - 1 && known->visits >= limits[situation.size])
        situation.size++;
    situation.support = octave(known->wanted, BLEND_SUPPORTS - 1);
    if (known->visits > 1)
        situation.habit = (uint8_t)(1.0f + (BLEND_HABITS - 2) * known->habit);
    situation.again = octave(known->since_again, BLEND_AGAINS - 1);
    return situation;
}

void blend_weigh(const struct blend *blend, struct blend_situation situation,
                 float weight[FEATURES_ROOM])
{
    const float *by_gap = blend->by_gap[situation.gap].weight;
    const float *by_size = blend->by_size[situation.size].weight;
    const float *by_support = blend->by_support[situation.support].weight;
    const float *by_habit = blend->by_habit[situation.habit].weight;
    const float *by_again = blend->by_again[situation.again].weight;
    for (uint32_t f = 0; f < FEATURES_ROOM; f++)
        weight[f] = blend->general.weight[f] + by_gap[f] + by_size[f] + by_support[f] +
                    by_habit[f] + by_again[f];
}

/* An event of the blend costs as much again as one without it, and few weights are soon learned. */
static uint32_t spacing(uint64_t now)
{
    return now < 7500 ? 1 : now < 25000 ? 2 : now < 75000 ? 4 : 8;
}

bool blend_is_due(uint64_t now)
{
    return is_due(now, spacing(now));
}

static void step(struct blend_weights *weights, const float gradient[FEATURES_ROOM],
                 const float square[FEATURES_ROOM])
{
    float by[FEATURES_ROOM];
    kernels->adagrad(weights->sum, square, FEATURES_ROOM, RATE, 0.0f, by);
    for (uint32_t f = 0; f < FEATURES_ROOM; f++)
        weights->weight[f] += by[f] * gradient[f];
}

void blend_score(const struct blend *blend, struct blend_situation situation, uint32_t count,
                 float (*values)[FEATURES_ROOM], float *scores, float *dense)
{
    _Alignas(64) float weight[FEATURES_ROOM];
    blend_weigh(blend, situation, weight);
    kernels->scan(weight, values[0], FEATURES_ROOM, count, FEATURES_ROOM, scores);
    for (int f = FEATURES_DENSE; f < DENSE_ROOM; f++)
        weight[f] = 0.0f;
    kernels->scan(weight, values[0], FEATURES_ROOM, count, DENSE_ROOM, dense);
}

void blend_learn(struct blend *blend, struct blend_situation situation, uint32_t count,
                 float (*values)[FEATURES_ROOM], const float *by_score)
{
    _Alignas(64) float by_weight[FEATURES_ROOM], square[FEATURES_ROOM];
    const float *row[SAMPLES_ROOM];
    for (uint32_t n = 0; n < count; n++)
        row[n] = values[n];
    kernels->mix(by_score, row, count, FEATURES_ROOM, by_weight);
    for (uint32_t f = 0; f < FEATURES_ROOM; f++)
        square[f] = by_weight[f] * by_weight[f];
    step(&blend->general, by_weight, square);
    step(&blend->by_gap[situation.gap], by_weight, square);
    step(&blend->by_size[situation.size], by_weight, square);
    step(&blend->by_support[situation.support], by_weight, square);
    step(&blend->by_habit[situation.habit], by_weight, square);
    step(&blend->by_again[situation.again], by_weight, square);
}
