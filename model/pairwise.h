/*
 * Plain matrix factorization from pairs: BPR (Rendle et al. 2009, "BPR: Bayesian personalized
 * ranking from implicit feedback", algorithm 1) on the user's and the items' vectors alone.
 *
 *     z = s(u, i) - s(u, j),  s(u, i) = a <P_u, Q_i> + b_i;   step down -log sigmoid(z)
 *
 * The step is what factors_learn() would make of it when nothing else is on, but goes over the
 * three rows twice instead of a dozen times.
 */
#ifndef MODEL_PAIRWISE_H
#define MODEL_PAIRWISE_H

#include "model/factors.h"

/* One step, `rate` times as far, after which `user` is likelier to have `wanted` than `unwanted`:
 * two items that differ. */
void pairwise_learn(struct factors *factors, struct user *user, uint32_t slot, uint32_t wanted,
                    uint32_t unwanted, float rate);

#endif
