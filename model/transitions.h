/*
 * What follows what: for each item the items that users wanted next, decayed, bounded (a
 * first-order Markov chain, Rendle et al. 2010, eq. 4, without factorizing it). The features are
 * the shares of the candidate among what followed the user's last item, and the two before it.
 */
#ifndef MODEL_TRANSITIONS_H
#define MODEL_TRANSITIONS_H

#include "model/factors.h"
#include "model/pairs.h"
#include "model/sparse.h"

enum { TRANSITIONS_MOST = 64 };

/* `previous` was followed by `next`. */
enum status transitions_learn(struct pairs *transitions, uint32_t previous, uint32_t next);
void transitions_ask(const struct pairs *transitions, const struct taste *taste,
                     struct sparse *sparse);

#endif
