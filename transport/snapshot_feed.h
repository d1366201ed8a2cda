/*
 * A section's bytes, read and summed ahead by a thread, while whoever loads makes a model of them:
 *
 *     file ──► thread: pread, sum ──► ring of pieces ──► feed_next()
 *                         └────► straight to where they belong: feed_place()
 *
 * Most of the time of a long run goes to the first touch of the memory that it is read into: the
 * thread touches from the front, by reading into it, and whoever waits for it from the back.
 */
#ifndef TRANSPORT_SNAPSHOT_FEED_H
#define TRANSPORT_SNAPSHOT_FEED_H

#include "transport/snapshot_format.h"

#include <pthread.h>

enum { FEED_PIECE = 256 << 10, FEED_PIECES = 8 };

struct feed {
    bool running;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int file;
    uint64_t offset, bytes; /* of the section */
    XXH3_state_t *hasher;   /* of the thread, while it runs */
    unsigned char *ring;    /* (FEED_PIECES, FEED_PIECE) */
    uint64_t begun, filled; /* pieces; under the lock, as is what follows */
    uint64_t taken, wanted; /* `wanted`: of `filled`, to be told of; 0: nobody waits */
    struct {
        uint64_t first, end; /* pieces that go there */
        unsigned char *at;   /* of the first */
        size_t touched;      /* bytes of it that the waiting one has left to touch */
    } place;
    bool stop;
    enum status status;
};

/* False: no thread or no memory; the section can still be read without. */
bool feed_begin(struct feed *feed, int file, uint64_t offset, uint64_t bytes);
/* The next whole pieces of so many bytes belong `to` there: those that the thread has not begun yet
 * are read into it, and feed_next() gives them where they are. `to` stays until all were given. */
void feed_place(struct feed *feed, const unsigned char *at, void *to, size_t size);
/* The next piece, which holds until the next call; `at` is NULL at first, then the piece before.
 * `wanted`: bytes that are asked for, of this piece and those after it. Not to be called at the
 * section's end. */
enum status feed_next(struct feed *feed, size_t wanted, const unsigned char **at, size_t *size);
/* True gives the sum of the whole section, which was all read. Nothing happens when none has begun.
 */
bool feed_end(struct feed *feed, struct snapshot_sum *sum);

#endif
