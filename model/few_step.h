/*
 * Scores of few rows, and the step on them, as kernels: each variant's file makes the step of its
 * own dot(), mix(), spread() and add_scaled(), and has score_rows() of its own. Numbers stay in
 * registers or are read as they were written: what is written one by one and read as a vector
 * waits until all that was written before it has reached the cache, rows that were far included.
 */
#ifndef MODEL_FEW_STEP_H
#define MODEL_FEW_STEP_H

#include "model/adagrad.h"
#include "model/factors_rates.h"
#include "model/feature.h"
#include "model/fetch.h"
#include "model/kernels.h"

#include <string.h>

_Static_assert((int)COLUMN_BIAS_SUM == (int)COLUMN_SUM + 1, "stepped side by side");

static float dot(const float *a, const float *b, size_t size);
static void mix(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out);
static void spread(const float *steps, const float *x, float *const *rows, size_t count,
                   size_t size);
static void add_scaled(float a, const float *x, float *y, size_t size);
/* As few_scores(); there are KERNELS_FEW rows, of which the first `count` matter. Gives whether any
 * of theirs became 0. */
static bool score_rows(const float *x, const float *const *row, size_t count, size_t size,
                       const struct few_form *form, float *out);
/* As few_columns_each(), for more than two. */
static void few_columns(float *const *rows, uint32_t count, const float *gradient,
                        float mean_square, size_t size, float *step);
/* As few_warp(), for FEW_USUAL elements and at most four rows. */
static uint32_t few_warp_usual(const struct few_rows *rows, const struct few_next *next,
                               const struct warp_form *form, float *score);

enum { FEW_USUAL = 64 };

static bool few_scores_of(const struct few_rows *rows, uint32_t count, const struct few_form *form,
                          size_t size, float *out)
{
    const float *row[KERNELS_FEW];
    for (uint32_t n = 0; n < KERNELS_FEW; n++)
        row[n] = rows->row[n < count ? n : 0];
    return score_rows(rows->x, row, count, size, form, out);
}

static void few_scores(const struct few_rows *rows, const struct few_form *form, size_t size,
                       float *out)
{
    few_scores_of(rows, rows->count, form, size, out);
}

/* Accumulators of the vector and the bias, and more that nobody needs. */
typedef float few_sums __attribute__((vector_size(16)));

static inline few_sums few_roots(few_sums v)
{
    return (few_sums){sqrtf(v[0]), sqrtf(v[1]), sqrtf(v[2]), sqrtf(v[3])};
}

/* Accumulators and biases, row by row; the vectors' steps into `step`. */
static inline void few_columns_each(float *const *row, uint32_t count, const float *gradient,
                                    float mean_square, size_t size, float *step)
{
    const few_sums rate = {-RATE_CANDIDATE, -RATE_BIAS, 0.0f, 0.0f};
    const few_sums floor = {SUM_FLOOR, SUM_FLOOR_BIAS, 1.0f, 1.0f};
    const few_sums by = {mean_square, 1.0f, 0.0f, 0.0f};
    few_sums sum[KERNELS_FEW], taken[KERNELS_FEW];
    for (uint32_t n = 0; n < count; n++) {
        float g = gradient[n];
        memcpy(&sum[n], row[n] + size + COLUMN_SUM, sizeof sum[n]);
        sum[n] = sum[n] * ADAGRAD_DECAY + g * g * by;
        taken[n] = rate / few_roots(sum[n] + floor) * g;
        step[n] = taken[n][0];
    }
    for (uint32_t n = 0; n < count; n++) {
        float *columns = row[n] + size;
        columns[COLUMN_BIAS] += taken[n][1];
        memcpy(columns + COLUMN_SUM, &sum[n], 2 * sizeof *columns);
    }
}

/* The n-th of the next rows, if there is one: as table_fetch(). */
static inline void few_bring(const struct few_next *next, uint32_t n, size_t size)
{
    for (size_t at = 0; n < next->count && at <= size && at < 128; at += 16)
        fetch_line(next->row[n] + at);
}

/* Those from the third on. */
static inline void few_bring_rest(const struct few_next *next, size_t size)
{
    for (uint32_t n = 2; n < next->count; n++)
        few_bring(next, n, size);
}

/* On `row` in place of rows->row: to copy what was just written would wait, see above. */
static void few_step_of(const struct few_rows *rows, float *const *row, uint32_t count,
                        const struct few_next *next, const float *gradient, size_t size)
{
    const float mean_square = dot(rows->x, rows->x, size) / (float)size;
    float step[KERNELS_FEW], own = rows->own_weight;
    few_bring(next, 2, size);
    mix(gradient, (const float *const *)row, count, size, rows->by_x);
    few_bring(next, 3, size);
    if (count <= 2)
        few_columns_each(row, count, gradient, mean_square, size, step);
    else
        few_columns(row, count, gradient, mean_square, size, step);
    few_bring(next, 4, size);
    spread(step, rows->x, row, count, size);
    few_bring(next, 5, size);
    float square = own * own * (dot(rows->by_x, rows->by_x, size) / (float)size);
    float own_step = adagrad_step(rows->own_sum, square, RATE_USER, SUM_FLOOR);
    few_bring(next, 6, size);
    add_scaled(own_step * own, rows->by_x, rows->own, size);
}

/* Rows without a gradient are no part of the step: their accumulators stay as they are. */
static void few_step_some(const struct few_rows *rows, const struct few_next *next,
                          const float *gradient, size_t size)
{
    float *row[KERNELS_FEW], by[KERNELS_FEW];
    uint32_t count = 0;
    for (uint32_t n = 0; n < rows->count; n++) {
        by[count] = gradient[n];
        row[count] = rows->row[n];
        count += gradient[n] != 0.0f;
    }
    few_step_of(rows, row, count, next, by, size);
}

static void few_own(const struct few_rows *rows, size_t size)
{
    const float *const own = rows->own;
    mix(&rows->own_weight, &own, 1, size, rows->x);
}

static void few_learn_of(const struct few_rows *rows, uint32_t count, const struct few_next *next,
                         const struct few_form *form, size_t size)
{
    float gradient[KERNELS_FEW] __attribute__((aligned(64))) = {0};
    few_own(rows, size);
    few_bring(next, 0, size);
    bool some = few_scores_of(rows, count, form, size, gradient);
    few_bring(next, 1, size);
    if (some)
        few_step_some(rows, next, gradient, size);
    else
        few_step_of(rows, rows->row, count, next, gradient, size);
}

/* Most often it is the first one of all, or the processor guesses wrong once. */
static uint32_t few_find_near(const float *score, uint32_t count, float sign)
{
    for (uint32_t n = 1; n < count; n++)
        if (!(sign * (score[0] - score[n]) >= 1.0f))
            return n;
    return 0;
}

/* The rest of the next rows comes after all else: the step is short, and waits for none of them. */
static uint32_t few_warp_of(const struct few_rows *rows, uint32_t count,
                            const struct few_next *next, const struct warp_form *form, size_t size,
                            float *score)
{
    const struct few_form scores = {.rate = 1.0f};
    const struct few_next none = {.count = 0};
    few_own(rows, size);
    few_bring(next, 0, size);
    few_scores_of(rows, count, &scores, size, score);
    few_bring(next, 1, size);
    uint32_t near = few_find_near(score, count, form->sign);
    if (near > 0) {
        float by = form->sign * (form->rate * form->weight[near]);
        const float gradient[KERNELS_FEW] = {-by, by};
        float *const pair[] = {rows->row[0], rows->row[near]};
        few_step_of(rows, pair, 2, &none, gradient, size);
    }
    few_bring_rest(next, size);
    return near;
}

/* All in one piece, and pieces of their own for what is usual: loops whose lengths are not known
 * are half of it else, and what does not fit into the processor's window does not overlap with what
 * comes next. */
__attribute__((flatten)) static void few_step(const struct few_rows *rows, const float *gradient,
                                              size_t size)
{
    const struct few_next none = {.count = 0};
    if (size == FEW_USUAL && rows->count == 2)
        few_step_of(rows, rows->row, 2, &none, gradient, FEW_USUAL);
    else
        few_step_of(rows, rows->row, rows->count, &none, gradient, size);
}

__attribute__((flatten)) static void few_learn(const struct few_rows *rows,
                                               const struct few_next *next,
                                               const struct few_form *form, size_t size)
{
    if (size == FEW_USUAL && rows->count == 1)
        few_learn_of(rows, 1, next, form, FEW_USUAL);
    else if (size == FEW_USUAL && rows->count == 6)
        few_learn_of(rows, 6, next, form, FEW_USUAL);
    else
        few_learn_of(rows, rows->count, next, form, size);
}

__attribute__((flatten)) static uint32_t few_warp(const struct few_rows *rows,
                                                  const struct few_next *next,
                                                  const struct warp_form *form, size_t size,
                                                  float *score)
{
    if (size == FEW_USUAL && rows->count <= KERNELS_FEW / 2)
        return few_warp_usual(rows, next, form, score);
    return few_warp_of(rows, rows->count, next, form, size, score);
}

#endif
