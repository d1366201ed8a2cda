/*
 * What the JSON and the MessagePack cursor share: which map or array they are in, which fields a
 * key stands for, whether it was there before, and what was found. Private to decode*.c.
 */
#ifndef TRANSPORT_DECODE_WALK_H
#define TRANSPORT_DECODE_WALK_H

#include "transport/field_map.h"

enum found_kind {
    FOUND_NOTHING, /* absent, or null */
    FOUND_TEXT,
    FOUND_BAD_TEXT, /* not UTF-8 */
    FOUND_INTEGER,
    FOUND_FRACTION, /* any float of MessagePack; fraction or exponent in JSON */
    FOUND_MAP,
    FOUND_OTHER, /* bool, array, bin, ext */
};

struct found {
    enum found_kind kind;
    bool negative; /* FOUND_INTEGER */
    bool fits;     /* FOUND_INTEGER: magnitude holds it; else number does, roughly */
    bool has_nul;  /* FOUND_TEXT */
    bool unused;
    union {
        uint64_t magnitude; /* FOUND_INTEGER that fits */
        double number;      /* FOUND_FRACTION; may be NaN or infinite */
    };
    struct text text; /* FOUND_TEXT; a JSON number as it stands */
};

enum {
    TEXT_FIELDS = 1U << FIELD_USER | 1U << FIELD_ITEM | 1U << FIELD_EVENT | 1U << FIELD_ID |
                  1U << FIELD_DEVICE,
    /* Text that is not UTF-8 has a reason of its own in these. */
    JUDGED_TEXT_FIELDS = 1U << FIELD_USER | 1U << FIELD_ITEM | 1U << FIELD_EVENT
};

/* An open map or array. */
struct frame {
    uint32_t left;      /* MessagePack: keys and values still to come */
    uint32_t first_key; /* where its keys begin among the remembered ones */
    uint16_t live;      /* the fields whose path leads here */
    uint8_t level;      /* of the paths */
    bool is_map;
};

struct walk {
    const struct field_map *map;
    struct decode_scratch *scratch;
    struct frame *frame; /* the innermost open one */
    uint32_t key_count;  /* of all open maps */
    uint32_t depth;      /* open maps and arrays */
    /* The fields whose value comes next: it is theirs, or it leads to them. */
    uint16_t leaf, deeper;
    uint16_t seen[FIELD_PATH_MAX + 1];         /* fields whose key was there, by level */
    struct found at[FIELDS_AND_DEVICE + 1];    /* the last: values that nobody reads */
    struct frame frames[1 + DECODE_DEPTH_MAX]; /* the first is around the message */
};

/* `map`, `scratch` and what was in `scratch` aside, all is set here. */
static inline void walk_init(struct walk *walk, const struct field_map *map,
                             struct decode_scratch *scratch)
{
    const uint16_t all = (1U << FIELDS_AND_DEVICE) - 1;
    scratch->used = 0;
    walk->map = map;
    walk->scratch = scratch;
    walk->key_count = 0;
    walk->depth = 0;
    walk->leaf = 0;
    walk->deeper = all;
    for (unsigned field = 0; field < FIELDS_AND_DEVICE; field++)
        walk->at[field].kind = FOUND_NOTHING;
    memset(walk->seen, 0, sizeof walk->seen);
    walk->frame = &walk->frames[0];
    walk->frames[0] = (struct frame){.level = UINT8_MAX};
}

/* Each walks the whole message; false: undecodable. The first byte told the format. */
bool walk_json(struct walk *walk, const char *at, const char *end);
bool walk_msgpack(struct walk *walk, const char *at, const char *end);

/* Whether there is a whole object, and no map or array in it promises more than there are bytes:
 * then a tree of it takes memory in proportion to its bytes. Of any size and depth. */
bool msgpack_is_bounded(const char *at, const char *end);

/* Thread-local memory of DECODE_BYTES_MAX, for keys with escapes: unescaping shortens. */
char *walk_text_memory(void);

/* Keys of different kinds are different keys. */
enum key_kind { KEY_TEXT, KEY_INTEGER, KEY_OTHER };
/* Up to so many keys, each new one is compared with those before it; a map of more is sorted when
 * it closes, so that no message takes quadratic time. */
enum { KEYS_COMPARED = 32 };
/* False: the keys of the innermost map are not all different. */
bool walk_sorted_keys_differ(struct walk *walk);

/* The fields, as bits, that a key of the innermost map leads to. */
static inline unsigned walk_match(const struct walk *walk, struct text key)
{
    const struct frame *frame = walk->frame;
    if (frame->live == 0 || key.size > FIELD_TEXT_MAX)
        return 0;
    return field_find(walk->map, key, frame->level)->fields & frame->live;
}

/* Takes a key that walk_match found to be that of some fields. False: it was there before. */
static inline bool walk_lead(struct walk *walk, unsigned matched)
{
    const uint8_t level = walk->frame->level;
    const unsigned leaf = matched & walk->map->ends[level];
    const unsigned seen = walk->seen[level];
    walk->leaf = (uint16_t)leaf;
    walk->deeper = (uint16_t)(matched & ~leaf);
    walk->seen[level] = (uint16_t)(seen | matched);
    return (seen & matched) == 0;
}

/* Takes a key that is nobody's. False: it was there before. */
bool walk_stray(struct walk *walk, struct text key, enum key_kind kind);

/* Where the value that comes next is to be put: with the first field it is for, or aside. Written
 * in place, as copying what was just written in pieces stalls. */
static inline struct found *walk_place(struct walk *walk)
{
    return &walk->at[__builtin_ctz(walk->leaf | 1U << FIELDS_AND_DEVICE)];
}

/* Takes the scalar at walk_place(); false: it makes the message undecodable. */
static inline bool walk_value(struct walk *walk, const struct found *found)
{
    if (found->kind == FOUND_BAD_TEXT &&
        (walk->leaf == 0 || (walk->leaf & ~JUDGED_TEXT_FIELDS) != 0))
        return false;
    if (found->kind == FOUND_NOTHING)
        return true;
    for (unsigned others = walk->leaf & (walk->leaf - 1U); others != 0; others &= others - 1)
        walk->at[__builtin_ctz(others)] = *found;
    return true;
}

/* A value that is a map or an array, to be gone through. False: nested too deeply. */
static inline bool walk_open(struct walk *walk, bool is_map, uint32_t left)
{
    if (walk->depth == DECODE_DEPTH_MAX)
        return false;
    struct found *found = walk_place(walk);
    found->kind = is_map ? FOUND_MAP : FOUND_OTHER;
    (void)walk_value(walk, found);
    const uint8_t level = walk->frame->level;
    walk->frame = &walk->frames[++walk->depth];
    walk->frame->left = left;
    walk->frame->first_key = walk->key_count;
    walk->frame->live = is_map ? walk->deeper : 0;
    walk->frame->level = (uint8_t)(level + 1);
    walk->frame->is_map = is_map;
    /* Until a key says otherwise: what is in an array is nobody's. */
    walk->leaf = walk->deeper = 0;
    return true;
}

/* walk_open() for the map that the message is. */
static inline void walk_open_message(struct walk *walk, uint32_t left)
{
    walk->frame = &walk->frames[1];
    walk->frames[1] =
        (struct frame){.left = left, .live = walk->deeper, .level = 0, .is_map = true};
    walk->depth = 1;
    walk->leaf = walk->deeper = 0;
}

/* False: a key stood twice in the map that closes. With depth 0 the message is over. */
static inline bool walk_close(struct walk *walk)
{
    const bool many = walk->key_count - walk->frame->first_key > KEYS_COMPARED;
    const bool differ = !many || walk_sorted_keys_differ(walk);
    walk->key_count = walk->frame->first_key;
    walk->depth--;
    walk->frame--;
    walk->leaf = walk->deeper = 0;
    return differ;
}

#endif
