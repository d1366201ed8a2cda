/* Messages to events: what is read, and the reason each bad message gets, in both formats. */
#include "transport/decode.h"
#include "transport/decode_number.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DAY_MS = 86400000 };
static const int64_t message_ts = 1700000000000;

struct decoded {
    enum verdict verdict;
    struct event event;
    struct decode_scratch scratch;
};

/* The message is copied to a block of exactly its size, so that the sanitizer sees a byte read
 * too far. */
static void decode_with(const struct field_map *map, const void *bytes, size_t size,
                        struct decoded *decoded)
{
    static char *copy;
    free(copy);
    copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    memset(&decoded->scratch, 0xAA, sizeof decoded->scratch);
    decoded->verdict =
        decode_event(map, copy, size, message_ts, &decoded->scratch, &decoded->event);
}

static void decode(const void *bytes, size_t size, struct decoded *decoded)
{
    struct field_map map;
    field_map_init(&map);
    decode_with(&map, bytes, size, decoded);
}

static void pack(msgpack_packer *packer, json_t *json)
{
    const char *key;
    json_t *value;
    size_t index;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        msgpack_pack_map(packer, json_object_size(json));
        json_object_foreach(json, key, value)
        {
            msgpack_pack_str_with_body(packer, key, strlen(key));
            pack(packer, value);
        }
        return;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(json));
        json_array_foreach(json, index, value) pack(packer, value);
        return;
    case JSON_STRING:
        msgpack_pack_str_with_body(packer, json_string_value(json), json_string_length(json));
        return;
    case JSON_INTEGER:
        msgpack_pack_int64(packer, json_integer_value(json));
        return;
    case JSON_REAL:
        msgpack_pack_double(packer, json_real_value(json));
        return;
    case JSON_TRUE:
        msgpack_pack_true(packer);
        return;
    case JSON_FALSE:
        msgpack_pack_false(packer);
        return;
    case JSON_NULL:
        msgpack_pack_nil(packer);
    }
}

/* The same message as MessagePack. */
static void repack(const char *text, msgpack_sbuffer *buffer)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);
    assert_non_null(json);
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
    pack(&packer, json);
    json_decref(json);
}

static void assert_text(struct text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    if (text.size > 0)
        assert_memory_equal(text.at, expected, text.size);
}

static void assert_verdict_of(const void *bytes, size_t size, enum verdict expected)
{
    struct decoded decoded;
    decode(bytes, size, &decoded);
    assert_string_equal(verdict_text(decoded.verdict), verdict_text(expected));
}

static void assert_json_verdict(const char *text, enum verdict expected)
{
    struct decoded decoded;
    decode(text, strlen(text), &decoded);
    if (decoded.verdict != expected)
        print_error("%s\n", text);
    assert_string_equal(verdict_text(decoded.verdict), verdict_text(expected));
}

/* In both formats. */
static void assert_verdict(const char *text, enum verdict expected)
{
    assert_json_verdict(text, expected);
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    repack(text, &buffer);
    assert_verdict_of(buffer.data, buffer.size, expected);
    msgpack_sbuffer_destroy(&buffer);
}

static void check_full_event(const struct decoded *decoded)
{
    assert_int_equal(decoded->verdict, VERDICT_ACCEPTED);
    assert_text(decoded->event.user, "u1");
    assert_text(decoded->event.item, "42");
    assert_text(decoded->event.name, "play");
    assert_text(decoded->event.id, "e-1");
    assert_text(decoded->event.device, "tv");
    assert_int_equal(decoded->event.ts_ms, 1600000000000);
    assert_true(decoded->event.has_value);
    assert_float_equal(decoded->event.value, 0.75, 0);
}

static const char full_event[] =
    "{\"user\":\"u1\",\"item\":42,\"event\":\"play\",\"ts\":1600000000000,\"value\":0.75,"
    "\"id\":\"e-1\",\"context\":{\"x\":[1,{\"user\":2}],\"device\":\"tv\"},\"more\":[true,null]}";

static void test_full_event(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(full_event, strlen(full_event), &decoded);
    check_full_event(&decoded);
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    repack(full_event, &buffer);
    decode(buffer.data, buffer.size, &decoded);
    check_full_event(&decoded);
    msgpack_sbuffer_destroy(&buffer);
}

/* Every message cut anywhere is undecodable. */
static void test_truncated(void **state)
{
    (void)state;
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    repack(full_event, &buffer);
    for (size_t size = 1; size < strlen(full_event); size++)
        assert_verdict_of(full_event, size, VERDICT_UNDECODABLE);
    for (size_t size = 1; size < buffer.size; size++)
        assert_verdict_of(buffer.data, size, VERDICT_UNDECODABLE);
    msgpack_sbuffer_destroy(&buffer);
    assert_verdict_of("", 0, VERDICT_IGNORED);
    struct decoded decoded;
    struct field_map map;
    field_map_init(&map);
    assert_int_equal(decode_event(&map, NULL, 0, message_ts, &decoded.scratch, &decoded.event),
                     VERDICT_IGNORED);
}

/* A message of texts of this size, of which one or none has an `odd` byte at its place; in JSON
 * `space` stands behind each colon and comma. */
static void check_texts(size_t size, int which, size_t place, unsigned char odd, const char *space)
{
    enum { TEXTS = 5, MOST = 255 };
    char texts[TEXTS][MOST + 1], json[TEXTS * MOST + 256];
    for (int n = 0; n < TEXTS; n++) {
        memset(texts[n], 'a' + n, size);
        texts[n][size] = 0;
        if (n == which)
            texts[n][place] = (char)odd;
    }
    const int length =
        snprintf(json, sizeof json,
                 "{\"user\":%s\"%s\",%s\"item\":%s\"%s\",%s\"event\":%s\"%s\",%s\"id\":%s\"%s\","
                 "%s\"context\":%s{\"device\":%s\"%s\"},%s\"ts\":%s1}",
                 space, texts[0], space, space, texts[1], space, space, texts[2], space, space,
                 texts[3], space, space, space, texts[4], space, space);
    struct decoded decoded;
    decode(json, (size_t)length, &decoded);
    const bool good = which < 0 || odd == 0x7F;
    assert_int_equal(decoded.verdict, good ? VERDICT_ACCEPTED : VERDICT_UNDECODABLE);
    if (!good)
        return;
    const struct text read[TEXTS] = {decoded.event.user, decoded.event.item, decoded.event.name,
                                     decoded.event.id, decoded.event.device};
    for (int n = 0; n < TEXTS; n++)
        assert_text(read[n], texts[n]);
    assert_int_equal(decoded.event.ts_ms, 1);
}

/* Bytes are looked at many at a time: wherever texts begin and end, none is overlooked. */
static void test_texts_of_every_length(void **state)
{
    (void)state;
    static const unsigned char odd[] = {'"', '\n', 0x1F, 0x7F};
    static const char *const spaces[] = {"", " ", "  "};
    for (size_t size = 1; size <= 255; size++)
        for (size_t n = 0; n < 3; n++)
            check_texts(size, -1, 0, 0, spaces[n]);
    for (size_t size = 1; size <= 40; size++)
        for (int which = 0; which < 5; which++)
            for (size_t place = 0; place < size; place++)
                for (size_t n = 0; n < sizeof odd; n++)
                    check_texts(size, which, place, odd[n], spaces[place % 2]);
}

/* Contexts of a device alone are read at once; others are not, and say the same. */
static void test_contexts(void **state)
{
    (void)state;
    static const struct {
        const char *context, *device;
    } rows[] = {
        {"{\"device\":\"tv\"}", "tv"},
        {"{\"device\":\"\\u0074v\"}", "tv"},
        {"{\"device\":\"t\\u0000\"}", ""},
        {"{\"device\":\"tv\",\"page\":2}", "tv"},
        {"{\"page\":2,\"device\":\"tv\"}", "tv"},
        {"{\"device\":7}", "7"},
        {"{\"device\":null}", ""},
        {"{\"device\":{\"device\":\"tv\"}}", ""},
        {"{\"devices\":\"tv\"}", ""},
        {"{\"colour\":\"tv\"}", ""},
        {"{}", ""},
        {"[{\"device\":\"tv\"}]", ""},
        {"\"device\"", ""},
        {"1", ""},
        {"null", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        struct decoded decoded[2];
        msgpack_sbuffer buffer;
        msgpack_sbuffer_init(&buffer);
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":2,\"event\":\"e\",\"context\":%s}",
                       rows[i].context);
        repack(text, &buffer);
        decode(text, strlen(text), &decoded[0]);
        decode(buffer.data, buffer.size, &decoded[1]);
        msgpack_sbuffer_destroy(&buffer);
        for (int format = 0; format < 2; format++) {
            assert_int_equal(decoded[format].verdict, VERDICT_ACCEPTED);
            assert_text(decoded[format].event.device, rows[i].device);
        }
    }
    assert_json_verdict("{\"user\":1,\"item\":1,\"event\":\"e\",\"context\":{\"device\":\"tv\"},"
                        "\"context\":{\"device\":\"tv\"}}",
                        VERDICT_UNDECODABLE);
}

static void assert_read(json_t *json, const char *key, struct text text)
{
    json_t *value = json_object_get(json, key);
    if (json_is_string(value))
        assert_text(text, json_string_value(value));
}

/* Any of a plain message's bytes may be another: what is read at once is refused, or read, as a
 * parser of JSON does. */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const char plain[] = "{\"user\":\"u-1\", \"item\":\"i-2\",\"event\": \"play\",\"ts\":16,"
                                "\"value\":0.75,\"id\":\"e-1\",\"context\":{\"device\":\"tv\"}}";
    for (size_t place = 1; place + 1 < sizeof plain; place++)
        for (char byte = 1; byte < 0x7F; byte++) {
            char text[sizeof plain];
            struct decoded decoded;
            memcpy(text, plain, sizeof plain);
            text[place] = byte;
            decode(text, strlen(text), &decoded);
            json_t *json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
            if ((json == NULL) != (decoded.verdict == VERDICT_UNDECODABLE))
                print_error("%s\n", text);
            assert_int_equal(json == NULL, decoded.verdict == VERDICT_UNDECODABLE);
            if (decoded.verdict == VERDICT_ACCEPTED) {
                assert_read(json, "user", decoded.event.user);
                assert_read(json, "item", decoded.event.item);
                assert_read(json, "event", decoded.event.name);
                assert_read(json, "id", decoded.event.id);
            }
            json_decref(json);
        }
}

/* A quote behind a backslash ends no text, wherever in the bytes looked at together it is. */
static void test_escaped_quotes(void **state)
{
    (void)state;
    for (int before = 0; before < 150; before++)
        for (int behind = 0; behind < 70; behind++) {
            char text[512];
            struct decoded decoded;
            (void)snprintf(text, sizeof text,
                           "{\"user\":\"u\",\"item\":\"%0*d\\\",\",\"event\":\"e\",\"x\":\"%0*d\"}",
                           before, 1, behind, 1);
            decode(text, strlen(text), &decoded);
            assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
            assert_int_equal(decoded.event.item.size, (before > 0 ? before : 1) + 2);
        }
}

static void test_repeated_plain_keys(void **state)
{
    (void)state;
    static const char twice[] = "\x84\xA4user\xA1u\xA4item\xA1i\xA5"
                                "event\xA1p\xA4user\xA1v";
    static const char contexts[] = "\x85\xA4user\xA1u\xA4item\xA1i\xA5"
                                   "event\xA1p\xA7"
                                   "context\x81\xA6"
                                   "device\xA2tv\xA7"
                                   "context\x81\xA6"
                                   "device\xA2tv";
    assert_verdict_of(twice, sizeof twice - 1, VERDICT_UNDECODABLE);
    assert_verdict_of(contexts, sizeof contexts - 1, VERDICT_UNDECODABLE);
}

/* What is read at once is one field's; else all get it. */
static void test_shared_plain_keys(void **state)
{
    (void)state;
    static const char text[] =
        "{\"item\":\"i-1\",\"event\":\"play\",\"context\":{\"device\":\"tv\"}}";
    struct field_map map;
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    repack(text, &buffer);
    field_map_init(&map);
    assert_int_equal(field_map_set(&map, FIELD_USER, "context.device"), 0);
    assert_int_equal(field_map_set(&map, FIELD_ID, "item"), 0);
    for (int format = 0; format < 2; format++) {
        struct decoded decoded;
        decode_with(&map, format == 0 ? text : buffer.data,
                    format == 0 ? strlen(text) : buffer.size, &decoded);
        assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
        assert_text(decoded.event.user, "tv");
        assert_text(decoded.event.device, "tv");
        assert_text(decoded.event.item, "i-1");
        assert_text(decoded.event.id, "i-1");
    }
    msgpack_sbuffer_destroy(&buffer);
}

/* A name that JSON escapes is found by its escapes, and by nothing else. */
static void test_names_with_quotes(void **state)
{
    (void)state;
    static const char escaped[] = "{\"u\\\"r\":\"u-1\",\"item\":\"i-1\",\"event\":\"play\"}";
    static const char bare[] = "{\"u\"r\":\"u-1\",\"item\":\"i-1\",\"event\":\"play\"}";
    struct field_map map;
    struct decoded decoded;
    field_map_init(&map);
    assert_int_equal(field_map_set(&map, FIELD_USER, "u\"r"), 0);
    decode_with(&map, escaped, strlen(escaped), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    decode_with(&map, bare, strlen(bare), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_UNDECODABLE);
}

static void test_missing(void **state)
{
    (void)state;
    assert_verdict("{}", VERDICT_MISSING_USER);
    assert_verdict("{\"item\":1,\"event\":\"play\"}", VERDICT_MISSING_USER);
    assert_verdict("{\"user\":null,\"item\":1,\"event\":\"play\"}", VERDICT_MISSING_USER);
    assert_verdict("{\"user\":1,\"event\":\"play\"}", VERDICT_MISSING_ITEM);
    assert_verdict("{\"user\":1,\"event\":\"login\"}", VERDICT_MISSING_ITEM);
    assert_verdict("{\"user\":1,\"item\":null,\"event\":\"play\"}", VERDICT_MISSING_ITEM);
    assert_verdict("{\"user\":1,\"item\":1}", VERDICT_MISSING_EVENT);
    assert_verdict("{\"user\":1,\"item\":1,\"event\":null}", VERDICT_MISSING_EVENT);
    assert_verdict("{\"user\":1,\"event\":\"forget\"}", VERDICT_ACCEPTED);
    assert_verdict("{\"user\":1,\"item\":[],\"event\":\"forget\"}", VERDICT_ACCEPTED);
    assert_verdict("{\"user\":[],\"event\":\"play\"}", VERDICT_MISSING_ITEM);
}

static void test_wrong_types(void **state)
{
    (void)state;
    static const char *const wrong[] = {"true", "[]",  "[\"u\"]", "{}",          "1.5",
                                        "\"\"", "1.0", "1e3",     "{\"user\":1}"};
    char text[256];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"user\":%s,\"item\":1,\"event\":\"play\"}", wrong[i]);
        assert_verdict(text, VERDICT_BAD_USER);
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":%s,\"event\":\"play\"}", wrong[i]);
        assert_verdict(text, VERDICT_BAD_ITEM);
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":%s}", wrong[i]);
        assert_verdict(text, VERDICT_BAD_EVENT);
    }
    assert_verdict("{\"user\":1,\"item\":1,\"event\":7}", VERDICT_BAD_EVENT);
    assert_verdict("{\"user\":1,\"item\":1,\"event\":\"pl\\u0000ay\"}", VERDICT_BAD_EVENT);
    assert_verdict("{\"user\":\"a\\u0000b\",\"item\":1,\"event\":\"play\"}", VERDICT_BAD_USER);
    assert_verdict("{\"user\":1,\"item\":\"\\u0000\",\"event\":\"play\"}", VERDICT_BAD_ITEM);
    assert_verdict("{\"user\":1,\"item\":2,\"event\":\"play\",\"id\":1.5}", VERDICT_UNDECODABLE);
    assert_verdict("{\"user\":1,\"item\":2,\"event\":\"play\",\"id\":[1]}", VERDICT_UNDECODABLE);
    assert_verdict("{\"user\":1,\"item\":2,\"event\":\"play\",\"id\":null}", VERDICT_ACCEPTED);
    assert_verdict("{\"user\":1,\"item\":2,\"event\":\"play\",\"context\":\"home\"}",
                   VERDICT_ACCEPTED);
    assert_verdict("{\"user\":1,\"item\":2,\"event\":\"play\",\"context\":{\"device\":[]}}",
                   VERDICT_ACCEPTED);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *ts;
        enum verdict verdict;
        int64_t ms;
    } rows[] = {{"0", VERDICT_ACCEPTED, 0},
                {"-0", VERDICT_ACCEPTED, 0},
                {"1234.0", VERDICT_ACCEPTED, 1234},
                {"1.6e12", VERDICT_ACCEPTED, 1600000000000},
                {"null", VERDICT_ACCEPTED, message_ts},
                {"1700086400000", VERDICT_ACCEPTED, message_ts + DAY_MS},
                {"1700086400001", VERDICT_BAD_TS, 0},
                {"9223372036854775807", VERDICT_BAD_TS, 0},
                {"-1", VERDICT_BAD_TS, 0},
                {"1.5", VERDICT_BAD_TS, 0},
                {"-0.5", VERDICT_BAD_TS, 0},
                {"1e300", VERDICT_BAD_TS, 0},
                {"\"1600000000000\"", VERDICT_BAD_TS, 0},
                {"true", VERDICT_BAD_TS, 0},
                {"[]", VERDICT_BAD_TS, 0},
                {"{}", VERDICT_BAD_TS, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct decoded decoded;
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"play\",\"ts\":%s}",
                       rows[i].ts);
        assert_verdict(text, rows[i].verdict);
        decode(text, strlen(text), &decoded);
        if (rows[i].verdict == VERDICT_ACCEPTED)
            assert_int_equal(decoded.event.ts_ms, rows[i].ms);
    }
    assert_json_verdict("{\"user\":1,\"item\":1,\"event\":\"play\",\"ts\":18446744073709551616}",
                        VERDICT_BAD_TS);
}

static void test_message_without_time(void **state)
{
    (void)state;
    struct field_map map;
    struct decoded decoded;
    field_map_init(&map);
    static const char none[] = "{\"user\":1,\"item\":1,\"event\":\"play\"}",
                      far[] = "{\"user\":1,\"item\":1,\"event\":\"play\",\"ts\":9000000000000}";
    assert_int_equal(decode_event(&map, none, strlen(none), -1, &decoded.scratch, &decoded.event),
                     VERDICT_BAD_TS);
    assert_int_equal(decode_event(&map, far, strlen(far), -1, &decoded.scratch, &decoded.event),
                     VERDICT_ACCEPTED);
    assert_int_equal(
        decode_event(&map, far, strlen(far), INT64_MAX, &decoded.scratch, &decoded.event),
        VERDICT_ACCEPTED);
    assert_int_equal(decode_event_within(&map, none, strlen(none), 77, INT64_MAX, &decoded.scratch,
                                         &decoded.event),
                     VERDICT_ACCEPTED);
    assert_int_equal(decoded.event.ts_ms, 77);
}

/* Integers are the same ids as their decimal text. */
static void test_integer_ids(void **state)
{
    (void)state;
    static const struct {
        const char *token, *id;
    } rows[] = {{"0", "0"},
                {"-0", "0"},
                {"42", "42"},
                {"127", "127"},
                {"128", "128"},
                {"65536", "65536"},
                {"-1", "-1"},
                {"-32", "-32"},
                {"-33", "-33"},
                {"-32769", "-32769"},
                {"4294967296", "4294967296"},
                {"9223372036854775807", "9223372036854775807"},
                {"-9223372036854775808", "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{\"user\":%s,\"item\":%s,\"event\":\"play\",\"id\":%s,"
                       "\"context\":{\"device\":%s}}",
                       rows[i].token, rows[i].token, rows[i].token, rows[i].token);
        msgpack_sbuffer buffer;
        msgpack_sbuffer_init(&buffer);
        repack(text, &buffer);
        struct decoded decoded[2];
        decode(text, strlen(text), &decoded[0]);
        assert_text(decoded[0].event.user, rows[i].id);
        decode(buffer.data, buffer.size, &decoded[1]);
        assert_text(decoded[1].event.user, rows[i].id);
        assert_text(decoded[1].event.item, rows[i].id);
        assert_text(decoded[1].event.id, rows[i].id);
        assert_text(decoded[1].event.device, rows[i].id);
        msgpack_sbuffer_destroy(&buffer);
    }
}

static void test_integers_of_every_length(void **state)
{
    (void)state;
    char expected[24];
    uint64_t number = 0;
    for (int digits = 1; digits <= 20; digits++) {
        for (int more = -1; more <= 1; more++) {
            char room[INTEGER_TEXT_MAX];
            const uint64_t near = number + (uint64_t)more;
            const struct text text = integer_to_text(more < 0, near, room);
            snprintf(expected, sizeof expected, "%s%" PRIu64, more < 0 ? "-" : "", near);
            assert_int_equal(text.size, strlen(expected));
            assert_memory_equal(text.at, expected, text.size);
        }
        number = number == 0 ? 10 : number * 10;
    }
}

static void test_widest_integers(void **state)
{
    (void)state;
    struct decoded decoded;
    static const char text[] = "{\"user\":18446744073709551615,\"item\":18446744073709551616,"
                               "\"event\":\"play\"}";
    decode(text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.user, "18446744073709551615");
    assert_text(decoded.event.item, "18446744073709551616");
    static const char packed[] = "\x83\xa4user\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
                                 "\xa4item\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xa5"
                                 "event\xa4play";
    decode(packed, sizeof packed - 1, &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.user, "18446744073709551615");
    assert_text(decoded.event.item, "-9223372036854775808");
    /* One integer, six widths of it. */
    static const char *const widths[] = {"\x05",
                                         "\xcc\x05",
                                         "\xcd\x00\x05",
                                         "\xce\x00\x00\x00\x05",
                                         "\xcf\x00\x00\x00\x00\x00\x00\x00\x05",
                                         "\xd3\x00\x00\x00\x00\x00\x00\x00\x05"};
    static const size_t sizes[] = {1, 2, 3, 5, 9, 9};
    for (size_t i = 0; i < 6; i++) {
        char bytes[64] = "\x83\xa4item\x01\xa5"
                         "event\xa4play\xa4user";
        memcpy(bytes + 23, widths[i], sizes[i]);
        decode(bytes, 23 + sizes[i], &decoded);
        assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
        assert_text(decoded.event.user, "5");
    }
}

static void test_length_of_ids(void **state)
{
    (void)state;
    char id[400], text[1024];
    for (int size = 254; size <= 257; size++) {
        memset(id, 'x', sizeof id);
        id[size] = 0;
        enum verdict verdict = size <= ID_BYTES_MAX ? VERDICT_ACCEPTED : VERDICT_BAD_USER;
        (void)snprintf(text, sizeof text, "{\"user\":\"%s\",\"item\":1,\"event\":\"e\"}", id);
        assert_verdict(text, verdict);
        /* The length is that of the text, not of its escapes. */
        (void)snprintf(text, sizeof text, "{\"user\":\"\\u0078%s\",\"item\":1,\"event\":\"e\"}",
                       id + 1);
        assert_verdict(text, verdict);
        memset(id, '7', (size_t)size);
        (void)snprintf(text, sizeof text, "{\"user\":%s,\"item\":1,\"event\":\"e\"}", id);
        assert_json_verdict(text, verdict);
        /* Event ids and names have no such limit. */
        (void)snprintf(text, sizeof text,
                       "{\"user\":1,\"item\":1,\"event\":\"%s\",\"id\":\"\\u0078%s\"}", id, id + 1);
        assert_verdict(text, VERDICT_ACCEPTED);
    }
}

/* All five texts may need the scratch at once. */
static void test_scratch_has_room(void **state)
{
    (void)state;
    char id[256], text[2048];
    memset(id, 'y', 254);
    id[254] = 0;
    (void)snprintf(text, sizeof text,
                   "{\"user\":\"\\u0061%s\",\"item\":\"\\u0062%s\",\"event\":\"\\u0063%s\","
                   "\"id\":\"\\u0064%s\",\"context\":{\"device\":\"\\u0065%s\"}}",
                   id, id, id, id, id);
    struct decoded decoded;
    decode(text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    const struct text texts[] = {decoded.event.user, decoded.event.item, decoded.event.name,
                                 decoded.event.id, decoded.event.device};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(texts[i].size, 255);
        assert_int_equal(texts[i].at[0], 'a' + i);
        assert_memory_equal(texts[i].at + 1, id, 254);
    }
}

static void test_escapes(void **state)
{
    (void)state;
    struct decoded decoded;
    static const char text[] = "{\"us\\u0065r\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"item\":\"\\u00e9"
                               "\\u20AC\\ud83c\\uDFB5 \\u007f\\u0080\",\"event\":\"pl\\u0061y\"}";
    decode(text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.user, "\"\\/\b\f\n\r\t");
    assert_text(decoded.event.item, "é€🎵 \x7f\xc2\x80");
    assert_text(decoded.event.name, "play");

    static const char *const halves[] = {"\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x",
                                         "\\udbff\\u0041"};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        char half[256];
        (void)snprintf(half, sizeof half, "{\"user\":\"%s\",\"item\":1,\"event\":\"play\"}",
                       halves[i]);
        assert_json_verdict(half, VERDICT_BAD_USER);
        (void)snprintf(half, sizeof half, "{\"x\":\"%s\",\"user\":1,\"item\":1,\"event\":\"play\"}",
                       halves[i]);
        assert_json_verdict(half, VERDICT_UNDECODABLE);
        (void)snprintf(half, sizeof half, "{\"%s\":1,\"user\":1,\"item\":1,\"event\":\"play\"}",
                       halves[i]);
        assert_json_verdict(half, VERDICT_UNDECODABLE);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"a",
                                       "é",
                                       "€",
                                       "🎵",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "aaaaaaaaé",
                                       "éaaaaaaaaaaaaaaa"};
    static const char *const bad[] = {
        "\x80",         "\xc1\xbf",         "\xc0\x80",           "\xe0\x9f\xbf",       "\xc3",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",   "\xf5\x80\x80\x80",   "\xff",
        "\xe2\x82",     "\xe2\x28\xa1",     "aaaaaaaaaaaaaa\xff", "aaaaaaa\xf0\x9f\x8e"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_is_utf8(text_of(good[i])));
    assert_true(text_is_utf8((struct text){NULL, 0}));
    assert_false(text_is_utf8((struct text){"a\0b", 3}));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(text_is_utf8(text_of(bad[i])));
        char text[256];
        const int size = (int)strlen(bad[i]);
        (void)snprintf(text, sizeof text, "{\"user\":\"%s\",\"item\":1,\"event\":\"e\"}", bad[i]);
        assert_json_verdict(text, VERDICT_BAD_USER);
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":\"%s\"}",
                       bad[i]);
        assert_json_verdict(text, VERDICT_UNDECODABLE);
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"e\",\"%s\":1}",
                       bad[i]);
        assert_json_verdict(text, VERDICT_UNDECODABLE);
        int used = snprintf(text, sizeof text, "\x83\xa4user\x01\xa4item%c%s\xa5%s\xa1%c",
                            0xA0 + size, bad[i], "event", 'e');
        assert_verdict_of(text, (size_t)used, VERDICT_BAD_ITEM);
        used = snprintf(text, sizeof text, "\x84\xa1x%c%s\xa4user\x01\xa4item\x01\xa5%s\xa1%c",
                        0xA0 + size, bad[i], "event", 'e');
        assert_verdict_of(text, (size_t)used, VERDICT_UNDECODABLE);
    }
}

static void test_json_grammar(void **state)
{
    (void)state;
    static const char *const values[] = {
        "01",         "+1",    "-",      ".5",      "1.",       "1e",        "1e+",
        "--1",        "0x10",  "NaN",    "nan",     "Infinity", "tru",       "True",
        "nul",        "'a'",   "\"a",    "\"\\x\"", "\"\t\"",   "\"\n\"",    "\"\\u12g4\"",
        "\"\\u123\"", "[1,]",  "[,1]",   "[1 2]",   "{,}",      "{\"a\"}",   "{\"a\":}",
        "{a:1}",      "{1:1}", "[}",     "{]",      "[1}",      "{\"a\":1]", "{\"a\":1,}",
        "",           "1 1",   "/*c*/1", "\"\\\""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":%s}",
                       values[i]);
        assert_json_verdict(text, VERDICT_UNDECODABLE);
    }
    static const char *const whole[] = {"{",
                                        "}",
                                        "[]",
                                        "1",
                                        "\"a\"",
                                        "null",
                                        "{}}",
                                        "{} {}",
                                        "{}x",
                                        "{}\0",
                                        "{\"user\":1,}",
                                        "{,\"user\":1}",
                                        " ",
                                        "\n\n",
                                        "\xef\xbb\xbf{}",
                                        "x",
                                        "{\"a\":1 \"b\":2}"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (strcmp(whole[i], "{}") != 0)
            assert_json_verdict(whole[i], VERDICT_UNDECODABLE);
    assert_verdict_of("{}\0", 3, VERDICT_UNDECODABLE);
    assert_json_verdict(" \t\r\n{ \"user\" :\n1 ,\t\"item\": -0.5e+1,\"x\" : [ ] , \"y\" : { } , "
                        "\"z\":[ 1 , [ 2 ] , 1e400 ] , \"event\" : \"e\" } \n",
                        VERDICT_BAD_ITEM);
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    static const char *const twice[] = {
        "{\"user\":1,\"user\":1,\"item\":1,\"event\":\"e\"}",
        "{\"user\":1,\"us\\u0065r\":1,\"item\":1,\"event\":\"e\"}",
        "{\"user\":null,\"user\":1,\"item\":1,\"event\":\"e\"}",
        "{\"x\":1,\"user\":1,\"item\":1,\"event\":\"e\",\"x\":2}",
        "{\"x\":1,\"user\":1,\"item\":1,\"event\":\"e\",\"\\u0078\":2}",
        "{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":[{\"a\":1,\"b\":{\"a\":3},\"a\":2}]}",
        "{\"user\":1,\"item\":1,\"event\":\"e\",\"context\":{\"device\":1,\"device\":2}}",
        "{\"user\":1,\"item\":1,\"event\":\"e\",\"context\":{\"a\":1,\"a\":2}}",
        "{\"user\":1,\"item\":1,\"event\":\"e\",\"\":1,\"\":2}"};
    for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++)
        assert_json_verdict(twice[i], VERDICT_UNDECODABLE);
    assert_verdict("{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":{\"user\":1,\"x\":{\"x\":1}},"
                   "\"y\":[{\"x\":1},{\"x\":1}]}",
                   VERDICT_ACCEPTED);
    assert_verdict_of("\x84\xa4user\x01\xa4item\x01\xa5"
                      "event\xa1"
                      "e\xa4user\x01",
                      25, VERDICT_UNDECODABLE);
    assert_verdict_of("\x82\x05\xc0\xcd\x00\x05\xc0", 7, VERDICT_UNDECODABLE);
    assert_verdict_of("\x82\x05\xc0\xa1\x05\xc0", 6, VERDICT_MISSING_USER);
    assert_verdict_of("\x82\xc0\xc0\xc0\xc0", 5, VERDICT_UNDECODABLE);
    assert_verdict_of("\x82\x05\xc0\xd0\xfb\xc0", 6, VERDICT_MISSING_USER); /* 5 and -5 */
}

/* A map of so many different keys, then one of them again. */
static void check_many_keys(unsigned count, int again, enum verdict expected)
{
    static char text[DECODE_BYTES_MAX + 1];
    int used = snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":[{");
    for (unsigned i = 0; i < count; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "\"%x\":0,", i);
    used += snprintf(text + used, sizeof text - (size_t)used, "\"%x\":0},{\"1\":0}]}",
                     again < 0 ? count : (unsigned)again);
    assert_true(used < DECODE_BYTES_MAX);
    assert_verdict_of(text, (size_t)used, expected);
}

static void test_many_keys(void **state)
{
    (void)state;
    static const unsigned counts[] = {31, 32, 33, 34, 100, 7000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const int last = (int)counts[i] - 1;
        check_many_keys(counts[i], -1, VERDICT_ACCEPTED);
        check_many_keys(counts[i], 0, VERDICT_UNDECODABLE);
        check_many_keys(counts[i], last / 2, VERDICT_UNDECODABLE);
        check_many_keys(counts[i], last, VERDICT_UNDECODABLE);
    }
}

static void check_depth(unsigned arrays, enum verdict expected)
{
    char text[256], packed[256];
    int used = snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"e\",\"x\":");
    int packed_used =
        snprintf(packed, sizeof packed, "\x84\xa4user\x01\xa4item\x01\xa5%s\xa1xxx", "event") - 1;
    packed[packed_used - 1] = (char)0xA1;
    packed[packed_used++] = 'x';
    for (unsigned i = 0; i < arrays; i++) {
        text[used++] = '[';
        packed[packed_used++] = (char)0x91;
    }
    text[used++] = '1';
    packed[packed_used++] = 1;
    for (unsigned i = 0; i < arrays; i++)
        text[used++] = ']';
    text[used++] = '}';
    assert_verdict_of(text, (size_t)used, expected);
    assert_verdict_of(packed, (size_t)packed_used, expected);
}

static void test_depth(void **state)
{
    (void)state;
    check_depth(DECODE_DEPTH_MAX - 1, VERDICT_ACCEPTED);
    check_depth(DECODE_DEPTH_MAX, VERDICT_UNDECODABLE);
    check_depth(60, VERDICT_UNDECODABLE);
}

static void test_msgpack_only(void **state)
{
    (void)state;
    static const char event[] = "\xa4user\x01\xa4item\x01\xa5"
                                "event\xa1"
                                "e\xa1x";
    static const struct {
        const char *bytes;
        size_t size;
        enum verdict verdict;
    } rows[] = {
        {"\xc0", 1, VERDICT_ACCEPTED},
        {"\xc1", 1, VERDICT_UNDECODABLE},
        {"\xc4\x02\xff\x00", 4, VERDICT_ACCEPTED}, /* bin */
        {"\xc5\x00\x01\xff", 4, VERDICT_ACCEPTED},
        {"\xc6\x00\x00\x00\x00", 5, VERDICT_ACCEPTED},
        {"\xc4\x02\xff", 3, VERDICT_UNDECODABLE},
        {"\xd4\x01\xff", 3, VERDICT_ACCEPTED}, /* ext */
        {"\xd6\xff\x00\x00\x00\x00", 6, VERDICT_ACCEPTED},
        {"\xc7\x00\x05", 3, VERDICT_ACCEPTED},
        {"\xc7\x01\x05\x00", 4, VERDICT_ACCEPTED},
        {"\xc7\x01\x05", 3, VERDICT_UNDECODABLE},
        {"\xc9\xff\xff\xff\xff\x05", 6, VERDICT_UNDECODABLE},
        {"\xca\x7f\xc0\x00\x00", 5, VERDICT_ACCEPTED}, /* NaN that nobody reads */
        {"\xdd\xff\xff\xff\xff", 5, VERDICT_UNDECODABLE},
        {"\xdf\xff\xff\xff\xff", 5, VERDICT_UNDECODABLE},
        {"\xdf\x80\x00\x00\x00\xc0", 6, VERDICT_UNDECODABLE},
        {"\xdb\xff\xff\xff\xff", 5, VERDICT_UNDECODABLE},
        {"\xde\x00\x01\xa1x\x01", 6, VERDICT_ACCEPTED},
        {"\x81\x80\x01", 3, VERDICT_UNDECODABLE}, /* a map as a key */
        {"\xc0\xc0", 2, VERDICT_UNDECODABLE},     /* trailing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const char heads[][6] = {"\x84", "\xde\x00\x04", "\xdf\x00\x00\x00\x04", " \n\x84"};
        static const size_t sizes[] = {1, 3, 5, 3};
        for (size_t j = 0; j < 4; j++) {
            char bytes[128];
            size_t size = sizes[j];
            memcpy(bytes, heads[j], size);
            memcpy(bytes + size, event, sizeof event - 1);
            size += sizeof event - 1;
            memcpy(bytes + size, rows[i].bytes, rows[i].size);
            assert_verdict_of(bytes, size + rows[i].size, rows[i].verdict);
        }
    }
    assert_verdict_of("\x93\x01\x02\x03", 4, VERDICT_UNDECODABLE);
    assert_verdict_of("\xdc\x00\x00", 3, VERDICT_UNDECODABLE);
    assert_verdict_of("\xa4play", 5, VERDICT_UNDECODABLE);
    assert_verdict_of("\x83\xa4user\xc4\x01x\xa4item\x01\xa5"
                      "event\xa1"
                      "e",
                      23, VERDICT_BAD_USER);
    assert_verdict_of("\x83\xa4user\xca\x3f\x80\x00\x00\xa4item\x01\xa5"
                      "event\xa1"
                      "e",
                      25, VERDICT_BAD_USER);
}

static double value_of_named(const char *event, const char *fields)
{
    char text[1024];
    struct decoded decoded;
    (void)snprintf(text, sizeof text, "{\"user\":1,\"item\":1,\"event\":\"%s\"%s}", event, fields);
    decode(text, strlen(text), &decoded);
    assert_string_equal(verdict_text(decoded.verdict), "accepted");
    return decoded.event.has_value ? decoded.event.value : -77;
}

static double value_of(const char *fields)
{
    return value_of_named("play", fields);
}

static void test_values(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "1",
                                          "0.3",
                                          "-0.5",
                                          "4.5",
                                          "1e2",
                                          "1E-2",
                                          "123456789012345678",
                                          "0.1e1",
                                          "3.141592653589793238462643383279",
                                          "1.7976931348623157e308",
                                          "4.9e-324",
                                          "1e22",
                                          "1e23",
                                          "9007199254740993",
                                          "0.000000000000000000000000000001",
                                          "123456789.123456789e-5",
                                          "18446744073709551615",
                                          "8.41e21",
                                          "2.2250738585072011e-308"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char field[128];
        (void)snprintf(field, sizeof field, ",\"value\":%s", numbers[i]);
        const double value = value_of(field), expected = strtod(numbers[i], NULL);
        assert_memory_equal(&value, &expected, sizeof value);
    }
    assert_float_equal(value_of(""), -77, 0);
    assert_float_equal(value_of(",\"value\":null"), -77, 0);
    assert_true(isnan(value_of(",\"value\":\"1\"")));
    assert_true(isnan(value_of(",\"value\":true")));
    assert_true(isnan(value_of(",\"value\":[]")));
    assert_true(isnan(value_of(",\"value\":{}")));
    assert_true(isnan(value_of(",\"value\":1e999")));
    assert_float_equal(value_of(",\"played_ms\":30000,\"duration_ms\":120000"), 0.25, 0);
    assert_float_equal(value_of(",\"played_ms\":30000,\"duration_ms\":120000,\"value\":1"), 1, 0);
    assert_float_equal(value_of(",\"played_ms\":30000"), -77, 0);
    assert_float_equal(value_of(",\"duration_ms\":30000"), -77, 0);
    assert_float_equal(value_of(",\"played_ms\":1,\"duration_ms\":0"), -77, 0);
    assert_true(isnan(value_of(",\"played_ms\":1,\"duration_ms\":-5")));
    assert_true(isnan(value_of(",\"played_ms\":\"1\",\"duration_ms\":5")));
    assert_float_equal(value_of(",\"played_ms\":-5,\"duration_ms\":5"), -1, 0);
    static const char part[] = ",\"played_ms\":9,\"duration_ms\":10";
    assert_float_equal(value_of_named("skip", part), 0.9, 1e-12);
    assert_float_equal(value_of_named("rating", part), -77, 0); /* that is no rating */
    assert_float_equal(value_of_named("click", part), -77, 0);
    assert_float_equal(value_of_named("rating", ",\"played_ms\":9,\"duration_ms\":2,\"value\":4"),
                       4, 0);
}

/* Of a MessagePack event with a name of `size` bytes, a `played_ms` of 9 and a `duration_ms` of 10.
 */
static double part_played(const char *name, uint8_t size)
{
    char bytes[128];
    struct decoded decoded;
    const int length = snprintf(bytes, sizeof bytes,
                                "\x85\xa4user\x01\xa4item\x01\xa5"
                                "event%c%s\xa9played_ms\x09\xab"
                                "duration_ms\x0a",
                                0xa0 | size, name);
    decode(bytes, (size_t)length, &decoded);
    assert_string_equal(verdict_text(decoded.verdict), "accepted");
    return decoded.event.has_value ? decoded.event.value : -77;
}

static void test_what_was_played_in_msgpack(void **state)
{
    (void)state;
    assert_float_equal(part_played("play", 4), 0.9, 1e-12);
    assert_float_equal(part_played("skip", 4), 0.9, 1e-12);
    assert_float_equal(part_played("rating", 6), -77, 0);
    assert_float_equal(part_played("like", 4), -77, 0);
    assert_float_equal(part_played("pla", 3), -77, 0);
    assert_float_equal(part_played("plays", 5), -77, 0);
}

static void test_numbers_too_long_to_mean_anything(void **state)
{
    (void)state;
    char field[900];
    memset(field, '1', sizeof field);
    memcpy(field, ",\"value\":0.", 11);
    field[500] = 0;
    assert_true(isnan(value_of(field)));
    field[300] = 0;
    assert_float_equal(value_of(field), 1.0 / 9, 1e-9);
}

static void test_field_mapping(void **state)
{
    (void)state;
    struct field_map map;
    struct decoded decoded;
    field_map_init(&map);
    assert_int_equal(field_map_set(&map, FIELD_USER, "properties.userId"), 0);
    assert_int_equal(field_map_set(&map, FIELD_ITEM, "properties.product.id"), 0);
    assert_int_equal(field_map_set(&map, FIELD_EVENT, "type"), 0);
    assert_int_equal(field_map_set(&map, FIELD_CONTEXT, "a.b.c"), 0);
    static const char text[] =
        "{\"user\":{},\"item\":[],\"type\":\"like\",\"properties\":{\"product\":{\"id\":7,"
        "\"properties\":{\"userId\":1}},\"userId\":\"u\",\"type\":1},\"list\":[{\"type\":2}],"
        "\"a\":{\"device\":1,\"b\":{\"c\":{\"device\":\"tv\"}}}}";
    decode_with(&map, text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.user, "u");
    assert_text(decoded.event.item, "7");
    assert_text(decoded.event.name, "like");
    assert_text(decoded.event.device, "tv");

    static const char elsewhere[] =
        "{\"type\":\"like\",\"properties\":[{\"userId\":1,\"product\":{\"id\":1}}]}";
    decode_with(&map, elsewhere, strlen(elsewhere), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_MISSING_USER);
    static const char twice[] = "{\"type\":\"like\",\"properties\":{\"userId\":1},"
                                "\"properties\":{\"product\":{\"id\":1}}}";
    decode_with(&map, twice, strlen(twice), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_UNDECODABLE);
}

static void test_fields_may_share_a_path(void **state)
{
    (void)state;
    struct field_map map;
    struct decoded decoded;
    field_map_init(&map);
    assert_int_equal(field_map_set(&map, FIELD_ITEM, "context.page"), 0);
    assert_int_equal(field_map_set(&map, FIELD_ID, "context.page"), 0);
    assert_int_equal(field_map_set(&map, FIELD_VALUE, "context"), 0);
    static const char text[] =
        "{\"user\":1,\"event\":\"view\",\"context\":{\"device\":3,\"page\":\"p\\u0031\"}}";
    decode_with(&map, text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.item, "p1");
    assert_text(decoded.event.id, "p1");
    assert_text(decoded.event.device, "3");
    assert_true(decoded.event.has_value && isnan(decoded.event.value));
}

static void test_bad_paths(void **state)
{
    (void)state;
    struct field_map map, before;
    char longest[FIELD_TEXT_MAX + 2];
    field_map_init(&map);
    field_map_init(&before);
    memset(longest, 'x', sizeof longest);
    longest[FIELD_TEXT_MAX + 1] = 0;
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "\xff", "a.b.c.d.e.f.g.h.i"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(field_map_set(&map, FIELD_USER, bad[i]), 0);
    assert_int_not_equal(field_map_set(&map, FIELD_USER, longest), 0);
    assert_int_not_equal(field_map_set(&map, FIELD_DEVICE, "x"), 0);
    assert_memory_equal(&map, &before, sizeof map);
    longest[FIELD_TEXT_MAX] = 0;
    assert_int_equal(field_map_set(&map, FIELD_CONTEXT, longest), 0);
    assert_int_equal(field_map_set(&map, FIELD_CONTEXT, "a.b.c.d.e.f.g.h"), 0);
    static const char text[] =
        "{\"user\":1,\"item\":1,\"event\":\"e\",\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{"
        "\"h\":{\"device\":\"deep\",\"i\":{\"j\":{\"device\":1}}}}}}}}}}}";
    struct decoded decoded;
    decode_with(&map, text, strlen(text), &decoded);
    assert_int_equal(decoded.verdict, VERDICT_ACCEPTED);
    assert_text(decoded.event.device, "deep");
}

static void test_sizes(void **state)
{
    (void)state;
    static char text[DECODE_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    memcpy(text, full_event, strlen(full_event));
    assert_verdict_of(text, DECODE_BYTES_MAX, VERDICT_ACCEPTED);
    assert_verdict_of(text, DECODE_BYTES_MAX + 1, VERDICT_TOO_LARGE);
}

static void test_event_check(void **state)
{
    (void)state;
    const struct event good = {
        .user = text_of("u"), .item = text_of("i"), .name = text_of("play"), .ts_ms = 5};
    struct event event = good;
    assert_int_equal(event_check(&event, 5), VERDICT_ACCEPTED);
    event.user = (struct text){NULL, 0};
    assert_int_equal(event_check(&event, 5), VERDICT_MISSING_USER);
    event.user = text_of("");
    assert_int_equal(event_check(&event, 5), VERDICT_BAD_USER);
    event = good;
    event.item = (struct text){NULL, 0};
    assert_int_equal(event_check(&event, 5), VERDICT_MISSING_ITEM);
    event.name = text_of("forget");
    assert_int_equal(event_check(&event, 5), VERDICT_ACCEPTED);
    event = good;
    event.item = text_of("\xff");
    assert_int_equal(event_check(&event, 5), VERDICT_BAD_ITEM);
    event = good;
    event.name = (struct text){NULL, 0};
    assert_int_equal(event_check(&event, 5), VERDICT_MISSING_EVENT);
    event = good;
    event.ts_ms = -1;
    assert_int_equal(event_check(&event, 5), VERDICT_BAD_TS);
    event.ts_ms = DAY_MS + 5;
    assert_int_equal(event_check(&event, 5), VERDICT_ACCEPTED);
    event.ts_ms = DAY_MS + 6;
    assert_int_equal(event_check(&event, 5), VERDICT_BAD_TS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_event),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_texts_of_every_length),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_escaped_quotes),
        cmocka_unit_test(test_repeated_plain_keys),
        cmocka_unit_test(test_shared_plain_keys),
        cmocka_unit_test(test_names_with_quotes),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_message_without_time),
        cmocka_unit_test(test_integer_ids),
        cmocka_unit_test(test_integers_of_every_length),
        cmocka_unit_test(test_widest_integers),
        cmocka_unit_test(test_length_of_ids),
        cmocka_unit_test(test_scratch_has_room),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_json_grammar),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_msgpack_only),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_was_played_in_msgpack),
        cmocka_unit_test(test_numbers_too_long_to_mean_anything),
        cmocka_unit_test(test_field_mapping),
        cmocka_unit_test(test_fields_may_share_a_path),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_event_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
