/* The source in assign mode, against the embedded broker. */
#include "transport/kafka_source.h"
#include "transport/kafka_conf.h"

#include "kafka_kit.h"

#include <unistd.h>

static struct kit kit;

static void test_messages_arrive_in_order(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 5000);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 5000));
    assert_false(kit.out_of_order);
    assert_int_equal(kit.assigned, 1);
    assert_int_equal(kit.assigned_partitions, 1);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(atoi(kit.values[i]), i);
    assert_true(kit_until(&kit, &kit.ends, 1));
    assert_int_equal(kit.source->ops->end_offset(kit.source, "events", 0), 5000);
    assert_int_equal(kit.source->ops->end_offset(kit.source, "other", 0), -1);
    kit_finish(&kit);
}

static void test_all_partitions_are_taken(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 4);
    kit_produce(&kit, "events", 0, 4000);
    kit_open(&kit, "", KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 4000));
    assert_int_equal(kit.assigned_partitions, 4);
    assert_true(kit_until(&kit, &kit.ends, 4));
    assert_int_equal(kit.next[0] + kit.next[1] + kit.next[2] + kit.next[3], 4000);
    kit_finish(&kit);
}

static void test_begins_where_the_owner_says(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 100);
    kit.where[0] = 70;
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 30));
    assert_int_equal(kit.assigned_at[0], 70);
    assert_string_equal(kit.values[0], "70");
    kit_spin(&kit, 0.2);
    assert_int_equal(kit.messages, 30);
    kit_finish(&kit);
}

static void test_latest_begins_at_the_end(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 100);
    kit_open(&kit, NULL, KAFKA_LATEST);
    assert_true(kit_until(&kit, &kit.assigned, 1));
    assert_int_equal(kit.assigned_at[0], 100);
    kit_produce(&kit, "events", 100, 5);
    assert_true(kit_until(&kit, &kit.messages, 5));
    assert_string_equal(kit.values[0], "100");
    kit_finish(&kit);
}

static void test_broker_goes_down_and_comes_back(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 100);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 100));
    kafka_broker_set_up(kit.broker, false);
    assert_true(kit_until(&kit, &kit.troubles, 1));
    for (int tenths = 0; tenths < 10 * KIT_PATIENCE_S && !kit.source->ops->cut_off(kit.source);
         tenths++)
        kit_spin(&kit, .1);
    assert_true(kit.source->ops->cut_off(kit.source));
    kafka_broker_set_up(kit.broker, true);
    kit_produce(&kit, "events", 100, 100);
    assert_true(kit_until(&kit, &kit.messages, 200));
    for (int tenths = 0; tenths < 10 * KIT_PATIENCE_S && kit.source->ops->cut_off(kit.source);
         tenths++)
        kit_spin(&kit, .1);
    assert_false(kit.source->ops->cut_off(kit.source));
    assert_false(kit.out_of_order);
    assert_int_equal(kit.next[0], 200);
    assert_int_equal(kit.failures, 0);
    kit_finish(&kit);
}

static void test_leaves_at_once_where_no_broker_answers(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 10);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 10));
    kafka_broker_set_up(kit.broker, false);
    for (int tenths = 0; tenths < 10 * KIT_PATIENCE_S && !kit.source->ops->cut_off(kit.source);
         tenths++)
        kit_spin(&kit, .1);
    kit.source->ops->close(kit.source);
    assert_true(kit.source->ops->closed(kit.source));
    kafka_broker_set_up(kit.broker, true); /* so that nothing is left behind */
    kit_finish(&kit);
}

static void test_waits_for_a_broker_that_is_not_there_yet(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 10);
    kafka_broker_set_up(kit.broker, false);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.troubles, 1));
    assert_int_equal(kit.assigned, 0);
    kafka_broker_set_up(kit.broker, true);
    assert_true(kit_until(&kit, &kit.messages, 10));
    kit_finish(&kit);
}

/* As an owner does who has more to do than to read: so that the queue is full again and again. How
 * many pauses it made. */
static int read_slowly(uint32_t wanted, int pauses_most)
{
    enum { AT_A_TIME = 500, PAUSE_US = 10000 };
    int pauses = 0;
    for (; kit.messages < wanted && pauses < pauses_most; pauses++) {
        struct source_turn turn;
        enum source_result result = SOURCE_MESSAGE;
        for (int n = 0; n < AT_A_TIME && result != SOURCE_NOTHING; n++) {
            result = kit.source->ops->next(kit.source, &turn);
            kit_take(&kit, result, &turn);
        }
        usleep(PAUSE_US);
    }
    return pauses;
}

static void test_a_full_queue_does_not_stop_reading(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"batch.num.messages", "100"};
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"queued.min.messages", "2000"};
    kit_produce(&kit, "events", 0, KIT_MESSAGES_MAX);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.assigned, 1));
    /* A queue full each second would take ten, which are a thousand pauses. */
    assert_true(read_slowly(KIT_MESSAGES_MAX, 800) < 500);
    assert_int_equal(kit.messages, KIT_MESSAGES_MAX);
    assert_false(kit.out_of_order);
    kit_finish(&kit);
}

/* The next message, though nobody turns the loop. */
static struct message next_message(void)
{
    struct source_turn turn;
    enum source_result result = SOURCE_NOTHING;
    for (int n = 0; n < 100 * KIT_PATIENCE_S && result != SOURCE_MESSAGE; n++) {
        result = kit.source->ops->next(kit.source, &turn);
        if (result == SOURCE_NOTHING)
            usleep(10000);
    }
    assert_int_equal(result, SOURCE_MESSAGE);
    return turn.message;
}

static void test_a_message_stays_while_stale_ones_are_passed_over(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.assigned, 1));
    kit_produce(&kit, "events", 0, 1000);
    struct message first = next_message();
    struct kafka_source *source = (struct kafka_source *)kit.source;
    kafka_owned_find(&source->owned, "events", 0)->next = 500; /* as if it had all come before */
    usleep(300000);
    struct source_turn turn;
    assert_int_equal(kit.source->ops->next(kit.source, &turn), SOURCE_NOTHING);
    assert_int_equal(((const rd_kafka_message_t *)first.native)->offset, 0);
    assert_int_equal(next_message().offset, 500);
    kit_finish(&kit);
}

static void test_offset_beyond_the_log_goes_by_start(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 2);
    kit_produce(&kit, "events", 0, 100);
    kit.where[0] = 5000; /* the topic was made anew since */
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 100));
    assert_int_equal(kit.assigned_at[0], 0);
    assert_true(kit.troubles >= 1);
    assert_non_null(strstr(kit.last_trouble, "5000"));
    assert_int_equal(kit.next[0] + kit.next[1], 100);
    kit_finish(&kit);
}

/* More than the embedded broker keeps; the value of each is large. */
static void produce_too_much(void)
{
    enum { MESSAGES = 800, SIZE = 10000 };
    static const char value[SIZE];
    struct error error = {.text = ""};
    struct kafka_producer *producer = NULL;
    assert_int_equal(kafka_producer_create(&kit.kafka, "events", &producer, &error), 0);
    for (uint32_t n = 0; n < MESSAGES; n++)
        assert_int_equal(kafka_producer_send(producer, "key", 3, value, SIZE, NULL, &error), 0);
    assert_int_equal(kafka_producer_finish(producer, 1000 * KIT_PATIENCE_S, &error), STATUS_OK);
    kafka_producer_destroy(producer);
}

static void test_what_was_deleted_before_the_first_message_is_told_and_counted(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    produce_too_much();
    kit.where[0] = 0;
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.assigned, 1));
    struct kafka_source *source = (struct kafka_source *)kit.source;
    kafka_owned_find(&source->owned, "events", 0)->next = -1; /* as if it was to be the beginning */
    assert_true(kit_until(&kit, &kit.messages, 1));
    assert_true(kit.troubles >= 1);
    assert_non_null(strstr(kit.last_trouble, ", not 0: the messages before were deleted"));
    assert_true(kit.assigned_at[0] > 0);
    assert_int_equal(kit.source->ops->missed(kit.source), kit.assigned_at[0]);
    kit_finish(&kit);
}

static int64_t committed(const char *group)
{
    struct error error;
    rd_kafka_t *client = NULL;
    rd_kafka_conf_t *conf = kafka_conf_create(&kit.kafka, &error);
    assert_int_equal(kafka_conf_set(conf, "group.id", group, &error), 0);
    assert_int_equal(kafka_client_create(RD_KAFKA_CONSUMER, conf, &client, &error), 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "events", 0);
    assert_int_equal(rd_kafka_committed(client, list, 1000 * KIT_PATIENCE_S), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    kafka_client_destroy(client, 5000);
    return offset;
}

static void test_commits_reach_the_broker(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 100);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 100));
    struct commitment commitment = {{.topic = "events", .partition = 0, .next_offset = 42}, -1};
    kit.source->ops->commit(kit.source, &commitment, 1);
    int64_t offset = -1;
    for (int n = 0; n < 40 && offset != 42; n++) { /* the coordinator is looked for first */
        kit_spin(&kit, 0.3);
        offset = committed("tasted");
    }
    assert_int_equal(offset, 42);
    kit.source->ops->commit(kit.source, &commitment, 1);
    kit_finish(&kit); /* closes in time though a commit is under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_arrive_in_order),
        cmocka_unit_test(test_all_partitions_are_taken),
        cmocka_unit_test(test_begins_where_the_owner_says),
        cmocka_unit_test(test_latest_begins_at_the_end),
        cmocka_unit_test(test_broker_goes_down_and_comes_back),
        cmocka_unit_test(test_leaves_at_once_where_no_broker_answers),
        cmocka_unit_test(test_waits_for_a_broker_that_is_not_there_yet),
        cmocka_unit_test(test_a_full_queue_does_not_stop_reading),
        cmocka_unit_test(test_a_message_stays_while_stale_ones_are_passed_over),
        cmocka_unit_test(test_offset_beyond_the_log_goes_by_start),
        cmocka_unit_test(test_what_was_deleted_before_the_first_message_is_told_and_counted),
        cmocka_unit_test(test_commits_reach_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
