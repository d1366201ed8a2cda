#include "daemon/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SPINS = 4000 }; /* some ten microseconds */

struct crew {
    /* The work; written by the caller while it is closed and nobody is inside. */
    void (*work)(void *context, uint32_t n);
    void *context;
    uint32_t count;
    atomic_uint_fast32_t next; /* share that nobody has taken yet */

    atomic_uint_fast64_t round; /* odd: work is open */
    atomic_uint_fast32_t inside;
    atomic_uint_fast32_t asleep;
    atomic_bool waiting; /* the caller sleeps until nobody is inside */
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    uint32_t size; /* threads started */
    pthread_t threads[];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_shares(struct crew *crew)
{
    for (;;) {
        uint_fast32_t n = atomic_fetch_add(&crew->next, 1);
        if (n >= crew->count)
            return;
        crew->work(crew->context, (uint32_t)n);
    }
}

static bool has_news(struct crew *crew, uint_fast64_t seen)
{
    return atomic_load(&crew->round) > seen || atomic_load(&crew->stopping);
}

/* Until there is a round after `seen`, or the end. */
static void await_round(struct crew *crew, uint_fast64_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (has_news(crew, seen))
            return;
        relax();
    }
    pthread_mutex_lock(&crew->lock);
    atomic_fetch_add(&crew->asleep, 1);
    while (!has_news(crew, seen))
        pthread_cond_wait(&crew->begin, &crew->lock);
    atomic_fetch_sub(&crew->asleep, 1);
    pthread_mutex_unlock(&crew->lock);
}

/* First inside, then a look whether it is still open: the caller closes first, then looks whether
 * anybody is inside. So one of the two sees the other. */
static void join_round(struct crew *crew, uint_fast64_t round)
{
    atomic_fetch_add(&crew->inside, 1);
    if (atomic_load(&crew->round) == round)
        take_shares(crew);
    if (atomic_fetch_sub(&crew->inside, 1) == 1 && atomic_load(&crew->waiting)) {
        pthread_mutex_lock(&crew->lock);
        pthread_cond_signal(&crew->end);
        pthread_mutex_unlock(&crew->lock);
    }
}

static void *run(void *argument)
{
    struct crew *crew = argument;
    uint_fast64_t seen = 0;
    while (!atomic_load(&crew->stopping)) {
        await_round(crew, seen);
        seen = atomic_load(&crew->round);
        if (seen % 2 == 1)
            join_round(crew, seen);
    }
    return NULL;
}

/* Signals are for the caller's thread. */
static bool start(struct crew *crew, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = pthread_create(thread, NULL, run, crew) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

enum status crew_create(uint32_t threads, struct crew **out)
{
    *out = NULL;
    if (threads <= 1)
        return STATUS_OK;
    struct crew *crew = calloc(1, sizeof *crew + (threads - 1) * sizeof crew->threads[0]);
    if (crew == NULL)
        return STATUS_NO_MEMORY;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->begin, NULL);
    pthread_cond_init(&crew->end, NULL);
    while (crew->size < threads - 1 && start(crew, &crew->threads[crew->size]))
        crew->size++;
    *out = crew;
    return STATUS_OK;
}

void crew_destroy(struct crew *crew)
{
    if (crew == NULL)
        return;
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->stopping, true);
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->lock);
    for (uint32_t n = 0; n < crew->size; n++)
        pthread_join(crew->threads[n], NULL);
    pthread_cond_destroy(&crew->end);
    pthread_cond_destroy(&crew->begin);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}

uint32_t crew_threads(const struct crew *crew)
{
    return crew == NULL ? 1 : crew->size + 1;
}

static void await_all(struct crew *crew)
{
    for (int spin = 0; spin < SPINS && atomic_load(&crew->inside) > 0; spin++)
        relax();
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->waiting, true);
    while (atomic_load(&crew->inside) > 0)
        pthread_cond_wait(&crew->end, &crew->lock);
    atomic_store(&crew->waiting, false);
    pthread_mutex_unlock(&crew->lock);
}

void crew_run(struct crew *crew, uint32_t count, void (*work)(void *context, uint32_t n),
              void *context)
{
    if (crew == NULL) {
        for (uint32_t n = 0; n < count; n++)
            work(context, n);
        return;
    }
    crew->work = work;
    crew->context = context;
    crew->count = count;
    atomic_store(&crew->next, 0);
    atomic_fetch_add(&crew->round, 1);
    if (atomic_load(&crew->asleep) > 0) {
        pthread_mutex_lock(&crew->lock);
        pthread_cond_broadcast(&crew->begin);
        pthread_mutex_unlock(&crew->lock);
    }
    take_shares(crew);
    atomic_fetch_add(&crew->round, 1);
    await_all(crew);
}
