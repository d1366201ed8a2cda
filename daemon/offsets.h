/*
 * Up to where each partition is in the model, and which of them are ours now. The rule that makes
 * every message count once: below the next offset it was applied already, above it there is an
 * honest gap (transactions' control records, compaction), and of a partition that is not ours it
 * is somebody else's.
 *
 * In a group the lists of a partition are first written when it is level: read as far as lists may
 * tell that others have written, which is what they have committed as their reach. Because a member
 * can die at any time, it commits that ahead of what it reads.
 *
 *     offset ───── kept ───────── next ────────────── reach
 *               in the snapshot   read so far         committed along with `kept`
 */
#ifndef DAEMON_OFFSETS_H
#define DAEMON_OFFSETS_H

#include "transport/source.h"

enum { OFFSETS_AHEAD = 65536 }; /* the reach is at most so far ahead of what was read */

#define GOAL_UNTOLD INT64_MAX

struct partition {
    struct position position; /* next_offset -1: not known yet */
    int64_t read_to;          /* the end of the partition, when it was reached; else -1 */
    const char *topic;        /* as its last message had it: not read, only compared */
    int64_t kept;             /* as in the last snapshot, or where we began; -1: not known yet */
    int64_t goal;             /* level from here on; -1: from the end on, not known yet */
    int64_t reach;            /* our lists tell of no message from here on; -1: there are none */
    bool owned;
    bool leaving;    /* taken away, and ours until what was read is saved */
    bool level;      /* ours, and nobody has written lists that know more of it */
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
/* None is leaving any more. */
void offsets_let_go(struct offsets *offsets);
uint32_t offsets_owned(const struct offsets *offsets);

/* ---- in a group ---- */

/* What others have committed as their reach: 0: there are none, -1: it is not known. */
void offsets_set_goal(struct partition *partition, int64_t reach);
/* The partition is ours and has been read on, or the goal was set; `end` as in offsets_behind().
 * True: it is level now, and was not. An end that is sooner than the goal counts: nobody reads
 * further while a transaction is open, and a log can lose its end when another broker comes to lead
 * it. */
bool offsets_come_level(struct partition *partition, int64_t end);
/* What is read is getting near the reach that was committed. */
static inline bool offsets_near_reach(const struct partition *partition)
{
    return partition->level &&
           partition->position.next_offset + OFFSETS_AHEAD / 2 > partition->reach;
}
/* Sets the reach of all that are level; `ahead` false: nothing more is read. */
void offsets_set_reach(struct offsets *offsets, bool ahead);

/* A snapshot with these was saved. */
void offsets_keep(struct offsets *offsets, const struct position *positions, uint32_t size);
/* To be committed, malloc'd into `*out`: in a group what is ours. */
enum status offsets_commitments(const struct offsets *offsets, bool grouped,
                                struct commitment **out, uint32_t *size);

/* Whether a partition of that number is level. */
bool offsets_level_number(const struct offsets *offsets, uint32_t number);
/* Records that are still to be read; -1: unknown. `end` is the log-end offset, -1: unknown. */
int64_t offsets_behind(const struct partition *partition, int64_t end);
/* Those with a known offset, malloc'd into `*out` (NULL when there are none). */
enum status offsets_copy(const struct offsets *offsets, struct position **out, uint32_t *size);

#endif
