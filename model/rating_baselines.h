/*
 * What the predicted ratings have to beat, on the same events, before they are learned:
 *
 *     mean        of all ratings so far
 *     biased_mf   m + b_u + b_i + <p_u, q_i> by SGD on the squared error, one step a rating (Koren,
 *                 Bell & Volinsky 2009, eq. 4 and 5): 32 factors, rate .07, regularization .02
 *
 * Users and items are the model's slots; predictions are within the scale.
 */
#ifndef MODEL_RATING_BASELINES_H
#define MODEL_RATING_BASELINES_H

#include "model/signals.h"

#include <stdint.h>

enum rating_baseline { RATING_MEAN, RATING_BIASED_MF, RATING_BASELINES };
extern const char *const rating_baseline_names[RATING_BASELINES];

struct rating_baselines; /* opaque */

enum status rating_baselines_create(const struct signals *signals, struct rating_baselines **out);
void rating_baselines_destroy(struct rating_baselines *baselines); /* NULL is legal */
/* Slots may be SLOT_NONE. Before the first rating: the middle of the scale. */
void rating_baselines_predict(const struct rating_baselines *baselines, uint32_t user,
                              uint32_t item, float rating[RATING_BASELINES]);
enum status rating_baselines_learn(struct rating_baselines *baselines, uint32_t user, uint32_t item,
                                   float rating);
/* The user's slot may become somebody else's. */
void rating_baselines_forget(struct rating_baselines *baselines, uint32_t user);

#endif
