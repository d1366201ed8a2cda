/*
 * What the best list could have reached on the demo's stream, beside popularity's: by the truth of
 * the generator, on the very events that CONTRACT §5 scores. Candidates are the tracks that anybody
 * wanted before.
 */
#ifndef DAEMON_YARDSTICK_H
#define DAEMON_YARDSTICK_H

#include "daemon/listeners.h"

enum { YARDSTICK_TOP = 10 };

/* Of one event. */
struct yardstick_mark {
    bool scored;
    bool popular, best; /* was the track in the top ten? */
    double expected;    /* the probability that it would be in the best's */
};

struct yardstick_sums {
    uint64_t scored, popular, best;
    double expected;
};

struct yardstick; /* opaque */

/* `exclude_seen`: as lists.exclude_seen=forever does, tracks that the listener has are no
 * candidates, and wanting them again is not scored. `plays_only`: scores plays alone, with lists
 * made for plays, without the last track; as the demo does. NULL: no memory. */
struct yardstick *yardstick_create(const struct listeners *listeners, bool exclude_seen,
                                   bool plays_only);
void yardstick_destroy(struct yardstick *yardstick); /* NULL is legal */

/* Marks one event and takes it in. Call for each, in order. */
struct yardstick_mark yardstick_take(struct yardstick *yardstick,
                                     const struct listening *listening);

#endif
