/* A plain producer, for `tasted load`: fast, blocking where its header says so. */
#include "transport/clock.h"
#include "transport/kafka_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVE_EVERY = 1024, /* sends between two looks at the delivery reports */
    FULL_MS = 60000,
};

struct kafka_producer {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    uint64_t sent, delivered, failed;
    char first_failure[256]; /* why the first message was not taken */
    char last_words[256];    /* what went wrong last on the way to a broker */
    char brokers[256];
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
    (void)client;
    struct kafka_producer *self = context;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        self->delivered++;
        return;
    }
    if (self->failed++ == 0)
        snprintf(self->first_failure, sizeof self->first_failure, "%s",
                 rd_kafka_err2str(message->err));
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
    (void)client;
    struct kafka_producer *self = context;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        snprintf(self->last_words, sizeof self->last_words, "%s", reason);
}

enum status kafka_producer_create(const struct kafka_pairs *pairs, const char *topic,
                                  struct kafka_producer **out, struct error *error)
{
    struct kafka_producer *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for a producer");
    snprintf(self->brokers, sizeof self->brokers, "%s", kafka_pairs_brokers(pairs));
    enum status status = STATUS_BAD_CONFIG;
    rd_kafka_conf_t *conf = kafka_conf_create(pairs, error);
    if (conf == NULL)
        goto failed;
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    status = kafka_client_create(RD_KAFKA_PRODUCER, conf, &self->client, error);
    if (status != STATUS_OK)
        goto failed;
    self->topic = rd_kafka_topic_new(self->client, topic, NULL);
    if (self->topic == NULL) {
        status = error_set(error, STATUS_BAD_CONFIG, "topic \"%s\": %s", topic,
                           rd_kafka_err2str(rd_kafka_last_error()));
        goto failed;
    }
    *out = self;
    return STATUS_OK;
failed:
    kafka_producer_destroy(self);
    return status;
}

static enum status out_of_reach(const struct kafka_producer *self, uint64_t left,
                                struct error *error)
{
    const char *why = self->failed > 0           ? self->first_failure
                      : self->last_words[0] != 0 ? self->last_words
                                                 : "no answer";
    return error_set(error, STATUS_UNREACHABLE,
                     "Kafka at %s did not take %" PRIu64 " of %" PRIu64
                     " messages for topic %s: %s",
                     self->brokers, left, self->sent, rd_kafka_topic_name(self->topic), why);
}

enum status kafka_producer_send(struct kafka_producer *self, const void *key, size_t key_size,
                                const void *value, size_t size, const volatile sig_atomic_t *stop,
                                struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    int64_t full_since_ns = 0;
    if (self->sent % SERVE_EVERY == 0)
        rd_kafka_poll(self->client, 0);
    while (rd_kafka_produce(self->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)value,
                            size, key, key_size, NULL) != 0) {
        rd_kafka_resp_err_t why = rd_kafka_last_error();
        if (why != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(error, STATUS_UNREACHABLE, "Kafka at %s, topic %s: %s", self->brokers,
                             rd_kafka_topic_name(self->topic), rd_kafka_err2str(why));
        if (stop != NULL && *stop != 0)
            return STATUS_OK;
        int64_t now_ns = clock->monotonic_ns(clock);
        if (full_since_ns == 0)
            full_since_ns = now_ns;
        if (now_ns - full_since_ns > FULL_MS * (int64_t)1000000)
            return out_of_reach(self, self->sent - self->delivered, error);
        rd_kafka_poll(self->client, 50);
    }
    self->sent++;
    return STATUS_OK;
}

uint64_t kafka_producer_wait(struct kafka_producer *self, int timeout_ms)
{
    rd_kafka_flush(self->client, timeout_ms);
    return self->sent - self->delivered - self->failed;
}

enum status kafka_producer_finish(struct kafka_producer *self, int timeout_ms, struct error *error)
{
    kafka_producer_wait(self, timeout_ms);
    if (self->delivered == self->sent)
        return STATUS_OK;
    return out_of_reach(self, self->sent - self->delivered, error);
}

uint64_t kafka_producer_delivered(const struct kafka_producer *self)
{
    return self->delivered;
}

void kafka_producer_destroy(struct kafka_producer *self)
{
    if (self == NULL)
        return;
    if (self->client != NULL)
        rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    if (self->topic != NULL)
        rd_kafka_topic_destroy(self->topic);
    kafka_client_destroy(self->client, 5000);
    free(self);
}
