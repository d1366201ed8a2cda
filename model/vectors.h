/*
 * The vectors that the factors' score is made of, for those that look at a model from outside:
 * score of the factors = <user vector, item vector> + bias of the item (factors.h).
 */
#ifndef MODEL_VECTORS_H
#define MODEL_VECTORS_H

#include "model/recommender.h"

/* (dim), of a known item. */
const float *recommender_item_vector(const struct recommender *model, uint32_t item, float *bias);
/* (dim), of the user and time that recommender_query() prepared. */
const float *recommender_user_vector(const struct query *query);

/* Cosine of the angle between two vectors of any dimension that is a multiple of 16; 0 where one
 * of them is. */
float vectors_cosine(const float *a, const float *b, uint32_t dim);

#endif
