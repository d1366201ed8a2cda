/*
 * A batch of what was read, copied so that it outlives the reading: several variants of the model
 * then learn from it, on a thread each. Bounded by the number of events and, but for a single
 * larger message, by bytes.
 */
#ifndef DAEMON_REPLAY_BATCH_H
#define DAEMON_REPLAY_BATCH_H

#include "daemon/replay_input.h"

enum { BATCH_EVENTS = 2048, BATCH_BYTES = 1 << 20 };

struct batch_event {
    enum replay_got got; /* REPLAY_EVENT or REPLAY_MESSAGE */
    union {
        struct event event;
        struct message message; /* without its key */
    };
    const char *file; /* the event's, as in struct replay_turn */
    uint64_t line;
};

struct replay_batch {
    struct batch_event *at; /* (BATCH_EVENTS) */
    uint32_t size;
    char *bytes;
    size_t used, room;
};

enum status replay_batch_init(struct replay_batch *batch);
void replay_batch_finish(struct replay_batch *batch);
/* Whether the turn, an event or a message, has to wait for replay_batch_clear(). */
bool replay_batch_is_full(const struct replay_batch *batch, enum replay_got got,
                          const struct replay_turn *turn);
enum status replay_batch_add(struct replay_batch *batch, enum replay_got got,
                             const struct replay_turn *turn);
void replay_batch_clear(struct replay_batch *batch);

#endif
