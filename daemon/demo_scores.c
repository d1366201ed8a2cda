#include "daemon/demo_scores.h"

#include <string.h>

enum { POPULAR = 1, TASTED = 2, BEST = 4 };

void scores_init(struct scores *scores)
{
    memset(scores, 0, sizeof *scores);
}

static void take_out(struct hits *hits, uint8_t marks)
{
    hits->plays--;
    hits->popular -= (marks & POPULAR) != 0;
    hits->tasted -= (marks & TASTED) != 0;
    hits->best -= (marks & BEST) != 0;
}

static void put_in(struct hits *hits, uint8_t marks)
{
    hits->plays++;
    hits->popular += (marks & POPULAR) != 0;
    hits->tasted += (marks & TASTED) != 0;
    hits->best += (marks & BEST) != 0;
}

void scores_add(struct scores *scores, bool popular, bool tasted, bool best)
{
    uint8_t marks = (uint8_t)((popular ? POPULAR : 0) | (tasted ? TASTED : 0) | (best ? BEST : 0));
    uint8_t *oldest = &scores->ring[scores->all.plays % SCORES_WINDOW];
    if (scores->window.plays == SCORES_WINDOW)
        take_out(&scores->window, *oldest);
    *oldest = marks;
    put_in(&scores->window, marks);
    put_in(&scores->all, marks);
}

double hits_rate(const struct hits *hits, uint64_t part)
{
    return hits->plays > 0 ? (double)part / (double)hits->plays : 0;
}

double hits_way(const struct hits *hits)
{
    if (hits->best <= hits->popular)
        return 0;
    return ((double)hits->tasted - (double)hits->popular) / (double)(hits->best - hits->popular);
}
