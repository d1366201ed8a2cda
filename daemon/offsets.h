/*
 * Up to where each partition is in the model, and which of them are ours now. The rule that makes
 * every message count once: below the next offset it was applied already, above it there is an
 * honest gap (transactions' control records, compaction), and of a partition that is not ours it
 * is somebody else's.
 */
#ifndef DAEMON_OFFSETS_H
#define DAEMON_OFFSETS_H

#include "transport/source.h"

struct partition {
    struct position position; /* next_offset -1: not known yet */
    int64_t read_to;          /* the end of the partition, when it was reached; else -1 */
    const char *topic;        /* as its last message had it: not read, only compared */
    int64_t goal;             /* the end when it came to us, or soon after; -1: not known yet */
    bool owned;
    bool level;      /* ours, and read up to the goal: nobody has learned more of it */
    uint32_t number; /* of topic and partition, over restarts the same; not 0 */
};

/* Plain memory, all zeros is empty; one thread. */
struct offsets {
    struct partition *at;
    uint32_t size, room;
    uint32_t last; /* the one found last: messages come in runs */
    uint64_t skipped, gaps, dropped;
};

void offsets_finish(struct offsets *offsets);

/* NULL: not known. The pointer holds until offsets_add(). */
struct partition *offsets_find(struct offsets *offsets, const char *topic, int32_t partition);
/* The partition, made if need be; NULL: no memory. */
struct partition *offsets_add(struct offsets *offsets, const char *topic, int32_t partition);

/* Where the message is to be applied, or NULL: it is not; counts what is not, and gaps. Changes no
 * offset. The pointer holds until offsets_add(). */
struct partition *offsets_admit(struct offsets *offsets, const struct message *message);
/* The message has been applied, or was dealt with otherwise. */
static inline void offsets_advance(struct partition *partition, const struct message *message)
{
    partition->position.next_offset = message->offset + 1;
}

void offsets_own(struct offsets *offsets, const struct assignment *change, bool owned);
/* The partition is ours and has been read on; `end` as in offsets_behind(). True: it is level now,
 * and was not. An end that is sooner than the one before counts: nobody reads further while a
 * transaction is open, and a log can lose its end when another broker comes to lead it. */
bool offsets_come_level(struct partition *partition, int64_t end);
uint32_t offsets_owned(const struct offsets *offsets);
/* Whether a partition of that number is level. */
bool offsets_level_number(const struct offsets *offsets, uint32_t number);
/* Records that are still to be read; `end` is the log-end offset, -1: unknown. */
uint64_t offsets_behind(const struct partition *partition, int64_t end);
/* Those with a known offset, malloc'd into `*out` (NULL when there are none). */
enum status offsets_copy(const struct offsets *offsets, struct position **out, uint32_t *size);

#endif
