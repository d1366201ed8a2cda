/*
 * What a publication is made of, for publication*.c alone.
 *
 * The queue is a timing wheel (Varghese and Lauck 1987): who is due in a millisecond hangs on that
 * millisecond's list, so that putting somebody in, and elsewhere, costs the same however many wait.
 *
 *     near: NEAR lists, one a ms, from the cursor on        far: FAR lists, of NEAR ms each
 *     first_ms() finds the first that is not empty           spread over near ones when it is time
 */
#ifndef DAEMON_PUBLICATION_PARTS_H
#define DAEMON_PUBLICATION_PARTS_H

#include "daemon/publication.h"
#include "model/recommender.h"
#include "model/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_BITS = 12, NEAR = 1 << NEAR_BITS, FAR = 1024, PLACES = NEAR + FAR };

/* 0 is the hash of an empty list: the key is not there. */
#define HASH_UNKNOWN 1

/* A cache line, and it lies on one. */
struct entry {
    uint64_t hash; /* of the list in the store */
    /* of use while dirty */
    int64_t since_ms;
    int64_t oldest_ms;

    int64_t ready_ms;   /* not before */
    uint32_t expires_s; /* 0: never */
    uint32_t lists;     /* written */
    uint32_t tag;
    uint32_t prev, next; /* users in the same place, see join() */
    uint16_t place;      /* in the queue, from 1; 0: not there */
    uint16_t pending;
    uint16_t flight; /* from 1; 0: none */
    uint8_t used : 1;
    uint8_t dirty : 1;
    uint8_t doubted : 1; /* while in flight: what arrives does not count */
    uint8_t given_up : 1;
    uint8_t withdrawn : 1; /* until it is ranked */
    uint32_t partition;    /* that told of the user last, by its number; 0: unknown */
};
_Static_assert(sizeof(struct entry) == 64, "the header promises 64 bytes a user");
_Static_assert(sizeof(struct entry) <= RECOMMENDER_BESIDE_USER, "what the memory limit counts");

struct flight {
    struct publication_plan plan;
    int64_t since_ms, oldest_ms, ready_ms;
    uint64_t serial;
    uint32_t user;
    uint32_t expires_s;
    uint16_t pending;
    bool flying;
    bool withdrawn; /* as it departed */
};

struct queue {
    int64_t cursor_ms;          /* what is near is due from here to cursor + NEAR */
    uint32_t size, far;         /* users; of them far */
    uint64_t words;             /* which of the near `used` are not 0 */
    uint64_t used[PLACES / 64]; /* places that are not empty */
    uint32_t first[PLACES];     /* users */
};

struct publication {
    struct table entries; /* struct entry (users) */
    int64_t refresh_ms;
    uint32_t withdrawn; /* entries */
    uint32_t
        leapt; /* seconds; for each all users' `v` are a step above the numbers of their lists */
    struct queue queue;
    struct flight flights[PUBLICATION_FLIGHTS_MAX];
    uint16_t free_flights[PUBLICATION_FLIGHTS_MAX];
    uint32_t free_count;
    uint64_t serial;
};

static inline struct entry *entry_of(const struct publication *publication, uint32_t user)
{
    return user < publication->entries.rows ? table_row(&publication->entries, user) : NULL;
}

/* The user's entry, as new if it was another's; NULL: no memory. */
struct entry *entry_for(struct publication *publication, uint32_t user, uint32_t tag);
void make_dirty(struct entry *entry, int64_t now_ms);
int64_t older(int64_t a_ms, int64_t b_ms); /* 0: none */

/* Into the queue, or to its new place there. */
void queue_place(struct publication *publication, struct entry *entry, uint32_t user,
                 int64_t now_ms);
void queue_remove(struct publication *publication, struct entry *entry);
/* Brings near what one more event of the user will change there. */
void queue_fetch(const struct publication *publication, const struct entry *entry);
/* Takes out who is most due, or PUBLICATION_NOBODY. */
uint32_t queue_take(struct publication *publication, int64_t now_ms);
/* Nobody is due before; or PUBLICATION_NEVER. */
int64_t queue_due_ms(const struct queue *queue);

#endif
