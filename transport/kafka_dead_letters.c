/*
 *     send() ─► batched ─► delivered, or lost
 *                  └─ the batch is too large for the topic ─► single ─► delivered, or lost
 *
 * A broker takes or refuses a batch as a whole, and only it knows how large one may be. So the
 * letters of a refused batch are sent again, each in a batch of its own: what is lost then is
 * itself too large.
 */
#include "transport/kafka_conf.h"
#include "transport/log.h"

#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    FLUSH_MS = 5000,
    SINGLE_MAX = 1000, /* so many on their second way, and no more are taken */
};

struct sender {
    rd_kafka_t *client; /* NULL: there is none */
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic;
};

struct kafka_dead_letters {
    struct dead_letters base;
    struct ev_loop *loop;
    struct ev_io io;
    int wake_fd;
    char *topic;
    struct sender batched;        /* without a client: letters are only counted */
    struct sender single;         /* made when it is needed first … */
    rd_kafka_conf_t *single_conf; /* … of this */
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
              self->topic, rd_kafka_err2str(why));
}

/* ---- senders ---- */

static enum status open_sender(struct kafka_dead_letters *self, rd_kafka_conf_t *conf,
                               struct sender *sender, struct error *error)
{
    static const uint64_t one = 1;
    enum status status = kafka_client_create(RD_KAFKA_PRODUCER, conf, &sender->client, error);
    if (status != STATUS_OK)
        return status;
    sender->topic = rd_kafka_topic_new(sender->client, self->topic, NULL);
    if (sender->topic == NULL)
        return error_set(error, STATUS_BAD_CONFIG, "input.dead_letter_topic: \"%s\": %s",
                         self->topic, rd_kafka_err2str(rd_kafka_last_error()));
    sender->queue = rd_kafka_queue_get_main(sender->client);
    rd_kafka_queue_io_event_enable(sender->queue, self->wake_fd, &one, sizeof one);
    return STATUS_OK;
}

static void close_sender(struct sender *sender)
{
    if (sender->queue != NULL) {
        rd_kafka_queue_io_event_enable(sender->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(sender->queue);
    }
    if (sender->topic != NULL)
        rd_kafka_topic_destroy(sender->topic);
    kafka_client_destroy(sender->client, 1000);
    *sender = (struct sender){.client = NULL};
}

static rd_kafka_resp_err_t produce(const struct sender *sender, const void *value, size_t size,
                                   const void *key, size_t key_size, rd_kafka_headers_t *headers)
{
    rd_kafka_resp_err_t answer = rd_kafka_producev(sender->client, RD_KAFKA_V_RKT(sender->topic),
                                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                                   RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size),
                                                   RD_KAFKA_V_KEY((void *)(uintptr_t)key, key_size),
                                                   RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    return answer;
}

/* ---- what became of a letter ---- */

static bool has_single_sender(struct kafka_dead_letters *self)
{
    struct error error;
    if (self->single_conf == NULL)
        return self->single.client != NULL;
    rd_kafka_conf_t *conf = self->single_conf;
    self->single_conf = NULL;
    if (open_sender(self, conf, &self->single, &error) == STATUS_OK)
        return true;
    log_line(LOG_LEVEL_WARNING, "dead letters cannot be sent one by one: %s", error.text);
    close_sender(&self->single);
    return false;
}

static bool send_alone(struct kafka_dead_letters *self, const rd_kafka_message_t *letter)
{
    rd_kafka_headers_t *headers;
    if (!has_single_sender(self) ||
        rd_kafka_message_headers(letter, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    return produce(&self->single, letter->payload, letter->len, letter->key, letter->key_len,
                   rd_kafka_headers_copy(headers)) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
    struct kafka_dead_letters *self = context;
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && client == self->batched.client &&
        send_alone(self, message))
        return;
    self->outstanding--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        count_lost(self, message->err);
}

/* ---- sending ---- */

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
    const char *const more[][2] = {{"tasted.reason", reason},
                                   {"tasted.topic", message->topic},
                                   {"tasted.partition", partition},
                                   {"tasted.offset", offset}};
    rd_kafka_headers_t *headers = own_headers(message);
    for (size_t n = 0; n < sizeof more / sizeof *more; n++) {
        rd_kafka_header_remove(headers, more[n][0]); /* a letter that was sent again has them */
        rd_kafka_header_add(headers, more[n][0], -1, more[n][1], -1);
    }
    return headers;
}

static bool dead_letters_send(struct dead_letters *base, const struct message *message,
                              const char *reason)
{
    struct kafka_dead_letters *self = self_of(base);
    if (self->batched.client == NULL)
        return true;
    if (self->single.client != NULL && rd_kafka_outq_len(self->single.client) >= SINGLE_MAX)
        return false;
    rd_kafka_resp_err_t answer =
        produce(&self->batched, message->value, message->size, message->key, message->key_size,
                make_headers(message, reason));
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR)
        self->outstanding++;
    else if (answer == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    else
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
    if (self->batched.client != NULL)
        rd_kafka_poll(self->batched.client, 0);
    if (self->single.client != NULL)
        rd_kafka_poll(self->single.client, 0);
}

/* What the first refuses may still go by the second. */
static void flush(struct kafka_dead_letters *self)
{
    const struct sender *both[] = {&self->batched, &self->single};
    for (int i = 0; i < 2; i++) {
        rd_kafka_t *client = both[i]->client;
        if (client == NULL || self->outstanding == 0 ||
            rd_kafka_flush(client, FLUSH_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        log_line(LOG_LEVEL_WARNING, "%" PRIu64 " dead letters were not acknowledged in %d s",
                 self->outstanding, FLUSH_MS / 1000);
        rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(client, 0);
    }
}

static void dead_letters_destroy(struct dead_letters *base)
{
    struct kafka_dead_letters *self = self_of(base);
    if (self->wake_fd >= 0)
        ev_io_stop(self->loop, &self->io);
    flush(self);
    close_sender(&self->batched);
    close_sender(&self->single);
    if (self->single_conf != NULL)
        rd_kafka_conf_destroy(self->single_conf);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    free(self->topic);
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

static enum status make_conf(struct kafka_dead_letters *self, const struct kafka_pairs *kafka,
                             rd_kafka_conf_t **out, struct error *error)
{
    *out = kafka_conf_create(kafka, error);
    if (*out == NULL)
        return STATUS_BAD_CONFIG;
    rd_kafka_conf_set_opaque(*out, self);
    rd_kafka_conf_set_dr_msg_cb(*out, on_delivery);
    /* How large a letter may be the topic says; by itself librdkafka would refuse sooner. */
    return kafka_pairs_have(kafka, "message.max.bytes")
               ? STATUS_OK
               : kafka_conf_set(*out, "message.max.bytes", "1000000000", error);
}

static enum status make_senders(struct kafka_dead_letters *self, const struct kafka_pairs *kafka,
                                struct error *error)
{
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->wake_fd < 0)
        return error_set(error, STATUS_IO, "no descriptor for the dead letters");
    ev_io_init(&self->io, on_wake, self->wake_fd, EV_READ);
    self->io.data = self;
    ev_io_start(self->loop, &self->io);
    rd_kafka_conf_t *conf;
    enum status status = make_conf(self, kafka, &self->single_conf, error);
    if (status == STATUS_OK)
        status = kafka_conf_set(self->single_conf, "batch.num.messages", "1", error);
    if (status == STATUS_OK)
        status = make_conf(self, kafka, &conf, error);
    return status == STATUS_OK ? open_sender(self, conf, &self->batched, error) : status;
}

static enum status set_topic(struct kafka_dead_letters *self, const char *topic,
                             struct error *error)
{
    rd_kafka_topic_partition_list_t *valid = kafka_topics_parse(topic, error);
    if (valid == NULL)
        return STATUS_BAD_CONFIG;
    rd_kafka_topic_partition_list_destroy(valid);
    self->topic = strdup(topic);
    if (self->topic == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the dead letters");
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
    enum status status = STATUS_OK;
    if (topic != NULL && topic[0] != '\0')
        status = set_topic(self, topic, error);
    if (status == STATUS_OK && self->topic != NULL)
        status = make_senders(self, kafka, error);
    if (status == STATUS_OK)
        *out = &self->base;
    else
        dead_letters_destroy(&self->base);
    return status;
}
