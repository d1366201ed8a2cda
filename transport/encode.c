#include "transport/encode.h"

#include <inttypes.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- bytes ---- */

static void put(struct encoded *out, const void *bytes, size_t size)
{
    if (size > sizeof out->bytes - out->size) {
        out->full = true;
        return;
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static int put_for_msgpack(void *context, const char *bytes, size_t size)
{
    put(context, bytes, size);
    return 0;
}

/* ---- JSON ---- */

static void json_text(struct encoded *out, struct text text)
{
    put(out, "\"", 1);
    uint32_t plain = 0; /* start of what needs no escape */
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        put(out, text.at + plain, i - plain);
        plain = i + 1;
        char escape[8] = {'\\', (char)byte};
        if (byte < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        put(out, escape, byte < 0x20 ? 6 : 2);
    }
    put(out, text.at + plain, text.size - plain);
    put(out, "\"", 1);
}

static bool is_whole(double number)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    return number >= -exact_max && number <= exact_max && floor(number) == number;
}

static void json_whole(struct encoded *out, int64_t number)
{
    char digits[32];
    put(out, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, number));
}

/* The shortest that reads back as the same. */
static void json_real(struct encoded *out, double number)
{
    char digits[32];
    int size = 0;
    for (int precision = 6; precision <= 17; precision += precision < 15 ? 9 : 1) {
        size = snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    put(out, digits, (size_t)size);
}

/* ---- either ---- */

struct writer {
    enum encode_format format;
    struct encoded *out;
    msgpack_packer packer;
    const struct field_map *map;
    const struct event *event;
};

static void write_text(struct writer *writer, struct text text)
{
    if (writer->format == ENCODE_JSON)
        json_text(writer->out, text);
    else
        msgpack_pack_str_with_body(&writer->packer, text.at, text.size);
}

static void write_whole(struct writer *writer, int64_t number)
{
    if (writer->format == ENCODE_JSON)
        json_whole(writer->out, number);
    else
        msgpack_pack_int64(&writer->packer, number);
}

static void write_number(struct writer *writer, double number)
{
    if (is_whole(number))
        write_whole(writer, (int64_t)number);
    else if (writer->format == ENCODE_JSON)
        json_real(writer->out, number);
    else
        msgpack_pack_double(&writer->packer, number);
}

static void write_field(struct writer *writer, unsigned field)
{
    const struct event *event = writer->event;
    switch (field) {
    case FIELD_USER:
        write_text(writer, event->user);
        break;
    case FIELD_ITEM:
        write_text(writer, event->item);
        break;
    case FIELD_EVENT:
        write_text(writer, event->name);
        break;
    case FIELD_TS:
        write_whole(writer, event->ts_ms);
        break;
    case FIELD_VALUE:
        write_number(writer, event->value);
        break;
    case FIELD_ID:
        write_text(writer, event->id);
        break;
    case FIELD_DEVICE:
        write_text(writer, event->device);
        break;
    default:
        break;
    }
}

static unsigned fields_present(const struct event *event)
{
    unsigned present = 1U << FIELD_USER | 1U << FIELD_EVENT;
    if (event->ts_ms != 0)
        present |= 1U << FIELD_TS;
    if (event->item.size > 0)
        present |= 1U << FIELD_ITEM;
    if (event->has_value && isfinite(event->value))
        present |= 1U << FIELD_VALUE;
    if (event->id.size > 0)
        present |= 1U << FIELD_ID;
    if (event->device.size > 0)
        present |= 1U << FIELD_DEVICE;
    return present;
}

static const char *component(const struct field_map *map, unsigned field, unsigned level)
{
    const struct field_path *path = &map->at[field];
    return path->text + path->offset[level];
}

/* Those of `fields` that stand under the same key as `first` does. */
static unsigned same_key(const struct field_map *map, unsigned fields, unsigned first,
                         unsigned level)
{
    const char *key = component(map, first, level);
    unsigned same = 0;
    for (unsigned field = first; field < FIELDS_AND_DEVICE; field++)
        if ((fields >> field & 1) != 0 && strcmp(component(map, field, level), key) == 0)
            same |= 1U << field;
    return same;
}

static unsigned count_keys(const struct field_map *map, unsigned fields, unsigned level)
{
    unsigned count = 0;
    for (unsigned field = 0; field < FIELDS_AND_DEVICE; field++)
        if ((fields >> field & 1) != 0) {
            fields &= ~same_key(map, fields, field, level);
            count++;
        }
    return count;
}

/* A map of `fields`, of whose paths `level` components are written already. Depth: FIELD_PATH_MAX,
 * and one for the device. */
static void write_map(struct writer *writer, unsigned fields, unsigned level)
{
    bool json = writer->format == ENCODE_JSON;
    if (!json)
        msgpack_pack_map(&writer->packer, count_keys(writer->map, fields, level));
    const char *between = "{";
    for (unsigned field = 0; field < FIELDS_AND_DEVICE; field++) {
        if ((fields >> field & 1) == 0)
            continue;
        unsigned same = same_key(writer->map, fields, field, level);
        fields &= ~same;
        if (json)
            put(writer->out, between, 1);
        between = ",";
        write_text(writer, text_of(component(writer->map, field, level)));
        if (json)
            put(writer->out, ":", 1);
        if (writer->map->at[field].size == level + 1)
            write_field(writer, field);
        else
            write_map(writer, same, level + 1);
    }
    if (json)
        put(writer->out, "}", 1);
}

bool encode_event(const struct field_map *map, enum encode_format format, const struct event *event,
                  struct encoded *out)
{
    struct writer writer = {.format = format, .out = out, .map = map, .event = event};
    out->size = 0;
    out->full = false;
    msgpack_packer_init(&writer.packer, out, put_for_msgpack);
    write_map(&writer, fields_present(event), 0);
    return !out->full && out->size <= DECODE_BYTES_MAX;
}
