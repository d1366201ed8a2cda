/* What skips.c says beside its part. */
#ifndef MODEL_SKIPS_H
#define MODEL_SKIPS_H

#include "model/recommender.h"

/* recommender_keep_probability() by the part's state; 0.5 without it. */
float skips_keep_probability(const void *self, const struct recommender *model,
                             const struct query *query, uint32_t item);

#endif
