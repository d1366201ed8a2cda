/* Where messages that cannot be used go, unchanged, with the reason in their headers. */
#ifndef TRANSPORT_DEAD_LETTERS_H
#define TRANSPORT_DEAD_LETTERS_H

#include "transport/source.h"

struct dead_letters {
    const struct dead_letters_ops *ops;
};

struct dead_letters_ops {
    /* Queues a copy of the message: key, value and headers as they are, and the headers
     * tasted.reason, tasted.topic, tasted.partition and tasted.offset. False: the queue is full;
     * call again later. */
    bool (*send)(struct dead_letters *self, const struct message *message, const char *reason);
    /* Not yet acknowledged or given up. A snapshot waits until those sent before it are. */
    uint64_t (*outstanding)(struct dead_letters *self);
    /* Refused by the topic or timed out, since the start. */
    uint64_t (*lost)(struct dead_letters *self);
    /* Serves delivery reports; call about once a turn. Never blocks. */
    void (*serve)(struct dead_letters *self);
    void (*destroy)(struct dead_letters *self); /* waits at most 5 s for what is outstanding */
};

#endif
