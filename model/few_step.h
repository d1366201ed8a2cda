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
#include "model/kernels.h"

#include <string.h>

_Static_assert((int)COLUMN_BIAS_SUM == (int)COLUMN_SUM + 1, "stepped side by side");

static float dot(const float *a, const float *b, size_t size);
static void mix(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out);
static void spread(const float *steps, const float *x, float *const *rows, size_t count,
                   size_t size);
static void add_scaled(float a, const float *x, float *y, size_t size);
/* As few_scores(); there are KERNELS_FEW rows, of which the first `count` matter. */
static void score_rows(const float *x, const float *const *row, size_t count, size_t size,
                       const struct few_form *form, float *out);

static void few_scores(const struct few_rows *rows, const struct few_form *form, size_t size, float *out)
{
    const float *row[KERNELS_FEW];
    for (uint32_t n = 0; n < KERNELS_FEW; n++)
        row[n] = rows->row[n < rows->count ? n : 0];
    score_rows(rows->x, row, rows->count, size, form, out);
}

/* Accumulators of the vector and the bias, and more that nobody needs. */
typedef float few_sums __attribute__((vector_size(16)));

static inline few_sums few_roots(few_sums v)
{
    return (few_sums){sqrtf(v[0]), sqrtf(v[1]), sqrtf(v[2]), sqrtf(v[3])};
}

static void few_step(const struct few_rows *rows, const float *gradient, size_t size)
{
    const few_sums rate = {-RATE_CANDIDATE, -RATE_BIAS, 0.0f, 0.0f};
    const few_sums floor = {SUM_FLOOR, SUM_FLOOR_BIAS, 1.0f, 1.0f};
    const float mean_square = dot(rows->x, rows->x, size) / (float)size;
    const few_sums by = {mean_square, 1.0f, 0.0f, 0.0f};
    float step[KERNELS_FEW], own = rows->own_weight;
    few_sums sum[KERNELS_FEW], taken[KERNELS_FEW];
    uint32_t count = rows->count;
    mix(gradient, (const float *const *)rows->row, count, size, rows->by_x);
    for (uint32_t n = 0; n < count; n++) {
        float g = gradient[n];
        memcpy(&sum[n], rows->row[n] + size + COLUMN_SUM, sizeof sum[n]);
        sum[n] = sum[n] * ADAGRAD_DECAY + g * g * by;
        taken[n] = rate / few_roots(sum[n] + floor) * g;
        step[n] = taken[n][0];
    }
    for (uint32_t n = 0; n < count; n++) {
        float *columns = rows->row[n] + size;
        columns[COLUMN_BIAS] += taken[n][1];
        memcpy(columns + COLUMN_SUM, &sum[n], 2 * sizeof *columns);
    }
    spread(step, rows->x, rows->row, count, size);
    float square = own * own * (dot(rows->by_x, rows->by_x, size) / (float)size);
    float own_step = adagrad_step(rows->own_sum, square, RATE_USER, SUM_FLOOR);
    add_scaled(own_step * own, rows->by_x, rows->own, size);
}

#endif
