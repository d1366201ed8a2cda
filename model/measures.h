/* Ranking quality, summed up over scored events: recall, NDCG, DCG, MRR of one relevant item each
 * (Järvelin & Kekäläinen 2002; with one relevant item the ideal DCG is 1). */
#ifndef MODEL_MEASURES_H
#define MODEL_MEASURES_H

#include <stdint.h>

enum { MEASURES_CUTS = 5 };
extern const uint32_t measures_cuts[MEASURES_CUTS]; /* 1, 5, 10, 20, 50 */

struct measures {
    uint64_t events; /* scored, misses included */
    uint64_t hits[MEASURES_CUTS];
    double ndcg10, dcg100, reciprocal;
};

/* Rank 1 is best; 0: a miss. */
void measures_add(struct measures *measures, uint32_t rank);
/* a += b */
void measures_merge(struct measures *a, const struct measures *b);

#endif
