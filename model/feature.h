/*
 * What a candidate is judged by. The score of item i for user u is
 *
 *     score(u, i) = sum over features f of blend[f] * value_f(u, i)
 *                   + what a network makes of the same, where any sparse one is there
 *
 * The dense features live in the item's row and cost one dot product for all of them together; the
 * sparse ones are non-zero for few items only. So the exact ranking is: scan the dense part, then
 * add the sparse terms, and the network's (interactions.h), of the items that have any.
 */
#ifndef MODEL_FEATURE_H
#define MODEL_FEATURE_H

enum feature {
    FEATURE_FACTORS,     /* matrix factorization with history: factors.h */
    FEATURE_POPULAR_NOW, /* log of the decayed count: popularity.h */
    FEATURE_POPULAR_FAST,
    FEATURE_POPULAR_MIDDLE,
    FEATURE_POPULAR_SLOW,
    FEATURE_POPULAR_EVER, /* … of all that there ever was */
    FEATURE_AGE,          /* log of the events since the first about the item */
    FEATURE_KEEP,         /* log-odds of the item being kept, not skipped: skips.c */
    FEATURE_KEPT,         /* log of how often it was kept lately */
    FEATURE_RATED,        /* its mean rating, shrunk: ratings.c */
    FEATURE_RATED_OFTEN,  /* log of how often it was rated */
    FEATURES_DENSE,
    FEATURE_NEXT = FEATURES_DENSE, /* what follows the last item: transitions.h */
    FEATURE_NEXT_EARLIER,          /* … the two before it */
    FEATURE_PEERS,                 /* similar users have it: peers.c */
    FEATURE_NEIGHBOURS_LAST,       /* what goes with the last item: neighbours.c */
    FEATURE_NEIGHBOURS,            /* … with the recent items, that one included */
    FEATURE_REPEAT_COUNT,          /* how often the user had the item: repeats.h */
    FEATURE_REPEAT_RECENT,
    FEATURE_REPEAT_SITTING,
    FEATURE_REPEAT_NEXT,
    FEATURE_SKIPPED, /* the user skipped the item: skips.c */
    FEATURE_SHARED,  /* has features of the first kind in common with the last item: content.c */
    FEATURE_SHARED_OTHER,   /* … of other kinds */
    FEATURE_SHARED_EARLIER, /* … of any kind, with the items before it */
    FEATURE_DISLIKED,       /* the user disliked the item: dislikes.c */
    FEATURE_LIKE_DISLIKED,  /* goes with what they disliked last */
    FEATURE_PREDICTED,      /* the user's own part of the predicted rating: ratings.c */
    FEATURES_ADDED,         /* what follows comes from those before: sparse_values() */
    FEATURE_NEIGHBOURS_KNOWN = FEATURES_ADDED, /* 1: FEATURE_NEIGHBOURS is not 0 */
    FEATURE_REPEAT_HAS,                        /* 1: the user had the item */
    FEATURES
};

enum {
    FEATURES_SPARSE = FEATURES - FEATURES_DENSE,
    FEATURES_HELD = FEATURES_ADDED - FEATURES_DENSE,           /* in a row of sparse.h */
    FEATURES_ROOTED = FEATURE_NEIGHBOURS + 1 - FEATURES_DENSE, /* the first of them: shares */
    SPARSE_ROW = 16,
    FEATURES_ROOM = 32 /* of a row with a value for each: what kernels.h works on */
};

_Static_assert((int)FEATURES_HELD <= (int)SPARSE_ROW, "a row holds them");
_Static_assert((int)FEATURES < (int)FEATURES_ROOM, "a row holds them, and a one");

/* The tail of an item's row, behind its vector: (16) floats. The first are those of the dense
 * features, in their order; the bias is added to what the factors say. */
enum item_column {
    COLUMN_BIAS,
    COLUMN_POPULAR_NOW,
    COLUMN_POPULAR_FAST,
    COLUMN_POPULAR_MIDDLE,
    COLUMN_POPULAR_SLOW,
    COLUMN_POPULAR_EVER,
    COLUMN_AGE,
    COLUMN_KEEP,
    COLUMN_KEPT,
    COLUMN_RATED,
    COLUMN_RATED_OFTEN,
    COLUMN_CLOSED, /* CLOSED_SCORE when the item may not be recommended, else 0 */
    COLUMN_SUM,    /* Adagrad's accumulators of the vector and the bias: no features, but near */
    COLUMN_BIAS_SUM,
    COLUMNS = 16
};

_Static_assert((int)COLUMN_CLOSED == (int)FEATURES_DENSE, "the same order");

#define CLOSED_SCORE (-1e30f)

/* For explanations; NULL for columns that are no features. Whoever adds one names it (feature.c).
 */
extern const char *const feature_names[FEATURES], *const column_names[COLUMNS];

#endif
