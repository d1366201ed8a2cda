/* Entries of the catalogue: JSON, MessagePack, and files of both kinds. */
#include "transport/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct text no_key = {NULL, 0};

static enum verdict read_as(struct text key, const char *value, struct item_card *card)
{
    static struct catalogue_decoder *decoder;
    catalogue_decoder_destroy(decoder);
    decoder = value == NULL ? NULL : catalogue_decoder_create();
    return value == NULL ? VERDICT_IGNORED
                         : catalogue_decode(decoder, key, value, strlen(value), card);
}

static void is(struct text text, const char *expected)
{
    assert_true(text_equal(text, text_of(expected)));
}

static void an_entry_in_json(void **state)
{
    (void)state;
    struct item_card card;
    assert_int_equal(
        read_as(no_key,
                " {\"item\":42,\"features\":[\"artist:42\",\"genre:rock\",7,\"\",null],"
                "\"available\":true,\"expires\":1736424004135,\"title\":\"A \\u00e9\","
                "\"more\":{\"a\":[1,2]}}",
                &card),
        VERDICT_ACCEPTED);
    is(card.item, "42");
    assert_int_equal(card.feature_count, 3);
    is(card.features[0], "artist:42");
    is(card.features[2], "7");
    assert_true(card.available);
    assert_int_equal(card.expires_ms, 1736424004135);
    read_as(no_key, NULL, NULL);
}

static void what_is_absent_has_defaults(void **state)
{
    (void)state;
    struct item_card card;
    assert_int_equal(read_as(text_of("k"), "{\"features\":null}", &card), VERDICT_ACCEPTED);
    is(card.item, "k");
    assert_int_equal(card.feature_count, 0);
    assert_true(card.available);
    assert_int_equal(card.expires_ms, 0);
    read_as(no_key, NULL, NULL);
}

static void what_is_available_is_told_by_a_boolean(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\"no\"", "0", "1", "\"false\"", "[]", "{}", "0.5"};
    struct item_card card;
    char value[64];
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        snprintf(value, sizeof value, "{\"item\":\"a\",\"available\":%s}", wrong[n]);
        assert_int_equal(read_as(no_key, value, &card), VERDICT_BAD_VALUE);
    }
    assert_int_equal(read_as(no_key, "{\"item\":\"a\",\"available\":null}", &card),
                     VERDICT_ACCEPTED);
    assert_true(card.available);
    assert_int_equal(read_as(no_key,
                             "\x82\xa4item\xa1"
                             "a\xa9"
                             "available\x01",
                             &card),
                     VERDICT_BAD_VALUE);
    assert_int_equal(read_as(no_key,
                             "\x82\xa4item\xa1"
                             "a\xa9"
                             "available\xc3",
                             &card),
                     VERDICT_ACCEPTED);
    assert_true(card.available);
    read_as(no_key, NULL, NULL);
}

static void null_retires_the_item_of_the_key(void **state)
{
    (void)state;
    struct item_card card;
    for (int n = 0; n < 3; n++) {
        const char *value = (const char *[]){"", "null", "\xc0"}[n];
        assert_int_equal(read_as(text_of("k"), value, &card), VERDICT_ACCEPTED);
        is(card.item, "k");
        assert_false(card.available);
        assert_int_equal(read_as(no_key, value, &card), VERDICT_MISSING_ITEM);
    }
    assert_int_equal(read_as(no_key, "{\"item\":\"a\",\"available\":false}", &card),
                     VERDICT_ACCEPTED);
    assert_false(card.available);
    read_as(no_key, NULL, NULL);
}

static void an_entry_in_messagepack(void **state)
{
    (void)state;
    struct item_card card;
    const char *value = "\x84\xa4item\xcd\x01\x00\xa8"
                        "features\x92\xa3"
                        "a:b\xa1"
                        "c"
                        "\xa9"
                        "available\xc2\xa7"
                        "expires\xcf\x00\x00\x01\x94\x48\x0b\x61\xe7";
    struct catalogue_decoder *decoder = catalogue_decoder_create();
    size_t size = 1 + 5 + 3 + 9 + 1 + 4 + 2 + 10 + 1 + 8 + 9;
    assert_int_equal(catalogue_decode(decoder, no_key, value, size, &card), VERDICT_ACCEPTED);
    is(card.item, "256");
    assert_int_equal(card.feature_count, 2);
    is(card.features[0], "a:b");
    assert_false(card.available);
    assert_int_equal(card.expires_ms, 0x194480b61e7);
    catalogue_decoder_destroy(decoder);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum verdict verdict;
    } cases[] = {
        {"{\"item\":\"a\"", VERDICT_UNDECODABLE},
        {"{\"item\":\"a\"} x", VERDICT_UNDECODABLE},
        {"{\"item\":\"a\",\"item\":\"b\"}", VERDICT_UNDECODABLE},
        {"{\"item\":\"a\",\"features\":\"rock\"}", VERDICT_UNDECODABLE},
        {"[1]", VERDICT_UNDECODABLE},
        {"   ", VERDICT_UNDECODABLE},
        {"\x92\x01\x02", VERDICT_UNDECODABLE},
        {"\x81\xa1"
         "a\xdd\xff\xff\xff\xff",
         VERDICT_UNDECODABLE},
        {"{\"features\":[]}", VERDICT_MISSING_ITEM},
        {"{\"item\":\"\"}", VERDICT_BAD_ITEM},
        {"{\"item\":1.5}", VERDICT_BAD_ITEM},
        {"{\"item\":\"a\",\"expires\":-1}", VERDICT_BAD_TS},
        {"{\"item\":\"a\",\"expires\":\"soon\"}", VERDICT_BAD_TS},
    };
    struct item_card card;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        assert_int_equal(read_as(no_key, cases[n].value, &card), cases[n].verdict);
    assert_int_equal(read_as(text_of("b"), "{\"item\":\"a\"}", &card), VERDICT_ACCEPTED);
    is(card.item, "a"); /* what the value says comes before the key */
    read_as(no_key, NULL, NULL);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct item_card card;
    char value[512] = "{\"item\":\"a\",\"x\":";
    for (int n = 0; n < 40; n++)
        strcat(value, "[");
    for (int n = 0; n < 40; n++)
        strcat(value, "]");
    strcat(value, "}");
    assert_int_equal(read_as(no_key, value, &card), VERDICT_UNDECODABLE);
    read_as(no_key, NULL, NULL);
}

static void only_so_many_features_are_taken(void **state)
{
    (void)state;
    struct item_card card;
    char value[1024] = "{\"item\":\"a\",\"features\":[";
    for (int n = 0; n < 100; n++)
        sprintf(value + strlen(value), "%s%d", n == 0 ? "" : ",", n);
    strcat(value, "]}");
    assert_int_equal(read_as(no_key, value, &card), VERDICT_ACCEPTED);
    assert_int_equal(card.feature_count, CARD_FEATURES_MAX);
    is(card.features[15], "15");
    read_as(no_key, NULL, NULL);
}

/* ---- files ---- */

static struct catalogue_file *opened(const char *content, char path[32])
{
    struct catalogue_file *file;
    struct error error;
    strcpy(path, "/tmp/catalogue.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    enum status status = catalogue_file_open(path, &file, &error);
    unlink(path);
    assert_true(status == STATUS_OK || status == STATUS_BAD_DATA);
    return status == STATUS_OK ? file : NULL;
}

static void a_file_of_tsv(void **state)
{
    (void)state;
    char path[32];
    struct item_card card;
    struct error error;
    struct catalogue_file *file = opened("item\ttitle\tfeatures\n"
                                         "1\tToy Story\tgenre:Animation||year:1995\n"
                                         "\tnobody\tx\n"
                                         "2\tBare\t\r\n"
                                         "3\n"
                                         "4\ttoo\tmany\tcolumns\n",
                                         path);
    assert_non_null(file);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_CARD);
    is(card.item, "1");
    assert_int_equal(card.feature_count, 2);
    is(card.features[1], "year:1995");
    assert_true(card.available);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_BAD);
    assert_non_null(strstr(error.text, "line 3"));
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_CARD);
    assert_int_equal(card.feature_count, 0);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_CARD);
    is(card.item, "3");
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_BAD);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_END);
    catalogue_file_close(file);
}

static void a_file_of_ndjson(void **state)
{
    (void)state;
    char path[32];
    struct item_card card;
    struct error error;
    struct catalogue_file *file = opened(
        "\t{\"item\":1,\"features\":[\"a\"]}\n\nnonsense\n{\"item\":2,\"available\":false}", path);
    assert_non_null(file);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_CARD);
    is(card.features[0], "a");
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_BAD);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_CARD);
    assert_false(card.available);
    assert_int_equal(catalogue_file_next(file, &card, &error), CATALOGUE_END);
    catalogue_file_close(file);
}

static void a_header_without_its_columns_is_refused(void **state)
{
    (void)state;
    char path[32];
    assert_null(opened("item\ttitle\n1\tx\n", path));
    assert_null(opened("item\titem\tfeatures\n", path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_in_json),
        cmocka_unit_test(what_is_absent_has_defaults),
        cmocka_unit_test(what_is_available_is_told_by_a_boolean),
        cmocka_unit_test(null_retires_the_item_of_the_key),
        cmocka_unit_test(an_entry_in_messagepack),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(only_so_many_features_are_taken),
        cmocka_unit_test(a_file_of_tsv),
        cmocka_unit_test(a_file_of_ndjson),
        cmocka_unit_test(a_header_without_its_columns_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
