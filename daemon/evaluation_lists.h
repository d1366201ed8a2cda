/*
 * What the lists look like, not only how often they are right: at some of the scored events the
 * user's first ten are taken, as they would be served, beside the items of the next ten scored
 * events. How many items appear in either, and how unequally, can then be compared: both are
 * equally many choices from the same time. Bounded: at most one in LISTS_APART scored events, and
 * LISTS_PER_PART in each part of the stream.
 */
#ifndef DAEMON_EVALUATION_LISTS_H
#define DAEMON_EVALUATION_LISTS_H

#include "daemon/concentration.h"
#include "model/recommender.h"

enum { LISTS_SIZE = 10, LISTS_APART = 20, LISTS_PER_PART = 40 };

/* So far, of the candidates at that time. */
struct evaluation_spread {
    double coverage, gini;
};

struct evaluation_spreads {
    uint64_t lists; /* taken so far */
    uint32_t candidates;
    struct evaluation_spread listed, happened;
};

struct evaluation_lists {
    struct concentration listed, happened;
    struct list list; /* scratch */
    uint64_t scored, taken;
    uint32_t taken_of_part;
    uint32_t follow; /* events still to be counted for the last list */
};

void evaluation_lists_init(struct evaluation_lists *lists);
void evaluation_lists_finish(struct evaluation_lists *lists);
/* A new part of the stream begins. */
void evaluation_lists_turn(struct evaluation_lists *lists);
/* An event was scored; `query` is that of its user, and is used again for the list. */
void evaluation_lists_look(struct evaluation_lists *lists, const struct recommender *model,
                           struct query *query, uint32_t item);
struct evaluation_spreads evaluation_lists_spread(const struct evaluation_lists *lists,
                                                  const struct recommender *model);

#endif
