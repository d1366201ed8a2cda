/*
 * Why a user's score of an item is what it is: each term of the sum, and what of it comes from each
 * item of the user's history.
 *
 *     score = sum of terms        terms of the factors: <x, q>, x taken apart into what adds to it
 *                                 other terms: a feature's value times the blend's weight; and
 *                                 what the features are worth together, beyond that
 *
 * A past item's share is what it adds to these sums; where a feature is the root of a sum, its term
 * is divided in proportion. For people and tests, not for the hot path.
 */
#ifndef MODEL_EXPLANATION_H
#define MODEL_EXPLANATION_H

#include "model/recommender.h"

enum { EXPLANATION_TERMS = 64, EXPLANATION_ITEMS = 64 };

/* `share` = value * weight, a summand of the score. */
struct explanation_term {
    const char *name; /* static */
    float value, weight, share;
};

struct explanation_item {
    uint32_t item; /* slot */
    uint32_t second;
    float vectors; /* of share: through history and last-item vectors */
    float counts;  /* … through transitions, neighbours and other sparse features */
    float share;   /* both */
};

struct explanation {
    float score;   /* as the list would rank it, but for the hiding rules below */
    uint32_t rank; /* recommender_rank(): among all candidates; 0: it is none */
    /* What keeps the item out of the user's list. */
    bool never_wanted; /* by anybody, or retired */
    bool has;          /* lists.exclude_seen */
    bool unwanted;     /* skipped or disliked lately */
    bool just_consumed;
    uint32_t terms, items;
    struct explanation_term term[EXPLANATION_TERMS];
    struct explanation_item item[EXPLANATION_ITEMS]; /* newest first */
};

/* `item` a known one; `user` SLOT_NONE: somebody unknown. Uses `query` as scratch. */
enum status recommender_explain(const struct recommender *model, struct query *query, uint32_t user,
                                uint32_t item, int64_t ts_ms, struct explanation *out);

#endif
