/* Learning some events at a time, as the daemon has them decoded (engine.c): those to come are
 * brought near meanwhile. */
#ifndef TESTS_BENCH_BATCH_H
#define TESTS_BENCH_BATCH_H

#include "model/recommender.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64 };

static inline void batch_learn(struct recommender *model, const struct event *events, uint32_t size)
{
    struct ahead ahead;
    for (uint32_t n = 0; n < size; n++) {
        struct learned learned;
        recommender_look_ahead(model, &ahead, events, n, size);
        struct place place = recommender_place_ahead(model, &ahead, events, n);
        if (recommender_judge(model, &events[n], &learned.action) == VERDICT_ACCEPTED)
            recommender_learn_at(model, &events[n], place, &learned);
        else
            learned.status = STATUS_INVALID;
        if (learned.status != STATUS_OK) {
            fprintf(stderr, "bench: the model refused an event\n");
            exit(70);
        }
    }
}

#endif
