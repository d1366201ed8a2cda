/*
 * Users who asked to be forgotten and whose key in the store is still to be deleted. Bounded: when
 * it is full the oldest gives way, and that key goes by its expiry only.
 */
#ifndef DAEMON_ERASURES_H
#define DAEMON_ERASURES_H

#include "model/event.h"
#include "model/state.h"

enum {
    ERASURES_MAX = 16384,
    ERASURE_SNAPSHOTS = 2, /* generations kept: so many newer ones, and the user is off the disk */
};

enum erasure_state { ERASURE_WAITING, ERASURE_SENT, ERASURE_DONE };

struct erasure {
    uint8_t state; /* enum erasure_state */
    uint8_t size;
    char user[ID_BYTES_MAX];
};

/* Plain memory, all zeros is empty; one thread. A ring by serial number: at[serial % room]. */
struct erasures {
    struct erasure *at;
    uint32_t room; /* a power of two */
    uint64_t first, end;
    uint32_t waiting;
    uint64_t given_up;
    /* Snapshots still to be written until none that is kept holds a forgotten user; and what that
     * becomes when the one under way is written. */
    uint32_t owed, owed_then;
};

void erasures_finish(struct erasures *erasures);
enum status erasures_add(struct erasures *erasures, struct text user);
/* The next one to send; it is sent under `*ticket`. False: none waits. */
bool erasures_next(struct erasures *erasures, struct text *user, uint64_t *ticket);
/* `done` false: it waits again. */
void erasures_answered(struct erasures *erasures, uint64_t ticket, bool done);
/* Some are not answered: a snapshot made now names them. */
bool erasures_pend(const struct erasures *erasures);

/* A snapshot is made as of now; gives what is owed once it is written, for the snapshot to say. */
uint32_t erasures_saving(struct erasures *erasures);
/* It is written. Whoever was forgotten in between is owed all the same. */
void erasures_saved(struct erasures *erasures);
/* As the snapshot said that was loaded. */
void erasures_owe(struct erasures *erasures, uint32_t owed);

enum status erasures_save(const struct erasures *erasures, struct state_writer *writer);
enum status erasures_load(struct erasures *erasures, struct state_reader *reader);

#endif
