/* Hit rates of the demo: of the last so many plays, and of all since the start. */
#ifndef DAEMON_DEMO_SCORES_H
#define DAEMON_DEMO_SCORES_H

#include <stdbool.h>
#include <stdint.h>

enum { SCORES_WINDOW = 10000 };

struct hits {
    uint64_t plays, popular, tasted, best;
};

struct scores {
    struct hits all, window;
    uint8_t ring[SCORES_WINDOW]; /* of the window's plays: a bit for each of the three */
};

void scores_init(struct scores *scores);
void scores_add(struct scores *scores, bool popular, bool tasted, bool best);

/* A part of the plays; 0 without any. */
double hits_rate(const struct hits *hits, uint64_t part);
/* How far tasted is on the way from popular (0) to the best possible (1). */
double hits_way(const struct hits *hits);

#endif
