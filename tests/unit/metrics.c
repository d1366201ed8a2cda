#include "daemon/metrics.h"
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status no_snapshot(struct vault *self, vault_take *take, void *context,
                               struct error *error)
{
    (void)self, (void)take, (void)context;
    return error_set(error, STATUS_NOT_FOUND, "none");
}

static const struct vault_ops empty = {.load = no_snapshot};

struct fixture {
    struct settings *settings;
    struct vault vault;
    struct instance *instance;
    char *text;
    size_t size;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    struct settings_source source = {.file = "/dev/null"};
    log_set_level(LOG_LEVEL_ERROR);
    fixture->vault.ops = &empty;
    assert_int_equal(settings_load(&source, &fixture->settings, &error), STATUS_OK);
    assert_int_equal(
        instance_create(fixture->settings, clock_of_machine(), &fixture->instance, &error),
        STATUS_OK);
    assert_int_equal(instance_load(fixture->instance, &fixture->vault, "epoch", &error), STATUS_OK);
    fixture->text = metrics_text(fixture->instance, &fixture->size);
    assert_non_null(fixture->text);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    instance_destroy(fixture->instance);
    settings_free(fixture->settings);
    free(fixture->text);
    free(fixture);
    return 0;
}

static void the_contracts_names_are_there(void **state)
{
    static const char *const names[] = {
        "tasted_events_total",
        "tasted_dead_letters_total",
        "tasted_consumer_lag_records",
        "tasted_event_to_list_seconds",
        "tasted_learn_seconds",
        "tasted_rank_seconds",
        "tasted_lists_published_total",
        "tasted_lists_waiting",
        "tasted_users",
        "tasted_items",
        "tasted_evictions_total",
        "tasted_snapshot_last_success_timestamp_seconds",
        "tasted_snapshot_seconds",
        "tasted_redis_connected",
        "tasted_prequential_recall_ratio",
        "tasted_prequential_lift_ratio",
        "tasted_build_info",
    };
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[128];
        snprintf(line, sizeof line, "# TYPE %s ", names[i]);
        if (strstr(fixture->text, line) == NULL)
            fail_msg("%s is missing", names[i]);
    }
    assert_non_null(
        strstr(fixture->text, "tasted_events_total{event=\"play\",result=\"accepted\"}"));
    assert_non_null(strstr(fixture->text, "\ntasted_catalogue_items 0\n"));
    assert_non_null(strstr(fixture->text, "\ntasted_partitions_waiting 0\n"));
    assert_non_null(strstr(fixture->text, "tasted_dead_letters_total{reason=\"too_large\"} 0\n"));
    assert_non_null(strstr(fixture->text, "tasted_event_to_list_seconds_bucket{le=\"+Inf\"} 0\n"));
}

static size_t name_size(const char *line)
{
    size_t size = 0;
    while (isalnum((unsigned char)line[size]) || line[size] == '_')
        size++;
    return size;
}

/* NAME{LABELS} NUMBER, of the family named by the last # TYPE. */
static void check_sample(const char *line, const char *family)
{
    size_t size = name_size(line);
    assert_true(size >= strlen(family) && strncmp(line, family, strlen(family)) == 0);
    const char *value = line + size;
    if (*value == '{') {
        value = strchr(value, '}');
        assert_non_null(value);
        value++;
    }
    assert_int_equal(*value, ' ');
    char *after;
    strtod(value + 1, &after);
    if (after == value + 1 || *after != '\0')
        fail_msg("no number at the end of: %s", line);
}

static void every_line_can_be_read(void **state)
{
    const struct fixture *fixture = *state;
    char family[128] = "", *rest = NULL;
    assert_int_equal(strlen(fixture->text), fixture->size);
    assert_int_equal(fixture->text[fixture->size - 1], '\n');
    for (char *line = strtok_r(fixture->text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0)
            snprintf(family, sizeof family, "%.*s", (int)name_size(line + 7), line + 7);
        else if (strncmp(line, "# HELP ", 7) != 0)
            check_sample(line, family);
    }
}

/* An alert compares them with the time of now. */
static void times_are_told_to_the_ms(void **state)
{
    const struct fixture *fixture = *state;
    const char *at = strstr(fixture->text, "\ntasted_start_timestamp_seconds ");
    assert_non_null(at);
    double told = strtod(strchr(at, ' '), NULL);
    assert_true(fabs(told - (double)fixture->instance->started_ms / 1e3) < 5e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_contracts_names_are_there, begin, end),
        cmocka_unit_test_setup_teardown(times_are_told_to_the_ms, begin, end),
        cmocka_unit_test_setup_teardown(every_line_can_be_read, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
