/* Who frees the messages that are given back; the linker sends us rd_kafka_message_destroy(). */
#include "tests/unit/kafka_kit.h"

#include "transport/kafka_conf.h"
#include "transport/kafka_returns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST = 4096, LARGE = 100000 };

static struct kit kit;
static pthread_t own;
static atomic_uint here, elsewhere; /* freed on our thread, on others */

void __real_rd_kafka_message_destroy(rd_kafka_message_t *message);
void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message);

void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message)
{
    atomic_fetch_add(pthread_equal(pthread_self(), own) ? &here : &elsewhere, 1);
    __real_rd_kafka_message_destroy(message);
}

/* A consumer that has read so many messages. */
struct reader {
    rd_kafka_t *client;
    struct kafka_returns *returns;
    rd_kafka_message_t *messages[MOST];
    uint32_t size;
};

static void open_reader(struct reader *reader)
{
    struct error error;
    rd_kafka_conf_t *conf = kafka_conf_create(&kit.kafka, &error);
    assert_int_equal(kafka_conf_set(conf, "group.id", "tasted", &error), STATUS_OK);
    assert_int_equal(kafka_returns_create(conf, &reader->returns, &error), STATUS_OK);
    assert_int_equal(kafka_client_create(RD_KAFKA_CONSUMER, conf, &reader->client, &error),
                     STATUS_OK);
    rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(from, "events", 0)->offset = 0;
    assert_int_equal(rd_kafka_assign(reader->client, from), 0);
    rd_kafka_topic_partition_list_destroy(from);
}

/* So many more; ends of the partition are passed over. */
static void read_messages(struct reader *reader, uint32_t count)
{
    const uint32_t wanted = reader->size + count;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader->client);
    for (int n = 0; n < 10000 && reader->size < wanted; n++) {
        rd_kafka_message_t *message;
        if (rd_kafka_consume_batch_queue(queue, 100, &message, 1) != 1)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            reader->messages[reader->size++] = message;
        else
            rd_kafka_message_destroy(message);
    }
    rd_kafka_queue_destroy(queue);
    assert_int_equal(reader->size, wanted);
}

static void close_reader(struct reader *reader)
{
    kafka_returns_clear(reader->returns);
    assert_true(kafka_client_destroy(reader->client, 5000));
    kafka_returns_destroy(reader->returns);
}

static void begin(struct reader *reader)
{
    own = pthread_self();
    kit_init(&kit, NULL, 1);
    open_reader(reader);
}

/* … with so many messages read, of which none is freed yet. */
static void begin_with(struct reader *reader, uint32_t count)
{
    begin(reader);
    kit_produce(&kit, "events", 0, count);
    read_messages(reader, count);
    here = elsewhere = 0;
}

static void test_what_is_given_is_freed_by_a_thread_of_the_client(void **state)
{
    (void)state;
    static struct reader reader;
    begin_with(&reader, 1000);
    for (uint32_t n = 0; n < 1000; n += 100)
        kafka_returns_give(reader.returns, &reader.messages[n], 100);
    for (int n = 0; n < 100 * KIT_PATIENCE_S && elsewhere < 1000; n++)
        usleep(10000);
    assert_int_equal(elsewhere, 1000);
    assert_int_equal(here, 0);
    close_reader(&reader);
    kit_finish(&kit);
}

static void test_what_waits_is_freed_before_the_client_ends(void **state)
{
    (void)state;
    static struct reader reader;
    begin_with(&reader, 1000);
    kafka_returns_give(reader.returns, reader.messages, 1000);
    close_reader(&reader);
    assert_int_equal(here + elsewhere, 1000);
    kit_finish(&kit);
}

static void produce_large(uint32_t count)
{
    static char value[LARGE];
    struct error error;
    struct kafka_producer *producer = NULL;
    assert_int_equal(kafka_producer_create(&kit.kafka, "events", &producer, &error), STATUS_OK);
    for (uint32_t n = 0; n < count; n++)
        assert_int_equal(kafka_producer_send(producer, NULL, 0, value, sizeof value, NULL, &error),
                         STATUS_OK);
    assert_int_equal(kafka_producer_finish(producer, 1000 * KIT_PATIENCE_S, &error), STATUS_OK);
    kafka_producer_destroy(producer);
}

/* They would hold on to much memory until a response comes. The broker keeps a few MB at most. */
static void test_large_ones_are_freed_at_once(void **state)
{
    (void)state;
    static struct reader reader;
    begin(&reader);
    for (int n = 0; n < 5; n++) {
        produce_large(20);
        read_messages(&reader, 20);
    }
    here = elsewhere = 0;
    kafka_returns_give(reader.returns, reader.messages, 100);
    assert_int_equal(here, 100);
    close_reader(&reader);
    assert_int_equal(elsewhere, 0);
    kit_finish(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_given_is_freed_by_a_thread_of_the_client),
        cmocka_unit_test(test_what_waits_is_freed_before_the_client_ends),
        cmocka_unit_test(test_large_ones_are_freed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
