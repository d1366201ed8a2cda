/*
 * Which users' lists are due, what stands in the store for each, and what is on its way.
 *
 *             touch()                next()                 depart()              arrive(written)
 *     clean ─────────► in the queue ────────► being ranked ────────► in flight ────────────► clean
 *       ▲                   ▲                      │ settle()            │ touched meanwhile,
 *       └───────────────────┼──────────────────────┘ (unchanged)         │ or arrive(failed)
 *                           └────────────────────────────────────────────┘
 *
 * The most stale first, the most active sooner, nobody before `refresh` is over since the last
 * time. At most one write of a user is on its way. Users are the model's slots; because the model
 * gives slots away again, each call that names a user brings a tag of the id, and another tag
 * means another user. Scheduling is in monotonic ms (`now_ms`), expiry in wall-clock seconds.
 */
#ifndef DAEMON_PUBLICATION_H
#define DAEMON_PUBLICATION_H

#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PUBLICATION_FLIGHTS_MAX = 512,
    PUBLICATION_HEAD_START_EVENTS = 4, /* for each so many that wait beyond the first … */
    PUBLICATION_HEAD_START_MS = 40,    /* … so much … */
    PUBLICATION_HEAD_START_MOST = 480, /* … and no more */
    PUBLICATION_RETRY_MS = 250,
};

#define PUBLICATION_NOBODY UINT32_MAX
#define PUBLICATION_NEVER INT64_MAX

struct publication; /* opaque; memory: 64 bytes a user */

enum status publication_create(struct publication **out);
void publication_destroy(struct publication *publication); /* NULL is legal */
void publication_set_refresh(struct publication *publication, int64_t refresh_ms);

/* An event of the user was learned; `event_ms` is its message's timestamp. */
enum status publication_touch(struct publication *publication, uint32_t user, uint32_t tag,
                              int64_t event_ms, int64_t now_ms);
/* What the store holds for the user is not known any more: it is to be written again. */
enum status publication_rewrite(struct publication *publication, uint32_t user, uint32_t tag,
                                int64_t now_ms);
/* The list in the store may hold what no list is to hold any more: it is due at once, `refresh`
 * over or not. */
enum status publication_withdraw(struct publication *publication, uint32_t user, uint32_t tag,
                                 int64_t now_ms);
/* How many such lists there are that were not ranked since. */
uint32_t publication_withdrawn(const struct publication *publication);
/* The user is gone. A write that is in flight is answered into the void. */
void publication_drop(struct publication *publication, uint32_t user);

/* Which partition, by its number, told of the user last; 0: unknown. Of use in a group, whose other
 * members write the lists of users that are theirs. */
void publication_set_partition(struct publication *publication, uint32_t user, uint32_t number);
uint32_t publication_partition(const struct publication *publication, uint32_t user);

/* For so long lists of anybody may have been written that are not known of: each next one's `v` is
 * above theirs. */
enum { PUBLICATION_LISTS_A_SECOND = 10000 };
void publication_leap(struct publication *publication, uint32_t seconds);
uint32_t publication_leapt(const struct publication *publication); /* so far, over restarts */

/* Takes the user who is most due, or PUBLICATION_NOBODY. */
uint32_t publication_next(struct publication *publication, int64_t now_ms);
/* Takes this one if its list was withdrawn and waits. */
bool publication_take_withdrawn(struct publication *publication, uint32_t user);
/* A taken user again in the queue, as before. */
void publication_put_back(struct publication *publication, uint32_t user);
/* A taken user's list is somebody else's to write: nothing is due, and what the store holds is not
 * known any more. */
void publication_give_up(struct publication *publication, uint32_t user);
/* Whether it was given up, and not due since. */
bool publication_is_given_up(const struct publication *publication, uint32_t user);
/* Nobody is due before; or PUBLICATION_NEVER. Exact for the next seconds. */
int64_t publication_due_ms(const struct publication *publication);
uint64_t publication_waiting(const struct publication *publication);
/* A list of the user was written once, and nothing since took it away. */
bool publication_is_listed(const struct publication *publication, uint32_t user);
/* Brings near what publication_touch() will change: the user's entry, and once that is there, the
 * entries of those between whom it is taken out. */
void publication_fetch(const struct publication *publication, uint32_t user);
void publication_fetch_beside(const struct publication *publication, uint32_t user);
uint32_t publication_in_flight(const struct publication *publication);

/* ---- what to do about a taken user's new list ---- */

enum publication_step {
    STEP_KEEP,   /* it stands there already */
    STEP_RENEW,  /* it does, but half of its time is over */
    STEP_WRITE,  /* it is new */
    STEP_REMOVE, /* it is empty: the key goes */
};

struct publication_plan {
    enum publication_step step;
    uint64_t hash;    /* of the ids in their order; 0 for an empty list */
    uint64_t version; /* the `v` to write */
    uint32_t ttl_s;   /* jittered; 0: none */
};

/* `list_hash` is 0 for an empty list. The jitter of ±10 % is keyed by the user's tag. */
struct publication_plan publication_plan(const struct publication *publication, uint32_t user,
                                         uint64_t list_hash, int64_t ttl_s, int64_t wall_s);
/* That of a list which goes at once, without a new one. */
struct publication_plan publication_plan_removal(const struct publication *publication,
                                                 uint32_t user);
/* The jitter by itself; 0: none. */
uint32_t publication_ttl(int64_t ttl_s, uint32_t tag);
/* STEP_KEEP: the user is clean. */
void publication_settle(struct publication *publication, uint32_t user, int64_t now_ms);
/* Any other step: the write is about to be handed to the store under the ticket given back, which
 * is below 2^56. Not more than PUBLICATION_FLIGHTS_MAX at a time. */
uint64_t publication_depart(struct publication *publication, uint32_t user,
                            const struct publication_plan *plan, int64_t wall_s, int64_t now_ms);
/* What departed was no answer to the user's events: their list is as due as it was. */
void publication_due_again(struct publication *publication, uint32_t user);
/* The store did not take it after all: the user is in the queue as before. */
void publication_cancel(struct publication *publication, uint64_t ticket);

struct publication_arrival {
    uint32_t user; /* PUBLICATION_NOBODY: dropped meanwhile */
    enum publication_step step;
    int64_t oldest_event_ms; /* of the events this list was the answer to; 0: none */
    int64_t waited_ms;       /* since the first of them was learned */
};
struct publication_arrival publication_arrive(struct publication *publication, uint64_t ticket,
                                              bool written, int64_t now_ms);

/* ---- keeping ---- */

enum status publication_save(const struct publication *publication, struct state_writer *writer);
/* Into an empty publication. `trusted`: nothing was written after this was saved; else what the
 * store holds is taken as unknown. Who was dirty is due at once. STATUS_BAD_DATA: a slot not below
 * `users`. */
enum status publication_load(struct publication *publication, struct state_reader *reader,
                             uint32_t users, bool trusted, int64_t now_ms);

#endif
