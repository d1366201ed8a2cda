/* What encode writes, decode reads back as the same event. */
#include "transport/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

static struct encoded encoded;
static const enum encode_format formats[] = {ENCODE_JSON, ENCODE_MSGPACK};

static void assert_text(struct text got, struct text wanted)
{
    assert_int_equal(got.size, wanted.size);
    assert_true(text_equal(got, wanted));
}

static void assert_round_trip(const struct field_map *map, const struct event *event)
{
    for (int i = 0; i < 2; i++) {
        static struct decode_scratch scratch;
        struct event back;
        assert_true(encode_event(map, formats[i], event, &encoded));
        assert_int_equal(
            decode_event(map, encoded.bytes, encoded.size, event->ts_ms, &scratch, &back),
            VERDICT_ACCEPTED);
        assert_text(back.user, event->user);
        assert_text(back.item, event->item);
        assert_text(back.name, event->name);
        assert_text(back.id, event->id);
        assert_text(back.device, event->device);
        assert_int_equal(back.ts_ms, event->ts_ms);
        assert_int_equal(back.has_value, event->has_value);
        if (event->has_value)
            assert_true(back.value == event->value);
    }
}

static struct event plain_event(void)
{
    return (struct event){.user = text_of("u1"),
                          .item = text_of("42"),
                          .name = text_of("play"),
                          .ts_ms = 1700000000123};
}

static void test_json_reads_as_the_contract_says(void **state)
{
    (void)state;
    struct field_map map;
    field_map_init(&map);
    struct event event = plain_event();
    event.value = 0.5;
    event.has_value = true;
    assert_true(encode_event(&map, ENCODE_JSON, &event, &encoded));
    const char wanted[] =
        "{\"user\":\"u1\",\"item\":\"42\",\"event\":\"play\",\"ts\":1700000000123,\"value\":0.5}";
    assert_int_equal(encoded.size, sizeof wanted - 1);
    assert_memory_equal(encoded.bytes, wanted, sizeof wanted - 1);
    event.ts_ms = INT64_C(170000000000000001); /* more digits than a double has */
    assert_true(encode_event(&map, ENCODE_JSON, &event, &encoded));
    assert_non_null(strstr(encoded.bytes, "\"ts\":170000000000000001,"));
}

static void test_whole_values_are_written_as_integers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *wanted;
    } rows[] = {{1e15, ":1000000000000000}"},
                {9007199254740992.0, ":9007199254740992}"},
                {-9007199254740992.0, ":-9007199254740992}"},
                {1e17, ":1e+17}"}};
    struct field_map map;
    field_map_init(&map);
    struct event event = plain_event();
    event.has_value = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        event.value = rows[i].value;
        assert_true(encode_event(&map, ENCODE_JSON, &event, &encoded));
        const size_t size = strlen(rows[i].wanted);
        assert_true(encoded.size > size);
        assert_memory_equal(encoded.bytes + encoded.size - size, rows[i].wanted, size);
        assert_round_trip(&map, &event);
    }
}

static void test_every_field_comes_back(void **state)
{
    (void)state;
    struct field_map map;
    field_map_init(&map);
    struct event event = plain_event();
    assert_round_trip(&map, &event);
    event.id = text_of("id-1");
    event.device = text_of("phone");
    event.has_value = true;
    static const double values[] = {0, 1, -3, 0.1, 1.0 / 3, 4.5, 1e300, 5e-324, 123456789.125};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        event.value = values[i];
        assert_round_trip(&map, &event);
    }
    event.item = (struct text){0};
    event.name = text_of("forget");
    assert_round_trip(&map, &event);
}

static void test_any_text_comes_back(void **state)
{
    (void)state;
    struct field_map map;
    field_map_init(&map);
    static const char *const texts[] = {"\"",   "\\",       "a\"b\\c/",    "\n\t\r\x01\x1f",
                                        "\x7f", "日本語 😀", "{\"user\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct event event = plain_event();
        event.user = event.item = text_of(texts[i]);
        assert_round_trip(&map, &event);
    }
}

static void test_mapped_fields_are_nested(void **state)
{
    (void)state;
    struct field_map map;
    field_map_init(&map);
    assert_int_equal(field_map_set(&map, FIELD_USER, "properties.userId"), 0);
    assert_int_equal(field_map_set(&map, FIELD_EVENT, "type"), 0);
    assert_int_equal(field_map_set(&map, FIELD_ITEM, "properties.track.id"), 0);
    assert_int_equal(field_map_set(&map, FIELD_CONTEXT, "properties.context"), 0);
    struct event event = plain_event();
    event.device = text_of("tv");
    assert_round_trip(&map, &event);
    assert_true(encode_event(&map, ENCODE_JSON, &event, &encoded));
    const char wanted[] = "{\"properties\":{\"userId\":\"u1\",\"track\":{\"id\":\"42\"},"
                          "\"context\":{\"device\":\"tv\"}},\"type\":\"play\","
                          "\"ts\":1700000000123}";
    assert_int_equal(encoded.size, sizeof wanted - 1);
    assert_memory_equal(encoded.bytes, wanted, sizeof wanted - 1);
}

static void test_what_is_too_large_is_refused(void **state)
{
    (void)state;
    static char much[3 * DECODE_BYTES_MAX];
    struct field_map map;
    field_map_init(&map);
    struct event event = plain_event();
    memset(much, 'x', sizeof much);
    event.id = (struct text){much, DECODE_BYTES_MAX};
    assert_false(encode_event(&map, ENCODE_JSON, &event, &encoded));
    event.id.size = sizeof much;
    assert_false(encode_event(&map, ENCODE_MSGPACK, &event, &encoded));
    event.id.size = 1000;
    assert_true(encode_event(&map, ENCODE_MSGPACK, &event, &encoded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_reads_as_the_contract_says),
        cmocka_unit_test(test_whole_values_are_written_as_integers),
        cmocka_unit_test(test_every_field_comes_back),
        cmocka_unit_test(test_any_text_comes_back),
        cmocka_unit_test(test_mapped_fields_are_nested),
        cmocka_unit_test(test_what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
