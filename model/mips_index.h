/*
 * Exact maximum inner product search over vectors that change all the time.
 *
 *     items ─► bands by what they may be worth to a typical user, best first
 *              ─► chunks of 128, a byte a dimension
 *     user  ─► chunks that may hold somebody ─► items that may get in ─► judged exactly ─► top
 *
 * Users have much in common: their mean gives an axis, and what a vector has along it is one
 * number, kept as it is, like the columns beside the vector (popularity, …). What is left of an
 * item's vector, q, is kept as scale * code and the norm r_q of what that leaves out; a user's, u,
 * likewise. So <u, q> is at most
 *
 *     <unit code_u, scale code_q> + |u| r_q + r_u |scale code_q|
 *
 * and at most |u| |q| (Cauchy-Schwarz). What the numbers are worth together with |u| |q| rules out
 * whole chunks once the floor is high (Teflioudi et al. 2015, LEMP: buckets by length, the longest
 * first; Li et al. 2017, FEXIPRO: bounds by integers, and of the parts of a rotated vector).
 * Whatever may reach the worst of the best so far is judged by its owner, by the exact score: so
 * the result is that of a plain scan, whatever the bounds were worth.
 *
 * Setting an item that changed costs as much as judging a few: nothing is ever rebuilt. The memory
 * is mips_bytes(), 84 bytes an item at 64 dimensions and 4 more a column, and some space for
 * growth.
 *
 * One thread may change it; while nobody does, any number of threads may search it.
 */
#ifndef MODEL_MIPS_INDEX_H
#define MODEL_MIPS_INDEX_H

#include "model/sift.h"
#include "model/status.h"
#include "model/top.h"

enum { MIPS_DIM_MAX = 512, MIPS_COLUMNS_MAX = SIFT_COLUMNS - 1, MIPS_USERS = SIFT_USERS };

struct mips_index; /* opaque */

/* Some users and items to find out what is typical: rows of (dim + columns), aligned to 64 bytes;
 * none will do. Only the speed depends on it. */
struct mips_sample {
    const float *const *users, *const *items;
    uint32_t users_count, items_count;
    uint32_t items_expected; /* in the index */
};

/* `dim`: a multiple of 16, at most MIPS_DIM_MAX; `columns`: at most MIPS_COLUMNS_MAX. */
enum status mips_create(uint32_t dim, uint32_t columns, const struct mips_sample *sample,
                        struct mips_index **out);
void mips_destroy(struct mips_index *index); /* NULL is legal */
/* Takes the item in as it is now: (dim + columns) floats, aligned to 64 bytes, copied.
 * STATUS_NO_MEMORY: the item is not in the index. */
enum status mips_set(struct mips_index *index, uint32_t slot, const float *row);
void mips_remove(struct mips_index *index, uint32_t slot); /* it may be absent */
/* To be called after changes, before anybody searches. */
void mips_settle(struct mips_index *index);
/* Items have changed so much that a new index would serve them better. */
bool mips_is_worn(const struct mips_index *index);
uint32_t mips_count(const struct mips_index *index);
size_t mips_bytes(const struct mips_index *index);

/* The exact scores of `count` items, at most MIPS_JUDGED; below any floor for those that may not be
 * in the list. In whatever order they come up. */
enum { MIPS_JUDGED = 32 };
typedef void mips_judge(void *context, const uint32_t *slots, uint32_t count, float *scores);

enum { MIPS_CANDIDATES = 1024 };

/* One user's side; in the caller's memory, one for each that is searched for at once. */
struct mips_query {
    /* To be filled in: */
    const float *vector; /* (dim + columns), aligned to 64 bytes */
    mips_judge *judge;
    void *context;
    struct top *top; /* begun; may hold items already, which judge() must not let in again */
    /* Its own: */
    uint64_t judged; /* how many items, over all searches */
    float along, norm, residual, size, slack;
    struct sift_user side;
    uint32_t count;
    uint32_t slot[MIPS_CANDIDATES];
    float bound[MIPS_CANDIDATES];
    int8_t codes[MIPS_DIM_MAX] __attribute__((aligned(64)));
};

/* Pushes the best items of the index for each query's user into its `top`; for 1..MIPS_USERS users,
 * who share what is read. */
void mips_search(const struct mips_index *index, struct mips_query *const *queries, uint32_t count);

#endif
