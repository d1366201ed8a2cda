/* What a recommender is made of, for the files recommender*.c alone. */
#ifndef MODEL_RECOMMENDER_PARTS_H
#define MODEL_RECOMMENDER_PARTS_H

#include "model/bare.h"
#include "model/blend.h"
#include "model/cards.h"
#include "model/dedupe.h"
#include "model/factors.h"
#include "model/mips_index.h"
#include "model/part.h"
#include "model/popularity.h"
#include "model/recommender.h"
#include "model/samples.h"
#include "model/sparse.h"
#include "model/tower.h"
#include "model/users.h"

/* One user's side, ready to be scored against. */
struct query {
    struct taste taste;
    struct sparse sparse;
    struct tower_pass tower;
    struct blend_situation situation;
    float weight[FEATURES_ROOM]; /* the blend's, in that situation; not while learning */
    float vector[DIM_MAX + COLUMNS] __attribute__((aligned(64))); /* against a candidate's row */
    uint32_t user;
    uint32_t second;
    float *scores; /* (room) */
    uint32_t room;
    struct top top; /* the list being made */
    struct mips_query search;
    const struct recommender *model; /* for search.judge */
};

enum { PURPOSE_SAMPLES = 1 }; /* of random numbers, keyed by the event's number */

/* Some of the parts, in their order. */
struct part_list {
    uint32_t size;
    uint8_t part[PARTS];
};

struct recommender {
    struct recommender_settings settings;
    uint64_t events; /* accepted, ever */
    int64_t latest_ms;
    size_t memory_bytes;                   /* of what hangs on all users, in the arena */
    uint64_t evicted_users, evicted_items; /* ever; not part of the state */
    struct ids user_ids, item_ids;
    struct table users;    /* struct user */
    struct arena memories; /* what hangs on them */
    struct factors factors;
    struct popularity popularity;
    struct sampler sampler;
    struct cards cards;
    void *part[PARTS]; /* the state of each part that is on and has any */
    /* Those on that have the operation. */
    struct part_list ask, propose, complete, tempt, fetch, back, before, learn;
    bool uses_x;                  /* some part adds to the user's side x */
    bool uses_blend;              /* there is something to blend with it */
    bool uses_ring;               /* negatives are drawn from the last positive events, too */
    bool is_bare;                 /* there is nothing but what pairwise.h or bare.h learns */
    bool asks;                    /* something that is on learns from what would be said */
    struct bare_habit bare_habit; /* no part of the state; nor is this: */
    struct bare_next {            /* rows that look-ahead leaves to the steps to bring near */
        uint32_t size, taken;
        const float *row[AHEAD_GROUP * AHEAD_TRIES];
    } bare_next;
    struct blend blend;
    struct dedupe dedupe;
    struct query learning; /* the learner's own */
    /* recommender_index.c; no part of the state. */
    struct mips_index *index;             /* NULL: none yet */
    uint64_t index_items_set, index_born; /* taken in so far; … when it was made */
    uint32_t index_next;                  /* word of the changed items that is taken in next */
    bool index_taking;                    /* what has changed is being taken in */
    uint64_t index_credit; /* what bringing it up to date may cost, saved up by lists to rank */
    struct samples samples;
    blend_values values __attribute__((aligned(64)));
};

/* A list's items from their slots. */
static inline void recommender_name_items(const struct recommender *model, struct list *list)
{
    for (uint32_t n = 0; n < list->size; n++)
        list->at[n].item = ids_text(&model->item_ids, list->at[n].slot);
}

static inline struct user *recommender_user(const struct recommender *model, uint32_t slot)
{
    return slot == SLOT_NONE ? NULL : table_row(&model->users, slot);
}

/* Whether the part is switched on. */
static inline bool has_part(const struct recommender *model, int part)
{
    return model->settings.part[part] > 0.0f;
}

/* Whether what the user has stays out of lists (and of the samples). */
static inline bool hides_had(const struct recommender *model)
{
    return model->settings.exclude_days != HAVE_NEVER;
}

/* Tastes and sparse features of a user at a time, without the vector: what learning needs. */
enum status query_prepare(const struct recommender *model, struct query *query, uint32_t user,
                          uint32_t second);
/* The sparse features, which cost most: learning needs them only for the blend. Where runs are put
 * off, the samples are drawn and focused on between the two. */
void query_propose(const struct recommender *model, struct query *query);
void query_complete(const struct recommender *model, struct query *query);
/* What goes with an item; the feature is the caller's. Of use while that part is on. */
struct sparse_run neighbours_run(const struct recommender *model, uint32_t item, float nearness);
/* Folds the dense features' weights into query->vector: a row's dot product with it is their sum.
 */
void query_fold_dense(const struct recommender *model, struct query *query);
void query_finish(struct query *query);
/* Score of every item below the bound, closed ones at CLOSED_SCORE; see recommender_query(). */
void query_score_all(const struct recommender *model, struct query *query);
/* Whether what the user skipped or disliked lately stays out of lists. */
bool is_unwanted(const struct had_entry *entry, uint32_t second);
/* recommender_fill.c: known items that nobody wanted yet follow when a list is short of `size`. */
void recommender_fill(const struct recommender *model, struct query *query, uint32_t size,
                      struct list *list);
/* Whether lists for the query may not hold the item, whatever its score. */
bool query_hides(const struct recommender *model, const struct query *query, uint32_t item);
/* recommender_index.c: the index tells the items' rows as they are. */
bool recommender_is_indexed(const struct recommender *model);
/* Lists by the index; at most RECOMMENDER_TOGETHER. */
void recommender_search(const struct recommender *model, struct query *const *queries,
                        uint32_t count, uint32_t size, struct list *const *lists);
/* What `count` of the items with sparse features get for them, from the first-th touched on;
 * `dense`: what they have without. */
enum { QUERY_TOGETHER = 32 };
void query_sparse_sums(const struct recommender *model, const struct query *query, uint32_t first,
                       uint32_t count, const float *dense, float *sums);
/* Erases a user and all that is known of them. */
void recommender_erase_user(struct recommender *model, uint32_t slot);
/* eviction.c: what the state costs in bytes; and at every 64th tick, back under the limit, sparing
 * those of the event at hand. */
size_t recommender_cost(const struct recommender *model);
void recommender_let_go(struct recommender *model, uint64_t tick, uint32_t user, uint32_t item);
static inline void recommender_make_room(struct recommender *model, uint64_t tick, uint32_t user,
                                         uint32_t item)
{
    if (model->settings.memory_limit > 0)
        recommender_let_go(model, tick, user, item);
}

#endif
