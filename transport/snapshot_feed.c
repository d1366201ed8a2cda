#include "transport/snapshot_feed.h"

#include <signal.h>
#include <stdlib.h>

static uint64_t pieces_of(const struct feed *feed)
{
    return (feed->bytes + FEED_PIECE - 1) / FEED_PIECE;
}

static size_t piece_bytes(const struct feed *feed, uint64_t piece)
{
    uint64_t left = feed->bytes - piece * FEED_PIECE;
    return left < FEED_PIECE ? (size_t)left : FEED_PIECE;
}

static unsigned char *piece_at(const struct feed *feed, uint64_t piece)
{
    return feed->ring + piece % FEED_PIECES * FEED_PIECE;
}

/* Waits until there is room for the piece; false: it is not wanted any more. */
static bool wait_for_room(struct feed *feed, uint64_t piece)
{
    pthread_mutex_lock(&feed->lock);
    while (!feed->stop && piece - feed->taken >= FEED_PIECES)
        pthread_cond_wait(&feed->changed, &feed->lock);
    bool wanted = !feed->stop;
    pthread_mutex_unlock(&feed->lock);
    return wanted;
}

static void tell(struct feed *feed, enum status status, uint64_t filled)
{
    pthread_mutex_lock(&feed->lock);
    feed->status = status;
    feed->filled = filled;
    pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

static void *run(void *context)
{
    struct feed *feed = context;
    uint64_t pieces = pieces_of(feed);
    XXH3_128bits_reset(feed->hasher);
    for (uint64_t piece = 0; piece < pieces && wait_for_room(feed, piece); piece++) {
        size_t size = piece_bytes(feed, piece);
        enum status status = snapshot_read_at(feed->file, feed->offset + piece * FEED_PIECE,
                                              piece_at(feed, piece), size);
        if (status == STATUS_OK)
            XXH3_128bits_update(feed->hasher, piece_at(feed, piece), size);
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

enum status feed_next(struct feed *feed, const unsigned char **at, size_t *size)
{
    pthread_mutex_lock(&feed->lock);
    uint64_t piece = feed->taken;
    if (*at != NULL) { /* the piece before this one is done with */
        piece = ++feed->taken;
        pthread_cond_signal(&feed->changed);
    }
    while (feed->status == STATUS_OK && feed->filled <= piece)
        pthread_cond_wait(&feed->changed, &feed->lock);
    enum status status = feed->filled > piece ? STATUS_OK : feed->status;
    pthread_mutex_unlock(&feed->lock);
    *at = piece_at(feed, piece);
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
