/* Seeded chance for the demo's listeners: the same seed gives the same draws on every machine. */
#ifndef DAEMON_CHANCE_H
#define DAEMON_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

/* Streams of one seed with different keys are independent of each other. */
void chance_init(struct chance *chance, uint64_t seed, uint64_t key);
uint64_t chance_bits(struct chance *chance);
double chance_uniform(struct chance *chance);                 /* [0, 1) */
uint32_t chance_below(struct chance *chance, uint32_t bound); /* 0..bound-1; bound > 0 */
bool chance_happens(struct chance *chance, double probability);
double chance_normal(struct chance *chance);      /* mean 0, variance 1 */
double chance_exponential(struct chance *chance); /* mean 1 */
/* An index in proportion to its weight; `total` is the weights' sum, above 0. */
uint32_t chance_pick(struct chance *chance, const double *weights, uint32_t size, double total);

#endif
