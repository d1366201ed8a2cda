#include "model/pairwise.h"

#include "model/adagrad.h"
#include "model/factors_rates.h"
#include "model/feature.h"

static float sigmoid(float z)
{
    return 1.0f / (1.0f + kernels->exp_one(-z));
}

static void step_bias(float *columns, float gradient)
{
    columns[COLUMN_BIAS] += gradient * adagrad_step(&columns[COLUMN_BIAS_SUM], gradient * gradient,
                                                    RATE_BIAS, SUM_FLOOR_BIAS);
}

void pairwise_learn(struct factors *factors, struct user *user, uint32_t slot, uint32_t wanted,
                    uint32_t unwanted, float rate)
{
    uint32_t dim = factors->dim;
    float own = factors->weights.own;
    float *x = table_floats(&factors->user_rows, slot);
    float *p = factors_change(factors, wanted, true), *q = factors_change(factors, unwanted, true);
    float *p_columns = p + dim, *q_columns = q + dim;
    struct pair_dots dots;
    kernels->pair_dots(x, p, q, dim, &dots);
    float ahead = own * (dots.xp - dots.xq) + p_columns[COLUMN_BIAS] - q_columns[COLUMN_BIAS];
    float g = rate * sigmoid(-ahead);
    float of_item = own * g, of_user = own * g;
    float item_square = of_item * of_item * dots.xx / (float)dim;
    float user_square = of_user * of_user * dots.dd / (float)dim;
    float p_step = adagrad_step(&p_columns[COLUMN_SUM], item_square, RATE_CANDIDATE, SUM_FLOOR);
    float q_step = adagrad_step(&q_columns[COLUMN_SUM], item_square, RATE_CANDIDATE, SUM_FLOOR);
    float x_step = adagrad_step(&user->gradient_sum, user_square, RATE_USER, SUM_FLOOR);
    step_bias(p_columns, -g);
    step_bias(q_columns, g);
    kernels->pair_step(x, p, q, -x_step * of_user, -p_step * of_item, q_step * of_item, dim);
}
