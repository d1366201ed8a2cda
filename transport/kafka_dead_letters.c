#include "transport/kafka_conf.h"
#include "transport/log.h"

#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FLUSH_MS = 5000 };

struct kafka_dead_letters {
    struct dead_letters base;
    struct ev_loop *loop;
    struct ev_io io;
    int wake_fd;
    rd_kafka_t *client; /* NULL: only counted */
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic;
    uint64_t outstanding, lost;
    struct log_limit lost_lines;
};

static struct kafka_dead_letters *self_of(struct dead_letters *base)
{
    return (struct kafka_dead_letters *)base;
}

static void count_lost(struct kafka_dead_letters *self, rd_kafka_resp_err_t why)
{
    self->lost++;
    log_every(&self->lost_lines, 10, LOG_LEVEL_WARNING, "a dead letter is lost: topic %s: %s",
              rd_kafka_topic_name(self->topic), rd_kafka_err2str(why));
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
    (void)client;
    struct kafka_dead_letters *self = context;
    self->outstanding--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        count_lost(self, message->err);
}

/* The message's own headers, in a copy that may be added to. */
static rd_kafka_headers_t *own_headers(const struct message *message)
{
    rd_kafka_headers_t *own;
    if (message->native != NULL &&
        rd_kafka_message_headers(message->native, &own) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return rd_kafka_headers_copy(own);
    return rd_kafka_headers_new(4);
}

static rd_kafka_headers_t *make_headers(const struct message *message, const char *reason)
{
    char partition[16], offset[24];
    snprintf(partition, sizeof partition, "%" PRId32, message->partition);
    snprintf(offset, sizeof offset, "%" PRId64, message->offset);
    rd_kafka_headers_t *headers = own_headers(message);
    rd_kafka_header_add(headers, "tasted.reason", -1, reason, -1);
    rd_kafka_header_add(headers, "tasted.topic", -1, message->topic, -1);
    rd_kafka_header_add(headers, "tasted.partition", -1, partition, -1);
    rd_kafka_header_add(headers, "tasted.offset", -1, offset, -1);
    return headers;
}

static bool dead_letters_send(struct dead_letters *base, const struct message *message,
                              const char *reason)
{
    struct kafka_dead_letters *self = self_of(base);
    if (self->client == NULL)
        return true;
    rd_kafka_headers_t *headers = make_headers(message, reason);
    rd_kafka_resp_err_t answer = rd_kafka_producev(
        self->client, RD_KAFKA_V_RKT(self->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)message->value, message->size),
        RD_KAFKA_V_KEY((void *)message->key, message->key_size), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) {
        self->outstanding++;
        return true;
    }
    rd_kafka_headers_destroy(headers);
    if (answer == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    count_lost(self, answer);
    return true;
}

static uint64_t dead_letters_outstanding(struct dead_letters *base)
{
    return self_of(base)->outstanding;
}

static uint64_t dead_letters_lost(struct dead_letters *base)
{
    return self_of(base)->lost;
}

static void dead_letters_serve(struct dead_letters *base)
{
    struct kafka_dead_letters *self = self_of(base);
    if (self->client != NULL)
        rd_kafka_poll(self->client, 0);
}

static void dead_letters_destroy(struct dead_letters *base)
{
    struct kafka_dead_letters *self = self_of(base);
    if (self->wake_fd >= 0)
        ev_io_stop(self->loop, &self->io);
    if (self->queue != NULL) {
        rd_kafka_queue_io_event_enable(self->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(self->queue);
    }
    if (self->client != NULL && self->outstanding > 0 &&
        rd_kafka_flush(self->client, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_line(LOG_LEVEL_WARNING, "%" PRIu64 " dead letters were not acknowledged in %d s",
                 self->outstanding, FLUSH_MS / 1000);
        rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(self->client, 0);
    }
    if (self->topic != NULL)
        rd_kafka_topic_destroy(self->topic);
    kafka_client_destroy(self->client, 1000);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    free(self);
}

static const struct dead_letters_ops operations = {
    .send = dead_letters_send,
    .outstanding = dead_letters_outstanding,
    .lost = dead_letters_lost,
    .serve = dead_letters_serve,
    .destroy = dead_letters_destroy,
};

static void on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct kafka_dead_letters *self = io->data;
    uint64_t count;
    if (read(self->wake_fd, &count, sizeof count) == sizeof count)
        dead_letters_serve(&self->base);
}

static enum status make_client(struct kafka_dead_letters *self, const struct kafka_pairs *kafka,
                               const char *topic, struct error *error)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf = kafka_conf_create(kafka, error);
    if (conf == NULL)
        return STATUS_BAD_CONFIG;
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    enum status status = kafka_client_create(RD_KAFKA_PRODUCER, conf, &self->client, error);
    if (status != STATUS_OK)
        return status;
    self->topic = rd_kafka_topic_new(self->client, topic, NULL);
    if (self->topic == NULL)
        return error_set(error, STATUS_BAD_CONFIG, "input.dead_letter_topic: \"%s\": %s", topic,
                         rd_kafka_err2str(rd_kafka_last_error()));
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->wake_fd < 0)
        return error_set(error, STATUS_IO, "no descriptor for the dead letters");
    ev_io_init(&self->io, on_wake, self->wake_fd, EV_READ);
    self->io.data = self;
    ev_io_start(self->loop, &self->io);
    self->queue = rd_kafka_queue_get_main(self->client);
    rd_kafka_queue_io_event_enable(self->queue, self->wake_fd, &one, sizeof one);
    return STATUS_OK;
}

enum status kafka_dead_letters_create(struct ev_loop *loop, const struct kafka_pairs *kafka,
                                      const char *topic, struct dead_letters **out,
                                      struct error *error)
{
    struct kafka_dead_letters *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the dead letters");
    self->base.ops = &operations;
    self->loop = loop;
    self->wake_fd = -1;
    if (topic != NULL && topic[0] != '\0') {
        rd_kafka_topic_partition_list_t *valid = kafka_topics_parse(topic, error);
        enum status status =
            valid != NULL ? make_client(self, kafka, topic, error) : STATUS_BAD_CONFIG;
        if (valid != NULL)
            rd_kafka_topic_partition_list_destroy(valid);
        if (status != STATUS_OK) {
            dead_letters_destroy(&self->base);
            return status;
        }
    }
    *out = &self->base;
    return STATUS_OK;
}
