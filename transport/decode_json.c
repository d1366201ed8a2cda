/* The JSON cursor (RFC 8259). */
#include "transport/decode_number.h"
#include "transport/decode_walk.h"
#include "transport/digits.h"
#include "transport/odd_bytes.h"

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

/* Eight bytes from `at` on, those behind the end as zeros, of a message that has as many. */
static inline uint64_t load_8_before(const char *at, const char *end)
{
    if (end - at >= 8)
        return load_8_in_order(at);
    const unsigned half = 4 * (unsigned)(8 - (end - at)); /* in two: 64 is none */
    return load_8_in_order(end - 8) >> half >> half;
}

/* Bit 7 of each byte that is no digit; the lowest set bit is exact. */
static inline uint64_t find_no_digit(uint64_t word)
{
    const uint64_t digits = word ^ EACH_BYTE('0');
    return ((digits + EACH_BYTE(0x80 - 10)) | digits) & EACH_BYTE(0x80);
}

/* Behind up to one space, as most writers put none or one. By a branch, which is foretold: all that
 * follows would have to wait for a sum. */
static inline const char *behind_space(const char *at)
{
    if (__builtin_expect(*at == ' ', 0)) {
        __asm__ volatile("");
        at++;
    }
    return at;
}

/* A text without anything odd, up to and with its closing quote; NULL: anything else. */
static inline const char *take_plain_text(struct odd_bytes *odd, const char *at,
                                          struct found *found)
{
    const char *last = odd_bytes_next(odd, at);
    if (odd->end - last < 2 || *last != '"') /* no message ends here */
        return NULL;
    found->kind = FOUND_TEXT;
    found->negative = found->fits = found->has_nul = found->unused = false; /* one store */
    found->text.at = at;
    found->text.size = (uint32_t)(last - at);
    return last + 1;
}

/* Behind up to 15 digits that begin here, which are put behind `number`; NULL: there are more. */
static inline const char *take_digits(const char *at, const char *end, uint64_t *number)
{
    const char *first = at;
    for (unsigned digits = 8; digits == 8; at += digits) {
        if (at - first == 16)
            return NULL;
        const uint64_t word = load_8_before(at, end), other = find_no_digit(word);
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
    if (last == NULL || last == at || (*at == '0' && last - at > 1) || last == end)
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
    return last != NULL && last < end && (*last == ',' || *last == '}') ? last : NULL;
}

/* A context of a device alone, behind its brace; NULL: anything else. What is found of it until
 * then is found anew by the steps for any message. */
static inline const char *take_plain_context(struct walk *walk, struct odd_bytes *odd,
                                             const char *at)
{
    enum { KEY = sizeof "\"device\"" - 1, BESIDES = 4 }; /* a colon, a space, a quote, text */
    const char *end = odd->end;
    if (end - at < KEY + BESIDES || !bytes_equal(at, "\"device\"", KEY) || at[KEY] != ':')
        return NULL;
    at = behind_space(at + KEY + 1);
    at = *at == '"' ? take_plain_text(odd, at + 1, &walk->at[FIELD_DEVICE]) : NULL;
    return at != NULL && *at == '}' && end - at > 1 ? at + 1 : NULL;
}

static inline const char *take_plain_value(struct walk *walk, struct odd_bytes *odd, const char *at,
                                           struct found *found)
{
    if (*at == '"')
        return take_plain_text(odd, at + 1, found);
    if (*at == '{' && found == &walk->at[FIELD_CONTEXT])
        return take_plain_context(walk, odd, at + 1);
    return take_plain_number(at, odd->end, found);
}

/* As a MessagePack message would begin with it: a head, then the key's text. 0: no short key. */
static inline uint64_t plain_key(const char *at)
{
    const uint64_t word = load_8_in_order(at), special = find_odd(word);
    const unsigned size = special == 0 ? 0 : (unsigned)__builtin_ctzll(special) >> 3;
    if (at[size] != '"' || size == 0)
        return 0;
    return (word << (64 - 8 * size) >> (64 - 8 * size)) << 8 | 0xA0 | size;
}

static inline bool is_quoted_head(const struct field_head *head, uint64_t word)
{
    return (word & head->mask) == head->quoted;
}

/* Takes pairs of the outermost map, like its namesake for MessagePack: short keys that are one
 * field's each, and plain values. True: took some, and the cursor is behind the last of them. What
 * is not plain is left as it is, for the steps below. */
__attribute__((noinline)) static bool take_plain_pairs(struct walk *walk, struct cursor *cursor,
                                                       struct odd_bytes *odd)
{
    /* A space, a quote, a key with its quote, a colon, a space, a byte of a value, one behind it.
     */
    enum { PAIR_LEAST = 1 + 1 + 8 + 1 + 1 + 1 + 1 };
    const struct field_map *map = walk->map;
    const struct field_head *head = map->heads;
    const char *end = cursor->end, *behind = cursor->at;
    unsigned seen = walk->seen[0];
    for (const char *at = behind; end - at >= PAIR_LEAST; head++) {
        const struct field_head *last = head + FIELD_HEADS_PASSED;
        at = behind_space(at);
        const uint64_t word = load_8_in_order(at + 1);
        while (!is_quoted_head(head, word) && head < last)
            head++;
        if (!is_quoted_head(head, word))
            head = field_head_find(map, plain_key(at + 1));
        const char *colon = at + 1 + head->size;
        if (!is_quoted_head(head, word) || *at != '"' || *colon != ':' || (seen & head->bits) != 0)
            break;
        at = take_plain_value(walk, odd, behind_space(colon + 1), &walk->at[head->field]);
        if (at == NULL)
            break;
        seen |= head->bits;
        behind = at;
        if (*at++ != ',')
            break;
    }
    const bool took = behind != cursor->at;
    walk->seen[0] = (uint16_t)seen;
    cursor->at = behind;
    return took;
}

/* ---- any message ---- */

static inline bool is_outermost(const struct walk *walk)
{
    return walk->depth == 1 && walk->frame->is_map && walk->map->factor != 0;
}

/* `fresh`: nothing behind the opening brace was taken yet. */
__attribute__((noinline)) static bool walk_rest(struct walk *walk, struct cursor *cursor,
                                                struct odd_bytes *odd, bool fresh)
{
    bool plain = false; /* maybe the next pair is */
    while (take_ends(walk, cursor, fresh)) {
        if (walk->depth == 0) {
            skip_space(cursor);
            return cursor->at == cursor->end;
        }
        fresh = false;
        if (plain && is_outermost(walk) && take_plain_pairs(walk, cursor, odd)) {
            plain = false;
            continue;
        }
        plain = odd->end - odd->first >= ODD_BYTES_LEAST;
        if (walk->frame->is_map && !take_key(walk, cursor))
            return false;
        const uint32_t depth = walk->depth;
        if (!take_value(walk, cursor))
            return false;
        fresh = walk->depth > depth;
    }
    return false;
}

bool walk_json(struct walk *walk, const char *at, const char *end)
{
    struct cursor cursor = {at + 1, end};
    struct odd_bytes odd = {.first = at, .end = end};
    walk_open_message(walk, 0);
    if (end - at < ODD_BYTES_LEAST || walk->map->factor == 0)
        return walk_rest(walk, &cursor, &odd, true);
    odd_bytes_look(&odd, at + 1);
    const bool took = take_plain_pairs(walk, &cursor, &odd);
    if (took && end - cursor.at == 1 && *cursor.at == '}')
        return true;
    return walk_rest(walk, &cursor, &odd, !took);
}
