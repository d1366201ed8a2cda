/*
 * Explicit ratings: what a user would rate an item, on the rating scale.
 *
 *     r(u, i, t) = m + b_i + b_u + mood_u(t) + stretch_u b_i + crowd_u log(n_i / n) + <p_u, q_i>
 *
 * Biased matrix factorization (Koren, Bell & Volinsky 2009, eq. 4) with three more terms for the
 * user: the mood fades within minutes (an Ornstein-Uhlenbeck process, for what Koren
 * 2009, "Collaborative filtering with temporal dynamics", eq. 10, fits as a bias a day), and the
 * stretch says how far the user follows what others think of an item (his eq. 12); the
 * third how much the user is with the crowd, n_i being how often the item was rated, n the mean.
 *
 * It is learned in one pass by Gaussian filtering instead of SGD (Stern, Herbrich & Graepel 2009,
 * "Matchbox", section 3, with a full covariance for the user): each mean moves by its own
 * uncertainty's share of the error. So a user's first ratings move much and the thousandth little,
 * without learning rates to tune. How far each term is to be trusted is learned beside (trust.h),
 * so that they do no harm where ratings are mere noise.
 *
 * Nothing is allocated before the first rating; a user costs 1.1 kB from the first one on.
 */
#ifndef MODEL_RATINGS_H
#define MODEL_RATINGS_H

#include "model/signals.h"
#include "model/table.h"
#include "model/trust.h"

/* One row of numbers about a user (u) or an item (i), position by position:
 *        0     1      2         3       4..15
 *     u  b_u   mood   stretch   crowd   p
 *     i  b_i   -      -         -       q    */
enum {
    RATINGS_BIAS,
    RATINGS_MOOD,
    RATINGS_STRETCH,
    RATINGS_CROWD,
    RATINGS_VECTOR,
    RATINGS_WIDTH = 16
};

/* Means are in units, of which the scale has 4.5; variances in those of a rating's noise. */
struct rater {
    float mean[RATINGS_WIDTH] __attribute__((aligned(64)));
    float covariance[RATINGS_WIDTH][RATINGS_WIDTH];
    uint32_t last_second; /* of the last rating */
    uint32_t spare[15];
};

struct rated {
    float mean[RATINGS_WIDTH];
    float variance[RATINGS_WIDTH]; /* all 0: never rated */
    uint32_t count;                /* of ratings */
};

/* What all ratings share. */
struct ratings_head {
    uint64_t count; /* ratings learned */
    uint64_t items; /* rated, but for those let go */
    uint64_t kept;  /* ratings of those items */
    float mean, mean_variance;
    struct trust trust; /* in all terms but the mean */
};

struct ratings {
    uint64_t seed;
    float low, high, unit; /* of the scale */
    uint32_t users, items; /* bounds */
    uint32_t raters;       /* how many there are */
    struct ratings_head head;
    struct table rater; /* struct rater * (users) */
    struct table pool;  /* struct rater: those that were ever needed at once */
    struct rater *free; /* of these, chained through their first bytes */
    struct table rated; /* struct rated (items) */
};

/* Within the scale; slots may be SLOT_NONE or unrated. False: no rating was ever learned. */
bool ratings_predict(const struct ratings *ratings, uint32_t user, uint32_t item, uint32_t second,
                     float *rating);

/* The last rating is remembered in a byte (had.h): 0 is none, 1..255 divide the scale evenly. */
uint8_t rating_code(const struct signals *signals, float rating);
float rating_decode(const struct signals *signals, uint8_t code); /* code > 0 */

#endif
