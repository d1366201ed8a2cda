/*
 * Where messages come from: Kafka (kafka_source.h), or a simulated world.
 *
 *     wake() ──► next() next() next() … SOURCE_NOTHING ──► wait for wake() again
 *
 * All calls are made on the loop's thread and none of them blocks.
 */
#ifndef TRANSPORT_SOURCE_H
#define TRANSPORT_SOURCE_H

#include "model/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    const char *topic; /* terminated; of a source's messages the same memory for the same topic, as
                          long as there is the source */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* the message's own; ms since 1970 */
    const void *value;    /* NULL with size 0: a tombstone */
    size_t size;
    const void *key;
    size_t key_size;
    /* The message as its source has it, for what a dead letter carries along (its own headers);
     * NULL where there is none. */
    const void *native;
};

/* One partition and the offset of the message to read next there; -1: by input.start. */
struct position {
    char topic[250]; /* Kafka's limit is 249 */
    int32_t partition;
    int64_t next_offset;
};

/* What is committed of a partition. */
struct commitment {
    struct position position; /* up to where it is saved */
    int64_t reach; /* in a group: lists tell of no message from here on; -1: that is not said */
};

enum { SOURCE_KEPT = 127 };

enum source_result {
    SOURCE_NOTHING,   /* wait for wake() */
    SOURCE_MESSAGE,   /* `message` is filled; valid until SOURCE_KEPT more were given, or next() is
                         called again after it gave anything else */
    SOURCE_ASSIGNED,  /* `change` lists what is read and from where. The source has asked `where`
                         already, but an offset its broker does not have is replaced by another, and
                         input.start resolved: where next_offset is not -1, it is what counts now.
                         A partition that runs out of range while it is read comes up again. */
    SOURCE_REVOKED,   /* `change` lists what is taken away: save, then call let_go() */
    SOURCE_LOST,      /* likewise, but it is already somebody else's: drop, then let_go() */
    SOURCE_CAUGHT_UP, /* the end of the partition in change.at[0] was reached; next_offset is that
                         end, past control records that are given to nobody */
    SOURCE_REACHED,   /* in a group, some time after SOURCE_ASSIGNED: next_offset is from where on
                         lists that others have written tell of no message, as was committed
                         (`reach`); -1: nobody knows */
    SOURCE_TROUBLE,   /* `trouble` is filled: transient, for the log; reading goes on */
    SOURCE_FAILED,    /* `trouble` is filled: reading cannot go on (e.g. not authorised) */
};

struct assignment {
    uint32_t size;
    struct position *at; /* the source's memory; valid until the next call of next() */
};

struct source_turn {
    struct message message;
    struct assignment change;
    struct error trouble;
};

/* Told by the owner at creation. */
struct source_owner {
    void *context;
    void (*wake)(void *context); /* next() may have something: called on the loop's thread */
    /* Where to start a partition that was just assigned: next offset, or -1 for input.start. */
    int64_t (*where)(void *context, const char *topic, int32_t partition);
};

struct source {
    const struct source_ops *ops;
};

struct source_ops {
    enum source_result (*next)(struct source *self, struct source_turn *turn);
    void (*let_go)(struct source *self); /* answers SOURCE_REVOKED and SOURCE_LOST */
    /* Advisory: for lag displays, and for who has the partitions next. Copied; asynchronous. */
    void (*commit)(struct source *self, const struct commitment *commitments, uint32_t size);
    /* Log-end offset of a partition as last heard from the broker; -1 unknown. Never blocks. */
    int64_t (*end_offset)(struct source *self, const char *topic, int32_t partition);
    /* Offsets that are known to have been there, and were deleted before they were read: messages,
     * and what control records stood among them. NULL: there are none. */
    uint64_t (*missed)(const struct source *self);
    /* No broker answers at the moment. NULL: never so. */
    bool (*cut_off)(const struct source *self);
    /* Begins to leave; next() is still to be called until closed() is true. */
    void (*close)(struct source *self);
    bool (*closed)(struct source *self);
    void (*destroy)(struct source *self); /* bounded in time; NULL is not legal here */
};

#endif
