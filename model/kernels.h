/*
 * The inner loops over vectors, in three variants chosen once at run time: AVX-512, AVX2, plain.
 *
 * All give the same bits. A sum over a vector has one canonical order: sixteen lanes, lane l taking
 * the elements l, l+16, … by fused multiply-add from zero, then a fixed tree over the lanes
 * (8, 4, 2, 1 apart). Everything else is elementwise. Lengths are multiples of 16 and rows are
 * aligned to 64 bytes; no pointer may be NULL; outputs do not overlap inputs.
 */
#ifndef MODEL_KERNELS_H
#define MODEL_KERNELS_H

#include "model/sift.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_choice { KERNEL_BEST, KERNEL_PLAIN, KERNEL_AVX2, KERNEL_AVX512 };

/* Where look_up() starts to look for an item: mask is below 2^16. 2^32 / the golden ratio spreads
 * numbers that are near each other (Knuth, volume 3, 6.4). */
#define KERNELS_HOME_FACTOR 0x9e3779b1u
static inline uint32_t kernels_home(uint32_t item, uint32_t mask)
{
    return (item * KERNELS_HOME_FACTOR >> 16) & mask;
}

/* A filter of a few items (Bloom 1970, with one hash function): their bits are set, and by chance
 * those of some others. */
enum { KERNELS_MARKS = 32, KERNELS_FOUND_MORE = 16 };
static inline void kernels_mark(uint32_t marks[KERNELS_MARKS], uint32_t item)
{
    uint32_t mixed = item * KERNELS_HOME_FACTOR;
    marks[mixed >> 27] |= 1u << (mixed >> 22 & 31);
}
static inline uint32_t kernels_is_marked(const uint32_t marks[KERNELS_MARKS], uint32_t item)
{
    uint32_t mixed = item * KERNELS_HOME_FACTOR;
    return marks[mixed >> 27] >> (mixed >> 22 & 31) & 1;
}

/* What a step on a pair of items changes. */
struct pair_rows {
    float *x, *x_sum; /* the user's vector, and its accumulator */
    float *p, *q;     /* the rows of the wanted and the unwanted item, with their columns */
};

/* What a draw of negatives asks of an item (samples.h). */
struct sampled {
    uint32_t stamp;    /* number of the last draw for somebody who has it */
    uint16_t in_ring;  /* how often it is in the ring */
    uint16_t how_hard; /* … in the list of hard ones; 0 between draws */
};

/* Which tries a draw leaves out, and how often the others are to be expected:
 * (wanted + ring * in_ring) + hard * how_hard. */
struct sampling {
    uint32_t stamp, positive;
    float wanted, ring, hard;
};
enum { KERNELS_KEPT_MORE = 16, KERNELS_HALVED = 10, KERNELS_RANKED_MORE = 32 };

/* A few rows, with their columns, and the user's side of a step on them. */
enum { KERNELS_FEW = 8, KERNELS_NEXT = 7 };

struct few_rows {
    float *own, *own_sum; /* the user's vector, and its accumulator */
    float own_weight;
    float *x, *by_x; /* (size) own_weight * own; scratch: the loss' gradient by x */
    uint32_t count;
    float *row[KERNELS_FEW];
};

/* Rows of steps to come, that few_learn() and few_warp() bring near meanwhile. So many lines can be
 * on their way at a time; more of them wait, and the step with them, unless there is enough between
 * one row and the next. */
struct few_next {
    const float *const *row;
    uint32_t count; /* at most KERNELS_NEXT */
};

/* What becomes of a score s: rate (s - aim), or rate (1 / (1 + exp(-s)) - aim); the aim is the
 * first row's, and 0 of the others. */
struct few_form {
    bool sigmoid;
    float aim, rate;
};

/* warp's: the sign of (the first row's score - another's), which are to be 1 apart at least, and
 * how far to step where the n-th row is the first that is not. */
struct warp_form {
    float sign, rate;
    const float *weight; /* (KERNELS_FEW) the step is rate * weight[n] */
};

struct kernels {
    const char *name;
    /* sum of a[i] * b[i] */
    float (*dot)(const float *a, const float *b, size_t size);
    /* out[r] = dot(x, rows[r]) */
    void (*dots)(const float *x, const float *const *rows, size_t count, size_t size, float *out);
    /* out[r] = dot(x, base + r * stride), the rows of one block: (count, stride) */
    void (*scan)(const float *x, const float *base, size_t stride, size_t count, size_t size,
                 float *out);
    /* y += a * x */
    void (*add_scaled)(float a, const float *x, float *y, size_t size);
    /* out = the sum of weights[r] * rows[r], from zero, in that order */
    void (*mix)(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out);
    /* rows[r] += steps[r] * x, in that order; a row may be there twice */
    void (*spread)(const float *steps, const float *x, float *const *rows, size_t count,
                   size_t size);
    /* out[r][0..15] = the sum over k < size of a[r * row + k * step] * matrix[k][0..15], from zero,
     * in that order; r < count */
    void (*multiply)(const float *a, size_t row, size_t step, size_t count, size_t size,
                     const float *matrix, float *out);
    /* pairwise_learn()'s step, `rate` times as far; `own`: what x weighs */
    void (*pair_learn)(const struct pair_rows *rows, float own, float rate, size_t size);
    /* bare.h: what becomes of the rows' scores, dot(x, row) + bias, into out[0..KERNELS_FEW-1]; of
     * those after the last row nothing is to be expected */
    void (*few_scores)(const struct few_rows *rows, const struct few_form *form, size_t size,
                       float *out);
    /* x, such scores as gradients, and the step; rows whose gradient is 0 are no part of it. */
    void (*few_learn)(const struct few_rows *rows, const struct few_next *next,
                      const struct few_form *form, size_t size);
    /* … and the step, by (KERNELS_FEW) gradients, of which those of rows are not 0. What is there
     * twice steps twice, from the same accumulator. */
    void (*few_step)(const struct few_rows *rows, const float *gradient, size_t size);
    /* x, the scores into `score`, which has room for KERNELS_FEW, as by few_scores(), and the step
     * on the first row, which is there once, and on the first one that is too near to it. Gives
     * which that is; 0: none is, and nothing changed but x. */
    uint32_t (*few_warp)(const struct few_rows *rows, const struct few_next *next,
                         const struct warp_form *form, size_t size, float *score);
    /* The place of the first `wanted` among values[0..count-1], any count and alignment; or count
     */
    uint32_t (*find)(const uint32_t *values, uint32_t count, uint32_t wanted);
    /* Looks items[0..count-1] up in a table of open addressing, mask + 1 cells of four words each,
     * the first of which is the item's number + 1, or 0 in an empty one, of which there must be
     * some. place[n]: of its cell, or UINT32_MAX. Any count. */
    void (*look_up)(const uint32_t *cells, uint32_t mask, const uint32_t *items, uint32_t count,
                    uint32_t *place);
    /* How many of each four of such cells, `fours` times, are not empty, into `used`. False if the
     * number of one is above `most`, or an empty one has any of `flags` in its last word. */
    bool (*count_cells)(const uint32_t *cells, uint32_t fours, uint32_t most, uint32_t flags,
                        uint8_t *used);
    /* Whether all of values[0..count-1], any count and alignment, are numbers, and by their size
     * below `limit` */
    bool (*are_below)(const float *values, size_t count, float limit);
    /* Which of items[0..count-1] are marked, any count: their places, in order, into `found`, which
     * has room for KERNELS_FOUND_MORE more than `count`; gives how many. */
    uint32_t (*marked)(const uint32_t *marks, const uint32_t *items, uint32_t count,
                       uint32_t *found);
    /* Of items[0..count-1], of each of which of[n] is known, those that are not the positive one
     * and have not that stamp, in order into `kept` and `expected`, which have room for
     * KERNELS_KEPT_MORE more than `count`; gives how many. */
    uint32_t (*keep)(const struct sampling *sampling, const uint32_t *items,
                     const struct sampled *of, uint32_t count, uint32_t *kept, float *expected);
    /* bits[n] = random_at(key, first + n) */
    void (*numbers)(uint64_t key, uint64_t first, uint32_t count, uint64_t *bits);
    /* Which of values[0..count-1] are not below `floor`, and above `level`, or those that are not
     * above it; any count and alignment. Found as by marked(). */
    uint32_t (*pick)(const float *values, uint32_t count, float floor, float level, bool above,
                     uint32_t *found);
    /* The least of values[0..count-1], any count above 0 and alignment; no NaN */
    float (*least)(const float *values, uint32_t count);
    /* A level that about `wanted` of values[0..count-1] are above, any count above 0 and alignment:
     * by KERNELS_HALVED bisections from the least to the highest, the lower end */
    float (*level)(const float *values, uint32_t count, uint32_t wanted);
    /* rank[n]: how many of keys[0..count-1] are above keys[n]; takes count^2. The room of both is
     * KERNELS_RANKED_MORE more than `count`. */
    void (*ranks)(const uint64_t *keys, uint32_t count, uint32_t *rank);
    /* v[i] = exp(v[i]) within 2 ulp; -inf gives 0 */
    void (*exp)(float *v, size_t size);
    /* v[i] = exp(v[i] - the highest) / by[i], then times 1 / the sum of them; -inf gives 0 */
    void (*softmax)(float *v, const float *by, size_t size);
    /* adagrad_steps(), any size */
    void (*adagrad)(float *sum, const float *square, uint32_t size, float rate, float floor,
                    float *step);
    sift_fn *sift; /* sift.h */
};

/* The variant in use. Starts as the best this machine has. */
extern const struct kernels *kernels;

/* Chooses; false if this machine (or this build) lacks it. Not while anything computes. */
bool kernels_choose(enum kernel_choice choice);

#endif
