/* What features tell together, beyond their sum: a part between blend and lists. See
 * interactions.c. */
#ifndef MODEL_INTERACTIONS_H
#define MODEL_INTERACTIONS_H

#include "model/feature.h"
#include "model/samples.h"

enum { INTERACTIONS_HIDDEN = 16 };

struct interactions; /* opaque */

/* A batch of candidates on the way forward, and what is needed of it on the way back. */
struct interactions_pass {
    uint32_t size;                /* of the candidates that have sparse features */
    uint32_t place[SAMPLES_ROOM]; /* of each among all that were given */
    float input[SAMPLES_ROOM][FEATURES_ROOM] __attribute__((aligned(64)));
    float hidden[SAMPLES_ROOM][INTERACTIONS_HIDDEN] __attribute__((aligned(64)));
};

/* Makes of a candidate's values what the network sees; `dense` is what the dense ones add up to. */
void interactions_see(float value[FEATURES_ROOM], float dense);
/* out[n]: what input[n] is worth, n < count; at most SAMPLES_ROOM. `hidden` is (count). */
void interactions_forward(const struct interactions *self, float (*input)[FEATURES_ROOM],
                          uint32_t count, float (*hidden)[INTERACTIONS_HIDDEN], float *out);
/* Adds to the scores of the samples with sparse features what these are worth together. */
void interactions_score(const struct interactions *self, const struct samples *samples,
                        float (*values)[FEATURES_ROOM], const float *dense,
                        struct interactions_pass *pass, float *scores);
/* Goes down the loss' gradient by the samples' scores. */
void interactions_learn(struct interactions *self, const struct interactions_pass *pass,
                        const float *by_score);

#endif
