#include "daemon/mending.h"

#include "model/pages.h"

#include <signal.h>

static void *run(void *context)
{
    struct mending *mending = context;
    struct pages_walk walk = {0, 0};
    while (!atomic_load(&mending->done) && pages_mend(&walk))
        ;
    atomic_store(&mending->done, true);
    return NULL;
}

void mending_begin(struct mending *mending)
{
    if (!mending_is_done(mending))
        return;
    mending_finish(mending);
    atomic_store(&mending->done, false);
    sigset_t all, before;
    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    mending->started = pthread_create(&mending->thread, NULL, run, mending) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool mending_is_done(const struct mending *mending)
{
    return !mending->started || atomic_load(&mending->done);
}

void mending_finish(struct mending *mending)
{
    if (!mending->started)
        return;
    atomic_store(&mending->done, true);
    pthread_join(mending->thread, NULL);
    mending->started = false;
}
