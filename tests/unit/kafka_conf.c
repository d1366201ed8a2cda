/* What of [kafka] is handed on, what is refused, and whether Kafka answers. */
#include "transport/kafka_conf.h"
#include "transport/kafka_keys.h"

#include "kafka_kit.h"

static enum status check(const char *key, const char *value, struct error *error)
{
    struct kafka_pair pair = {key, value};
    return kafka_check(&(struct kafka_pairs){&pair, 1}, error);
}

static void test_known_keys_pass(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(check("bootstrap.servers", "a:1,b:2", &error), STATUS_OK);
    assert_int_equal(check("security.protocol", "ssl", &error), STATUS_OK);
    assert_int_equal(check("fetch.min.bytes", "5", &error), STATUS_OK);
    assert_int_equal(check("linger.ms", "5", &error), STATUS_OK);
}

static void test_unknown_keys_and_values_are_named(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(check("no.such.key", "1", &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "no.such.key"));
    assert_int_equal(check("security.protocol", "carrier pigeon", &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "security.protocol"));
    assert_int_equal(check("fetch.min.bytes", "-1", &error), STATUS_BAD_CONFIG);
    assert_int_equal(check("ssl.ca.location", "/no/such/file.pem", &error), STATUS_OK);
    struct kafka_pair pairs[] = {{"security.protocol", "ssl"},
                                 {"ssl.ca.location", "/no/such/file.pem"}};
    assert_int_equal(kafka_check(&(struct kafka_pairs){pairs, 2}, &error), STATUS_BAD_CONFIG);
    assert_int_equal(check("receive.message.max.bytes", "1000", &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "fetch.max.bytes")); /* a consumer's alone */
}

static void test_what_would_break_the_guarantees_is_refused(void **state)
{
    (void)state;
    struct error error;
    for (const struct kafka_reserved *at = kafka_reserved(); at->key != NULL; at++) {
        assert_int_equal(check(at->key, "something else", &error), STATUS_BAD_CONFIG);
        assert_non_null(strstr(error.text, at->key));
        assert_non_null(strstr(error.text, at->why));
    }
}

static void test_groups_rebalance_as_a_whole_with_older_libraries(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(check("partition.assignment.strategy", "roundrobin", &error), STATUS_OK);
    if (rd_kafka_version() >= 0x020d02ff)
        return;
    assert_int_equal(check("partition.assignment.strategy", "cooperative-sticky", &error),
                     STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "2.13.2; use range"));
    assert_int_equal(check("group.protocol", "consumer", &error), STATUS_BAD_CONFIG);
}

static void test_what_is_set_anyway_may_be_said(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(check("enable.auto.commit", "false", &error), STATUS_OK);
    assert_int_equal(check("acks", "all", &error), STATUS_OK);
    assert_int_equal(check("enable.auto.commit", "true", &error), STATUS_BAD_CONFIG);
}

struct seen {
    uint32_t count;
    bool servers, acks;
};

static void see(void *context, const char *key)
{
    struct seen *seen = context;
    seen->count++;
    seen->servers = seen->servers || strcmp(key, "bootstrap.servers") == 0;
    seen->acks = seen->acks || strcmp(key, "acks") == 0;
}

static void test_keys(void **state)
{
    (void)state;
    struct seen seen = {0};
    kafka_keys_each(see, &seen);
    assert_true(seen.count > 100);
    assert_true(seen.servers);
    assert_true(seen.acks); /* of topics */
    assert_true(kafka_key_known("bootstrap.servers"));
    assert_true(kafka_key_known("acks"));
    assert_true(kafka_key_known("sasl.password"));
    assert_false(kafka_key_known("bootstrap.server"));
}

static void test_our_defaults_are_valid_and_can_be_overridden(void **state)
{
    (void)state;
    struct error error;
    for (const struct kafka_reserved *at = kafka_defaults(); at->key != NULL; at++) {
        enum status status = check(at->key, at->value, &error);
        /* Some are of newer versions of librdkafka. */
        assert_true(status == STATUS_OK || strstr(error.text, "No such") != NULL);
    }
}

static void test_reach(void **state)
{
    (void)state;
    struct kit kit;
    struct error error = {.text = ""};
    kit_init(&kit, NULL, 1);
    assert_int_equal(kafka_reach(&kit.kafka, "events", 1000 * KIT_PATIENCE_S, &error), STATUS_OK);
    assert_int_equal(kafka_reach(&kit.kafka, NULL, 1000 * KIT_PATIENCE_S, &error), STATUS_OK);
    assert_int_equal(kafka_reach(&kit.kafka, "a b", 5000, &error), STATUS_INVALID);
    kafka_broker_set_up(kit.broker, false);
    assert_int_equal(kafka_reach(&kit.kafka, "events", 700, &error), STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, kafka_broker_address(kit.broker)));
    kit_finish(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_keys_pass),
        cmocka_unit_test(test_unknown_keys_and_values_are_named),
        cmocka_unit_test(test_what_would_break_the_guarantees_is_refused),
        cmocka_unit_test(test_groups_rebalance_as_a_whole_with_older_libraries),
        cmocka_unit_test(test_what_is_set_anyway_may_be_said),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_our_defaults_are_valid_and_can_be_overridden),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
