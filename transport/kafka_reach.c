/* Whether Kafka answers, for commands that do one thing and end. */
#include "transport/kafka_conf.h"

#include "transport/clock.h"

#include <stdio.h>
#include <string.h>

struct last_words {
    char text[256]; /* why the last attempt to reach a broker failed */
};

static void keep_words(rd_kafka_t *client, int code, const char *reason, void *context)
{
    (void)client;
    struct last_words *words = context;
    /* "all brokers are down" says less than what came before it */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || words->text[0] == '\0')
        snprintf(words->text, sizeof words->text, "%s", reason);
}

static enum status judge_topic(const struct kafka_pairs *pairs,
                               const struct rd_kafka_metadata *metadata, struct error *error)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return error_set(error, STATUS_NOT_FOUND, "there is no topic %s at %s; create it",
                             topic->topic, kafka_pairs_brokers(pairs));
        if (topic->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return error_set(error, STATUS_UNREACHABLE, "topic %s at %s: %s; grant the access",
                             topic->topic, kafka_pairs_brokers(pairs),
                             rd_kafka_err2str(topic->err));
    }
    return STATUS_OK;
}

/* `topic` NULL: only that some broker answers. */
static enum status ask(rd_kafka_t *client, const struct kafka_pairs *pairs, const char *name,
                       int64_t deadline_ns, const struct last_words *words, struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    rd_kafka_topic_t *topic = name != NULL ? rd_kafka_topic_new(client, name, NULL) : NULL;
    rd_kafka_resp_err_t answer = RD_KAFKA_RESP_ERR__TRANSPORT;
    const struct rd_kafka_metadata *metadata = NULL;
    int64_t left_ms;
    /* In small steps, so that error callbacks are served between them. */
    while (answer != RD_KAFKA_RESP_ERR_NO_ERROR &&
           (left_ms = (deadline_ns - clock->monotonic_ns(clock)) / 1000000) > 0) {
        answer = rd_kafka_metadata(client, 0, topic, &metadata, left_ms < 500 ? (int)left_ms : 500);
        rd_kafka_poll(client, 0);
    }
    if (topic != NULL)
        rd_kafka_topic_destroy(topic);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *why = words->text[0] != '\0' ? words->text : rd_kafka_err2str(answer);
        return error_set(error, STATUS_UNREACHABLE,
                         "Kafka at %s is out of reach: %s; start it, or set "
                         "kafka.bootstrap.servers",
                         kafka_pairs_brokers(pairs), why);
    }
    enum status status = judge_topic(pairs, metadata, error);
    rd_kafka_metadata_destroy(metadata);
    return status;
}

enum status kafka_reach(const struct kafka_pairs *pairs, const char *topics, int timeout_ms,
                        struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    int64_t deadline_ns = clock->monotonic_ns(clock) + (int64_t)timeout_ms * 1000000;
    rd_kafka_topic_partition_list_t *list = NULL;
    if (topics != NULL && topics[0] != '\0' && (list = kafka_topics_parse(topics, error)) == NULL)
        return STATUS_INVALID;
    struct last_words words = {.text = ""};
    rd_kafka_t *client = NULL;
    enum status status = STATUS_BAD_CONFIG;
    rd_kafka_conf_t *conf = kafka_conf_create(pairs, error);
    if (conf == NULL)
        goto out_list;
    rd_kafka_conf_set_opaque(conf, &words);
    rd_kafka_conf_set_error_cb(conf, keep_words);
    /* A consumer, because a producer's question would create the topic. */
    status = kafka_client_create(RD_KAFKA_CONSUMER, conf, &client, error);
    if (status != STATUS_OK)
        goto out_list;
    status = ask(client, pairs, NULL, deadline_ns, &words, error);
    for (int i = 0; status == STATUS_OK && list != NULL && i < list->cnt; i++)
        status = ask(client, pairs, list->elems[i].topic, deadline_ns, &words, error);
    kafka_client_destroy(client, 2000);
out_list:
    if (list != NULL)
        rd_kafka_topic_partition_list_destroy(list);
    return status;
}
