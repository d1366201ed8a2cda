#include "transport/kafka_conf.h"

#include "transport/log.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

enum { TOPIC_NAME_MAX = 249 };

static const struct kafka_reserved reserved[] = {
    {"enable.auto.commit", "false", "offsets are committed after the snapshot that includes them"},
    {"auto.commit.enable", "false", "offsets are committed after the snapshot that includes them"},
    {"enable.auto.offset.store", "false", "the snapshot holds the offsets"},
    {"auto.offset.reset", "error", "input.start says where a partition without an offset begins"},
    {"isolation.level", "read_committed", "messages of an aborted transaction must not be learned"},
    {"enable.partition.eof", "true", "tasted must know when it has caught up"},
    {"group.id", NULL, "set input.group instead"},
    {"transactional.id", NULL, "dead letters are sent without transactions"},
    {"acks", "all", "a dead letter counts as delivered when every replica in sync has it"},
    {"request.required.acks", "all", "see acks"},
    {"delivery.report.only.error", "false", "a snapshot waits for the dead letters before it"},
    {"log.queue", "false", "librdkafka's lines go to tasted's log"},
    {"enabled_events", NULL, "tasted asks for the events that it handles"},
    {NULL, NULL, NULL},
};

static const struct kafka_reserved defaults[] = {
    {"bootstrap.servers", "localhost:9092", "a broker on this machine"},
    {"client.id", "tasted", "the name in the brokers' logs and quotas"},
    {"queued.max.messages.kbytes", "16384", "bounds the memory for messages not yet learned from"},
    {"queue.buffering.max.kbytes", "65536", "bounds the memory for messages not yet sent"},
    {"fetch.error.backoff.ms", "100", "goes on soon after the queue was full"},
    {"fetch.queue.backoff.ms", "20", "goes on soon after the queue was full"},
    {"topic.metadata.refresh.interval.ms", "30000", "new partitions are taken up soon"},
    {"message.timeout.ms", "60000", "a dead letter that was not taken by then is lost"},
    {"socket.keepalive.enable", "true", "a connection that is dead is noticed"},
    {"log.connection.close", "false", "brokers close idle connections; that is no news"},
    {NULL, NULL, NULL},
};

const struct kafka_reserved *kafka_reserved(void)
{
    return reserved;
}

const struct kafka_reserved *kafka_defaults(void)
{
    return defaults;
}

bool kafka_pairs_have(const struct kafka_pairs *pairs, const char *key)
{
    for (uint32_t i = 0; i < pairs->size; i++)
        if (strcmp(pairs->at[i].key, key) == 0)
            return true;
    return false;
}

const char *kafka_pairs_brokers(const struct kafka_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->size; i++)
        if (strcmp(pairs->at[i].key, "bootstrap.servers") == 0 ||
            strcmp(pairs->at[i].key, "metadata.broker.list") == 0)
            return pairs->at[i].value;
    return defaults[0].value;
}

static enum log_level log_level_of(int syslog_level, const char *facility)
{
    /* Lost connections and failed commits come as events too, and are told from there. */
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0 ||
        strcmp(facility, "COMMITFAIL") == 0)
        return LOG_LEVEL_DEBUG;
    /* One section serves consumers and producers: keys of the other kind are no mistake. */
    if (strcmp(facility, "CONFWARN") == 0)
        return LOG_LEVEL_DEBUG;
    if (syslog_level <= LOG_ERR)
        return LOG_LEVEL_WARNING;
    return (enum log_level)syslog_level;
}

static void log_from_librdkafka(const rd_kafka_t *client, int level, const char *facility,
                                const char *text)
{
    (void)client;
    log_line(log_level_of(level, facility), "kafka: %s: %s", facility, text);
}

enum status kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                           struct error *error)
{
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_CONFIG, "kafka.%s: %s", key, text);
}

/* Until 2.6.1 a member that leaves before its first assignment aborts on an assertion (librdkafka
 * issues 4308, 4527, 4783). Until 2.13.2 a partition that stays, and whose end was reached, may go
 * on one message too late (issue 4844). */
static bool is_cooperative(const struct kafka_pair *pair)
{
    return (strcmp(pair->key, "partition.assignment.strategy") == 0 &&
            strstr(pair->value, "cooperative") != NULL) ||
           (strcmp(pair->key, "group.protocol") == 0 && strcasecmp(pair->value, "consumer") == 0);
}

static enum status check_pair(const struct kafka_pair *pair, struct error *error)
{
    for (const struct kafka_reserved *at = reserved; at->key != NULL; at++) {
        if (strcmp(pair->key, at->key) != 0)
            continue;
        if (at->value == NULL)
            return error_set(error, STATUS_BAD_CONFIG, "kafka.%s cannot be set: %s", pair->key,
                             at->why);
        if (strcmp(pair->value, at->value) != 0)
            return error_set(error, STATUS_BAD_CONFIG, "kafka.%s can only be %s: %s", pair->key,
                             at->value, at->why);
    }
    if (is_cooperative(pair) && rd_kafka_version() < 0x020d02ff)
        return error_set(error, STATUS_BAD_CONFIG,
                         "kafka.%s: a group that rebalances step by step is not safe with "
                         "librdkafka %s, it needs 2.13.2; use range or roundrobin",
                         pair->key, rd_kafka_version_str());
    return STATUS_OK;
}

rd_kafka_conf_t *kafka_conf_create(const struct kafka_pairs *pairs, struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (const struct kafka_reserved *at = defaults; at->key != NULL; at++) {
        char text[256];
        rd_kafka_conf_res_t set = rd_kafka_conf_set(conf, at->key, at->value, text, sizeof text);
        /* Some are of newer versions. */
        if (set == RD_KAFKA_CONF_INVALID) {
            error_set(error, STATUS_INTERNAL, "kafka.%s: %s", at->key, text);
            goto failed;
        }
    }
    for (uint32_t i = 0; i < pairs->size; i++)
        if (check_pair(&pairs->at[i], error) != STATUS_OK ||
            kafka_conf_set(conf, pairs->at[i].key, pairs->at[i].value, error) != STATUS_OK)
            goto failed;
    for (const struct kafka_reserved *at = reserved; at->key != NULL; at++)
        if (at->value != NULL && kafka_conf_set(conf, at->key, at->value, error) != STATUS_OK)
            goto failed;
    rd_kafka_conf_set_log_cb(conf, log_from_librdkafka);
    return conf;
failed:
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* Settings that only fail together (a missing key file, an unknown mechanism, sizes that do not
 * fit) show when a client is made; it connects to nobody before it is asked to. */
static enum status check_client(rd_kafka_type_t type, const struct kafka_pairs *pairs,
                                struct error *error)
{
    rd_kafka_conf_t *conf = kafka_conf_create(pairs, error);
    if (conf == NULL)
        return error->status;
    rd_kafka_t *client = NULL;
    enum status status = kafka_client_create(type, conf, &client, error);
    kafka_client_destroy(client, 5000);
    return status;
}

enum status kafka_check(const struct kafka_pairs *pairs, struct error *error)
{
    enum status status = check_client(RD_KAFKA_PRODUCER, pairs, error);
    return status == STATUS_OK ? check_client(RD_KAFKA_CONSUMER, pairs, error) : status;
}

enum status kafka_client_create(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
                                struct error *error)
{
    char text[256];
    *out = rd_kafka_new(type, conf, text, sizeof text);
    if (*out != NULL)
        return STATUS_OK;
    rd_kafka_conf_destroy(conf);
    return error_set(error, STATUS_BAD_CONFIG, "kafka: %s; see section [kafka]", text);
}

/* ---- the end of a client, bounded ---- */

struct ending {
    rd_kafka_t *client;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done, abandoned;
};

static void ending_free(struct ending *ending)
{
    pthread_mutex_destroy(&ending->lock);
    pthread_cond_destroy(&ending->over);
    free(ending);
}

static void *end_client(void *context)
{
    struct ending *ending = context;
    rd_kafka_destroy_flags(ending->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    pthread_mutex_lock(&ending->lock);
    ending->done = true;
    bool last = ending->abandoned;
    pthread_cond_signal(&ending->over);
    pthread_mutex_unlock(&ending->lock);
    if (last)
        ending_free(ending);
    return NULL;
}

bool kafka_client_destroy(rd_kafka_t *client, int timeout_ms)
{
    struct ending *ending = client != NULL ? calloc(1, sizeof *ending) : NULL;
    if (ending == NULL)
        return client == NULL;
    ending->client = client;
    pthread_mutex_init(&ending->lock, NULL);
    pthread_cond_init(&ending->over, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_client, ending) != 0) {
        ending_free(ending);
        return false;
    }
    pthread_detach(thread);

    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&ending->lock);
    int waited = 0;
    while (!ending->done && waited == 0)
        waited = pthread_cond_timedwait(&ending->over, &ending->lock, &until);
    bool done = ending->done;
    ending->abandoned = !done;
    pthread_mutex_unlock(&ending->lock);
    if (done)
        ending_free(ending);
    else
        log_line(LOG_LEVEL_WARNING, "kafka: a client did not end within %d ms; leaving it",
                 timeout_ms);
    return done;
}

/* ---- topics ---- */

static bool is_topic_name(const char *at, size_t size)
{
    if (size == 0 || size > TOPIC_NAME_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", at[i]) ==
            NULL)
            return false;
    return true;
}

rd_kafka_topic_partition_list_t *kafka_topics_parse(const char *topics, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    const char *at = topics != NULL ? topics : "";
    for (;;) {
        at += strspn(at, " \t");
        size_t size = strcspn(at, ",");
        size_t used = size;
        while (used > 0 && (at[used - 1] == ' ' || at[used - 1] == '\t'))
            used--;
        if (!is_topic_name(at, used)) {
            error_set(error, STATUS_INVALID,
                      "\"%s\" is no list of topics: names of 1 to %d of a-z A-Z 0-9 . _ - "
                      "separated by commas",
                      topics != NULL ? topics : "", TOPIC_NAME_MAX);
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
        char name[TOPIC_NAME_MAX + 1];
        memcpy(name, at, used);
        name[used] = '\0';
        if (rd_kafka_topic_partition_list_find(list, name, RD_KAFKA_PARTITION_UA) == NULL)
            rd_kafka_topic_partition_list_add(list, name, RD_KAFKA_PARTITION_UA);
        at += size;
        if (*at == '\0')
            return list;
        at++;
    }
}
