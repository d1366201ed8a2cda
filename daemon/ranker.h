/*
 * Ranks a batch of users, or whatever else is asked of the model, with all threads, the caller's
 * taking part: fork, join, and nothing in between. While it runs nobody learns, so the threads only
 * read the model, each through a query of its own: that is the whole story about locks.
 */
#ifndef DAEMON_RANKER_H
#define DAEMON_RANKER_H

#include "model/recommender.h"

struct ranker; /* opaque */

/* `threads` in all, the caller's included; at least 1. */
enum status ranker_create(struct recommender *model, uint32_t threads, struct ranker **out,
                          struct error *error);
void ranker_destroy(struct ranker *ranker); /* NULL is legal */
uint32_t ranker_threads(const struct ranker *ranker);

/* From now on such a share of the lists' places goes to items that few know; 0 at first. Not while
 * lists are ranked. */
void ranker_explore(struct ranker *ranker, float share);

/* lists[i] gets the best `list_size` items of users[i] at `ts_ms`. Returns when all are done. The
 * threads are woken only with `wake`: for a few quick users it is not worth it. STATUS_NO_MEMORY:
 * no list is to be used. */
enum status ranker_rank(struct ranker *ranker, const uint32_t *users, uint32_t size, int64_t ts_ms,
                        uint32_t list_size, bool wake, struct list *lists);
/* part(context, n) for each n below `count`, shared among all threads; returns when all are done.
 */
void ranker_share(struct ranker *ranker, uint32_t count, void (*part)(void *context, uint32_t n),
                  void *context);

#endif
