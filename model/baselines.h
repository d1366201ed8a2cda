/*
 * What a recommender has to beat, measured on the same events and candidates:
 *
 *     popularity   count of positive events so far
 *     recent       the same, decaying with a half-life of 5,000 events
 *     transition   count of (the user's previous positive item -> item), ties by popularity
 *
 * Items and users are the model's slots. Ranks count an equal score of another item as higher.
 */
#ifndef MODEL_BASELINES_H
#define MODEL_BASELINES_H

#include "model/status.h"

#include <stdbool.h>
#include <stdint.h>

enum baseline { BASELINE_POPULARITY, BASELINE_RECENT, BASELINE_TRANSITION, BASELINES };
extern const char *const baseline_names[BASELINES];

struct baselines; /* opaque */

enum status baselines_create(struct baselines **out);
void baselines_destroy(struct baselines *baselines); /* NULL is legal */
/* Whether the item had a positive event: it is a candidate. */
bool baselines_is_candidate(const struct baselines *baselines, uint32_t item);
/* Ranks of `item`, a candidate, for `user` (SLOT_NONE: nobody known) among all candidates less the
 * `hidden` ones, among which it is not. */
void baselines_rank(struct baselines *baselines, uint32_t user, uint32_t item,
                    const uint32_t *hidden, uint32_t hidden_count, uint32_t rank[BASELINES]);
/* An event happened, of any weight: before baselines_learn() if that is above 0. */
void baselines_fade(struct baselines *baselines);
/* It was a positive one. */
enum status baselines_learn(struct baselines *baselines, uint32_t user, uint32_t item);
/* The user's slot may become somebody else's. */
void baselines_forget(struct baselines *baselines, uint32_t user);
/* How unequally the positive events fall on items so far: Gini coefficient, 0..1. */
double baselines_gini(const struct baselines *baselines);

#endif
