/*
 * The blend: one weight a feature, learned online by softmax regression over the same samples that
 * the factors learn from (McFadden 1974, conditional logit), Adagrad per weight. Every event at
 * first, later one in BLEND_EVERY: the weights then move slowly, and the features of the samples
 * are what costs.
 */
#ifndef MODEL_BLEND_H
#define MODEL_BLEND_H

#include "model/feature.h"
#include "model/samples.h"
#include "model/state.h"

struct blend {
    float weight[FEATURES];
    float sum[FEATURES]; /* of squared gradients */
};

/* (sample, feature) */
typedef float blend_values[SAMPLES_ROOM][FEATURES];

void blend_init(struct blend *blend);
/* Whether event number `now` is one to learn from. */
bool blend_is_due(uint64_t now);
void blend_learn(struct blend *blend, const struct samples *samples, blend_values values,
                 float rate);

#endif
