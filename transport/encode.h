/*
 * An event to a message value, JSON or MessagePack: what decode.h reads back as the same event,
 * with the fields where the map has them (nested objects for dotted paths).
 */
#ifndef TRANSPORT_ENCODE_H
#define TRANSPORT_ENCODE_H

#include "transport/decode.h"

enum encode_format { ENCODE_JSON, ENCODE_MSGPACK };

/* In the caller's memory; large. */
struct encoded {
    size_t size;
    bool full; /* what did not fit is not there */
    char bytes[2 * DECODE_BYTES_MAX];
};

/* False: the event is larger than a message may be (DECODE_BYTES_MAX). Absent fields are left out;
 * a value that is no finite number as well, and a time of 0, which is that of a file without times:
 * the message's own then counts. Never allocates. */
bool encode_event(const struct field_map *map, enum encode_format format, const struct event *event,
                  struct encoded *out);

#endif
