#include "transport/catalogue.h"

#include "transport/decode.h"
#include "transport/decode_number.h"
#include "transport/decode_walk.h"

#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

struct catalogue_decoder {
    json_t *json;
    msgpack_unpacked packed;
    uint32_t used; /* of `numbers` */
    char numbers[CARD_FEATURES_MAX + 1][INTEGER_TEXT_MAX];
};

struct catalogue_decoder *catalogue_decoder_create(void)
{
    struct catalogue_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder != NULL)
        msgpack_unpacked_init(&decoder->packed);
    return decoder;
}

void catalogue_decoder_destroy(struct catalogue_decoder *decoder)
{
    if (decoder == NULL)
        return;
    json_decref(decoder->json);
    msgpack_unpacked_destroy(&decoder->packed);
    free(decoder);
}

void catalogue_add_feature(struct item_card *card, struct text feature)
{
    if (card->feature_count < CARD_FEATURES_MAX && feature.size >= 1 &&
        feature.size <= ID_BYTES_MAX && text_is_utf8(feature))
        card->features[card->feature_count++] = feature;
}

/* ---- one value of an entry, whatever the format ---- */

enum kind {
    KIND_ABSENT,
    KIND_TEXT,
    KIND_INTEGER,
    KIND_REAL,
    KIND_TRUE,
    KIND_FALSE,
    KIND_ARRAY,
    KIND_OTHER
};

struct value {
    enum kind kind;
    struct text text;
    bool negative;
    uint64_t magnitude; /* KIND_INTEGER */
    double real;
    const json_t *json; /* KIND_ARRAY: one of the two */
    const msgpack_object_array *packed;
};

static struct value of_json(const json_t *json)
{
    struct value value = {.kind = KIND_OTHER};
    if (json == NULL || json_is_null(json)) {
        value.kind = KIND_ABSENT;
    } else if (json_is_string(json)) {
        value.kind = KIND_TEXT;
        value.text = (struct text){json_string_value(json), (uint32_t)json_string_length(json)};
    } else if (json_is_integer(json)) {
        json_int_t number = json_integer_value(json);
        value.kind = KIND_INTEGER;
        value.negative = number < 0;
        value.magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    } else if (json_is_real(json)) {
        value.kind = KIND_REAL;
        value.real = json_real_value(json);
    } else if (json_is_boolean(json)) {
        value.kind = json_is_true(json) ? KIND_TRUE : KIND_FALSE;
    } else if (json_is_array(json)) {
        value.kind = KIND_ARRAY;
        value.json = json;
    }
    return value;
}

static struct value of_packed(const msgpack_object *object)
{
    struct value value = {.kind = KIND_OTHER};
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        value.kind = KIND_ABSENT;
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        value.kind = object->via.boolean ? KIND_TRUE : KIND_FALSE;
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        value.kind = KIND_INTEGER;
        value.negative = object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
        value.magnitude = value.negative ? 0 - (uint64_t)object->via.i64 : object->via.u64;
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        value.kind = KIND_REAL;
        value.real = object->via.f64;
        break;
    case MSGPACK_OBJECT_STR:
        value.kind = KIND_TEXT;
        value.text = (struct text){object->via.str.ptr, object->via.str.size};
        break;
    case MSGPACK_OBJECT_ARRAY:
        value.kind = KIND_ARRAY;
        value.packed = &object->via.array;
        break;
    default:
        break;
    }
    return value;
}

static struct value find(const struct catalogue_decoder *decoder, const char *name)
{
    if (decoder->json != NULL)
        return of_json(json_object_get(decoder->json, name));
    const msgpack_object_map *map = &decoder->packed.data.via.map;
    for (uint32_t n = 0; n < map->size; n++) {
        const msgpack_object *key = &map->ptr[n].key;
        if (key->type == MSGPACK_OBJECT_STR &&
            text_equal((struct text){key->via.str.ptr, key->via.str.size}, text_of(name)))
            return of_packed(&map->ptr[n].val);
    }
    return (struct value){.kind = KIND_ABSENT};
}

/* ---- the entry ---- */

/* Text as it is, integers in decimal; absent for anything else. */
static struct text id_of(struct catalogue_decoder *decoder, const struct value *value)
{
    if (value->kind == KIND_TEXT)
        return value->text;
    if (value->kind != KIND_INTEGER || decoder->used > CARD_FEATURES_MAX)
        return (struct text){NULL, 0};
    char *to = decoder->numbers[decoder->used++];
    return integer_to_text(value->negative, value->magnitude, to);
}

static void read_features(struct catalogue_decoder *decoder, const struct value *array,
                          struct item_card *card)
{
    size_t size = array->json != NULL ? json_array_size(array->json) : array->packed->size;
    for (size_t n = 0; n < size && card->feature_count < CARD_FEATURES_MAX; n++) {
        struct value value = array->json != NULL ? of_json(json_array_get(array->json, n))
                                                 : of_packed(&array->packed->ptr[n]);
        catalogue_add_feature(card, id_of(decoder, &value));
    }
}

static bool read_expiry(const struct value *value, int64_t *ms)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    *ms = 0;
    if (value->kind == KIND_ABSENT)
        return true;
    if (value->kind == KIND_INTEGER && !value->negative && value->magnitude <= INT64_MAX)
        *ms = (int64_t)value->magnitude;
    else if (value->kind == KIND_REAL && value->real >= 0.0 && value->real < exact_max &&
             floor(value->real) == value->real)
        *ms = (int64_t)value->real;
    else
        return false;
    return true;
}

static bool id_is_good(struct text id)
{
    return id.size >= 1 && id.size <= ID_BYTES_MAX && text_is_utf8(id);
}

static enum verdict read_item(struct catalogue_decoder *decoder, struct text key,
                              struct item_card *card)
{
    struct value value = find(decoder, "item");
    card->item = value.kind == KIND_ABSENT ? key : id_of(decoder, &value);
    if (value.kind == KIND_ABSENT && key.size == 0)
        return VERDICT_MISSING_ITEM;
    return id_is_good(card->item) ? VERDICT_ACCEPTED : VERDICT_BAD_ITEM;
}

static enum verdict read_card(struct catalogue_decoder *decoder, struct text key,
                              struct item_card *card)
{
    enum verdict verdict = read_item(decoder, key, card);
    if (verdict != VERDICT_ACCEPTED)
        return verdict;
    struct value features = find(decoder, "features"), expires = find(decoder, "expires");
    enum kind available = find(decoder, "available").kind;
    if (features.kind == KIND_ARRAY)
        read_features(decoder, &features, card);
    else if (features.kind != KIND_ABSENT)
        return VERDICT_UNDECODABLE;
    if (!read_expiry(&expires, &card->expires_ms))
        return VERDICT_BAD_TS;
    card->available = available != KIND_FALSE;
    return available == KIND_ABSENT || available == KIND_TRUE || available == KIND_FALSE
               ? VERDICT_ACCEPTED
               : VERDICT_BAD_VALUE;
}

/* ---- the value ---- */

/* The libraries build trees, at a cost that a message could make large: it has to pass the bounded
 * walk before they see it. */
static bool parse(struct catalogue_decoder *decoder, const char *value, size_t size)
{
    static const struct field_map nothing; /* no field is looked for */
    struct decode_scratch scratch;
    struct walk walk;
    walk_init(&walk, &nothing, &scratch);
    json_decref(decoder->json);
    decoder->json = NULL;
    decoder->used = 0;
    size_t at = 0;
    while (at < size &&
           (value[at] == ' ' || value[at] == '\n' || value[at] == '\r' || value[at] == '\t'))
        at++;
    if (at == size)
        return false;
    if (value[at] == '{') {
        if (walk_json(&walk, value + at, value + size))
            decoder->json = json_loadb(value + at, size - at, JSON_REJECT_DUPLICATES, NULL);
        return decoder->json != NULL;
    }
    return walk_msgpack(&walk, value + at, value + size) &&
           msgpack_unpack_next(&decoder->packed, value + at, size - at, NULL) ==
               MSGPACK_UNPACK_SUCCESS &&
           decoder->packed.data.type == MSGPACK_OBJECT_MAP;
}

enum verdict catalogue_decode(struct catalogue_decoder *decoder, struct text key, const void *value,
                              size_t size, struct item_card *card)
{
    *card = (struct item_card){.available = true};
    bool retires = size == 0 || (size == 4 && memcmp(value, "null", 4) == 0) ||
                   (size == 1 && *(const unsigned char *)value == 0xc0);
    if (retires) {
        card->item = key;
        card->available = false;
        if (key.size == 0)
            return VERDICT_MISSING_ITEM;
        return id_is_good(key) ? VERDICT_ACCEPTED : VERDICT_BAD_ITEM;
    }
    if (size > DECODE_BYTES_MAX)
        return VERDICT_TOO_LARGE;
    if (!parse(decoder, value, size))
        return VERDICT_UNDECODABLE;
    return read_card(decoder, key, card);
}
