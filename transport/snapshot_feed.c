#include "transport/snapshot_feed.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096 };

static uint64_t pieces_of(const struct feed *feed)
{
    return (feed->bytes + FEED_PIECE - 1) / FEED_PIECE;
}

static size_t piece_bytes(const struct feed *feed, uint64_t piece)
{
    uint64_t left = feed->bytes - piece * FEED_PIECE;
    return left < FEED_PIECE ? (size_t)left : FEED_PIECE;
}

static bool has_place(const struct feed *feed, uint64_t piece)
{
    return piece >= feed->place.first && piece < feed->place.end;
}

static unsigned char *piece_at(const struct feed *feed, uint64_t piece)
{
    if (has_place(feed, piece))
        return feed->place.at + (piece - feed->place.first) * FEED_PIECE;
    return feed->ring + piece % FEED_PIECES * FEED_PIECE;
}

/* Waits until there is room for the piece; NULL: it is not wanted any more. */
static unsigned char *begin_piece(struct feed *feed, uint64_t piece)
{
    pthread_mutex_lock(&feed->lock);
    while (!feed->stop && !has_place(feed, piece) && piece - feed->taken >= FEED_PIECES)
        pthread_cond_wait(&feed->changed, &feed->lock);
    unsigned char *at = feed->stop ? NULL : piece_at(feed, piece);
    feed->begun = piece + 1;
    pthread_mutex_unlock(&feed->lock);
    return at;
}

static void tell(struct feed *feed, enum status status, uint64_t filled)
{
    pthread_mutex_lock(&feed->lock);
    feed->status = status;
    feed->filled = filled;
    if (feed->wanted > 0 && (filled >= feed->wanted || status != STATUS_OK))
        pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

static void *run(void *context)
{
    struct feed *feed = context;
    uint64_t pieces = pieces_of(feed);
    XXH3_128bits_reset(feed->hasher);
    for (uint64_t piece = 0; piece < pieces; piece++) {
        unsigned char *at = begin_piece(feed, piece);
        if (at == NULL)
            break;
        size_t size = piece_bytes(feed, piece);
        enum status status =
            snapshot_read_at(feed->file, feed->offset + piece * FEED_PIECE, at, size);
        if (status == STATUS_OK)
            XXH3_128bits_update(feed->hasher, at, size);
        tell(feed, status, piece + (status == STATUS_OK));
        if (status != STATUS_OK)
            break;
    }
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
    feed->ring = malloc((size_t)FEED_PIECES * FEED_PIECE);
    feed->running = feed->hasher != NULL && feed->ring != NULL && start(feed);
    if (!feed->running)
        finish(feed);
    return feed->running;
}

/* The piece after the one at `at`. */
static uint64_t next_piece(const struct feed *feed, const unsigned char *at)
{
    return feed->taken + (at != NULL);
}

void feed_place(struct feed *feed, const unsigned char *at, void *to, size_t size)
{
    pthread_mutex_lock(&feed->lock);
    uint64_t next = next_piece(feed, at), first = next > feed->begun ? next : feed->begun;
    uint64_t end = next + size / FEED_PIECE;
    if (first < end && feed->place.end <= next) { /* else it is told already */
        feed->place.at = (unsigned char *)to + (first - next) * FEED_PIECE;
        feed->place.first = first;
        feed->place.end = end;
        feed->place.touched = (size_t)(end - first) * FEED_PIECE;
        pthread_cond_signal(&feed->changed);
    }
    pthread_mutex_unlock(&feed->lock);
}

/* Has the kernel make some of the place's last memory ready, in which nothing is changed. False:
 * there is nothing more to do, or this is no kernel for it (before 5.14). */
static bool touch_some(struct feed *feed)
{
    enum { AT_ONCE = 2 << 20 };
    uint64_t filled = feed->filled > feed->place.first ? feed->filled - feed->place.first : 0;
    size_t front = (size_t)(filled + 1) * FEED_PIECE + AT_ONCE;
    if (feed->place.touched <= front)
        return false;
    uintptr_t end = (uintptr_t)feed->place.at + feed->place.touched;
    uintptr_t from = (end - 1) / AT_ONCE * AT_ONCE;
    feed->place.touched = from - (uintptr_t)feed->place.at;
    pthread_mutex_unlock(&feed->lock);
    int failed = madvise((void *)from, (end - from) / PAGE * PAGE, MADV_POPULATE_WRITE);
    pthread_mutex_lock(&feed->lock);
    if (failed != 0)
        feed->place.touched = 0;
    return true;
}

/* Under the lock. In a place, until all that is wanted is there: to be woken for each piece costs
 * more. */
static void wait_for_piece(struct feed *feed, uint64_t piece, size_t wanted)
{
    uint64_t end = piece + 1;
    if (has_place(feed, piece)) {
        end = piece + (wanted + FEED_PIECE - 1) / FEED_PIECE;
        end = end < feed->place.end ? end : feed->place.end;
    }
    while (feed->status == STATUS_OK && feed->filled <= piece) {
        if (has_place(feed, piece) && touch_some(feed))
            continue;
        feed->wanted = end;
        pthread_cond_wait(&feed->changed, &feed->lock);
    }
    feed->wanted = 0;
}

enum status feed_next(struct feed *feed, size_t wanted, const unsigned char **at, size_t *size)
{
    pthread_mutex_lock(&feed->lock);
    uint64_t piece = next_piece(feed, *at);
    if (*at != NULL) { /* the piece before this one is done with */
        feed->taken = piece;
        if (feed->begun - piece <= FEED_PIECES / 2) /* not for each: a wake costs more */
            pthread_cond_signal(&feed->changed);
    }
    wait_for_piece(feed, piece, wanted);
    enum status status = feed->filled > piece ? STATUS_OK : feed->status;
    *at = piece_at(feed, piece);
    pthread_mutex_unlock(&feed->lock);
    *size = piece_bytes(feed, piece);
    return status;
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
    bool whole = feed->filled == pieces_of(feed);
    if (whole)
        *sum = snapshot_sum_of_state(feed->hasher);
    finish(feed);
    return whole;
}
