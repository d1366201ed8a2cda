/* The part of the items' features: content.c. What its owner has to tell it, besides the events. */
#ifndef MODEL_CONTENT_H
#define MODEL_CONTENT_H

#include "model/cards.h"

struct recommender;

/* The item has a card, a new or another one: brings its row up to its features. `fresh`: it just
 * became a candidate by them. */
enum status content_describe(void *self, struct recommender *model, uint32_t item, bool fresh);
/* Whether loaded state goes with loaded cards. */
bool content_fits(const void *self, const struct cards *cards);

#endif
