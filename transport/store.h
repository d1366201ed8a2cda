/*
 * Where lists are published: Redis (redis_store.h), or a simulated world.
 * All calls are made on the loop's thread and none of them blocks. Every write is answered by
 * exactly one done() with its ticket, also when the connection goes away before the reply.
 */
#ifndef TRANSPORT_STORE_H
#define TRANSPORT_STORE_H

#include "model/list.h"
#include "model/status.h"

enum list_format { LIST_JSON, LIST_MSGPACK, LIST_IDS, LIST_ZSET };

/* Which key: prefix + "top:" + name, prefix + "popular", … */
enum store_key { KEY_TOP, KEY_POPULAR, KEY_SIMILAR };

struct store_write {
    enum store_key key;
    struct text name;        /* user, feature or item; absent: the key without a name */
    const struct list *list; /* copied before put() returns; empty: the key is deleted */
    int64_t at_ms;           /* the list's `at` */
    uint64_t version;        /* the list's `v` */
    int64_t ttl_s;           /* 0: none; jitter is the caller's */
    bool notify;             /* PUBLISH prefix + "refreshed" name */
    uint64_t ticket;
};

/* taste:status, as strings in and out. */
struct store_field {
    const char *name;
    char value[32];
};

struct store_owner {
    void *context;
    /* The connection answers. `ours`: taste:status' field `epoch` is the one given at creation,
     * so what this lineage wrote is still there; else every key must be written again. Called on
     * each connect, and again with false when a later put_status() finds the epoch gone. */
    void (*connected)(void *context, bool ours);
    void (*disconnected)(void *context, const struct error *why);
    void (*done)(void *context, uint64_t ticket, bool written); /* false: write it again later */
    void (*room)(void *context);                                /* put() would take more again */
};

struct store {
    const struct store_ops *ops;
};

struct store_ops {
    bool (*has_room)(const struct store *self); /* connected, and fewer than 256 in flight */
    /* False: no room; nothing was taken and no done() will come. */
    bool (*put)(struct store *self, const struct store_write *write);
    bool (*expire)(struct store *self, enum store_key key, struct text name, int64_t ttl_s,
                   uint64_t ticket);
    /* Reads the epoch back, then writes the hash with it. False: no room. */
    bool (*put_status)(struct store *self, const struct store_field *fields, uint32_t size);
    uint32_t (*in_flight)(const struct store *self);
    bool (*is_connected)(const struct store *self);
    void (*destroy)(struct store *self); /* unanswered writes get done(false) first */
};

#endif
