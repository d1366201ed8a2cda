/*
 * The step of pairwise.h as one kernel: each variant's file makes it of its own pair_dots(),
 * exp_one() and pair_step(), which are part of it then. The numbers between them would otherwise
 * go through calls, which costs a tenth of the step.
 */
#ifndef MODEL_PAIRWISE_STEP_H
#define MODEL_PAIRWISE_STEP_H

#include "model/adagrad.h"
#include "model/factors_rates.h"
#include "model/feature.h"
#include "model/kernels.h"

/* d = p - q */
struct pair_dots {
    float xp, xq, xx, dd;
};

static void pair_dots(const float *x, const float *p, const float *q, size_t size,
                      struct pair_dots *out);
/* x += x_step * d, p += p_step * x, q += q_step * x, all from the values before */
static void pair_step(float *x, float *p, float *q, float x_step, float p_step, float q_step,
                      size_t size);
static float exp_one(float x);

static inline void pair_step_bias(float *columns, float gradient)
{
    columns[COLUMN_BIAS] += gradient * adagrad_step(&columns[COLUMN_BIAS_SUM], gradient * gradient,
                                                    RATE_BIAS, SUM_FLOOR_BIAS);
}

static void pair_learn(const struct pair_rows *rows, float own, float rate, size_t size)
{
    float *x = rows->x, *p = rows->p, *q = rows->q;
    float *p_columns = p + size, *q_columns = q + size;
    struct pair_dots dots;
    pair_dots(x, p, q, size, &dots);
    float ahead = own * (dots.xp - dots.xq) + p_columns[COLUMN_BIAS] - q_columns[COLUMN_BIAS];
    float g = rate * (1.0f / (1.0f + exp_one(ahead)));
    float of_item = own * g, of_user = own * g;
    float item_square = of_item * of_item * dots.xx / (float)size;
    float user_square = of_user * of_user * dots.dd / (float)size;
    float p_step = adagrad_step(&p_columns[COLUMN_SUM], item_square, RATE_CANDIDATE, SUM_FLOOR);
    float q_step = adagrad_step(&q_columns[COLUMN_SUM], item_square, RATE_CANDIDATE, SUM_FLOOR);
    float x_step = adagrad_step(rows->x_sum, user_square, RATE_USER, SUM_FLOOR);
    pair_step_bias(p_columns, -g);
    pair_step_bias(q_columns, g);
    pair_step(x, p, q, -x_step * of_user, -p_step * of_item, q_step * of_item, size);
}

#endif
