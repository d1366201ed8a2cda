/*
 * The user's own repeats, where lists may hold what the user has: how often and how recently they
 * had each item (Anderson et al. 2014: recency is the strongest predictor of reconsumption).
 */
#ifndef MODEL_REPEATS_H
#define MODEL_REPEATS_H

#include "model/sparse.h"
#include "model/users.h"

void repeats_ask(const struct user *user, struct sparse *sparse);

#endif
