/*
 * What the JSON and the MessagePack cursor share: which map or array they are in, which fields a
 * key stands for, whether it was there before, and what was found. Private to decode*.c.
 */
#ifndef TRANSPORT_DECODE_WALK_H
#define TRANSPORT_DECODE_WALK_H

#include "transport/decode.h"
#include "transport/utf8.h"

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
    bool negative;      /* FOUND_INTEGER */
    bool fits;          /* FOUND_INTEGER: magnitude holds it */
    bool has_nul;       /* FOUND_TEXT */
    uint64_t magnitude; /* FOUND_INTEGER */
    double number;      /* FOUND_INTEGER, FOUND_FRACTION; may be NaN or infinite */
    struct text text;   /* FOUND_TEXT; a JSON number as it stands */
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
    uint64_t *keys;      /* hashes of the keys of all open maps, the innermost map's last */
    uint32_t key_count;
    uint32_t depth; /* open maps and arrays */
    /* The fields whose value comes next: it is theirs, or it leads to them. */
    uint16_t leaf, deeper;
    uint16_t seen[FIELD_PATH_MAX + 1]; /* fields whose key was there, by level */
    uint16_t found;                    /* which of `at` are filled */
    struct found at[FIELDS_AND_DEVICE];
    struct frame frames[1 + DECODE_DEPTH_MAX]; /* the first is around the message */
};

/* `map`, `scratch` and what was in `scratch` aside, all is set here. */
void walk_init(struct walk *walk, const struct field_map *map, struct decode_scratch *scratch);

/* Each walks the whole message; false: undecodable. The first byte told the format. */
bool walk_json(struct walk *walk, const char *at, const char *end);
bool walk_msgpack(struct walk *walk, const char *at, const char *end);

/* Thread-local memory of DECODE_BYTES_MAX, for keys with escapes: unescaping shortens. */
char *walk_text_memory(void);

/* Keys of different kinds are different keys. */
enum key_kind { KEY_TEXT, KEY_INTEGER, KEY_OTHER };
uint64_t walk_hash(const void *bytes, size_t size, enum key_kind kind);
/* False: the open map has a key of this hash already. The hash is taken for the key: at 64 bits
 * two keys that differ are told apart for all practical purposes, and who crafts two that collide
 * only loses that message. Beyond a few keys the look is put off until the map closes. */
bool walk_remember(struct walk *walk, uint64_t hash);
/* False: the keys of the innermost map are not all different. */
bool walk_keys_differ(struct walk *walk);

static inline uint16_t walk_match(const struct walk *walk, struct text key)
{
    const struct frame *frame = walk->frame;
    const struct field_map *map = walk->map;
    if (frame->live == 0 || key.size > FIELD_TEXT_MAX)
        return 0;
    unsigned matched = 0;
    unsigned candidates = frame->live & map->by_length[frame->level][key.size];
    for (; candidates != 0; candidates &= candidates - 1) {
        const struct field_path *path = &map->at[__builtin_ctz(candidates)];
        if (bytes_equal(path->text + path->offset[frame->level], key.at, key.size))
            matched |= candidates & -candidates;
    }
    return (uint16_t)matched;
}

/* Takes a key that is text; its value is to follow. False: it was there before. */
static inline bool walk_key(struct walk *walk, struct text key)
{
    const uint16_t matched = walk_match(walk, key);
    if (matched == 0) {
        walk->leaf = walk->deeper = 0;
        return walk_remember(walk, walk_hash(key.at, key.size, KEY_TEXT));
    }
    const uint8_t level = walk->frame->level;
    walk->leaf = matched & walk->map->ends[level];
    walk->deeper = (uint16_t)(matched & ~walk->leaf);
    const bool again = (walk->seen[level] & matched) != 0;
    walk->seen[level] |= matched;
    return !again;
}

/* A scalar value; false: it makes the message undecodable. */
static inline bool walk_value(struct walk *walk, const struct found *found)
{
    if (found->kind == FOUND_BAD_TEXT &&
        (walk->leaf == 0 || (walk->leaf & ~JUDGED_TEXT_FIELDS) != 0))
        return false;
    if (found->kind == FOUND_NOTHING)
        return true;
    for (unsigned leaf = walk->leaf; leaf != 0; leaf &= leaf - 1)
        walk->at[__builtin_ctz(leaf)] = *found;
    walk->found |= walk->leaf;
    return true;
}

/* A value that is a map or an array, to be gone through. False: nested too deeply. */
static inline bool walk_open(struct walk *walk, bool is_map, uint32_t left)
{
    if (walk->depth == DECODE_DEPTH_MAX)
        return false;
    if (walk->leaf != 0)
        (void)walk_value(walk, &(struct found){.kind = is_map ? FOUND_MAP : FOUND_OTHER});
    const uint8_t level = walk->frame->level;
    walk->frame = &walk->frames[++walk->depth];
    *walk->frame = (struct frame){.left = left,
                                  .first_key = walk->key_count,
                                  .live = is_map ? walk->deeper : 0,
                                  .level = (uint8_t)(level + 1),
                                  .is_map = is_map};
    /* Until a key says otherwise: what is in an array is nobody's. */
    walk->leaf = walk->deeper = 0;
    return true;
}

/* False: a key stood twice in the map that closes. With depth 0 the message is over. */
static inline bool walk_close(struct walk *walk)
{
    const bool differ = walk_keys_differ(walk);
    walk->key_count = walk->frame->first_key;
    walk->depth--;
    walk->frame--;
    walk->leaf = walk->deeper = 0;
    return differ;
}

#endif
