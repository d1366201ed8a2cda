/*
 * After a save by fork(): the big pages of memory that were broken up meanwhile are put together
 * again (model/pages.h) by a thread, which ends when that is done. Without it each save would find
 * more small pages to fork, and learning would be slower.
 */
#ifndef DAEMON_MENDING_H
#define DAEMON_MENDING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct mending {
    pthread_t thread;
    bool started;     /* and not joined yet */
    atomic_bool done; /* the thread is about to end; or is told to */
};

/* Zeroed at first. Nothing happens while one is still at work, or where no thread can be had. */
void mending_begin(struct mending *mending);
bool mending_is_done(const struct mending *mending);
/* Waits for the thread, which ends at the next page. */
void mending_finish(struct mending *mending);

#endif
