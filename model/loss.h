/*
 * What a step goes down: the loss of one event, a function of the scores of its item and a few
 * samples. Each is one small gradient function; the update is the factors' (as in LIBMF, Chin et
 * al. 2015). s is the item's score, s_j a sample's; what is unwanted turns the sign around.
 *
 *     softmax   -log(exp s / (exp s + sum_j exp s_j / K q_j)): sampled softmax with its correction
 *               (Bengio & Senécal 2008, eq. 8); for what is unwanted -log(1 - p)
 *     bpr       -log sigmoid(s - s_j), one j (Rendle et al. 2009, eq. of BPR-OPT)
 *     warp      L(rank) max(0, 1 - s + s_j), L(r) = sum_{i<=r} 1/i; j is the first of up to
 *               SAMPLES_MAX draws inside the margin, and rank = (candidates - 1) / draws
 *               (Weston et al. 2011, eq. 5 and algorithm 1)
 *     logistic  -log sigmoid(s) - sum_j log sigmoid(-s_j), five j (Mikolov et al. 2013, eq. 4)
 *     squared   (s - y)^2 / 2: y = 1 for the item and 0 for five j; y = the rating, its scale
 *               stretched to 0..1, for the item alone (Koren et al. 2009, eq. 2)
 */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H

#include "model/samples.h"

#include <stdbool.h>

/* Gradients of the softmax nearer to 0 than this are 0. */
#define GRADIENT_LEAST 0.003f

enum loss_id { LOSS_SOFTMAX, LOSS_BPR, LOSS_WARP, LOSS_LOGISTIC, LOSS_SQUARED, LOSSES };

/* What is known of the event when its samples are scored. */
struct loss_target {
    bool wanted;
    bool rated;          /* `rating` holds: on the scale, 0..1 */
    float rating;        /* of use for squared */
    uint32_t candidates; /* items there are to rank; of use for warp */
};

struct loss {
    const char *name;
    uint32_t negatives; /* it looks at, at most */
    bool uniform;       /* from all candidates alike; else as the sampler mixes and corrects them */
    /* A rating is learned as such, also one that is neither wanted nor unwanted. */
    bool takes_ratings;
    /* From samples->factor_score to samples->gradient, the loss' by each score. Samples without a
     * gradient may be dropped; with size 0 there is nothing to learn. */
    void (*gradient)(const struct loss_target *target, struct samples *samples);
};

extern const struct loss losses[LOSSES];

/* warp: sum of 1/i up to the rank that `draws` draws suggest. */
float loss_rank_weight(uint32_t candidates, uint32_t draws);

#endif
