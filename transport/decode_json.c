/* The JSON cursor (RFC 8259). */
#include "transport/decode_number.h"
#include "transport/decode_walk.h"
#include "transport/digits.h"

struct cursor {
    const char *at, *end;
};

/* What stands between two quotes. */
struct quoted {
    struct text raw;
    bool escaped;   /* has a backslash */
    bool non_ascii; /* has a byte above 0x7f */
};

static inline void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' ||
                                        *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

static inline bool take(struct cursor *cursor, char byte)
{
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* ---- strings ---- */

/* Bit 7 of each byte that ends a run of plain text: a quote, a backslash, a control character, or
 * not ASCII. The lowest set bit is exact; those above it may be an echo of it. */
static inline uint64_t find_special(uint64_t word)
{
    const uint64_t ones = EACH_BYTE(1), high = EACH_BYTE(0x80);
    const uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
    const uint64_t is_quote = (quote - ones) & ~quote;
    const uint64_t is_backslash = (backslash - ones) & ~backslash;
    const uint64_t is_control = (word - EACH_BYTE(0x20)) & ~word;
    return (is_quote | is_backslash | is_control | word) & high;
}

/* The first byte that is not plain, or the end. */
static inline const char *skip_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        const uint64_t special = find_special(load_8_in_order(at));
        if (special != 0)
            return at + (__builtin_ctzll(special) >> 3);
    }
    for (; at < end; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20 || *at & 0x80)
            break;
    return at;
}

/* The rest of a string behind its opening quote, up to and with the closing one. */
static inline bool scan_quoted(struct cursor *cursor, struct quoted *quoted)
{
    const char *at = cursor->at;
    quoted->raw.at = at;
    quoted->escaped = quoted->non_ascii = false;
    for (;;) {
        at = skip_plain(at, cursor->end);
        if (at == cursor->end || (unsigned char)*at < 0x20)
            return false;
        if (*at == '"')
            break;
        if (*at == '\\') {
            quoted->escaped = true;
            if (cursor->end - at < 2)
                return false;
            at += 2;
        } else {
            quoted->non_ascii = true;
            while (at < cursor->end && *at & 0x80)
                at++;
        }
    }
    quoted->raw.size = (uint32_t)(at - quoted->raw.at);
    cursor->at = at + 1;
    return true;
}

/* ---- escapes ---- */

/* Where unescaped text goes, as long as there is room. */
struct sink {
    char *to;
    size_t room, size;
    bool has_nul, bad_text;
};

static inline void put(struct sink *sink, unsigned byte)
{
    if (sink->size < sink->room)
        sink->to[sink->size] = (char)byte;
    sink->size++;
    sink->has_nul |= byte == 0;
}

static void put_code_point(struct sink *sink, unsigned code)
{
    if (code < 0x80) {
        put(sink, code);
        return;
    }
    if (code < 0x800) {
        put(sink, 0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            put(sink, 0xE0 | code >> 12);
        } else {
            put(sink, 0xF0 | code >> 18);
            put(sink, 0x80 | (code >> 12 & 0x3F));
        }
        put(sink, 0x80 | (code >> 6 & 0x3F));
    }
    put(sink, 0x80 | (code & 0x3F));
}

static bool read_hex(const char *at, const char *end, unsigned *code)
{
    if (end - at < 4)
        return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char byte = (unsigned char)at[i];
        const unsigned char lower = byte | 0x20;
        if (byte >= '0' && byte <= '9')
            *code = *code << 4 | (unsigned)(byte - '0');
        else if (lower >= 'a' && lower <= 'f')
            *code = *code << 4 | (unsigned)(lower - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* Behind "\u"; returns the end of the escape, that of its other half included, or NULL. */
static const char *put_unicode_escape(struct sink *sink, const char *at, const char *end)
{
    unsigned code, low;
    if (!read_hex(at, end, &code))
        return NULL;
    at += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
        if (!read_hex(at + 2, end, &low))
            return NULL;
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
        }
    }
    sink->bad_text |= code >= 0xD800 && code < 0xE000; /* half a pair */
    put_code_point(sink, code);
    return at;
}

/* At a backslash; returns the end of the escape, or NULL when it is none. */
static const char *put_escape(struct sink *sink, const char *at, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (at[1] == 'u')
        return put_unicode_escape(sink, at + 2, end);
    const char *which = at[1] == 0 ? NULL : strchr(from, at[1]);
    if (which == NULL)
        return NULL;
    put(sink, (unsigned char)to[which - from]);
    return at + 2;
}

/* False: an escape is none. scan_quoted saw to it that each backslash has a byte behind it. */
static bool unescape(struct text raw, struct sink *sink)
{
    const char *at = raw.at, *end = raw.at + raw.size;
    while (at < end) {
        if (*at != '\\') {
            put(sink, (unsigned char)*at++);
        } else {
            at = put_escape(sink, at, end);
            if (at == NULL)
                return false;
        }
    }
    return true;
}

/* ---- keys and values ---- */

static bool unescape_key(const struct quoted *quoted, struct text *key)
{
    struct sink sink = {.to = walk_text_memory(), .room = DECODE_BYTES_MAX};
    if (!unescape(quoted->raw, &sink) || sink.bad_text)
        return false;
    *key = (struct text){sink.to, (uint32_t)sink.size};
    return true;
}

/* A key with its colon. */
static inline bool take_key(struct walk *walk, struct cursor *cursor)
{
    struct quoted quoted;
    if (!take(cursor, '"') || !scan_quoted(cursor, &quoted))
        return false;
    if (quoted.non_ascii && !utf8_is_valid(quoted.raw))
        return false;
    struct text key = quoted.raw;
    if (quoted.escaped && !unescape_key(&quoted, &key))
        return false;
    const unsigned matched = walk_match(walk, key);
    if (!(matched != 0 ? walk_lead(walk, matched) : walk_stray(walk, key, KEY_TEXT)))
        return false;
    skip_space(cursor);
    if (!take(cursor, ':'))
        return false;
    skip_space(cursor);
    return true;
}

/* Text with escapes is copied where somebody wants it; too long for that, it stays as it is. */
static bool find_escaped(struct walk *walk, const struct quoted *quoted, struct found *found)
{
    struct decode_scratch *scratch = walk->scratch;
    struct sink sink = {0};
    if (walk->leaf & TEXT_FIELDS) {
        sink.to = scratch->bytes + scratch->used;
        sink.room = sizeof scratch->bytes - scratch->used;
        if (sink.room > ID_BYTES_MAX)
            sink.room = ID_BYTES_MAX;
    }
    if (!unescape(quoted->raw, &sink))
        return false;
    if (sink.bad_text)
        found->kind = FOUND_BAD_TEXT;
    found->has_nul = sink.has_nul;
    if (sink.to != NULL && sink.size <= sink.room) {
        found->text = (struct text){sink.to, (uint32_t)sink.size};
        scratch->used += (uint32_t)sink.size;
    }
    return true;
}

static inline bool take_text(struct walk *walk, struct cursor *cursor)
{
    struct quoted quoted;
    if (!scan_quoted(cursor, &quoted))
        return false;
    struct found *found = walk_place(walk);
    found->kind = FOUND_TEXT;
    found->has_nul = false;
    found->text = quoted.raw;
    if (quoted.non_ascii && !utf8_is_valid(quoted.raw))
        found->kind = FOUND_BAD_TEXT;
    if (quoted.escaped && !find_escaped(walk, &quoted, found))
        return false;
    return walk_value(walk, found);
}

static inline bool take_number(struct walk *walk, struct cursor *cursor)
{
    struct decimal decimal;
    bool integral;
    const char *end = decimal_scan(cursor->at, cursor->end, &decimal, &integral);
    if (end == NULL)
        return false;
    cursor->at = end;
    if (walk->leaf == 0)
        return true;
    struct found *found = walk_place(walk);
    found->kind = integral ? FOUND_INTEGER : FOUND_FRACTION;
    found->negative = decimal.negative;
    found->fits = decimal.size <= DECIMAL_DIGITS_MAX;
    found->text = decimal.text;
    if (integral && found->fits)
        found->magnitude = decimal.digits;
    else
        found->number = decimal_to_double(&decimal);
    return walk_value(walk, found);
}

static inline bool take_word(struct walk *walk, struct cursor *cursor, struct text word,
                             enum found_kind kind)
{
    if ((size_t)(cursor->end - cursor->at) < word.size ||
        !bytes_equal(cursor->at, word.at, word.size))
        return false;
    cursor->at += word.size;
    struct found *found = walk_place(walk);
    found->kind = kind;
    return walk_value(walk, found);
}

/* A value, or the opening of one. */
static inline bool take_value(struct walk *walk, struct cursor *cursor)
{
    if (cursor->at == cursor->end)
        return false;
    switch (*cursor->at) {
    case '"':
        cursor->at++;
        return take_text(walk, cursor);
    case '{':
        cursor->at++;
        return walk_open(walk, true, 0);
    case '[':
        cursor->at++;
        return walk_open(walk, false, 0);
    case 't':
        return take_word(walk, cursor, text_of("true"), FOUND_OTHER);
    case 'f':
        return take_word(walk, cursor, text_of("false"), FOUND_OTHER);
    case 'n':
        return take_word(walk, cursor, text_of("null"), FOUND_NOTHING);
    default:
        return take_number(walk, cursor);
    }
}

/* The brackets that close here, then the comma before the next value, if one is due. `fresh`: the
 * innermost map or array was just opened. False: something else stands there. */
static inline bool take_ends(struct walk *walk, struct cursor *cursor, bool fresh)
{
    while (walk->depth > 0) {
        skip_space(cursor);
        if (take(cursor, walk->frame->is_map ? '}' : ']')) {
            if (!walk_close(walk))
                return false;
        } else {
            if (fresh)
                return true;
            if (!take(cursor, ','))
                return false;
            skip_space(cursor);
            return true;
        }
        fresh = false;
    }
    return true;
}

/* ---- the common case ---- */

/* Bit 7 of each byte that is no digit; the lowest set bit is exact. */
static inline uint64_t find_no_digit(uint64_t word)
{
    const uint64_t digits = word ^ EACH_BYTE('0');
    return ((digits + EACH_BYTE(0x80 - 10)) | digits) & EACH_BYTE(0x80);
}

/* Behind up to one space, as most writers put none or one. */
static inline const char *behind_space(const char *at)
{
    return at + (*at == ' ');
}

/* A text without anything odd, up to and with its closing quote; NULL: anything else. */
static inline const char *take_plain_text(const char *at, const char *end, struct found *found)
{
    const char *last = skip_plain(at, end);
    if (last == end || *last != '"')
        return NULL;
    found->kind = FOUND_TEXT;
    found->negative = found->fits = found->has_nul = found->unused = false; /* one store */
    found->text.at = at;
    found->text.size = (uint32_t)(last - at);
    return last + 1;
}

/* Behind up to 16 digits that begin here, which are put behind `number`; NULL: there are more, or
 * the message ends within eight bytes. */
static inline const char *take_digits(const char *at, const char *end, uint64_t *number)
{
    const char *first = at;
    for (unsigned digits = 8; digits == 8; at += digits) {
        if (end - at < 8 || at - first == 16)
            return NULL;
        const uint64_t word = load_8_in_order(at), other = find_no_digit(word);
        digits = other == 0 ? 8 : (unsigned)__builtin_ctzll(other) >> 3;
        *number = append_digits(*number, word, digits);
    }
    return at;
}

/* The point and what is behind it: with so few digits, number and power of ten are exact, and the
 * division rounds once. */
static inline const char *take_plain_fraction(const char *point, const char *end, uint64_t number,
                                              struct found *found)
{
    enum { DIGITS_MOST = 6 };
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    const char *last = take_digits(point + 1, end, &number);
    if (last == NULL || last - point - 1 > DIGITS_MOST || last == point + 1)
        return NULL;
    found->kind = FOUND_FRACTION;
    found->number = (double)number / powers[last - point - 1];
    return last;
}

/* An integer, or a few digits with a point among them; NULL: anything else. */
static inline const char *take_plain_number(const char *at, const char *end, struct found *found)
{
    enum { WHOLE_MOST = 9 }; /* of digits before a point, which with those behind it are exact */
    uint64_t number = 0;
    const char *last = take_digits(at, end, &number);
    if (last == NULL || last == at || (*at == '0' && last - at > 1))
        return NULL;
    if (*last == '.') {
        last = last - at > WHOLE_MOST ? NULL : take_plain_fraction(last, end, number, found);
    } else {
        found->kind = FOUND_INTEGER;
        found->negative = found->has_nul = found->unused = false;
        found->fits = true;
        found->magnitude = number;
        found->text = (struct text){at, (uint32_t)(last - at)};
    }
    return last != NULL && (*last == ',' || *last == '}') ? last : NULL;
}

/* As a MessagePack message would begin with it: a head, then the key's text. 0: no short key. */
static inline uint64_t plain_key(const char *at)
{
    const uint64_t word = load_8_in_order(at), special = find_special(word);
    const unsigned size = special == 0 ? 0 : (unsigned)__builtin_ctzll(special) >> 3;
    if (at[size] != '"' || size == 0)
        return 0;
    return (word << (64 - 8 * size) >> (64 - 8 * size)) << 8 | 0xA0 | size;
}

/* Takes pairs of the outermost map, like its namesake for MessagePack: short keys that are one
 * field's each, and plain values. The cursor is at a key. What is not plain is left as it is, for
 * the steps below. True: a pair is the last thing that was taken, and no comma behind it. False:
 * a key comes next, maybe behind white space. */
__attribute__((noinline)) static bool take_plain_pairs(struct walk *walk, struct cursor *cursor)
{
    enum { KEY_MOST = 9, BESIDES = 4 }; /* a quote and eight bytes; what is looked at behind it */
    const struct field_map *map = walk->map;
    const struct field_head *head = map->heads;
    const char *end = cursor->end;
    for (const char *at = cursor->at; end - at >= KEY_MOST + BESIDES && *at == '"'; head++) {
        const uint64_t key = plain_key(at + 1);
        if (!field_head_fits(head, key))
            head = field_head_find(map, key);
        if (!field_head_fits(head, key) || (walk->seen[0] & head->bits) != 0)
            return false;
        at += 1 + head->size; /* its size counts MessagePack's head; here it is a quote */
        if (*at++ != ':')
            return false;
        at = behind_space(at);
        struct found *found = &walk->at[head->field];
        at = *at == '"' ? take_plain_text(at + 1, end, found) : take_plain_number(at, end, found);
        if (at == NULL || at == end)
            return false;
        walk->seen[0] = (uint16_t)(walk->seen[0] | head->bits);
        cursor->at = at;
        if (*at++ != ',')
            return true;
        at = at == end ? at : behind_space(at);
        cursor->at = at;
    }
    return false;
}

/* ---- any message ---- */

bool walk_json(struct walk *walk, const char *at, const char *end)
{
    struct cursor cursor = {at, end};
    if (!take_value(walk, &cursor))
        return false;
    for (bool fresh = true; take_ends(walk, &cursor, fresh);) {
        if (walk->depth == 0) {
            skip_space(&cursor);
            return cursor.at == cursor.end;
        }
        fresh = false;
        if (walk->depth == 1 && walk->frame->is_map && walk->map->factor != 0 &&
            take_plain_pairs(walk, &cursor))
            continue;
        skip_space(&cursor); /* behind the comma of a plain pair */
        if (walk->frame->is_map && !take_key(walk, &cursor))
            return false;
        const uint32_t depth = walk->depth;
        if (!take_value(walk, &cursor))
            return false;
        fresh = walk->depth > depth;
    }
    return false;
}
