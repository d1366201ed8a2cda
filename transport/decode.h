/*
 * A message value, JSON or MessagePack, to an event: one bounded walk, no allocation, no recursion.
 * The format is told by the first byte that is not white space: '{' is JSON, a map byte (0x80-0x8f,
 * 0xde, 0xdf) MessagePack, anything else undecodable.
 *
 *     bytes ──► JSON or MessagePack cursor ──► fields found by their paths ──► rules ──► event
 *
 * The whole message is checked, also what is not used of it: its grammar, nesting of at most
 * DECODE_DEPTH_MAX maps and arrays, no key twice in a map, UTF-8 in every string, nothing behind
 * it.
 *
 *     user item event  text that is not UTF-8 or has a NUL, empty text, another type: bad_*.
 *                      An event name over ID_BYTES_MAX is well-formed, and unknown.
 *     user item id     an integer is its decimal text, and -0 is 0; in JSON of any length up to
 *                      ID_BYTES_MAX. A number with a fraction or exponent, or a MessagePack float,
 *                      is none: bad_*.
 *     item             not needed for `forget`, which drops it, whatever it is
 *     ts               an integer, or a float of integral value below 2^53; else bad_ts
 *     value            anything but a finite number is NaN with has_value: only an event that needs
 *                      a value is then refused, by signals_judge
 *     id               text of any length (empty: absent); another type: undecodable. Text with
 *                      escapes, and over ID_BYTES_MAX, stays in its escaped form.
 *     context          not a map, or with a `device` that is no id: as if absent
 *
 * null is the same as absent, for every field. MessagePack's bin and ext are values of no use;
 * map keys of other types than str are unknown keys, maps and arrays as keys undecodable.
 */
#ifndef TRANSPORT_DECODE_H
#define TRANSPORT_DECODE_H

#include "model/event.h"

#include <stddef.h>

enum {
    DECODE_BYTES_MAX = 64 * 1024,
    DECODE_DEPTH_MAX = 16,
    FIELD_PATH_MAX = 8, /* components of a dotted path */
    FIELD_TEXT_MAX = 127,
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
    FIELDS,
    FIELD_DEVICE = FIELDS, /* `device` within the context; not to be set */
    FIELDS_AND_DEVICE
};

/* Where a field stands in a message: `properties.userId` is two components. */
struct field_path {
    char text[FIELD_TEXT_MAX + 1 + sizeof "device"]; /* the components, each terminated */
    uint8_t size;                                    /* how many */
    uint8_t offset[FIELD_PATH_MAX + 1];
};

/* The fields whose paths have this component at this level. */
struct field_slot {
    uint64_t word;   /* of its first bytes: see field_word */
    uint16_t fields; /* as bits; 0: a free slot */
    uint8_t size;    /* of the component */
    uint8_t level;
    uint8_t field, offset; /* where its text is */
};

/* More than twice what the longest paths can fill. */
enum { FIELD_SLOT_BITS = 8, FIELD_SLOTS = 1 << FIELD_SLOT_BITS };

/* A key of at most seven bytes, none of which JSON escapes, that is one field's and no other's, as
 * it stands in a MessagePack message: its head, its text, zeros. */
struct field_head {
    uint64_t word, mask; /* the bytes, and those that count */
    uint64_t quoted;     /* as it stands in JSON behind its quote: its text, a quote, zeros */
    uint16_t bits;       /* 1 << field; of the context its device's, too */
    uint8_t field, size;
};
enum { FIELD_HEAD_BITS = 5, FIELD_HEADS = 1 << FIELD_HEAD_BITS };
/* So many that come in order are passed before one is looked up: a field or two may be absent. */
enum { FIELD_HEADS_PASSED = 2 };

/* May be copied. Only field_map_init and field_map_set change it. All zeros: looks for nothing. */
struct field_map {
    struct field_path at[FIELDS_AND_DEVICE];
    uint16_t ends[FIELD_PATH_MAX + 1];    /* by level, the fields whose path ends there */
    struct field_slot slots[FIELD_SLOTS]; /* open addressing */
    struct field_head heads[FIELDS + 1 + FIELD_HEADS_PASSED]; /* of the first level, by field;
                                                                 others match nothing */
    uint64_t factor;              /* by which they are hashed, each to a place of its own */
    uint8_t head_at[FIELD_HEADS]; /* the field, by place */
};

/* Each field under its own name. */
void field_map_init(struct field_map *map);
/* Sets one field's dotted path. STATUS codes: 0 ok, else the path is too long, too deep, not
 * UTF-8, or it or one of its components is empty; the map is as before then. Several fields may
 * share a path. */
int field_map_set(struct field_map *map, enum field field, const char *dotted);

/* Room for ids that do not stand in the message as they are: integers, escaped strings. */
struct decode_scratch {
    uint32_t used;
    char bytes[5 * (ID_BYTES_MAX + 1)];
};

/*
 * Reads one event. `message_ts_ms` is the message's own time: the default for `ts`, and what `ts`
 * may be at most a day after. Below 0 it is not known: then `ts` may be any time from 1970, and has
 * to be there. `event` points into `value` and `scratch`, whose content before does not matter.
 *
 * VERDICT_ACCEPTED: well-formed (the name may still be unknown and the value unfit for it: that is
 * for signals_judge). VERDICT_IGNORED: empty. Otherwise the first reason in the order of the enum.
 * Of a `play` or a `skip` a `played_ms` with a `duration_ms` above 0 and no `value` becomes
 * value = played / duration.
 * Any thread may call it; 256 KiB of thread-local memory stand by for maps of very many keys.
 */
enum verdict decode_event(const struct field_map *map, const void *value, size_t size,
                          int64_t message_ts_ms, struct decode_scratch *scratch,
                          struct event *event);
/* The same with the default for `ts` and the latest it may be (INT64_MAX: any) given apart. */
enum verdict decode_event_within(const struct field_map *map, const void *value, size_t size,
                                 int64_t default_ts_ms, int64_t latest_ts_ms,
                                 struct decode_scratch *scratch, struct event *event);

/* The rules for ids and times alone, for readers of other formats: a text whose `at` is NULL is
 * missing, one of size 0 bad. */
bool text_is_utf8(struct text text); /* no overlong forms, surrogates or NUL; <= U+10FFFF */
enum verdict event_check(const struct event *event, int64_t message_ts_ms);

#endif
