/*
 * Popularity with time decay: for each half-life h (in events), count_i = sum of 2^(-age/h) over
 * the positive events of item i (exponential decay: Cormode et al. 2009, "Forward decay: a
 * practical time decay model for streaming systems"). The feature is log((count + e) / e), so that
 * a never seen item has 0 and the feature is at least 0. Counts fade without being touched, so each
 * event also brings a few other items up to date, in turn. Beside them are log(1 + all positive
 * events ever), and how long ago the first was: together they tell what rises from what fades, at
 * any stream's pace.
 */
#ifndef MODEL_POPULARITY_H
#define MODEL_POPULARITY_H

#include "model/factors.h"

enum { POPULARITY_SPANS = 4 };

struct popular_item {
    float count[POPULARITY_SPANS];
    uint64_t wanted;     /* positive events ever */
    uint64_t first;      /* number of the first positive event */
    uint64_t at;         /* event number of the counts */
    uint64_t last_event; /* number of the last event about the item */
};

struct popularity {
    struct table items;  /* of struct popular_item */
    bool keeps_roots;    /* else there are no inverse roots */
    float *inverse_root; /* (root_room) by item: see popularity_inverse_root() */
    uint32_t root_room;
    uint32_t *wanted_items; /* slots with a positive event, in the order of their first */
    uint32_t wanted_count, wanted_room;
    uint32_t turn; /* the next of wanted_items to be brought up to date */
};

/* `keeps_roots`: somebody asks for popularity_inverse_root(). */
void popularity_init(struct popularity *popularity, bool keeps_roots);
void popularity_finish(struct popularity *popularity);
/* Room for items below `bound`. */
enum status popularity_grow(struct popularity *popularity, uint32_t bound);
/* Notes a positive event, number `now` of all. The first one opens the item's row for
 * recommendation. */
enum status popularity_want(struct popularity *popularity, struct factors *factors, uint32_t item,
                            uint64_t now);
/* Counts it, and refreshes the columns of the item and of a few others; after popularity_want(). */
void popularity_learn(struct popularity *popularity, struct factors *factors, uint32_t item,
                      uint64_t now);
/* Supposes counts of an item that nobody wanted yet, fading like any; and brings one up to date. */
void popularity_suppose(struct popularity *popularity, struct factors *factors, uint32_t item,
                        const float count[POPULARITY_SPANS], uint64_t now);
void popularity_refresh(struct popularity *popularity, struct factors *factors, uint32_t item,
                        uint64_t now);
static inline struct popular_item *popularity_of(const struct popularity *popularity, uint32_t item)
{
    return table_row(&popularity->items, item);
}

/* 1 / sqrt(wanted + 5): the norm of a cosine, shrunk for rare items. Follows from the counts, but
 * is asked for hundreds of items at a time: so they are kept close together. */
static inline float popularity_inverse_root(const struct popularity *popularity, uint32_t item)
{
    return popularity->inverse_root[item];
}

static inline uint32_t popularity_wanted(const struct popularity *popularity, uint32_t item)
{
    return (uint32_t)popularity_of(popularity, item)->wanted;
}

/* Takes items out, as if they had never been. (items) flags. */
void popularity_drop(struct popularity *popularity, const bool *gone);
size_t popularity_bytes(const struct popularity *popularity);
enum status popularity_save(const struct popularity *popularity, uint32_t bound,
                            struct state_writer *writer);
enum status popularity_load(struct popularity *popularity, uint32_t bound,
                            struct state_reader *reader);

#endif
