/*
 * How good the lists are that people really saw: for each positive event, before it is learned, was
 * its item in the list the user had in the store, and at which rank; and in the popular list, on
 * the same events. Decayed, so that it tells of lately. Bounded: the lists of the users written
 * most recently; who has none reads the popular list.
 */
#ifndef DAEMON_PREQUENTIAL_H
#define DAEMON_PREQUENTIAL_H

#include "model/list.h"
#include "model/status.h"

enum {
    PREQUENTIAL_CUTS = 4,
    PREQUENTIAL_DEPTH = 100,
    PREQUENTIAL_USERS = 16384,
    PREQUENTIAL_HALF_LIFE = 10000, /* events */
};

extern const uint32_t prequential_cuts[PREQUENTIAL_CUTS]; /* 1, 10, 50, 100 */

struct prequential; /* opaque; some 7 MB */

enum status prequential_create(struct prequential **out);
void prequential_destroy(struct prequential *prequential); /* NULL is legal */

/* A 64-bit hash of an item's id; lists and events are compared by it. */
uint64_t prequential_item(struct text item);

/* What a user (a slot with its tag) has in the store from now on: hashes, best first. */
void prequential_show(struct prequential *prequential, uint32_t user, uint32_t tag,
                      const uint64_t *items, uint32_t size);
void prequential_show_popular(struct prequential *prequential, const uint64_t *items,
                              uint32_t size);
/* It is not known any more. */
void prequential_forget(struct prequential *prequential, uint32_t user);

/* Nothing is counted before there is a popular list. */
bool prequential_has_shown(const struct prequential *prequential);
/* A positive event. `listed`: the user has a list in the store; when it is not remembered here, the
 * event does not count. */
void prequential_observe(struct prequential *prequential, uint32_t user, uint32_t tag, bool listed,
                         struct text item);

/* NAN before the first event; lift also while the popular list has never hit. */
double prequential_recall(const struct prequential *prequential, uint32_t cut);
double prequential_lift(const struct prequential *prequential, uint32_t cut);

#endif
