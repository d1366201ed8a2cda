#include "daemon/ranker.h"

#include "model/exploration.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    const uint32_t *users;
    uint32_t size;
    int64_t ts_ms;
    uint32_t list_size;
    struct list *lists;
    uint32_t share; /* users that a thread takes at once */
    /* Not of users: see ranker_share(); else NULL. */
    void (*part)(void *context, uint32_t n);
    void *context;
};

struct worker {
    struct ranker *ranker;
    struct query *query[RECOMMENDER_TOGETHER];
    pthread_t thread;
    bool started;
};

struct ranker {
    struct recommender *model;
    float explore;             /* share of the lists' places */
    struct batch batch;        /* written by the caller before `round` rises */
    atomic_uint_fast32_t next; /* user of the batch that nobody ranks yet */
    atomic_bool failed;        /* for want of memory */
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    uint64_t round; /* under the lock, as are the three below */
    bool open;      /* for threads to begin with the round */
    uint32_t busy;  /* threads that have */
    bool stopping;
    uint32_t size;
    struct worker workers[]; /* the caller's is the first */
};

static void rank_some(struct ranker *ranker, struct query *const *queries, uint32_t first,
                      uint32_t count)
{
    const struct batch *batch = &ranker->batch;
    struct list *lists[RECOMMENDER_TOGETHER];
    for (uint32_t i = 0; i < count; i++) {
        lists[i] = &batch->lists[first + i];
        if (recommender_query(ranker->model, queries[i], batch->users[first + i], batch->ts_ms) !=
            STATUS_OK) {
            atomic_store(&ranker->failed, true);
            return;
        }
    }
    recommender_top_together(ranker->model, queries, count, batch->list_size, lists);
    for (uint32_t i = 0; i < count; i++)
        recommender_explore(ranker->model, queries[i], ranker->explore, lists[i]);
}

static void share_parts(struct ranker *ranker)
{
    const struct batch *batch = &ranker->batch;
    uint_fast32_t n;
    while ((n = atomic_fetch_add_explicit(&ranker->next, 1, memory_order_relaxed)) < batch->size)
        batch->part(batch->context, (uint32_t)n);
}

static void rank_share(struct ranker *ranker, struct query *const *queries)
{
    const struct batch *batch = &ranker->batch;
    if (batch->part != NULL) {
        share_parts(ranker);
        return;
    }
    while (!atomic_load(&ranker->failed)) {
        uint_fast32_t first =
            atomic_fetch_add_explicit(&ranker->next, batch->share, memory_order_relaxed);
        if (first >= batch->size)
            return;
        uint32_t left = batch->size - (uint32_t)first;
        rank_some(ranker, queries, (uint32_t)first, left < batch->share ? left : batch->share);
    }
}

/* What is taken at once: all that go together, but no thread is to be left without. */
static uint32_t share_of(const struct ranker *ranker, uint32_t size, bool forked)
{
    uint32_t share = forked ? (size + 2 * ranker->size - 1) / (2 * ranker->size) : size;
    return share < RECOMMENDER_TOGETHER ? share : RECOMMENDER_TOGETHER;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct ranker *ranker = worker->ranker;
    uint64_t seen = 0;
    pthread_mutex_lock(&ranker->lock);
    for (;;) {
        while (ranker->round == seen && !ranker->stopping)
            pthread_cond_wait(&ranker->begin, &ranker->lock);
        if (ranker->stopping)
            break;
        seen = ranker->round;
        if (!ranker->open)
            continue; /* woken too late: the others have done it */
        ranker->busy++;
        pthread_mutex_unlock(&ranker->lock);
        rank_share(ranker, worker->query);
        pthread_mutex_lock(&ranker->lock);
        if (--ranker->busy == 0)
            pthread_cond_signal(&ranker->end);
    }
    pthread_mutex_unlock(&ranker->lock);
    return NULL;
}

/* Signals are for the loop's thread. */
static int start(struct worker *worker)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->started = failed == 0;
    return failed;
}

static bool create_queries(const struct recommender *model, struct query **queries)
{
    for (int n = 0; n < RECOMMENDER_TOGETHER; n++)
        if (query_create(model, &queries[n]) != STATUS_OK)
            return false;
    return true;
}

enum status ranker_create(struct recommender *model, uint32_t threads, struct ranker **out,
                          struct error *error)
{
    if (threads < 1)
        threads = 1;
    struct ranker *ranker = calloc(1, sizeof *ranker + threads * sizeof ranker->workers[0]);
    if (ranker == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the ranking threads");
    ranker->model = model;
    ranker->size = threads;
    pthread_mutex_init(&ranker->lock, NULL);
    pthread_cond_init(&ranker->begin, NULL);
    pthread_cond_init(&ranker->end, NULL);
    for (uint32_t i = 0; i < threads; i++) {
        ranker->workers[i].ranker = ranker;
        if (!create_queries(model, ranker->workers[i].query)) {
            ranker_destroy(ranker);
            return error_set(error, STATUS_NO_MEMORY, "no memory for a ranking thread");
        }
        int failed = i == 0 ? 0 : start(&ranker->workers[i]);
        if (failed != 0) {
            ranker_destroy(ranker);
            return error_set(error, STATUS_INTERNAL,
                             "cannot start ranking thread %u of %u: %s; lower model.threads", i,
                             threads - 1, strerror(failed));
        }
    }
    *out = ranker;
    return STATUS_OK;
}

void ranker_destroy(struct ranker *ranker)
{
    if (ranker == NULL)
        return;
    pthread_mutex_lock(&ranker->lock);
    ranker->stopping = true;
    pthread_cond_broadcast(&ranker->begin);
    pthread_mutex_unlock(&ranker->lock);
    for (uint32_t i = 0; i < ranker->size; i++) {
        if (ranker->workers[i].started)
            pthread_join(ranker->workers[i].thread, NULL);
        for (int n = 0; n < RECOMMENDER_TOGETHER; n++)
            query_destroy(ranker->workers[i].query[n]);
    }
    pthread_cond_destroy(&ranker->begin);
    pthread_cond_destroy(&ranker->end);
    pthread_mutex_destroy(&ranker->lock);
    free(ranker);
}

uint32_t ranker_threads(const struct ranker *ranker)
{
    return ranker->size;
}

static void fork_threads(struct ranker *ranker)
{
    pthread_mutex_lock(&ranker->lock);
    ranker->open = true;
    ranker->round++;
    pthread_cond_broadcast(&ranker->begin);
    pthread_mutex_unlock(&ranker->lock);
}

/* Waits for those that have begun, not for those that still wake up. */
static void join_threads(struct ranker *ranker)
{
    pthread_mutex_lock(&ranker->lock);
    ranker->open = false;
    while (ranker->busy > 0)
        pthread_cond_wait(&ranker->end, &ranker->lock);
    pthread_mutex_unlock(&ranker->lock);
}

enum status ranker_rank(struct ranker *ranker, const uint32_t *users, uint32_t size, int64_t ts_ms,
                        uint32_t list_size, bool wake, struct list *lists)
{
    bool forked = wake && ranker->size > 1 && size > 1;
    ranker->batch = (struct batch){.users = users,
                                   .size = size,
                                   .ts_ms = ts_ms,
                                   .list_size = list_size,
                                   .lists = lists,
                                   .share = share_of(ranker, size, forked)};
    atomic_store(&ranker->next, 0);
    atomic_store(&ranker->failed, false);
    recommender_expect_lists(ranker->model, size);
    if (forked)
        fork_threads(ranker);
    rank_share(ranker, ranker->workers[0].query);
    if (forked)
        join_threads(ranker);
    return atomic_load(&ranker->failed) ? STATUS_NO_MEMORY : STATUS_OK;
}

void ranker_share(struct ranker *ranker, uint32_t count, void (*part)(void *context, uint32_t n),
                  void *context)
{
    bool forked = ranker->size > 1 && count > 1;
    ranker->batch = (struct batch){.size = count, .part = part, .context = context};
    atomic_store(&ranker->next, 0);
    if (forked)
        fork_threads(ranker);
    share_parts(ranker);
    if (forked)
        join_threads(ranker);
}

void ranker_explore(struct ranker *ranker, float share)
{
    ranker->explore = share;
}
