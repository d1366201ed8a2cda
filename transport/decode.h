/*
 * A message value, JSON or MessagePack, to an event: one bounded walk, no allocation, no recursion.
 * The format is told by the first byte that is not white space: '{' is JSON, a map byte (0x80-0x8f,
 * 0xde, 0xdf) MessagePack, anything else undecodable.
 */
#ifndef TRANSPORT_DECODE_H
#define TRANSPORT_DECODE_H

#include "model/event.h"

#include <stddef.h>

enum {
    DECODE_BYTES_MAX = 64 * 1024,
    DECODE_DEPTH_MAX = 16,
    FIELD_PATH_MAX = 8, /* components of a dotted path */
};

enum field {
    FIELD_USER,
    FIELD_ITEM,
    FIELD_EVENT,
    FIELD_TS,
    FIELD_VALUE,
    FIELD_ID,
    FIELD_CONTEXT,
    FIELD_PLAYED_MS,
    FIELD_DURATION_MS,
    FIELDS
};

/* Where each field stands in a message: `properties.userId` is two components. */
struct field_path {
    char text[128]; /* the components, each terminated */
    uint8_t size;   /* how many */
    uint8_t offset[FIELD_PATH_MAX];
};

struct field_map {
    struct field_path at[FIELDS];
};

/* Each field under its own name. */
void field_map_init(struct field_map *map);
/* Sets one field's dotted path. STATUS codes: 0 ok, else the path is empty, too long or too deep.
 */
int field_map_set(struct field_map *map, enum field field, const char *dotted);

/* Room for ids that do not stand in the message as they are: integers, escaped strings. */
struct decode_scratch {
    uint32_t used;
    char bytes[5 * (ID_BYTES_MAX + 1)];
};

/*
 * Reads one event. `message_ts_ms` is the message's own time: the default for `ts`, and what `ts`
 * may be at most a day after. `event` points into `value` and `scratch`.
 *
 * VERDICT_ACCEPTED: well-formed (the name may still be unknown and the value unfit for it: that is
 * for signals_judge). VERDICT_IGNORED: empty. Otherwise the first reason in the order of the enum.
 * A `played_ms` with a `duration_ms` above 0 and no `value` becomes value = played / duration.
 */
enum verdict decode_event(const struct field_map *map, const void *value, size_t size,
                          int64_t message_ts_ms, struct decode_scratch *scratch,
                          struct event *event);

/* The rules for ids and times alone, for readers of other formats. */
bool text_is_utf8(struct text text); /* no overlong forms, surrogates or NUL; <= U+10FFFF */
enum verdict event_check(const struct event *event, int64_t message_ts_ms);

#endif
