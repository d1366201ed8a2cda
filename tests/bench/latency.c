/*
 * From an event to its list: events of many users go to a Kafka topic, each at its time, and Redis
 * tells by a keyspace notification when the user's list was set.
 *
 *     latency send  --kafka A --topic T --events N --users U --items I
 *         as fast as it goes, and waits until all are acknowledged
 *     latency paced --kafka A --topic T --redis P --prefix K --events N --users U --items I --rate
 * R the users in turn, R events a second: {"p50_ms", "p99_ms", "answered", "sent"} latency floor
 * --kafka A --topic T --redis P --prefix K what there is to beat: a bare consumer that sets a value
 * of a list's size for each event, until it is killed. Says {"ready"} when it has its partition.
 *
 * P is Redis's port on this machine. A user whose event changed no list is not answered, and not
 * counted.
 */
#include "bench.h"

#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { USERS_MAX = 1 << 17, LIST_BYTES = 2400 };

struct bench {
    const char *kafka, *topic, *prefix;
    int redis_port;
    uint32_t events, users, items;
    double rate;
    rd_kafka_t *producer;
    uint64_t random;

    /* Shared with the thread that listens. */
    atomic_uint_fast64_t sent_ns[USERS_MAX]; /* 0: nothing to wait for */
    atomic_uint_fast32_t answered;
    double *took_ms; /* (events), written by the listener */
    atomic_uint_fast64_t last_ns;
};

static void die(const char *what)
{
    fprintf(stderr, "latency: %s\n", what);
    exit(70);
}

/* ---- events ---- */

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(why);
}

static rd_kafka_t *open_client(struct bench *bench, rd_kafka_type_t type)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bench->kafka);
    if (type == RD_KAFKA_PRODUCER)
        set(conf, "linger.ms", "0");
    else
        set(conf, "group.id", "latency-floor");
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL)
        die(why);
    return client;
}

/* Items at the head are wanted more: the square of an even number. */
static uint32_t next_item(struct bench *bench)
{
    bench->random ^= bench->random << 13;
    bench->random ^= bench->random >> 7;
    bench->random ^= bench->random << 17;
    const double even = (double)(bench->random >> 11) * 0x1p-53;
    return (uint32_t)(even * even * bench->items);
}

static void send_event(struct bench *bench, uint32_t user)
{
    char key[16], value[128];
    int key_size = snprintf(key, sizeof key, "u%u", user);
    int size =
        snprintf(value, sizeof value, "{\"user\":\"u%u\",\"item\":\"i%u\",\"event\":\"play\"}",
                 user, next_item(bench));
    rd_kafka_resp_err_t answer;
    while ((answer = rd_kafka_producev(
                bench->producer, RD_KAFKA_V_TOPIC(bench->topic), RD_KAFKA_V_PARTITION(0),
                RD_KAFKA_V_KEY(key, (size_t)key_size), RD_KAFKA_V_VALUE(value, (size_t)size),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(bench->producer, 10);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        die(rd_kafka_err2str(answer));
}

static void finish_sending(struct bench *bench)
{
    if (rd_kafka_flush(bench->producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("Kafka did not acknowledge within a minute");
}

/* Connections are made on first use: that is not to be measured. */
static void open_producer(struct bench *bench)
{
    bench->producer = open_client(bench, RD_KAFKA_PRODUCER);
    send_event(bench, bench->users - 1);
    finish_sending(bench);
}

/* ---- lists ---- */

static redisContext *connect_redis(const struct bench *bench)
{
    redisContext *redis = redisConnect("127.0.0.1", bench->redis_port);
    if (redis == NULL || redis->err != 0)
        die("no connection to Redis");
    return redis;
}

static void ask(redisContext *redis, const char *words)
{
    redisReply *reply = redisCommand(redis, words);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        die(reply == NULL ? redis->errstr : reply->str);
    freeReplyObject(reply);
}

static void note(struct bench *bench, const char *key, uint64_t now_ns)
{
    const size_t prefix = strlen(bench->prefix);
    if (strncmp(key, bench->prefix, prefix) != 0 || key[prefix] != 'u')
        return;
    const unsigned long user = strtoul(key + prefix + 1, NULL, 10);
    const uint64_t sent_ns = user < USERS_MAX ? atomic_exchange(&bench->sent_ns[user], 0) : 0;
    const uint32_t n = (uint32_t)atomic_load(&bench->answered);
    if (sent_ns == 0 || n == bench->events)
        return;
    bench->took_ms[n] = (double)(now_ns - sent_ns) / 1e6;
    atomic_store(&bench->last_ns, now_ns);
    atomic_store(&bench->answered, n + 1);
}

static void *listen_to_redis(void *argument)
{
    struct bench *bench = argument;
    redisContext *redis = connect_redis(bench);
    ask(redis, "CONFIG SET notify-keyspace-events E$");
    ask(redis, "SUBSCRIBE __keyevent@0__:set");
    atomic_store(&bench->last_ns, 1); /* listens */
    for (;;) {
        redisReply *reply;
        if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
            die("Redis went away");
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3)
            note(bench, reply->element[2]->str, bench_now_ns());
        freeReplyObject(reply);
    }
    return NULL;
}

static void start_listening(struct bench *bench)
{
    pthread_t thread;
    bench->took_ms = calloc(bench->events, sizeof *bench->took_ms);
    if (bench->took_ms == NULL)
        die("no memory");
    if (pthread_create(&thread, NULL, listen_to_redis, bench) != 0)
        die("no thread to listen to Redis");
    pthread_detach(thread);
    const struct timespec moment = {.tv_nsec = 1000000};
    while (atomic_load(&bench->last_ns) == 0)
        nanosleep(&moment, NULL);
}

/* Until all are answered, or nobody was for so long. */
static void await_answers(struct bench *bench, double patience_s)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    uint64_t heard_ns = bench_now_ns();
    uint32_t answered = 0;
    while (answered < bench->events && (double)(bench_now_ns() - heard_ns) / 1e9 < patience_s) {
        nanosleep(&moment, NULL);
        const uint32_t now = (uint32_t)atomic_load(&bench->answered);
        if (now != answered)
            heard_ns = bench_now_ns();
        answered = now;
    }
}

/* ---- what is measured ---- */

static int run_send(struct bench *bench)
{
    bench->producer = open_client(bench, RD_KAFKA_PRODUCER);
    for (uint32_t n = 0; n < bench->events; n++)
        send_event(bench, n % bench->users);
    finish_sending(bench);
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void wait_until(uint64_t at_ns)
{
    const struct timespec at = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int run_paced(struct bench *bench)
{
    open_producer(bench);
    start_listening(bench);
    const double gap_ns = 1e9 / bench->rate;
    const uint64_t began_ns = bench_now_ns() + 200000000;
    for (uint32_t n = 0; n < bench->events; n++) {
        wait_until(began_ns + (uint64_t)(gap_ns * n));
        const uint32_t user = n % bench->users;
        atomic_store(&bench->sent_ns[user], bench_now_ns());
        send_event(bench, user);
        rd_kafka_poll(bench->producer, 0);
    }
    finish_sending(bench);
    await_answers(bench, 1);
    const uint32_t answered = (uint32_t)atomic_load(&bench->answered);
    if (answered == 0)
        die("not one list was set");
    qsort(bench->took_ms, answered, sizeof *bench->took_ms, compare_numbers);
    printf("{\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"answered\":%u,\"sent\":%u}\n",
           bench->took_ms[answered / 2], bench->took_ms[(uint64_t)answered * 99 / 100], answered,
           bench->events);
    return 0;
}

static void set_for(redisContext *redis, const struct bench *bench, const rd_kafka_message_t *from)
{
    static char list[LIST_BYTES];
    memset(list, 'x', sizeof list);
    redisReply *reply = redisCommand(redis, "SET %s%b %b EX 2592000", bench->prefix, from->key,
                                     from->key_len, list, sizeof list);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        die("Redis refuses");
    freeReplyObject(reply);
}

static int run_floor(struct bench *bench)
{
    redisContext *redis = connect_redis(bench);
    rd_kafka_t *consumer = open_client(bench, RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, bench->topic, 0)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    printf("{\"ready\":true}\n");
    fflush(stdout);
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 1000);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            set_for(redis, bench, message);
        rd_kafka_message_destroy(message);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.random = 88172645463325252U};
    bench.kafka = bench_word(argc, argv, "--kafka", "localhost:9092");
    bench.topic = bench_word(argc, argv, "--topic", "events");
    bench.prefix = bench_word(argc, argv, "--prefix", "taste:top:");
    bench.redis_port = (int)bench_number(argc, argv, "--redis", 6379);
    bench.events = (uint32_t)bench_number(argc, argv, "--events", 1000);
    bench.users = (uint32_t)bench_number(argc, argv, "--users", bench.events);
    bench.items = (uint32_t)bench_number(argc, argv, "--items", 10000);
    bench.rate = bench_number(argc, argv, "--rate", 100);
    const char *what = argc > 1 ? argv[1] : "";
    if (bench.users > USERS_MAX || bench.users == 0)
        die("too many users");
    if (strcmp(what, "send") == 0)
        return run_send(&bench);
    if (strcmp(what, "paced") == 0)
        return run_paced(&bench);
    if (strcmp(what, "floor") == 0)
        return run_floor(&bench);
    die("send, paced or floor?");
}
