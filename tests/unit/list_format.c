/* The bytes of a list: JSON and MessagePack that other libraries read back as what went in. */
#include "transport/decode_walk.h"
#include "transport/float_text.h"
#include "transport/list_parse.h"
#include "transport/redis.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char bytes[2 << 20];

static const char *text_of_float(float value)
{
    static char text[FLOAT_TEXT_MAX + 1];
    size_t size = float_text(value, text);
    assert_true(size > 0 && size <= FLOAT_TEXT_MAX);
    text[size] = '\0';
    return text;
}

static void floats_are_written_as_people_would(void **state)
{
    (void)state;
    assert_string_equal(text_of_float(0), "0");
    assert_string_equal(text_of_float(-0.F), "0");
    assert_string_equal(text_of_float(1), "1");
    assert_string_equal(text_of_float(-2.5F), "-2.5");
    assert_string_equal(text_of_float(.1F), "0.1");
    assert_string_equal(text_of_float(100), "100");
    assert_string_equal(text_of_float(120000), "120000");
    assert_string_equal(text_of_float(3.14159274F), "3.1415927");
    assert_string_equal(text_of_float(.00001F), "0.00001");
    assert_string_equal(text_of_float(.000123F), "0.000123");
    assert_string_equal(text_of_float(999999.94F), "999999.94");
    assert_string_equal(text_of_float(1e6F), "1e6");
    assert_string_equal(text_of_float(1.5e-7F), "1.5e-7");
    assert_string_equal(text_of_float(-1e30F), "-1e30");
    assert_string_equal(text_of_float(FLT_MAX), "3.4028235e38");
    assert_string_equal(text_of_float(INFINITY), "3.4028235e38");
    assert_string_equal(text_of_float(-INFINITY), "-3.4028235e38");
    assert_string_equal(text_of_float(NAN), "0");
}

/* Whatever they are, and however many. */
static void many_floats_are_written_as_each_is(void **state)
{
    (void)state;
    enum { MOST = 100, ROUNDS = 20000 };
    float values[MOST];
    char many[MOST * (FLOAT_TEXT_MAX + 1)], each[MOST * (FLOAT_TEXT_MAX + 1)];
    srand(3);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t count = (uint32_t)rand() % (MOST + 1);
        char *at = each;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t bits = (uint32_t)rand() << 16 ^ (uint32_t)rand();
            memcpy(&values[i], &bits, sizeof bits);
            if (round % 4 > 0) /* as scores are */
                values[i] = ldexpf((float)(rand() % 2000001 - 1000000), rand() % 30 - 30);
            if (rand() % 50 == 0)
                values[i] = (float[]){0, -0.F, 1e-5F, 1e6F, 999999.94F, INFINITY, NAN}[rand() % 7];
            at += float_text(values[i], at);
            *at++ = ',';
        }
        size_t size = float_texts(values, count, many);
        assert_int_equal(size, at - each);
        assert_memory_equal(many, each, size);
    }
}

static void reads_back(float value)
{
    const char *text = text_of_float(value);
    float by_double = (float)strtod(text, NULL);
    if (by_double != value)
        fail_msg("%a became %s", (double)value, text);
    json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    if (number == NULL)
        fail_msg("%s is no JSON", text);
    json_decref(number);
}

static void any_float_reads_back_as_itself(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t pattern = (uint32_t)(random >> 32);
        float value;
        memcpy(&value, &pattern, 4);
        if (isfinite(value))
            reads_back(value);
        reads_back((float)((double)(int32_t)pattern / (1 << 28))); /* the range of scores */
    }
    for (float edge = 1e-6F; edge < 1e7F; edge *= 10) {
        reads_back(edge);
        reads_back(nextafterf(edge, 0));
        reads_back(nextafterf(edge, FLT_MAX));
    }
    reads_back(FLT_TRUE_MIN);
    reads_back(FLT_MIN);
}

/* Ids that need care in JSON, at every place of a block of eight. */
static const struct list *hard_list(void)
{
    static struct list list;
    static char ids[LIST_SIZE_MAX][ID_BYTES_MAX + 1];
    static const char *const hard[] = {"\"", "\\", "\n", "\x01", "\x1f", "\x7f", "é", "日本", "😀"};
    list.size = 0;
    for (uint32_t lead = 0; lead < 20; lead++) {
        for (uint32_t i = 0; i < sizeof hard / sizeof *hard; i++) {
            char *id = ids[list.size];
            snprintf(id, ID_BYTES_MAX, "%.*s%s%.*s", (int)lead, "abcdefghijklmnopqrstuvw", hard[i],
                     (int)(lead % 5), "/-_ ~");
            list.at[list.size++] =
                (struct list_entry){.item = text_of(id), .score = (float)lead / 3 - 2};
        }
    }
    return &list;
}

static void json_is_what_jansson_reads(void **state)
{
    (void)state;
    const struct list *list = hard_list();
    size_t size = list_format_bytes(LIST_JSON, list, 1700000000123, UINT64_C(9007199254740993),
                                    bytes, sizeof bytes);
    json_t *map = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(map);
    assert_int_equal(json_object_size(map), 4);
    assert_int_equal(json_integer_value(json_object_get(map, "at")), 1700000000123);
    assert_int_equal(json_integer_value(json_object_get(map, "v")), 9007199254740993);
    json_t *items = json_object_get(map, "items"), *scores = json_object_get(map, "scores");
    assert_int_equal(json_array_size(items), list->size);
    assert_int_equal(json_array_size(scores), list->size);
    for (uint32_t i = 0; i < list->size; i++) {
        json_t *item = json_array_get(items, i);
        struct text read = {json_string_value(item), (uint32_t)json_string_length(item)};
        assert_true(text_equal(read, list->at[i].item));
        assert_true((float)json_number_value(json_array_get(scores, i)) == list->at[i].score);
    }
    json_decref(map);
}

static msgpack_object value_of(msgpack_object map, const char *key)
{
    for (uint32_t i = 0; i < map.via.map.size; i++) {
        msgpack_object_kv pair = map.via.map.ptr[i];
        if (text_equal((struct text){pair.key.via.str.ptr, pair.key.via.str.size}, text_of(key)))
            return pair.val;
    }
    fail_msg("no %s", key);
    return map;
}

static void msgpack_is_the_same_map(void **state)
{
    (void)state;
    const struct list *list = hard_list();
    size_t size = list_format_bytes(LIST_MSGPACK, list, 1700000000123, 7, bytes, sizeof bytes);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    assert_int_equal(msgpack_unpack_next(&unpacked, bytes, size, &used), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(used, size);
    msgpack_object map = unpacked.data;
    assert_int_equal(map.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(map.via.map.size, 4);
    assert_int_equal(value_of(map, "at").via.u64, 1700000000123);
    assert_int_equal(value_of(map, "v").via.u64, 7);
    msgpack_object_array items = value_of(map, "items").via.array;
    msgpack_object_array scores = value_of(map, "scores").via.array;
    assert_int_equal(items.size, list->size);
    assert_int_equal(scores.size, list->size);
    for (uint32_t i = 0; i < list->size; i++) {
        msgpack_object_str item = items.ptr[i].via.str;
        assert_true(text_equal((struct text){item.ptr, item.size}, list->at[i].item));
        assert_true((float)scores.ptr[i].via.f64 == list->at[i].score);
    }
    msgpack_unpacked_destroy(&unpacked);
}

static void an_empty_list_is_well_formed(void **state)
{
    (void)state;
    static const struct list empty = {0};
    size_t size = list_format_bytes(LIST_JSON, &empty, 5, 1, bytes, sizeof bytes);
    bytes[size] = '\0';
    assert_string_equal(bytes, "{\"items\":[],\"scores\":[],\"at\":5,\"v\":1}");
}

static void nothing_is_written_past_the_end(void **state)
{
    (void)state;
    const struct list *list = hard_list();
    size_t whole = list_format_bytes(LIST_JSON, list, 5, 1, bytes, sizeof bytes);
    for (size_t room = 0; room < whole; room += 7) {
        for (enum list_format format = LIST_JSON; format <= LIST_MSGPACK; format++) {
            char *small = malloc(room + 1);
            small[room] = 'x';
            size_t size = list_format_bytes(format, list, 5, 1, small, room);
            assert_true(size <= room);
            assert_true(format != LIST_JSON || size == 0);
            assert_int_equal(small[room], 'x');
            free(small);
        }
    }
}

/* Of what others may have put under a key. The tree would take 24 bytes for each object claimed. */
static void claims_cost_no_memory(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t size;
    } claims[] = {
        {"\xdd\xff\xff\xff\xff", 5},                    /* an array of four milliards */
        {"\xdf\x7f\xff\xff\xff\x01", 6},                /* a map of two */
        {"\x81\xa5items\xdd\x04\x00\x00\x00\xa1i", 14}, /* within a map */
        {"\x82\xa5items\x91\xa1i\xa2"
         "at\xdf\xff\xff\xff\xff",
         19},
    };
    static struct list list;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct arena arena = {bytes, sizeof bytes};
        struct error error;
        int64_t at_ms;
        const struct text text = {claims[i].bytes, claims[i].size};
        assert_int_equal(list_parse(text, &list, &arena, &at_ms, &error), STATUS_BAD_DATA);
        assert_false(msgpack_is_bounded(text.at, text.at + text.size));
    }
    static const char honest[] = "\x82\xa1i\x91\x01\xa1j\xc0";
    assert_true(msgpack_is_bounded(honest, honest + sizeof honest - 1));
    assert_false(msgpack_is_bounded(honest, honest + sizeof honest - 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_written_as_people_would),
        cmocka_unit_test(many_floats_are_written_as_each_is),
        cmocka_unit_test(any_float_reads_back_as_itself),
        cmocka_unit_test(json_is_what_jansson_reads),
        cmocka_unit_test(msgpack_is_the_same_map),
        cmocka_unit_test(an_empty_list_is_well_formed),
        cmocka_unit_test(nothing_is_written_past_the_end),
        cmocka_unit_test(claims_cost_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
