#include "model/measures.h"

#include <math.h>

const uint32_t measures_cuts[MEASURES_CUTS] = {1, 5, 10, 20, 50};

void measures_add(struct measures *measures, uint32_t rank)
{
    measures->events++;
    if (rank == 0)
        return;
    for (int cut = 0; cut < MEASURES_CUTS; cut++)
        measures->hits[cut] += rank <= measures_cuts[cut];
    double gain = rank <= 100 ? 1.0 / log2((double)rank + 1.0) : 0.0;
    measures->dcg100 += gain;
    measures->ndcg10 += rank <= 10 ? gain : 0.0;
    measures->reciprocal += 1.0 / (double)rank;
}

void measures_merge(struct measures *a, const struct measures *b)
{
    a->events += b->events;
    for (int cut = 0; cut < MEASURES_CUTS; cut++)
        a->hits[cut] += b->hits[cut];
    a->ndcg10 += b->ndcg10;
    a->dcg100 += b->dcg100;
    a->reciprocal += b->reciprocal;
}
