/*
 * The losses of few negatives on the user's and the items' vectors alone: what factors_learn()
 * would make of them when nothing else is on, bit for bit, in a third of the time, as no more is
 * drawn, read and put together than they look at.
 *
 *     logistic, squared   the item and five negatives at most: scored and stepped by one kernel
 *     warp                some negatives at a time, up to the first inside the margin
 */
#ifndef MODEL_BARE_H
#define MODEL_BARE_H

#include "model/factors.h"
#include "model/loss.h"

/* One event's; draw->positive is its item. */
struct bare_step {
    enum loss_id loss; /* any but softmax and bpr */
    struct loss_target target;
    const struct draw *draw;
    struct user *user;
    uint32_t slot;
    float rate;
    const float *const *next; /* users' and candidates' rows of steps to come, that are brought near
                               * meanwhile */
    uint32_t next_count;
    uint32_t near_count; /* of the first negatives, of those that were next before */
};

enum { BARE_HABIT_ONE = 1 << 16 };

/* How many negatives warp looked at lately, in units of 1 / BARE_HABIT_ONE, by which it guesses how
 * many to take at once; and what it found its weights to be. No part of the state. */
struct bare_habit {
    uint32_t looked_at;
    uint32_t candidates, weights;  /* that the weights are for; up to how many draws */
    float weight[SAMPLES_MAX + 1]; /* loss_rank_weight() by draws, from 1 on */
};

void bare_learn(struct factors *factors, struct bare_habit *habit, const struct bare_step *step);
/* How many negatives a step will look at, as far as that can be told beforehand. */
uint32_t bare_looks_at(const struct bare_habit *habit, enum loss_id loss);

#endif
