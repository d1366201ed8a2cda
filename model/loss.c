#include "model/loss.h"

#include "model/kernels.h"
#include "model/real.h"

#include <math.h>
#include <string.h>

#define EULER 0.5772156649015329

enum { FEW_NEGATIVES = 5 };

/* 1 / (1 + exp(-x)) of v[0..size-1], in place; there is room for a whole vector at the end. */
static void sigmoids(float *v, uint32_t size)
{
    uint32_t padded = (size + 15) / 16 * 16;
    for (uint32_t n = 0; n < size; n++)
        v[n] = -v[n];
    for (uint32_t n = size; n < padded; n++)
        v[n] = 0.0f;
    kernels->exp(v, padded);
    for (uint32_t n = 0; n < size; n++)
        v[n] = 1.0f / (1.0f + v[n]);
}

/* Half of the samples have next to no part in the sum, and a step for them costs as much as any:
 * with up to 1/200 left out no stream of README's table lost anything. */
static void drop_small(struct samples *samples)
{
    for (uint32_t n = 0; n < samples->size; n++) {
        float gradient = samples->gradient[n];
        samples->gradient[n] = fabsf(gradient) < GRADIENT_LEAST ? 0.0f : gradient;
    }
}

/* What is unwanted is pushed down just as far as the model would have put it forward. */
static void turn_around(struct samples *samples)
{
    float p = samples->gradient[0] + 1.0f, others = 1.0f - p;
    if (!(others > 1e-6f))
        others = 1e-6f;
    samples->gradient[0] = p;
    for (uint32_t n = 1; n < samples->size; n++)
        samples->gradient[n] *= -p / others;
}

static void softmax(const struct loss_target *target, struct samples *samples)
{
    samples_softmax(samples, samples->factor_score, samples->gradient);
    if (!target->wanted)
        turn_around(samples);
    drop_small(samples);
}

/* The one negative there is goes against the item. */
static void pair(const struct loss_target *target, struct samples *samples, float by_difference)
{
    float sign = target->wanted ? 1.0f : -1.0f;
    samples->size = 2;
    samples->gradient[0] = -sign * by_difference;
    samples->gradient[1] = sign * by_difference;
}

static void bpr(const struct loss_target *target, struct samples *samples)
{
    if (samples->size < 2) {
        samples->size = 0;
        return;
    }
    float sign = target->wanted ? 1.0f : -1.0f;
    float wrong[16] = {sign * (samples->factor_score[1] - samples->factor_score[0])};
    sigmoids(wrong, 1);
    pair(target, samples, wrong[0]);
}

/* By Euler's expansion: within 1 %. */
float loss_rank_weight(uint32_t candidates, uint32_t draws)
{
    uint32_t rank = candidates > draws ? (candidates - 1) / draws : 1;
    double inverse = 1.0 / (double)rank;
    return (float)(real_log((double)rank) + EULER + inverse / 2.0 - inverse * inverse / 12.0);
}

static void warp(const struct loss_target *target, struct samples *samples)
{
    float sign = target->wanted ? 1.0f : -1.0f;
    for (uint32_t n = 1; n < samples->size; n++) {
        if (sign * (samples->factor_score[0] - samples->factor_score[n]) >= 1.0f)
            continue;
        samples->item[1] = samples->item[n];
        samples->row[1] = samples->row[n];
        pair(target, samples, loss_rank_weight(target->candidates, n));
        return;
    }
    samples->size = 0;
}

static void logistic(const struct loss_target *target, struct samples *samples)
{
    if (!target->wanted)
        samples->size = 1; /* the samples are no more wanted than it */
    memcpy(samples->gradient, samples->factor_score, samples->size * sizeof(float));
    sigmoids(samples->gradient, samples->size);
    if (target->wanted)
        samples->gradient[0] -= 1.0f;
}

static void squared(const struct loss_target *target, struct samples *samples)
{
    if (target->rated || !target->wanted)
        samples->size = 1;
    float aim = target->rated ? target->rating : target->wanted ? 1.0f : 0.0f;
    memcpy(samples->gradient, samples->factor_score, samples->size * sizeof(float));
    samples->gradient[0] -= aim;
}

const struct loss losses[LOSSES] = {
    [LOSS_SOFTMAX] = {"softmax", SAMPLES_MAX, false, false, softmax},
    [LOSS_BPR] = {"bpr", 1, true, false, bpr},
    [LOSS_WARP] = {"warp", SAMPLES_MAX, true, false, warp},
    [LOSS_LOGISTIC] = {"logistic", FEW_NEGATIVES, true, false, logistic},
    [LOSS_SQUARED] = {"squared", FEW_NEGATIVES, true, true, squared},
};
