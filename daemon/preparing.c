#include "daemon/preparing.h"

#include "model/pages.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

static sem_t asked;
static atomic_bool ending;
static pthread_t thread;
static bool started;

static void on_asked(void)
{
    sem_post(&asked);
}

static void *run(void *context)
{
    while (!atomic_load(&ending))
        if (sem_wait(&asked) == 0)
            pages_prepare();
    return context;
}

void preparing_begin(void)
{
    if (started || sem_init(&asked, 0, 0) != 0)
        return;
    atomic_store(&ending, false);
    sigset_t all, before;
    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    started = pthread_create(&thread, NULL, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pages_on_asked(on_asked);
}

void preparing_finish(void)
{
    if (!started)
        return;
    pages_on_asked(NULL);
    atomic_store(&ending, true);
    sem_post(&asked);
    pthread_join(thread, NULL);
    started = false;
}
