/*
 * The bytes of a list, as readers get them:
 *
 *     {"items":["id",…],"scores":[0.5,…],"at":ms,"v":n}
 *
 * as JSON or as the same map in MessagePack.
 */
#include "transport/decode_number.h"
#include "transport/float_text.h"
#include "transport/redis.h"

#include <msgpack.h>

/* Where the next byte goes. Once something did not fit, nothing goes any more. */
struct output {
    char *at, *end;
    bool full;
};

static bool output_has(struct output *output, size_t size)
{
    if ((size_t)(output->end - output->at) < size)
        output->full = true;
    return !output->full;
}

static void put_bytes(struct output *output, const char *bytes, size_t size)
{
    if (!output_has(output, size))
        return;
    memcpy(output->at, bytes, size);
    output->at += size;
}

#define PUT_LITERAL(output, literal) put_bytes(output, literal, sizeof(literal) - 1)

/* Is there a byte among the eight that JSON wants escaped: below 0x20, a quote or a backslash? Bit
 * 7 of some byte is set then. */
static inline uint64_t find_escape(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t quote = eight ^ (ones * '"');
    uint64_t backslash = eight ^ (ones * '\\');
    uint64_t found = ((eight - ones * 0x20) & ~eight) | ((quote - ones) & ~quote) |
                     ((backslash - ones) & ~backslash);
    return found & highs;
}

/* Copies eight bytes; not 0: one of them wants to be escaped. */
static inline uint64_t copy_eight(char *to, const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, 8);
    memcpy(to, &eight, 8);
    return find_escape(eight);
}

/* Copies as it is; false: something wants to be escaped. In blocks that overlap at the end. */
static inline bool copy_plain(char *to, const char *from, uint32_t size)
{
    uint64_t found = 0;
    if (size >= 8) {
        for (uint32_t at = 0; at + 8 < size; at += 8)
            found |= copy_eight(to + at, from + at);
        return (found | copy_eight(to + size - 8, from + size - 8)) == 0;
    }
    uint64_t block = 0;
    if (size >= 4) {
        uint32_t low, high;
        memcpy(&low, from, 4);
        memcpy(&high, from + size - 4, 4);
        memcpy(to, &low, 4);
        memcpy(to + size - 4, &high, 4);
        return find_escape((uint64_t)high << 32 | low) == 0;
    }
    for (uint32_t at = 0; at < size; at++)
        block |= (uint64_t)(unsigned char)(to[at] = from[at]) << 8 * at;
    return find_escape(block | UINT64_C(0x2020202020202020) << 8 * size) == 0;
}

static char *copy_escaped(char *to, const char *from, uint32_t size)
{
    static const char hex[] = "0123456789abcdef", unicode[4] = {'\\', 'u', '0', '0'};
    for (uint32_t i = 0; i < size; i++) {
        unsigned byte = (unsigned char)from[i];
        if (byte == '"' || byte == '\\')
            *to++ = '\\';
        if (byte >= 0x20) {
            *to++ = (char)byte;
            continue;
        }
        memcpy(to, unicode, sizeof unicode);
        to[4] = hex[byte >> 4];
        to[5] = hex[byte & 15];
        to += 6;
    }
    return to;
}

static void put_json_string(struct output *output, struct text text)
{
    if (!output_has(output, 6 * (size_t)text.size + 3))
        return;
    char *at = output->at;
    *at++ = '"';
    at = copy_plain(at, text.at, text.size) ? at + text.size : copy_escaped(at, text.at, text.size);
    *at++ = '"';
    *at++ = ',';
    output->at = at;
}

static void put_json_scores(struct output *output, const struct list *list)
{
    enum { TOGETHER = 16 };
    float scores[TOGETHER];
    for (uint32_t first = 0; first < list->size; first += TOGETHER) {
        uint32_t count = list->size - first < TOGETHER ? list->size - first : TOGETHER;
        if (!output_has(output, (size_t)count * (FLOAT_TEXT_MAX + 1)))
            return;
        for (uint32_t i = 0; i < count; i++)
            scores[i] = list->at[first + i].score;
        output->at += float_texts(scores, count, output->at);
    }
}

static void put_integer(struct output *output, bool negative, uint64_t magnitude)
{
    char room[INTEGER_TEXT_MAX];
    const struct text text = integer_to_text(negative, magnitude, room);
    put_bytes(output, text.at, text.size);
}

/* Takes the comma after the last element back. */
static void end_json_array(struct output *output, const struct list *list)
{
    if (list->size > 0 && !output->full)
        output->at--;
}

static void put_json(struct output *output, const struct list *list, int64_t at_ms,
                     uint64_t version)
{
    PUT_LITERAL(output, "{\"items\":[");
    for (uint32_t i = 0; i < list->size; i++)
        put_json_string(output, list->at[i].item);
    end_json_array(output, list);
    PUT_LITERAL(output, "],\"scores\":[");
    put_json_scores(output, list);
    end_json_array(output, list);
    PUT_LITERAL(output, "],\"at\":");
    put_integer(output, at_ms < 0, at_ms < 0 ? 0 - (uint64_t)at_ms : (uint64_t)at_ms);
    PUT_LITERAL(output, ",\"v\":");
    put_integer(output, false, version);
    PUT_LITERAL(output, "}");
}

static int put_packed(void *data, const char *bytes, size_t size)
{
    put_bytes(data, bytes, size);
    return 0;
}

static void pack_text(msgpack_packer *packer, struct text text)
{
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.at, text.size);
}

static void put_msgpack(struct output *output, const struct list *list, int64_t at_ms,
                        uint64_t version)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, output, put_packed);
    msgpack_pack_map(&packer, 4);
    pack_text(&packer, text_of("items"));
    msgpack_pack_array(&packer, list->size);
    for (uint32_t i = 0; i < list->size; i++)
        pack_text(&packer, list->at[i].item);
    pack_text(&packer, text_of("scores"));
    msgpack_pack_array(&packer, list->size);
    for (uint32_t i = 0; i < list->size; i++)
        msgpack_pack_float(&packer, list->at[i].score);
    pack_text(&packer, text_of("at"));
    msgpack_pack_int64(&packer, at_ms);
    pack_text(&packer, text_of("v"));
    msgpack_pack_uint64(&packer, version);
}

size_t list_format_bytes(enum list_format format, const struct list *list, int64_t at_ms,
                         uint64_t version, char *out, size_t out_size)
{
    struct output output = {out, out + out_size, false};
    if (format == LIST_JSON)
        put_json(&output, list, at_ms, version);
    else if (format == LIST_MSGPACK)
        put_msgpack(&output, list, at_ms, version);
    return output.full ? 0 : (size_t)(output.at - out);
}
