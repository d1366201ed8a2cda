/* The table is consistent: whatever a row says holds. */
#include "daemon/options.h"

#include "daemon/settings_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct option_slot slot_of(const struct option *option)
{
    return (struct option_slot){option, option->key};
}

static enum status parse(struct settings *settings, const struct option *option, const char *text)
{
    struct error error = {STATUS_OK, ""};
    return option->type->parse(settings, slot_of(option), text, &error);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (const struct option *option = options; option->section; option++) {
        char allowed[OPTION_ALLOWED] = "";
        print_message("%s.%s\n", option->section, option->key);
        assert_true(option_section_known(option->section));
        assert_true(option->key && option->key[0]);
        assert_non_null(option->type);
        assert_true(strlen(option->help) > 8);
        assert_true(strchr(".…", option->help[strlen(option->help) - 1]) != NULL);
        option->type->allowed(option, allowed);
        assert_true(strlen(allowed) > 3 && strlen(allowed) < OPTION_ALLOWED - 1);
        assert_true(option_is_wildcard(option) == (option->initial == NULL));
        assert_false((option->flags & OPTION_LIVE) && (option->flags & OPTION_SHAPES));
        assert_ptr_equal(option_find(option->section, option->key), option);
    }
}

static void the_sections_stand_in_their_order(void **state)
{
    (void)state;
    const struct option *option = options;
    for (const struct option_section *section = option_sections; section->name; section++) {
        assert_string_equal(option->section, section->name);
        while (option->section && strcmp(option->section, section->name) == 0)
            option++;
    }
    assert_null(option->section);
}

/* Also what a reload carries over: print and parse are each other's inverse. */
static void every_default_is_read_and_printed(void **state)
{
    (void)state;
    struct settings *settings = settings_create();
    for (const struct option *option = options; option->section; option++) {
        char first[OPTION_SCRATCH], second[OPTION_SCRATCH];
        if (option_is_wildcard(option))
            continue;
        print_message("%s.%s\n", option->section, option->key);
        assert_int_equal(parse(settings, option, option->initial), STATUS_OK);
        const char *printed = option->type->print(settings, slot_of(option), first);
        char kept[OPTION_SCRATCH];
        snprintf(kept, sizeof kept, "%s", printed);
        assert_int_equal(parse(settings, option, kept), STATUS_OK);
        assert_string_equal(option->type->print(settings, slot_of(option), second), kept);
    }
    settings_free(settings);
}

static void check_bound(struct settings *settings, const struct option *option, double number,
                        enum status wanted)
{
    char text[64];
    snprintf(text, sizeof text, "%.0f", number);
    print_message("%s.%s = %s\n", option->section, option->key, text);
    assert_int_equal(parse(settings, option, text), wanted);
}

/* Numbers as digits alone are in the field's own unit, of whatever type. */
static void the_ranges_hold(void **state)
{
    (void)state;
    struct settings *settings = settings_create();
    for (const struct option *option = options; option->section; option++) {
        if (option->low >= option->high || option_is_wildcard(option))
            continue;
        if (option->type == &type_text) {
            char text[400];
            memset(text, 'x', sizeof text);
            text[(size_t)option->high + 1] = '\0';
            assert_int_equal(parse(settings, option, text), STATUS_BAD_CONFIG);
            text[(size_t)option->high] = '\0';
            assert_int_equal(parse(settings, option, text), STATUS_OK);
            continue;
        }
        check_bound(settings, option, option->low, STATUS_OK);
        check_bound(settings, option, option->low - 1, STATUS_BAD_CONFIG);
        if (option->high < 1e18) {
            check_bound(settings, option, option->high, STATUS_OK);
            check_bound(settings, option, option->high + 1, STATUS_BAD_CONFIG);
        }
        if (option->step > 0)
            check_bound(settings, option, option->low + option->step - 1, STATUS_BAD_CONFIG);
    }
    settings_free(settings);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct settings *settings = settings_create();
    for (const struct option *option = options; option->section; option++) {
        if (option_is_wildcard(option) || option->type == &type_kafka ||
            option->type == &type_text || option->type == &type_path ||
            option->type == &type_field || option->type == &type_topic ||
            option->type == &type_topics || option->type == &type_features)
            continue;
        print_message("%s.%s\n", option->section, option->key);
        assert_int_equal(parse(settings, option, "nonsense"), STATUS_BAD_CONFIG);
        assert_int_equal(parse(settings, option, ""), STATUS_BAD_CONFIG);
        assert_int_equal(parse(settings, option, "-"), STATUS_BAD_CONFIG);
    }
    settings_free(settings);
}

struct good_or_bad {
    const char *section, *key, *text;
    const char *printed; /* NULL: refused */
};

static void each_kind_reads_what_it_says(void **state)
{
    (void)state;
    static const struct good_or_bad cases[] = {
        {"input", "topic", "a, b ,c", "a, b ,c"},
        {"input", "topic", "a,,b", NULL},
        {"input", "topic", "a b", NULL},
        {"input", "topic", "", NULL},
        {"input", "topic", "events # x", NULL},
        {"input", "dead_letter_topic", "", ""},
        {"input", "dead_letter_topic", "ä", NULL},
        {"input", "start", "latest", "latest"},
        {"input", "start", "0", "1970-01-01T00:00:00Z"},
        {"input", "start", "2026-11-23T17:00:00+01:00", "2026-11-23T16:00:00Z"},
        {"input", "user", "properties.userId", "properties.userId"},
        {"input", "user", "a..b", NULL},
        {"input", "user", "", NULL},
        {"redis", "url", "redis://:secret@h:1/2", "redis://:secret@h:1/2"},
        {"redis", "url", "http://h", NULL},
        {"signals", "play", "-0.5", "-0.5"},
        {"signals", "play", "-0", "0"},
        {"signals", "play", "nan", NULL},
        {"signals", "play", "101", NULL},
        {"signals", "rating_scale", "1..10", "1..10"},
        {"signals", "rating_scale", "-2.5..2.5", "-2.5..2.5"},
        {"signals", "rating_scale", "5..1", NULL},
        {"signals", "rating_scale", "1..1", NULL},
        {"signals", "rating_scale", "1-5", NULL},
        {"signals", "rating_scale", "..5", NULL},
        {"signals", "skip_below", "0.1", "0.1"},
        {"model", "seed", "18446744073709551615", "18446744073709551615"},
        {"model", "memory_limit", "8G", "8G"},
        {"model", "memory_limit", "none", "none"},
        {"model", "memory_limit", "0", NULL},
        {"model", "memory_limit", "1K", NULL},
        {"model", "threads", "3", "3"},
        {"model", "threads", "0", NULL},
        {"model", "threads", "257", NULL},
        {"lists", "popular_features", "", ""},
        {"lists", "popular_features", "genre:hip hop , artist:42", "genre:hip hop , artist:42"},
        {"lists", "popular_features", "a,,b", NULL},
        {"lists", "popular_features", " , ", NULL},
        {"lists", "exclude_seen", "no", "no"},
        {"lists", "exclude_seen", "No", "no"},
        {"lists", "exclude_seen", "forever", "forever"},
        {"lists", "exclude_seen", "FOREVER", "forever"},
        {"lists", "exclude_seen", "14", "14d"},
        {"lists", "exclude_seen", "2w", "14d"},
        {"lists", "exclude_seen", "12h", NULL},
        {"lists", "exclude_seen", "0", NULL},
        {"lists", "ttl", "0", "0"},
        {"lists", "ttl", "90", "90s"},
        {"lists", "ttl", "1500ms", NULL},
        {"lists", "refresh", "100 ms", "100ms"},
        {"lists", "refresh", "250", "250ms"},
        {"lists", "format", "ZSET", "zset"},
        {"lists", "notify", "on", "yes"},
        {"lists", "notify", "0", "no"},
        {"snapshot", "path", "/x/", NULL},
        {"http", "listen", "off", "off"},
        {"http", "listen", "Off", "off"},
        {"http", "listen", "[::1]:0", "[::1]:0"},
        {"http", "listen", "::1:9464", NULL},
        {"http", "listen", "localhost", NULL},
        {"http", "listen", ":9464", NULL},
        {"http", "listen", "localhost:65536", NULL},
        {"log", "level", "debug", "debug"},
        {"input", "start", "Latest", "latest"},
        {"input", "start", "EARLIEST", "earliest"},
    };
    struct settings *settings = settings_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char scratch[OPTION_SCRATCH];
        const struct option *option = option_find(cases[i].section, cases[i].key);
        print_message("%s.%s = %s\n", cases[i].section, cases[i].key, cases[i].text);
        enum status status = parse(settings, option, cases[i].text);
        assert_int_equal(status, cases[i].printed ? STATUS_OK : STATUS_BAD_CONFIG);
        if (cases[i].printed)
            assert_string_equal(option->type->print(settings, slot_of(option), scratch),
                                cases[i].printed);
    }
    settings_free(settings);
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    struct settings *settings = settings_create();
    char scratch[OPTION_SCRATCH];
    const struct option *url = option_find("redis", "url");
    static const char *const urls[][2] = {
        {"redis://u:geheim@h:1/0", "redis://u:********@h:1/0"},
        {"redis://:geheim@h:1/0", "redis://:********@h:1/0"},
        {"redis://:ge@heim@h:1/0", "redis://:********@h:1/0"},
        {"redis://h:1/0", "redis://h:1/0"},
        {"unix:///run/redis.sock", "unix:///run/redis.sock"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (parse(settings, url, urls[i][0]) != STATUS_OK)
            continue; /* an address that redis_parse does not take has nothing to show */
        assert_string_equal(option_show(settings, slot_of(url), scratch), urls[i][1]);
    }
    static const char *const secret[] = {"sasl.password",
                                         "ssl.key.password",
                                         "ssl.key.pem",
                                         "ssl.keystore.password",
                                         "sasl.oauthbearer.client.secret",
                                         "sasl.oauthbearer.config"};
    const struct option *kafka = option_find("kafka", "x");
    struct error error;
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        struct option_slot slot = {kafka, secret[i]};
        assert_int_equal(kafka->type->parse(settings, slot, "geheim", &error), STATUS_OK);
        assert_null(strstr(option_show(settings, slot, scratch), "geheim"));
    }
    assert_false(option_is_secret((struct option_slot){kafka, "sasl.username"}));
    settings_free(settings);
}

static void the_nearest_key_is_found(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"model", "dmi", "model.dim"},
        {"modle", "dim", "model.dim"},
        {"lists", "exclude-seen", "lists.exclude_seen"},
        {"snapshot", "listen", "http.listen"}, /* the right key in another section */
        {"kafka", "sasl.passwrod", "kafka.sasl.password"},
        {"kafka", "bootstrap.server", "kafka.bootstrap.servers"},
        {"model", "quux", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[OPTION_NAME];
        option_nearest(cases[i][0], cases[i][1], name);
        assert_string_equal(name, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(the_sections_stand_in_their_order),
        cmocka_unit_test(every_default_is_read_and_printed),
        cmocka_unit_test(the_ranges_hold),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(each_kind_reads_what_it_says),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(the_nearest_key_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
