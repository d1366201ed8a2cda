#include "transport/snapshot_feed.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { HUGE_PAGE = 2 << 20 };

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* NULL: it goes into the ring. */
static const struct feed_place *place_of(const struct feed *feed, uint64_t byte)
{
    for (uint32_t n = 0; n < feed->places && feed->place[n].first <= byte; n++)
        if (byte < feed->place[n].end)
            return &feed->place[n];
    return NULL;
}

static unsigned char *address_of(const struct feed *feed, uint64_t byte)
{
    const struct feed_place *place = place_of(feed, byte);
    return place != NULL ? place->at + (byte - place->first) : feed->ring + byte % FEED_RING;
}

/* Up to where the bytes from there on lie one after the other; of the ring a piece. */
static uint64_t end_of_run(const struct feed *feed, uint64_t byte)
{
    uint64_t end = least((byte / FEED_PIECE + 1) * FEED_PIECE, feed->bytes);
    for (uint32_t n = 0; n < feed->places; n++) {
        const struct feed_place *place = &feed->place[n];
        if (byte < place->end)
            return byte < place->first ? least(end, place->first) : place->end;
    }
    return end;
}

/* ---- both threads; all but what says so under the lock ---- */

/* Where the next chunk ends: with its huge page, or its piece of the ring. */
static uint64_t end_of_next(const struct feed *feed)
{
    uint64_t from = feed->begun, end = end_of_run(feed, from);
    uintptr_t at = (uintptr_t)address_of(feed, from);
    return place_of(feed, from) != NULL ? least(from + HUGE_PAGE - at % HUGE_PAGE, end) : end;
}

static bool has_room(const struct feed *feed)
{
    return feed->chunks < FEED_CHUNKS &&
           (place_of(feed, feed->begun) != NULL || end_of_next(feed) - feed->taken <= FEED_RING);
}

static struct feed_chunk *begin_chunk(struct feed *feed)
{
    struct feed_chunk *chunk = &feed->chunk[(feed->oldest + feed->chunks++) % FEED_CHUNKS];
    *chunk = (struct feed_chunk){feed->begun, end_of_next(feed), address_of(feed, feed->begun)};
    feed->begun = chunk->end;
    return chunk;
}

static void wake(struct feed *feed)
{
    bool wanted = feed->wanted > 0 && feed->filled < feed->wanted && feed->status == STATUS_OK;
    if (!wanted)
        pthread_cond_signal(&feed->changed);
}

/* Sums what has been read without a gap, unless the other thread is at it, and does this too. */
static void sum_ready(struct feed *feed)
{
    while (!feed->summing && feed->chunks > 0) {
        struct feed_chunk *chunk = &feed->chunk[feed->oldest];
        size_t size = (size_t)(chunk->read - feed->filled);
        const unsigned char *at = chunk->at - size;
        if (size == 0)
            break;
        feed->summing = true;
        pthread_mutex_unlock(&feed->lock);
        XXH3_128bits_update(feed->hasher, at, size);
        pthread_mutex_lock(&feed->lock);
        feed->summing = false;
        feed->filled += size;
        if (feed->filled == chunk->end) {
            feed->oldest = (feed->oldest + 1) % FEED_CHUNKS;
            feed->chunks--;
        }
        wake(feed);
    }
}

/* Lets go of the lock while it reads. */
static void read_chunk(struct feed *feed)
{
    struct feed_chunk *chunk = begin_chunk(feed);
    uint64_t from = chunk->read, end = chunk->end;
    while (from < end && feed->status == STATUS_OK && !feed->stop) {
        size_t size = (size_t)least(FEED_PIECE, end - from);
        unsigned char *at = chunk->at;
        pthread_mutex_unlock(&feed->lock);
        enum status status = snapshot_read_at(feed->file, feed->offset + from, at, size);
        pthread_mutex_lock(&feed->lock);
        if (status != STATUS_OK) {
            feed->status = status;
            wake(feed);
            break;
        }
        from += size;
        chunk->read = from;
        chunk->at += size;
        sum_ready(feed);
    }
}

/* Lets go of the lock while it works. */
static void do_task(struct feed *feed, struct state_task *task)
{
    feed->working = true;
    pthread_mutex_unlock(&feed->lock);
    enum status status = task->run(task->context);
    pthread_mutex_lock(&feed->lock);
    task->status = status;
    feed->working = false;
    feed->task = NULL;
    wake(feed);
}

/* ---- the thread that reads ahead ---- */

/* A task comes first: who waits for bytes that have a place can read them. */
static void *run(void *context)
{
    struct feed *feed = context;
    pthread_mutex_lock(&feed->lock);
    while (!feed->stop) {
        if (feed->task != NULL && !feed->working)
            do_task(feed, feed->task);
        else if (feed->status == STATUS_OK && feed->begun < feed->bytes && has_room(feed))
            read_chunk(feed);
        else
            pthread_cond_wait(&feed->changed, &feed->lock);
    }
    pthread_mutex_unlock(&feed->lock);
    return NULL;
}

static bool start(struct feed *feed)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the caller's thread */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = pthread_create(&feed->thread, NULL, run, feed) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void finish(struct feed *feed)
{
    if (feed->hasher != NULL)
        XXH3_freeState(feed->hasher);
    free(feed->ring);
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->lock);
    *feed = (struct feed){.file = -1};
}

bool feed_begin(struct feed *feed, int file, uint64_t offset, uint64_t bytes)
{
    *feed = (struct feed){.file = file, .offset = offset, .bytes = bytes};
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->changed, NULL);
    feed->hasher = XXH3_createState();
    if (feed->hasher != NULL)
        XXH3_128bits_reset(feed->hasher);
    feed->ring = malloc(FEED_RING);
    feed->running = feed->hasher != NULL && feed->ring != NULL && start(feed);
    if (!feed->running)
        finish(feed);
    return feed->running;
}

/* ---- who loads ---- */

void feed_place(struct feed *feed, uint64_t first, void *to, size_t size)
{
    pthread_mutex_lock(&feed->lock);
    uint64_t end = least(first + size, feed->bytes), from = first;
    if (from < feed->begun)
        from = feed->begun;
    if (from < end && feed->places < FEED_PLACES) {
        feed->place[feed->places++] =
            (struct feed_place){from, end, (unsigned char *)to + (from - first)};
        pthread_cond_signal(&feed->changed);
    }
    pthread_mutex_unlock(&feed->lock);
}

/* Under the lock, as is what follows. */
static void drop_places(struct feed *feed)
{
    uint32_t done = 0;
    while (done < feed->places && feed->place[done].end <= feed->taken)
        done++;
    feed->places -= done;
    memmove(feed->place, feed->place + done, feed->places * sizeof *feed->place);
}

/* Reads along while there is something to read; then to be woken for each piece would cost more
 * than to wait for all of them. */
static void wait_for(struct feed *feed, size_t wanted)
{
    uint64_t next = feed->given, end = next + 1;
    const struct feed_place *place = place_of(feed, next);
    if (place != NULL)
        end = least(next + wanted, place->end);
    while (feed->status == STATUS_OK && feed->filled <= next) {
        if (place_of(feed, feed->begun) != NULL && has_room(feed)) {
            read_chunk(feed);
            continue;
        }
        feed->wanted = end;
        pthread_cond_wait(&feed->changed, &feed->lock);
        feed->wanted = 0;
    }
}

enum status feed_next(struct feed *feed, size_t wanted, const unsigned char **at, size_t *size)
{
    pthread_mutex_lock(&feed->lock);
    feed->taken = feed->given;
    drop_places(feed);
    if (feed->begun - feed->taken <= FEED_RING / 2) /* not for each piece: a wake costs more */
        pthread_cond_signal(&feed->changed);
    wait_for(feed, wanted);
    enum status status = feed->filled > feed->given ? STATUS_OK : feed->status;
    if (status == STATUS_OK) {
        *at = address_of(feed, feed->given);
        *size = (size_t)(least(feed->filled, end_of_run(feed, feed->given)) - feed->given);
        feed->given += *size;
    }
    pthread_mutex_unlock(&feed->lock);
    return status;
}

void feed_begin_task(struct feed *feed, struct state_task *task)
{
    pthread_mutex_lock(&feed->lock);
    feed->task = task;
    pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

void feed_end_task(struct feed *feed, struct state_task *task)
{
    pthread_mutex_lock(&feed->lock);
    while (feed->task == task) {
        if (!feed->working)
            do_task(feed, task);
        else
            pthread_cond_wait(&feed->changed, &feed->lock);
    }
    pthread_mutex_unlock(&feed->lock);
}

bool feed_end(struct feed *feed, struct snapshot_sum *sum)
{
    if (!feed->running)
        return false;
    pthread_mutex_lock(&feed->lock);
    feed->stop = true;
    pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    pthread_join(feed->thread, NULL);
    bool whole = feed->filled == feed->bytes;
    if (whole)
        *sum = snapshot_sum_of_state(feed->hasher);
    finish(feed);
    return whole;
}
