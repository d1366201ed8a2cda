/*
 * Matrix factorization with history, trained by SGD on a sampled softmax.
 *
 *     x(u, t) = a P_u + b (sum_j w_j W_{i_j}) / (sum_j w_j)^0.3 + c L_{i_1}  user's side
 *     s(u, i) = <x(u, t), Q_i> + b_i
 *
 * i_j are the user's last items, each once, newest first; w_j = exp(place[j] + gap[bucket of t -
 * t_j]), both tables learned. P: the user's own vector; W: items as history; L: the last item; Q,
 * b: items as candidates; a, b, c: the settings' weights, 1. (Koren 2008, SVD++, eq. 15, for the
 * sum over history; He et al. 2016, Fossil, for the last item.) The loss is one of loss.h; the
 * optimiser is Adagrad with one accumulator a row (Duchi et al. 2011), decaying.
 */
#ifndef MODEL_FACTORS_H
#define MODEL_FACTORS_H

#include "model/kernels.h"
#include "model/samples.h"
#include "model/table.h"
#include "model/users.h"

enum { DIM_MAX = 512, GAP_BUCKETS = 64, HISTORY_USED = 20 };

/* Accumulators of one item's other rows; the candidate's are in its columns. */
struct item_sums {
    float history, last;
};

/* How much each part of x is worth; 0: it is not there, and not learned. */
struct factor_weights {
    float own, history, last;
    uint32_t visits; /* of the history that a taste looks back on */
};

/* Which candidates' rows were written since somebody asked; no part of the state. */
struct changes {
    uint64_t *bits; /* (room / 64) */
    uint32_t room;
    bool any;
};

/* What a visit weighs by its place in the history and by its age, as logarithms, and the
 * accumulators. */
struct history_weights {
    float place[HISTORY_SIZE], place_sum[HISTORY_SIZE];
    float gap[GAP_BUCKETS], gap_sum[GAP_BUCKETS];
};

struct factors {
    uint64_t seed;
    uint32_t dim;
    struct factor_weights weights;
    struct table user_rows;      /* P (users, dim); like W and L not there with a weight of 0 */
    struct table candidate_rows; /* Q and the columns of feature.h (items, dim + COLUMNS) */
    struct table history_rows;   /* W (items, dim) */
    struct table last_rows;      /* L (items, dim) */
    struct table sums;           /* struct item_sums (items) */
    struct changes changes;
    struct history_weights history_weights;
};

/* The user's side at one time: what a score is made from, and what learning goes back through. */
struct taste {
    uint32_t size; /* of the history in use */
    uint32_t item[HISTORY_SIZE];
    uint8_t bucket[HISTORY_SIZE];
    float weight[HISTORY_SIZE];
    float weight_total, scale; /* scale = b (sum w)^-0.3 */
    float x[DIM_MAX] __attribute__((aligned(64)));
    float history[DIM_MAX] __attribute__((aligned(64))); /* sum w W, not scaled */
};

void factors_init(struct factors *factors, uint64_t seed, uint32_t dim,
                  const struct factor_weights *weights);
void factors_finish(struct factors *factors);
enum status factors_grow_users(struct factors *factors, uint32_t bound);
enum status factors_grow_items(struct factors *factors, uint32_t bound);
/* Small random vectors, keyed by the slot and `now`; closed for recommendation. */
void factors_add_item(struct factors *factors, uint32_t item, uint64_t now);
void factors_add_user(struct factors *factors, uint32_t user);

static inline const float *factors_candidate(const struct factors *factors, uint32_t item)
{
    return table_floats(&factors->candidate_rows, item);
}

static inline const float *factors_columns(const struct factors *factors, uint32_t item)
{
    return factors_candidate(factors, item) + factors->dim;
}

/* The candidate's row is written. */
static inline void factors_mark(struct factors *factors, uint32_t item)
{
    factors->changes.bits[item / 64] |= (uint64_t)1 << item % 64;
    factors->changes.any = true;
}

/* The same of many; all bits are reached through one copy of where they are. */
static inline void factors_mark_many(struct factors *factors, const uint32_t *items, uint32_t count)
{
    uint64_t *bits = factors->changes.bits;
    for (uint32_t n = 0; n < count; n++)
        bits[items[n] / 64] |= (uint64_t)1 << items[n] % 64;
    factors->changes.any |= count > 0;
}

/* The same row, for writing. */
static inline float *factors_change(struct factors *factors, uint32_t item)
{
    factors_mark(factors, item);
    return table_floats(&factors->candidate_rows, item);
}

static inline float *factors_change_columns(struct factors *factors, uint32_t item)
{
    return factors_change(factors, item) + factors->dim;
}

/* As if all of them had changed. */
void factors_mark_all(struct factors *factors);
/* `slot` SLOT_NONE with `user` NULL: somebody unknown. */
void factors_taste(const struct factors *factors, const struct user *user, uint32_t slot,
                   uint32_t second, struct taste *taste);
/* s(u, i) of samples->row[0..size-1] into samples->factor_score. */
void factors_score_samples(const struct factors *factors, const struct taste *taste,
                           struct samples *samples);
/* Goes down samples->gradient, the loss' by the scores, `rate` times as far; gives the gradient
 * by x, (dim), for whoever else has added to it. */
void factors_learn(struct factors *factors, struct user *user, uint32_t slot, struct taste *taste,
                   struct samples *samples, float rate, float *by_x);
size_t factors_bytes(const struct factors *factors);
/* What a user and an item take in it. */
size_t factors_user_bytes(const struct factors *factors);
size_t factors_item_bytes(const struct factors *factors);
enum status factors_save(const struct factors *factors, uint32_t users, uint32_t items,
                         struct state_writer *writer);
/* Makes room for all of it, which the reader may begin to fetch; then factors_load(). */
enum status factors_expect(struct factors *factors, uint32_t users, uint32_t items,
                           struct state_reader *reader);
enum status factors_load(struct factors *factors, uint32_t users, uint32_t items,
                         struct state_reader *reader);

#endif
