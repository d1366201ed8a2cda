/*
 * A section's bytes, read and summed ahead by a thread, while whoever loads makes a model of them:
 *
 *     file ──► thread: pread, sum ──► ring of pieces ──► feed_next()
 *                         └────► straight to where they belong: feed_place()
 *
 * Most of the time of a long run goes to the first touch of the memory that it is read into, and to
 * reading. So that is taken in chunks, each in one huge page of that memory, and whoever waits for
 * the thread takes some of them as well; what both have read is summed in order, by either.
 */
#ifndef TRANSPORT_SNAPSHOT_FEED_H
#define TRANSPORT_SNAPSHOT_FEED_H

#include "transport/snapshot_format.h"

#include <pthread.h>

enum { FEED_PIECE = 256 << 10, FEED_RING = 8 * FEED_PIECE, FEED_CHUNKS = 8, FEED_PLACES = 8 };

/* Bytes of the section, by their place in it, that one of the threads reads. */
struct feed_chunk {
    uint64_t read, end; /* up to `read` they are there */
    unsigned char *at;  /* of those at `read` */
};

struct feed {
    bool running;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* only one ever waits: the other one has something to do */
    int file;
    uint64_t offset, bytes; /* of the section */
    XXH3_state_t *hasher;   /* of who is summing */
    unsigned char *ring;    /* (FEED_RING) of what is in no place, by its place in the section */
    /* Under the lock, as is what follows. Bytes of the section: what somebody has begun to read,
     * what is there and summed, given, and done with. */
    uint64_t begun, filled, given, taken;
    uint64_t wanted; /* of `filled`, to be told of; 0: nobody waits */
    struct feed_place {
        uint64_t first, end; /* bytes of the section that go there */
        unsigned char *at;   /* of the first */
    } place[FEED_PLACES];    /* in the section's order; those that are done with go */
    uint32_t places;
    struct feed_chunk chunk[FEED_CHUNKS]; /* a ring, in the section's order */
    uint32_t oldest, chunks;
    struct state_task *task; /* that is to be done, or `working` */
    bool summing, working, stop;
    enum status status;
};

/* False: no thread or no memory; the section can still be read without. */
bool feed_begin(struct feed *feed, int file, uint64_t offset, uint64_t bytes);
/* The `size` bytes of the section from `first` on, which is after all that was told before, belong
 * `to` there: those that nobody has begun to read yet are read into it, and feed_next() gives them
 * where they are. `to` stays until all were given. Nothing happens when there are too many. */
void feed_place(struct feed *feed, uint64_t first, void *to, size_t size);
/* The next bytes, at least one, which hold until the next call. `wanted`: how many are asked for,
 * of these and those after them. Not to be called at the section's end. */
enum status feed_next(struct feed *feed, size_t wanted, const unsigned char **at, size_t *size);
/* Tasks of the model's loader (state.h). */
void feed_begin_task(struct feed *feed, struct state_task *task);
void feed_end_task(struct feed *feed, struct state_task *task);
/* True gives the sum of the whole section, which was all read. Nothing happens when none has begun.
 */
bool feed_end(struct feed *feed, struct snapshot_sum *sum);

#endif
