/*
 * Entries of the catalogue. Whatever comes, a card that is accepted keeps what its header promises;
 * and an entry in JSON, packed again as MessagePack by jansson's tree, gives the same card.
 */
#include "transport/catalogue.h"
#include "tests/fuzz/check.h"
#include "transport/decode.h"

#include <jansson.h>
#include <msgpack.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack(msgpack_packer *packer, const json_t *json);

static void pack_text(msgpack_packer *packer, const char *text, size_t size)
{
    msgpack_pack_str(packer, size);
    msgpack_pack_str_body(packer, text, size);
}

static void pack_map(msgpack_packer *packer, const json_t *json)
{
    const char *key;
    json_t *value;
    msgpack_pack_map(packer, json_object_size(json));
    json_object_foreach((json_t *)json, key, value)
    {
        pack_text(packer, key, strlen(key));
        pack(packer, value);
    }
}

static void pack(msgpack_packer *packer, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        pack_map(packer, json);
        break;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(json));
        for (size_t i = 0; i < json_array_size(json); i++)
            pack(packer, json_array_get(json, i));
        break;
    case JSON_STRING:
        pack_text(packer, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(packer, json_integer_value(json));
        break;
    case JSON_REAL:
        msgpack_pack_double(packer, json_real_value(json));
        break;
    case JSON_TRUE:
        msgpack_pack_true(packer);
        break;
    case JSON_FALSE:
        msgpack_pack_false(packer);
        break;
    case JSON_NULL:
        msgpack_pack_nil(packer);
        break;
    }
}

static bool is_id(struct text text)
{
    return text.size >= 1 && text.size <= ID_BYTES_MAX && text_is_utf8(text);
}

static void check_card(const struct item_card *card)
{
    CHECK(is_id(card->item));
    CHECK(card->feature_count <= CARD_FEATURES_MAX);
    for (uint32_t i = 0; i < card->feature_count; i++)
        CHECK(is_id(card->features[i]));
    CHECK(card->expires_ms >= 0);
}

static void check_same(const struct item_card *a, const struct item_card *b)
{
    CHECK(text_equal(a->item, b->item));
    CHECK(a->feature_count == b->feature_count);
    for (uint32_t i = 0; i < a->feature_count; i++)
        CHECK(text_equal(a->features[i], b->features[i]));
    CHECK(a->available == b->available && a->expires_ms == b->expires_ms);
}

static void compare_packed(struct text key, const char *bytes, size_t size, enum verdict verdict,
                           const struct item_card *card)
{
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json) || memchr(bytes, 0, size) != NULL) { /* jansson passes over a NUL */
        json_decref(json);
        return;
    }
    struct catalogue_decoder *other = catalogue_decoder_create();
    struct item_card same;
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    CHECK(other != NULL);
    pack(&packer, json);
    if (buffer.size <= DECODE_BYTES_MAX) {
        CHECK(catalogue_decode(other, key, buffer.data, buffer.size, &same) == verdict);
        if (verdict == VERDICT_ACCEPTED)
            check_same(card, &same);
    }
    msgpack_sbuffer_destroy(&buffer);
    catalogue_decoder_destroy(other);
    json_decref(json);
}

/* The first byte tells how many of those that follow are the message's key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalogue_decoder *decoder; /* used again, as the daemon does */
    if (decoder == NULL)
        decoder = catalogue_decoder_create();
    CHECK(decoder != NULL);
    if (size == 0)
        return 0;
    const size_t key_size = data[0] < size ? data[0] : size - 1;
    const struct text key = {(const char *)data + 1, (uint32_t)key_size};
    const size_t value_size = size - 1 - key_size;
    char *copy = malloc(value_size + (value_size == 0));
    CHECK(copy != NULL);
    if (value_size > 0)
        memcpy(copy, data + 1 + key_size, value_size);
    struct item_card card;
    const enum verdict verdict = catalogue_decode(decoder, key, copy, value_size, &card);
    if (verdict == VERDICT_ACCEPTED)
        check_card(&card);
    if (value_size > 0 && value_size <= DECODE_BYTES_MAX && verdict != VERDICT_TOO_LARGE)
        compare_packed(key, copy, value_size, verdict, &card);
    free(copy);
    return 0;
}
