/*
 * Exploration: some places of a published list are given to items that few know, so that something
 * can be learned of them. Changes nothing that is learned, and is no part of any score: evaluation
 * knows nothing of it.
 */
#ifndef MODEL_EXPLORATION_H
#define MODEL_EXPLORATION_H

#include "model/recommender.h"

/* Gives every (1 / share)-th place of the list to one of the newest items, 0 < share <= 0.5; with 0
 * the list stays as it is. The choice depends on the model's seed, the user, and the number of the
 * user's events, so that a list changes no oftener for it. `query` is that of the list. */
void recommender_explore(const struct recommender *model, const struct query *query, float share,
                         struct list *list);

#endif
