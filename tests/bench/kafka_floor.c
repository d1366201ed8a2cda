/*
 * The floor of ingest: a bare librdkafka loop that takes the messages of a partition, looks at the
 * value of each, and drops it. It also fills the topic.
 *
 *     kafka_floor --brokers HOST:PORT --topic T --produce 1000000 --users 200000 --items 50000 \
 *         --format json|msgpack [--event NAME]
 *     kafka_floor --brokers HOST:PORT --topic T --count 1000000
 *
 * {"per_s": messages, "cpu_ns": of the loop's thread for each}, both between the first and the last
 * tenth of the messages, so that starting and stopping do not count.
 */
#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"
#include "transport/encode.h"

#include <librdkafka/rdkafka.h>

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "kafka_floor: %s\n", why);
    exit(69);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(why);
}

static rd_kafka_t *client_create(rd_kafka_type_t type, const char *brokers)
{
    /* A consumer that is kept from its core for a moment finds its queue full, and librdkafka
     * before 2.2 then fetches no more for a second: a floor must not stand still. */
    const char *const consumer[][2] = {{"group.id", "kafka-floor"},
                                       {"enable.auto.commit", "false"},
                                       {"queued.min.messages", "1000000"},
                                       {"queued.max.messages.kbytes", "1000000"}};
    const char *const producer[][2] = {{"linger.ms", "20"},
                                       {"queue.buffering.max.messages", "1000000"}};
    const bool consumes = type == RD_KAFKA_CONSUMER;
    const char *const(*settings)[2] = consumes ? consumer : producer;
    const size_t size =
        consumes ? sizeof consumer / sizeof *consumer : sizeof producer / sizeof *producer;
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    for (size_t n = 0; n < size; n++)
        set(conf, settings[n][0], settings[n][1]);
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL)
        die(why);
    return client;
}

static void send_event(rd_kafka_t *client, rd_kafka_topic_t *topic, const struct event *event,
                       enum encode_format format)
{
    static struct field_map fields;
    static struct encoded encoded;
    if (encoded.size == 0)
        field_map_init(&fields);
    if (!encode_event(&fields, format, event, &encoded))
        die("an event does not fit into a message");
    void *key = (void *)(uintptr_t)event->user.at; /* librdkafka copies it */
    while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, encoded.bytes, encoded.size, key,
                            event->user.size, NULL) != 0)
        rd_kafka_poll(client, 10);
}

static void produce(rd_kafka_t *client, rd_kafka_topic_t *topic, uint64_t count, int argc,
                    char **argv)
{
    static struct crowd crowd;
    crowd.users = (uint32_t)bench_number(argc, argv, "--users", 200e3);
    crowd.items = (uint32_t)bench_number(argc, argv, "--items", 50e3);
    const struct text name = text_of(bench_word(argc, argv, "--event", "click"));
    const bool json = strcmp(bench_word(argc, argv, "--format", "json"), "json") == 0;
    while (crowd.made < count) {
        uint64_t left = count - crowd.made;
        uint32_t some = left < CROWD_BLOCK ? (uint32_t)left : CROWD_BLOCK;
        crowd_make(&crowd, some);
        for (uint32_t n = 0; n < some; n++) {
            crowd.event[n].device = text_of("phone");
            crowd.event[n].name = name;
            send_event(client, topic, &crowd.event[n], json ? ENCODE_JSON : ENCODE_MSGPACK);
        }
        rd_kafka_poll(client, 0);
    }
    if (rd_kafka_flush(client, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("the broker did not take all messages");
}

static void assign(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(from, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(client, from) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("the partition cannot be assigned");
    rd_kafka_topic_partition_list_destroy(from);
}

struct tally {
    uint64_t from, to, seen, bytes;
    uint64_t begun_ns, ended_ns, begun_cpu, ended_cpu;
};

static void take(struct tally *tally, const rd_kafka_message_t *message)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    tally->bytes += ((const unsigned char *)message->payload)[0];
    tally->seen++;
    if (tally->seen == tally->from) {
        tally->begun_ns = bench_now_ns();
        tally->begun_cpu = bench_cpu_ns();
    } else if (tally->seen == tally->to) {
        tally->ended_ns = bench_now_ns();
        tally->ended_cpu = bench_cpu_ns();
    }
}

enum { AT_A_TIME = 64 }; /* as the daemon does; one by one is slower */

static void consume(rd_kafka_t *client, const char *topic, uint64_t count)
{
    struct tally tally = {.from = count / 10, .to = count - count / 10};
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    assign(client, topic);
    int idle = 0;
    while (tally.seen < tally.to) {
        rd_kafka_message_t *batch[AT_A_TIME];
        ssize_t size = rd_kafka_consume_batch_queue(queue, 1000, batch, AT_A_TIME);
        if (size <= 0 && ++idle == 20)
            die("the topic gives no more messages");
        for (ssize_t n = 0; n < size; n++) {
            take(&tally, batch[n]);
            rd_kafka_message_destroy(batch[n]);
        }
    }
    const double taken = (double)(tally.to - tally.from);
    printf("{\"per_s\": %.0f, \"cpu_ns\": %.1f, \"bytes\": %llu}\n",
           taken * 1e9 / (double)(tally.ended_ns - tally.begun_ns),
           (double)(tally.ended_cpu - tally.begun_cpu) / taken, (unsigned long long)tally.bytes);
    rd_kafka_queue_destroy(queue);
}

int main(int argc, char **argv)
{
    const char *brokers = bench_word(argc, argv, "--brokers", "localhost:9092");
    const char *topic = bench_word(argc, argv, "--topic", "events");
    const uint64_t made = (uint64_t)bench_number(argc, argv, "--produce", 0);
    if (made > 0) {
        rd_kafka_t *producer = client_create(RD_KAFKA_PRODUCER, brokers);
        rd_kafka_topic_t *where = rd_kafka_topic_new(producer, topic, NULL);
        produce(producer, where, made, argc, argv);
        rd_kafka_topic_destroy(where);
        rd_kafka_destroy(producer);
        return 0;
    }
    rd_kafka_t *consumer = client_create(RD_KAFKA_CONSUMER, brokers);
    consume(consumer, topic, (uint64_t)bench_number(argc, argv, "--count", 1e6));
    fflush(stdout);
    _Exit(0); /* leaving properly takes a second and measures nothing */
}
