/* Redis commands in the protocol's own bytes (RESP), written into one buffer that is allocated
 * once and reused: hiredis copies a command when it takes it. */
#ifndef TRANSPORT_REDIS_COMMAND_H
#define TRANSPORT_REDIS_COMMAND_H

#include "transport/store.h"

#include <stddef.h>

enum {
    REDIS_PREFIX_MAX = 128,
    REDIS_NAME_MAX = 1024, /* of a user, item or feature in a key */
};

struct command {
    const char *bytes; /* in the builder's buffer, until the next command is written */
    size_t size;
};

/* A key: prefix, kind and name, put together only when it is written. */
struct command_key {
    struct text prefix, kind, name;
};

struct command_builder {
    char *bytes, *at;
    size_t size;
};

/* Room for the longest command there can be; memory that is not written to is not used up. */
enum status command_builder_init(struct command_builder *builder);
void command_builder_finish(struct command_builder *builder);

struct command_key key_of(struct text prefix, enum store_key kind, struct text name);

/* Any command of a few short arguments. */
struct command command_words(struct command_builder *builder, const struct text *words,
                             uint32_t size);
struct command command_delete(struct command_builder *builder, struct command_key key);
struct command command_expire(struct command_builder *builder, struct command_key key,
                              int64_t ttl_s);
/* PUBLISH prefix"refreshed" name */
struct command command_publish(struct command_builder *builder, struct text prefix,
                               struct text name);
/* SET key value [EX ttl] for LIST_JSON and LIST_MSGPACK. */
struct command command_set(struct command_builder *builder, struct command_key key,
                           enum list_format format, const struct store_write *write);
/* RPUSH key id … for LIST_IDS, ZADD key score id … for LIST_ZSET. */
struct command command_push(struct command_builder *builder, struct command_key key,
                            enum list_format format, const struct list *list);

#endif
