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
    struct text name;        /* user, feature or item, 1024 bytes at most; absent: without a name */
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
    /* The connection answers. `ours`: taste:status tells that what this lineage wrote last is still
     * there; else every key must be written again. Called on each connect, and again with false
     * when a later put_status() finds it gone (FLUSHALL). */
    void (*connected)(void *context, bool ours);
    /* After connected(), and after done(false) for all that was in flight. Attempts to connect
     * go on by themselves; each loss and every failed attempt is logged (bounded) by the store. */
    void (*disconnected)(void *context, const struct error *why);
    /* False: write it again later. After expire() it also means that there was no such key. */
    void (*done)(void *context, uint64_t ticket, bool written);
    void (*room)(void *context); /* put() was refused, or took the last place: there is room now */
};

struct store {
    const struct store_ops *ops;
};

struct store_ops {
    /* Connected, fewer than 256 writes (and 8 MiB) in flight, and Redis is not refusing writes:
     * after an error reply the store holds back for a moment, up to 5 s when they go on. */
    bool (*has_room)(const struct store *self);
    /* False: no room; nothing was taken and no done() will come. */
    bool (*put)(struct store *self, const struct store_write *write);
    bool (*expire)(struct store *self, enum store_key key, struct text name, int64_t ttl_s,
                   uint64_t ticket);
    /* Writes the hash with the epoch (at most 32 fields); once a second, to notice an emptied
     * Redis. False: no room. */
    bool (*put_status)(struct store *self, const struct store_field *fields, uint32_t size);
    /* How many times the status was written under this epoch: kept in snapshots, it tells the next
     * process whether anybody wrote since (store_owner.connected), and for how long. */
    uint64_t (*mark)(const struct store *self);
    uint32_t (*in_flight)(const struct store *self);
    bool (*is_connected)(const struct store *self);
    void (*destroy)(
        struct store *self); /* done(false) for what is in flight; not from a callback */
};

#endif
