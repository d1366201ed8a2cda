/* Dead letters: unchanged, with the reason and the origin in their headers. */
#include "transport/kafka_conf.h"

#include "kafka_kit.h"

static struct kit kit;

static struct dead_letters *open_letters(const char *topic)
{
    struct error error;
    struct dead_letters *letters = NULL;
    if (kafka_dead_letters_create(kit.loop, &kit.kafka, topic, &letters, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return letters;
}

static bool wait_outstanding(struct dead_letters *letters, uint64_t wanted)
{
    for (double waited = 0; waited < KIT_PATIENCE_S; waited += 0.05) {
        letters->ops->serve(letters);
        if (letters->ops->outstanding(letters) == wanted)
            return true;
        kit_spin(&kit, 0.05);
    }
    return false;
}

/* The first message of partition 0 of a topic, read without our own source. */
static rd_kafka_message_t *read_one(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int p = 0; p < 4; p++) /* the embedded broker creates topics with 4 partitions */
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = 0;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < 10 * KIT_PATIENCE_S; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return message;
        if (message != NULL)
            rd_kafka_message_destroy(message);
    }
    return NULL;
}

static void assert_header(const rd_kafka_message_t *message, const char *name, const char *wanted)
{
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(rd_kafka_message_headers(message, &headers), 0);
    const void *value;
    size_t size;
    assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &size), 0);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(value, wanted, size);
    /* and it is the only one of that name */
    assert_int_equal(rd_kafka_header_get(headers, 1, name, &value, &size),
                     RD_KAFKA_RESP_ERR__NOENT);
}

static rd_kafka_t *open_reader(void)
{
    struct error error;
    rd_kafka_t *client = NULL;
    rd_kafka_conf_t *conf = kafka_conf_create(&kit.kafka, &error);
    assert_int_equal(kafka_conf_set(conf, "group.id", "reader", &error), 0);
    assert_int_equal(kafka_client_create(RD_KAFKA_CONSUMER, conf, &client, &error), 0);
    rd_kafka_poll_set_consumer(client);
    return client;
}

static void test_letter_is_unchanged_and_says_why(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    struct dead_letters *letters = open_letters("dead");
    const char value[] = {'{', 0, (char)0xff, 'x'};
    struct message message = {.topic = "events",
                              .partition = 3,
                              .offset = 12345678901,
                              .value = value,
                              .size = sizeof value,
                              .key = "k",
                              .key_size = 1};
    assert_true(letters->ops->send(letters, &message, "undecodable"));
    assert_int_equal(letters->ops->outstanding(letters), 1);
    assert_true(wait_outstanding(letters, 0));
    assert_int_equal(letters->ops->lost(letters), 0);
    letters->ops->destroy(letters);

    rd_kafka_t *client = open_reader();
    rd_kafka_message_t *got = read_one(client, "dead");
    assert_non_null(got);
    assert_int_equal(got->len, sizeof value);
    assert_memory_equal(got->payload, value, sizeof value);
    assert_int_equal(got->key_len, 1);
    assert_header(got, "tasted.reason", "undecodable");
    assert_header(got, "tasted.topic", "events");
    assert_header(got, "tasted.partition", "3");
    assert_header(got, "tasted.offset", "12345678901");
    rd_kafka_message_destroy(got);
    kafka_client_destroy(client, 5000);
    kit_finish(&kit);
}

static void produce_with_header(const char *name, const char *value)
{
    struct error error;
    rd_kafka_t *client = NULL;
    rd_kafka_conf_t *conf = kafka_conf_create(&kit.kafka, &error);
    assert_int_equal(kafka_client_create(RD_KAFKA_PRODUCER, conf, &client, &error), 0);
    assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC("events"),
                                       RD_KAFKA_V_HEADER(name, value, -1), RD_KAFKA_V_VALUE("x", 1),
                                       RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(client, 1000 * KIT_PATIENCE_S), 0);
    kafka_client_destroy(client, 5000);
}

/* The letter that becomes of a message with such a header. */
static void send_with_header(const char *name, const char *value,
                             void look_at(const rd_kafka_message_t *letter))
{
    kit_init(&kit, NULL, 1);
    produce_with_header(name, value);
    kit.letters = open_letters("dead");
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 1));
    assert_true(wait_outstanding(kit.letters, 0));
    rd_kafka_t *client = open_reader();
    rd_kafka_message_t *got = read_one(client, "dead");
    assert_non_null(got);
    look_at(got);
    rd_kafka_message_destroy(got);
    kafka_client_destroy(client, 5000);
    kit.letters->ops->destroy(kit.letters);
    kit_finish(&kit);
}

static void assert_traced(const rd_kafka_message_t *letter)
{
    assert_header(letter, "trace", "abc");
    assert_header(letter, "tasted.reason", "bad_user");
    assert_header(letter, "tasted.offset", "0");
}

static void test_headers_of_its_own_go_along(void **state)
{
    (void)state;
    send_with_header("trace", "abc", assert_traced);
}

static void assert_one_reason(const rd_kafka_message_t *letter)
{
    assert_header(letter, "tasted.reason", "bad_user");
}

static void test_a_letter_that_was_sent_again_has_one_reason(void **state)
{
    (void)state;
    send_with_header("tasted.reason", "bad_ts", assert_one_reason);
}

static void test_without_a_topic_letters_are_forgotten(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    struct dead_letters *letters = open_letters("");
    struct message message = {.topic = "events"};
    assert_true(letters->ops->send(letters, &message, "bad_user"));
    letters->ops->serve(letters);
    assert_int_equal(letters->ops->outstanding(letters), 0);
    assert_int_equal(letters->ops->lost(letters), 0);
    letters->ops->destroy(letters);
    kit_finish(&kit);
}

static void test_letters_that_cannot_be_delivered_are_lost_in_time(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"message.timeout.ms", "1000"};
    kafka_broker_set_up(kit.broker, false);
    struct dead_letters *letters = open_letters("dead");
    struct message message = {.topic = "events", .value = "x", .size = 1};
    for (int i = 0; i < 3; i++)
        assert_true(letters->ops->send(letters, &message, "bad_ts"));
    assert_true(wait_outstanding(letters, 0));
    assert_int_equal(letters->ops->lost(letters), 3);
    letters->ops->destroy(letters);
    kit_finish(&kit);
}

/* One batch is refused; its letters come by themselves, the first of which is refused again. */
static void test_a_batch_too_large_loses_only_what_is_too_large_itself(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"linger.ms", "1000"};
    struct dead_letters *letters = open_letters("dead");
    struct message message = {
        .topic = "events", .value = "x", .size = 1, .key = "k", .key_size = 1};
    kafka_broker_refuse_batches(kit.broker, 2);
    for (int i = 0; i < 20; i++)
        assert_true(letters->ops->send(letters, &message, "bad_ts"));
    assert_true(wait_outstanding(letters, 0));
    assert_int_equal(letters->ops->lost(letters), 1);
    assert_true(letters->ops->send(letters, &message, "bad_ts")); /* and on as before */
    assert_true(wait_outstanding(letters, 0));
    assert_int_equal(letters->ops->lost(letters), 1);
    letters->ops->destroy(letters);

    rd_kafka_t *client = open_reader();
    rd_kafka_message_t *got = read_one(client, "dead");
    assert_non_null(got);
    assert_header(got, "tasted.reason", "bad_ts");
    rd_kafka_message_destroy(got);
    kafka_client_destroy(client, 5000);
    kit_finish(&kit);
}

static void test_a_full_queue_is_told(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"queue.buffering.max.messages", "10"};
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"message.timeout.ms", "1500"};
    kafka_broker_set_up(kit.broker, false);
    struct dead_letters *letters = open_letters("dead");
    struct message message = {.topic = "events", .value = "x", .size = 1};
    int taken = 0;
    while (taken < 20 && letters->ops->send(letters, &message, "bad_ts"))
        taken++;
    assert_int_equal(taken, 10);
    kafka_broker_set_up(kit.broker, true);
    assert_true(wait_outstanding(letters, 0));
    assert_true(letters->ops->send(letters, &message, "bad_ts"));
    letters->ops->destroy(letters);
    kit_finish(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letter_is_unchanged_and_says_why),
        cmocka_unit_test(test_headers_of_its_own_go_along),
        cmocka_unit_test(test_a_letter_that_was_sent_again_has_one_reason),
        cmocka_unit_test(test_without_a_topic_letters_are_forgotten),
        cmocka_unit_test(test_letters_that_cannot_be_delivered_are_lost_in_time),
        cmocka_unit_test(test_a_batch_too_large_loses_only_what_is_too_large_itself),
        cmocka_unit_test(test_a_full_queue_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
