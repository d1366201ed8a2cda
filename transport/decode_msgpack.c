/* The MessagePack cursor. */
#include "transport/decode_number.h"
#include "transport/decode_walk.h"

/* One object's head; a scalar is read whole. Each reader below returns the end of what it read, or
 * NULL when the message ends before that. */
struct object {
    struct found *found; /* a scalar goes there */
    enum { OBJECT_SCALAR, OBJECT_MAP, OBJECT_ARRAY } kind;
    uint64_t count; /* of a map's pairs or an array's values */
};

static inline const char *skip(const char *at, const char *end, uint64_t size)
{
    return (uint64_t)(end - at) < size ? NULL : at + size;
}

/* At most eight bytes; a single load where the message goes on far enough. */
static inline const char *read_big_endian(const char *at, const char *end, size_t size,
                                          uint64_t *number)
{
    if (end - at >= 8) {
        *number = be64toh(load_8(at)) >> (64 - 8 * size);
        return at + size;
    }
    const char *next = skip(at, end, size);
    uint64_t read = 0;
    if (next != NULL)
        for (; at < next; at++)
            read = read << 8 | (unsigned char)*at;
    *number = read;
    return next;
}

static inline void set_integer(struct found *found, bool negative, uint64_t magnitude)
{
    found->kind = FOUND_INTEGER;
    found->negative = negative;
    found->fits = true;
    found->has_nul = found->unused = false;
    found->magnitude = magnitude;
    found->text.size = 0;
}

static const char *read_unsigned(const char *at, const char *end, size_t size, struct found *found)
{
    uint64_t bits;
    at = read_big_endian(at, end, size, &bits);
    set_integer(found, false, bits);
    return at;
}

static const char *read_signed(const char *at, const char *end, size_t size, struct found *found)
{
    uint64_t bits;
    at = read_big_endian(at, end, size, &bits);
    const unsigned unused = 64 - 8 * (unsigned)size;
    const int64_t number = (int64_t)(bits << unused) >> unused;
    set_integer(found, number < 0, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    return at;
}

static const char *read_float(const char *at, const char *end, struct found *found)
{
    uint64_t bits;
    at = read_big_endian(at, end, sizeof(float), &bits);
    const uint32_t narrow = (uint32_t)bits;
    float number;
    memcpy(&number, &narrow, sizeof number);
    found->kind = FOUND_FRACTION;
    found->number = (double)number;
    return at;
}

static const char *read_double(const char *at, const char *end, struct found *found)
{
    uint64_t bits;
    at = read_big_endian(at, end, sizeof(double), &bits);
    memcpy(&found->number, &bits, sizeof found->number);
    found->kind = FOUND_FRACTION;
    return at;
}

static inline const char *read_text(const char *at, const char *end, uint64_t size,
                                    struct found *found)
{
    found->kind = FOUND_TEXT;
    found->text.at = at;
    found->text.size = (uint32_t)size;
    return skip(at, end, size);
}

static const char *read_wide_text(const char *at, const char *end, size_t width,
                                  struct found *found)
{
    uint64_t size;
    at = read_big_endian(at, end, width, &size);
    return at == NULL ? NULL : read_text(at, end, size, found);
}

/* `width` bytes of size, then that much and `more`. */
static const char *read_blob(const char *at, const char *end, size_t width, uint64_t more,
                             struct found *found)
{
    uint64_t size;
    found->kind = FOUND_OTHER;
    at = read_big_endian(at, end, width, &size);
    return at == NULL ? NULL : skip(at, end, size + more);
}

/* Types that differ in a width only follow each other, each twice as wide as the one before. */
static inline size_t width_of(unsigned type, unsigned narrowest)
{
    return (size_t)1 << ((type - narrowest) & 7);
}

/* The types from 0xc0 to 0xdf. */
static const char *read_typed(const char *at, const char *end, unsigned type, struct object *object)
{
    struct found *found = object->found;
    switch (type) {
    case 0xC0:
        found->kind = FOUND_NOTHING;
        return at;
    case 0xC2: /* false, true */
    case 0xC3:
        found->kind = FOUND_OTHER;
        return at;
    case 0xC4: /* bin */
    case 0xC5:
    case 0xC6:
        return read_blob(at, end, width_of(type, 0xC4), 0, found);
    case 0xC7: /* ext: a byte for its type */
    case 0xC8:
    case 0xC9:
        return read_blob(at, end, width_of(type, 0xC7), 1, found);
    case 0xCA:
        return read_float(at, end, found);
    case 0xCB:
        return read_double(at, end, found);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return read_unsigned(at, end, width_of(type, 0xCC), found);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return read_signed(at, end, width_of(type, 0xD0), found);
    case 0xD4: /* ext of 1, 2, 4, 8, 16 bytes */
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        found->kind = FOUND_OTHER;
        return skip(at, end, 1 + width_of(type, 0xD4));
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return read_wide_text(at, end, width_of(type, 0xD9), found);
    case 0xDC:
    case 0xDD:
        object->kind = OBJECT_ARRAY;
        return read_big_endian(at, end, 2 * width_of(type, 0xDC), &object->count);
    case 0xDE:
    case 0xDF:
        object->kind = OBJECT_MAP;
        return read_big_endian(at, end, 2 * width_of(type, 0xDE), &object->count);
    default: /* 0xC1 is never used */
        return NULL;
    }
}

static inline const char *read_object(const char *at, const char *end, struct object *object)
{
    if (at == end)
        return NULL;
    const unsigned type = (unsigned char)*at++;
    object->kind = OBJECT_SCALAR;
    if (type >= 0xA0 && type < 0xC0)
        return read_text(at, end, type & 0x1F, object->found);
    if (type < 0x80) {
        set_integer(object->found, false, type);
        return at;
    }
    if (type >= 0xE0) {
        set_integer(object->found, true, 0x100 - type);
        return at;
    }
    if (type >= 0xC0)
        return read_typed(at, end, type, object);
    object->kind = type < 0x90 ? OBJECT_MAP : OBJECT_ARRAY;
    object->count = type & 0x0F;
    return at;
}

static inline bool take_text_key(struct walk *walk, struct text key)
{
    const unsigned matched = walk_match(walk, key);
    if (matched != 0)
        return walk_lead(walk, matched); /* it is UTF-8, as the field's path is */
    return (text_is_plain(key) || utf8_is_valid(key)) && walk_stray(walk, key, KEY_TEXT);
}

/* A key that is an integer is the same key in any width; others are by their bytes. */
static bool take_stray_key(struct walk *walk, const struct found *key, struct text bytes)
{
    if (key->kind != FOUND_INTEGER)
        return walk_stray(walk, bytes, KEY_OTHER);
    char room[INTEGER_TEXT_MAX];
    return walk_stray(walk, integer_to_text(key->negative, key->magnitude, room), KEY_INTEGER);
}

/* Any key but a short text. */
static const char *take_unusual_key(struct walk *walk, const char *at, const char *end)
{
    struct found found;
    struct object key = {.found = &found};
    const char *next = read_object(at, end, &key);
    if (next == NULL || key.kind != OBJECT_SCALAR)
        return NULL;
    const bool is_new =
        found.kind == FOUND_TEXT
            ? take_text_key(walk, found.text)
            : take_stray_key(walk, &found, (struct text){at, (uint32_t)(next - at)});
    return is_new ? next : NULL;
}

static inline const char *take_key(struct walk *walk, const char *at, const char *end)
{
    const unsigned size = at == end ? 0 : (unsigned char)*at ^ 0xA0U;
    if (size - 1 >= 0x1F || (size_t)(end - at) <= size)
        return take_unusual_key(walk, at, end);
    return take_text_key(walk, (struct text){at + 1, size}) ? at + 1 + size : NULL;
}

static inline void check_text(struct found *found)
{
    found->has_nul = false;
    if (text_is_plain(found->text))
        return;
    found->has_nul = memchr(found->text.at, 0, found->text.size) != NULL;
    if (!utf8_is_valid(found->text))
        found->kind = FOUND_BAD_TEXT;
}

/* Each of the objects to come is a byte at least: a header that promises more is a lie. */
static bool open_container(struct walk *walk, const struct object *object, uint64_t bytes_left)
{
    const bool is_map = object->kind == OBJECT_MAP;
    const uint64_t objects = is_map ? 2 * object->count : object->count;
    return objects <= bytes_left && walk_open(walk, is_map, (uint32_t)objects);
}

static inline const char *take_value(struct walk *walk, const char *at, const char *end)
{
    struct object value;
    value.found = walk_place(walk);
    at = read_object(at, end, &value);
    if (at == NULL)
        return NULL;
    if (value.kind != OBJECT_SCALAR)
        return open_container(walk, &value, (uint64_t)(end - at)) ? at : NULL;
    if (value.found->kind == FOUND_TEXT)
        check_text(value.found);
    return walk_value(walk, value.found) ? at : NULL;
}

/* ---- the common case ---- */

static inline const char *take_plain_text(const char *at, const char *end, uint32_t size,
                                          struct found *found)
{
    if ((size_t)(end - at) < size)
        return NULL;
    found->kind = FOUND_TEXT;
    found->negative = found->fits = found->has_nul = found->unused = false; /* one store */
    found->text.at = at;
    found->text.size = size;
    const bool plain =
        size <= 16 && end - at >= 16 ? text_is_plain_16(at, size) : text_is_plain(found->text);
    return plain ? at + size : NULL;
}

/* Of any width; a negative one is left out. */
static inline const char *take_plain_integer(const char *at, unsigned type, struct found *found)
{
    const uint64_t bits = be64toh(load_8(at));
    const unsigned width = 1U << (type & 3);
    if (type >= 0xD0 && (int64_t)bits < 0)
        return NULL;
    if (width == 8) { /* as times are: a branch is foretold, a sum waited for */
        set_integer(found, false, bits);
        return at + 8;
    }
    set_integer(found, false, bits >> (64 - 8 * width));
    return at + width;
}

/* A context of a device alone, behind the map's head, where there are eight bytes; NULL: anything
 * else. What is found of it until then is found anew by the steps for any message. */
static inline const char *take_plain_context(struct walk *walk, const char *at, const char *end)
{
    enum { KEY = 1 + sizeof "device" - 1 };
    static const char key[] = "\xA6"
                              "device";
    if (!bytes_equal(at, key, KEY))
        return NULL;
    const unsigned size = (unsigned char)at[KEY] ^ 0xA0U;
    return size < 0x20 ? take_plain_text(at + KEY + 1, end, size, &walk->at[FIELD_DEVICE]) : NULL;
}

/* A number, a text without anything odd, or a context of such a one; NULL: anything else. */
static inline const char *take_plain_value(struct walk *walk, const char *at, const char *end,
                                           struct found *found)
{
    const unsigned type = (unsigned char)*at++;
    if (type >= 0xA0 && type < 0xC0)
        return take_plain_text(at, end, type & 0x1F, found);
    if (type < 0x80) {
        set_integer(found, false, type);
        return at;
    }
    if (end - at < 8)
        return NULL;
    if (type >= 0xCC && type <= 0xD3)
        return take_plain_integer(at, type, found);
    if (type == 0xCB)
        return read_double(at, end, found);
    if (type == 0x81 && found == &walk->at[FIELD_CONTEXT])
        return take_plain_context(walk, at, end);
    return type == 0xD9 ? take_plain_text(at + 1, end, (unsigned char)*at, found) : NULL;
}

/* Takes pairs of the outermost map as long as they are what most messages are made of: a short key
 * that is one field's, or the context's, and a plain value. The fields are expected in their own
 * order; another costs a look-up each. What is not plain is left as it is, for the steps below. */
__attribute__((noinline)) static const char *take_plain_pairs(struct walk *walk, const char *at,
                                                              const char *end)
{
    const struct field_map *map = walk->map;
    const struct field_head *head = map->heads;
    struct found *found = walk->at; /* the head's */
    unsigned seen = walk->seen[0];
    uint32_t left = map->factor != 0 ? walk->frame->left : 0;
    if (left == 0)
        return at; /* the map is over, or nothing is looked for */
    for (; left > 0 && end - at >= 10; left -= 2, head++, found++) {
        const uint64_t word = load_8_in_order(at);
        const struct field_head *last = head + FIELD_HEADS_PASSED;
        while (!field_head_fits(head, word) && head < last)
            head++, found++;
        if (!field_head_fits(head, word)) {
            head = field_head_find(map, word);
            found = &walk->at[head->field];
        }
        if (!field_head_fits(head, word) || (seen & head->bits) != 0)
            break;
        const char *next = take_plain_value(walk, at + head->size, end, found);
        if (next == NULL)
            break;
        seen |= head->bits;
        at = next;
    }
    walk->seen[0] = (uint16_t)seen;
    walk->frame->left = left;
    return at;
}

/* ---- any message ---- */

/* The message behind its first bytes, which opened a map. */
__attribute__((noinline)) static bool walk_rest(struct walk *walk, const char *at, const char *end)
{
    while (at != NULL && walk->depth > 0) {
        struct frame *frame = walk->frame;
        if (walk->depth == 1)
            at = take_plain_pairs(walk, at, end);
        if (frame->left == 0) {
            if (!walk_close(walk))
                return false;
            continue;
        }
        frame->left -= 1 + (uint32_t)frame->is_map;
        if (frame->is_map)
            at = take_key(walk, at, end);
        if (at != NULL)
            at = take_value(walk, at, end);
    }
    return at == end;
}

__attribute__((noinline)) static bool walk_unusual(struct walk *walk, const char *at,
                                                   const char *end)
{
    return walk_rest(walk, take_value(walk, at, end), end);
}

/* What most messages need is kept apart from what any may: so it saves no registers. */
bool walk_msgpack(struct walk *walk, const char *at, const char *end)
{
    const unsigned count = (unsigned char)*at ^ 0x80U;
    if (count >= 0x10)
        return walk_unusual(walk, at, end);
    walk_open_message(walk, 2 * count);
    at = take_plain_pairs(walk, at + 1, end);
    return walk->frame->left == 0 ? at == end : walk_rest(walk, at, end);
}

/* ---- for readers that build a tree ---- */

bool msgpack_is_bounded(const char *at, const char *end)
{
    for (uint64_t awaited = 1; awaited > 0; awaited--) {
        struct found found;
        struct object object = {.found = &found};
        at = read_object(at, end, &object);
        if (at == NULL)
            return false;
        if (object.kind != OBJECT_SCALAR)
            awaited += object.kind == OBJECT_MAP ? 2 * object.count : object.count;
        if (awaited - 1 > (uint64_t)(end - at))
            return false;
    }
    return true;
}
