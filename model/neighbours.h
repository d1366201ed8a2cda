/*
 * Item-to-item collaborative filtering: which items the same users wanted within a few events of
 * each other, compared by the cosine of their counts (Sarwar et al. 2001, eq. 1; Linden et al.
 * 2003), counted incrementally (Papagelis et al. 2005), nearer pairs for more. The feature is the
 * decayed sum of the similarities with the user's last items.
 */
#ifndef MODEL_NEIGHBOURS_H
#define MODEL_NEIGHBOURS_H

#include "model/factors.h"
#include "model/pairs.h"
#include "model/popularity.h"
#include "model/sparse.h"

enum { NEIGHBOURS_MOST = 128 };

/* The user of this taste newly wants `item`. */
enum status neighbours_learn(struct pairs *neighbours, const struct taste *taste, uint32_t item);
void neighbours_ask(const struct pairs *neighbours, const struct popularity *popularity,
                    const struct taste *taste, struct sparse *sparse);
/* Cosine of two items, given their pair weight. */
float neighbours_similarity(const struct popularity *popularity, uint32_t a, uint32_t b,
                            float weight);

#endif
