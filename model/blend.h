/*
 * The blend: one weight a feature, learned online by softmax regression over the same samples that
 * the factors learn from (McFadden 1974, conditional logit), Adagrad per weight.
 *
 * How much each feature is worth depends on the situation: right after the last event what follows
 * it counts most, days later what is popular; newcomers are judged otherwise than regulars, and who
 * comes back for the same otherwise than who looks for new things; of an item that few wanted so
 * far, little is known of what follows it. So
 *
 *     weight[f] = general[f] + by_gap[bucket of the time since the last event][f]
 *                            + by_size[bucket of the number of past events][f]
 *                            + by_support[octave of how often the last item was wanted][f]
 *                            + by_habit[quarter of the user's wants that were repeats][f]
 *                            + by_again[octaves since the user had the last item before][f]
 *
 * Learned at every event at first, later at one in eight: the weights then move slowly, and
 * the features of the samples are what costs.
 */
#ifndef MODEL_BLEND_H
#define MODEL_BLEND_H

#include "model/feature.h"
#include "model/samples.h"
#include "model/state.h"

enum { BLEND_GAPS = 32, BLEND_SIZES = 7, BLEND_SUPPORTS = 16, BLEND_HABITS = 6, BLEND_AGAINS = 8 };

struct blend_weights {
    float weight[FEATURES_ROOM]; /* 0 past the features */
    float sum[FEATURES_ROOM];    /* of squared gradients */
};

struct blend {
    struct blend_weights general, by_gap[BLEND_GAPS], by_size[BLEND_SIZES],
        by_support[BLEND_SUPPORTS], by_habit[BLEND_HABITS], by_again[BLEND_AGAINS];
};

struct blend_situation {
    uint8_t gap, size, support, habit, again;
};

/* (sample, feature), 0 past the features */
typedef float blend_values[SAMPLES_ROOM][FEATURES_ROOM];

void blend_init(struct blend *blend);
/* Whether learning could have made it; for who loads one. */
bool blend_can_be(const struct blend *blend);
/* What is known of a user; with no visits the rest tells nothing. */
struct blend_known {
    uint32_t visits;
    uint8_t gap_bucket;   /* of the last event, as factors.h counts them */
    uint32_t wanted;      /* how often somebody wanted the last item */
    float habit;          /* which part of what the user wants they wanted before, 0..1 */
    uint32_t since_again; /* events since the user had the last item before; 0: never did */
};

struct blend_situation blend_situation(const struct blend_known *known);
/* The weights in a situation. */
void blend_weigh(const struct blend *blend, struct blend_situation situation,
                 float weight[FEATURES_ROOM]);
/* Whether event number `now` is one to learn from. */
bool blend_is_due(uint64_t now);
/* The sums of the samples' features, and those of the dense ones alone; (SAMPLES_ROOM). */
void blend_score(const struct blend *blend, struct blend_situation situation, uint32_t count,
                 float (*values)[FEATURES_ROOM], float *scores, float *dense);
/* Goes down the loss' gradient by the samples' scores. */
void blend_learn(struct blend *blend, struct blend_situation situation, uint32_t count,
                 float (*values)[FEATURES_ROOM], const float *by_score);

#endif
