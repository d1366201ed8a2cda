/* The MessagePack cursor. */
#include "transport/decode_walk.h"

struct cursor {
    const char *at, *end;
};

/* One object's head; a scalar is read whole. */
struct object {
    struct found found;
    enum { OBJECT_SCALAR, OBJECT_MAP, OBJECT_ARRAY } kind;
    uint64_t count; /* of a map's pairs or an array's values */
};

static bool read_big_endian(struct cursor *cursor, size_t size, uint64_t *number)
{
    if ((size_t)(cursor->end - cursor->at) < size)
        return false;
    uint64_t read = 0;
    for (size_t i = 0; i < size; i++)
        read = read << 8 | (unsigned char)cursor->at[i];
    cursor->at += size;
    *number = read;
    return true;
}

static bool skip(struct cursor *cursor, uint64_t size)
{
    if ((uint64_t)(cursor->end - cursor->at) < size)
        return false;
    cursor->at += size;
    return true;
}

static void set_integer(struct found *found, bool negative, uint64_t magnitude)
{
    found->kind = FOUND_INTEGER;
    found->negative = negative;
    found->fits = true;
    found->magnitude = magnitude;
    found->number = negative ? -(double)magnitude : (double)magnitude;
    found->text.size = 0;
}

static bool read_unsigned(struct cursor *cursor, size_t size, struct found *found)
{
    uint64_t bits;
    if (!read_big_endian(cursor, size, &bits))
        return false;
    set_integer(found, false, bits);
    return true;
}

static bool read_signed(struct cursor *cursor, size_t size, struct found *found)
{
    uint64_t bits;
    if (!read_big_endian(cursor, size, &bits))
        return false;
    const unsigned unused = 64 - 8 * (unsigned)size;
    const int64_t number = (int64_t)(bits << unused) >> unused;
    set_integer(found, number < 0, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    return true;
}

static bool read_float(struct cursor *cursor, size_t size, struct found *found)
{
    uint64_t bits;
    if (!read_big_endian(cursor, size, &bits))
        return false;
    found->kind = FOUND_FRACTION;
    if (size == sizeof(double)) {
        memcpy(&found->number, &bits, sizeof found->number);
        return true;
    }
    const uint32_t half = (uint32_t)bits;
    float number;
    memcpy(&number, &half, sizeof number);
    found->number = (double)number;
    return true;
}

static bool read_text(struct cursor *cursor, uint64_t size, struct found *found)
{
    found->text = (struct text){cursor->at, (uint32_t)size};
    if (!skip(cursor, size))
        return false;
    found->kind = utf8_is_valid(found->text) ? FOUND_TEXT : FOUND_BAD_TEXT;
    found->has_nul = false;
    return true;
}

/* `width` bytes of size, then that much and `more`. */
static bool read_blob(struct cursor *cursor, size_t width, uint64_t more, struct found *found)
{
    uint64_t size;
    found->kind = FOUND_OTHER;
    return read_big_endian(cursor, width, &size) && skip(cursor, size + more);
}

static bool read_wide_text(struct cursor *cursor, size_t width, struct found *found)
{
    uint64_t size;
    return read_big_endian(cursor, width, &size) && read_text(cursor, size, found);
}

/* The types from 0xc0 to 0xdf. */
static bool read_typed(struct cursor *cursor, unsigned type, struct object *object)
{
    struct found *found = &object->found;
    switch (type) {
    case 0xC0:
        found->kind = FOUND_NOTHING;
        return true;
    case 0xC2:
    case 0xC3:
        found->kind = FOUND_OTHER;
        return true;
    case 0xC4: /* bin */
    case 0xC5:
    case 0xC6:
        return read_blob(cursor, (size_t)1 << (type - 0xC4), 0, found);
    case 0xC7: /* ext: a byte for its type */
    case 0xC8:
    case 0xC9:
        return read_blob(cursor, (size_t)1 << (type - 0xC7), 1, found);
    case 0xCA:
        return read_float(cursor, 4, found);
    case 0xCB:
        return read_float(cursor, 8, found);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return read_unsigned(cursor, (size_t)1 << (type - 0xCC), found);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return read_signed(cursor, (size_t)1 << (type - 0xD0), found);
    case 0xD4: /* ext of 1, 2, 4, 8, 16 bytes */
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        found->kind = FOUND_OTHER;
        return skip(cursor, 1 + (1U << (type - 0xD4)));
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return read_wide_text(cursor, (size_t)1 << (type - 0xD9), found);
    case 0xDC:
    case 0xDD:
        object->kind = OBJECT_ARRAY;
        return read_big_endian(cursor, (size_t)2 << (type - 0xDC), &object->count);
    case 0xDE:
    case 0xDF:
        object->kind = OBJECT_MAP;
        return read_big_endian(cursor, (size_t)2 << (type - 0xDE), &object->count);
    default: /* 0xC1 is never used */
        return false;
    }
}

static inline bool read_object(struct cursor *cursor, struct object *object)
{
    if (cursor->at == cursor->end)
        return false;
    const unsigned type = (unsigned char)*cursor->at++;
    object->kind = OBJECT_SCALAR;
    if (type >= 0xA0 && type < 0xC0)
        return read_text(cursor, type & 0x1F, &object->found);
    if (type < 0x80) {
        set_integer(&object->found, false, type);
        return true;
    }
    if (type >= 0xE0) {
        set_integer(&object->found, true, 0x100 - type);
        return true;
    }
    if (type >= 0xC0)
        return read_typed(cursor, type, object);
    object->kind = type < 0x90 ? OBJECT_MAP : OBJECT_ARRAY;
    object->count = type & 0x0F;
    return true;
}

/* A key that is an integer is the same key in any width; others are by their bytes. */
static bool remember_other_key(struct walk *walk, const struct found *key, const char *from,
                               const char *to)
{
    walk->leaf = walk->deeper = 0;
    if (key->kind != FOUND_INTEGER)
        return walk_remember(walk, walk_hash(from, (size_t)(to - from), KEY_OTHER));
    const uint64_t parts[] = {key->magnitude, key->negative};
    return walk_remember(walk, walk_hash(parts, sizeof parts, KEY_INTEGER));
}

static bool take_key(struct walk *walk, struct cursor *cursor)
{
    const char *from = cursor->at;
    struct object key;
    if (!read_object(cursor, &key) || key.kind != OBJECT_SCALAR || key.found.kind == FOUND_BAD_TEXT)
        return false;
    if (key.found.kind == FOUND_TEXT)
        return walk_key(walk, key.found.text);
    return remember_other_key(walk, &key.found, from, cursor->at);
}

static bool take_value(struct walk *walk, struct cursor *cursor)
{
    struct object value;
    if (!read_object(cursor, &value))
        return false;
    if (value.kind == OBJECT_SCALAR) {
        if (walk->leaf & TEXT_FIELDS && value.found.kind == FOUND_TEXT)
            value.found.has_nul = memchr(value.found.text.at, 0, value.found.text.size) != NULL;
        return walk_value(walk, &value.found);
    }
    /* Each of the objects to come is a byte at least: a header that promises more is a lie. */
    const bool is_map = value.kind == OBJECT_MAP;
    const uint64_t objects = is_map ? 2 * value.count : value.count;
    if (objects > (uint64_t)(cursor->end - cursor->at))
        return false;
    return walk_open(walk, is_map, (uint32_t)objects);
}

bool walk_msgpack(struct walk *walk, const char *at, const char *end)
{
    struct cursor cursor = {at, end};
    if (!take_value(walk, &cursor))
        return false;
    while (walk->depth > 0) {
        struct frame *frame = walk->frame;
        if (frame->left == 0) {
            if (!walk_close(walk))
                return false;
            continue;
        }
        if (frame->is_map) {
            frame->left--;
            if (!take_key(walk, &cursor))
                return false;
        }
        frame->left--;
        if (!take_value(walk, &cursor))
            return false;
    }
    return cursor.at == cursor.end;
}
