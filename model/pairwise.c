#include "model/pairwise.h"

void pairwise_learn(struct factors *factors, struct user *user, uint32_t slot, uint32_t wanted,
                    uint32_t unwanted, float rate)
{
    const struct pair_rows rows = {
        .x = table_floats(&factors->user_rows, slot),
        .x_sum = &user->gradient_sum,
        .p = factors_change(factors, wanted),
        .q = factors_change(factors, unwanted),
    };
    kernels->pair_learn(&rows, factors->weights.own, rate, factors->dim);
}
