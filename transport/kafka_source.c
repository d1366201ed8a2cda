/* The source of messages; see kafka_source.h for the picture. */
#include "transport/kafka_source.h"

#include "transport/clock.h"
#include "transport/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    SILENT_MAX = 4096,   /* steps of one next() that give nothing */
    QUIET_S = 10,        /* the same kind of trouble is told at most this often */
    DESTROY_MS = 5000,   /* how long destroy() may take */
    ABANDON_MS = 500,    /* likewise, where no broker answers */
    NUDGE_QUEUED = 1024, /* a queue that never holds so many is never full */
};

static struct kafka_source *self_of(struct source *base)
{
    return (struct kafka_source *)base;
}

/* ---- notices ---- */

struct kafka_notice *kafka_notice_create(enum source_result result, uint32_t size)
{
    struct kafka_notice *notice = calloc(1, sizeof *notice + size * sizeof notice->at[0]);
    if (notice != NULL)
        notice->result = result;
    return notice;
}

static void fill_position(struct position *position, const char *topic, int32_t partition,
                          int64_t next_offset)
{
    snprintf(position->topic, sizeof position->topic, "%s", topic);
    position->partition = partition;
    position->next_offset = next_offset;
}

void kafka_notice_add(struct kafka_notice *notice, const char *topic, int32_t partition,
                      int64_t next_offset)
{
    fill_position(&notice->at[notice->size++], topic, partition, next_offset);
}

void kafka_source_tell(struct kafka_source *self, struct kafka_notice *notice)
{
    struct kafka_notice **end = &self->notices;
    while (*end != NULL)
        end = &(*end)->next;
    *end = notice;
}

void kafka_source_complain(struct kafka_source *self, enum source_result result, const char *format,
                           ...)
{
    struct kafka_notice *notice = kafka_notice_create(result, 0);
    if (notice == NULL)
        return;
    char text[sizeof notice->trouble.text - sizeof "Kafka: "];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error_set(&notice->trouble, STATUS_UNREACHABLE, "Kafka: %s", text);
    kafka_source_tell(self, notice);
}

static enum source_result give_notice(struct kafka_source *self, struct source_turn *turn)
{
    struct kafka_notice *notice = self->notices;
    self->notices = notice->next;
    self->given_notice = notice;
    turn->change = (struct assignment){notice->size, notice->at};
    turn->trouble = notice->trouble;
    return notice->result;
}

/* ---- what goes wrong ---- */

/* One line for each kind of trouble in QUIET_S: brokers that are away fail many times a second. */
static bool is_news(struct kafka_source *self, rd_kafka_resp_err_t kind)
{
    struct clock_source *clock = clock_of_machine();
    int64_t now_ns = clock->monotonic_ns(clock);
    int64_t *quiet_until_ns = &self->quiet_until_ns[(unsigned)kind % TROUBLE_KINDS];
    if (now_ns < *quiet_until_ns)
        return false;
    *quiet_until_ns = now_ns + QUIET_S * (int64_t)1000000000;
    return true;
}

/* What went wrong: with a partition, or `topic` NULL, with anything else. */
struct failure {
    rd_kafka_resp_err_t kind;
    const char *text;
    const char *topic;
    int32_t partition;
};

static bool ends_reading(const struct kafka_source *self, rd_kafka_resp_err_t kind)
{
    switch (kind) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return true;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return self->grouped;
    default:
        return false;
    }
}

static void take_failure(struct kafka_source *self, const struct failure *failure)
{
    bool end = ends_reading(self, failure->kind);
    if (failure->kind == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        kafka_scout_look(self->scout);
    if (!end && !is_news(self, failure->kind))
        return;
    /* Alone we need no group: it is there for showing how far we are. And that all brokers are
     * down says less than what is told of each. */
    if (!end && (failure->kind == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
                 failure->kind == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)) {
        log_line(LOG_LEVEL_DEBUG, "kafka: %s", failure->text);
        return;
    }
    enum source_result result = end ? SOURCE_FAILED : SOURCE_TROUBLE;
    if (failure->topic != NULL)
        kafka_source_complain(self, result, "%s [%d]: %s", failure->topic, failure->partition,
                              failure->text);
    else
        kafka_source_complain(self, result, "%s", failure->text);
}

/* ---- what librdkafka calls, on our thread, while messages are taken ---- */

static void on_error(rd_kafka_t *client, int kind, const char *text, void *context)
{
    (void)client;
    struct failure failure = {.kind = (rd_kafka_resp_err_t)kind, .text = text};
    take_failure(context, &failure);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *partitions, void *context)
{
    (void)client;
    kafka_assignment_rebalance(context, what, partitions);
}

static void on_commit(rd_kafka_t *client, rd_kafka_resp_err_t answer,
                      rd_kafka_topic_partition_list_t *offsets, void *context)
{
    (void)client, (void)offsets;
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR || answer == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    if (is_news(context, answer))
        log_line(LOG_LEVEL_INFO, "kafka: offsets not committed (we go by the snapshot's): %s",
                 rd_kafka_err2str(answer));
}

/* ---- messages ---- */

/* NULL: not ours. Messages come in runs; between them librdkafka may give up a topic and make
 * another where it was, so release() forgets. */
static const struct kafka_owned_topic *topic_of(struct kafka_source *self,
                                                const rd_kafka_message_t *message)
{
    if (self->last_topic == message->rkt)
        return &self->owned.at[self->last_owned];
    const struct kafka_owned_topic *found =
        kafka_owned_topic_find(&self->owned, rd_kafka_topic_name(message->rkt));
    self->last_topic = found == NULL ? NULL : message->rkt;
    self->last_owned = self->owned.last;
    return found;
}

static enum source_result take_end(struct kafka_source *self, struct source_turn *turn,
                                   const char *topic, const rd_kafka_message_t *at)
{
    struct kafka_part *part = kafka_owned_find(&self->owned, topic, at->partition);
    if (part == NULL || part->state != KAFKA_PART_READ)
        return SOURCE_NOTHING;
    /* Control records and aborted messages are passed without being given out. */
    if (at->offset > part->next)
        part->next = at->offset;
    fill_position(&self->end, topic, at->partition, part->next);
    turn->change = (struct assignment){1, &self->end};
    return SOURCE_CAUGHT_UP;
}

/* What stands in a message's place. */
static enum source_result take_error(struct kafka_source *self, struct source_turn *turn,
                                     const rd_kafka_message_t *from)
{
    struct failure failure = {
        .kind = from->err,
        .text = rd_kafka_message_errstr(from),
        .topic = from->rkt == NULL ? NULL : rd_kafka_topic_name(from->rkt),
        .partition = from->partition,
    };
    if (failure.topic != NULL && from->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return take_end(self, turn, failure.topic, from);
    if (failure.topic != NULL && from->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        kafka_assignment_out_of_range(self, failure.topic, from->partition, from->offset);
    else
        take_failure(self, &failure);
    return SOURCE_NOTHING;
}

/* SOURCE_NOTHING: it is not for the owner; there may be notices now. */
static enum source_result take(struct kafka_source *self, struct source_turn *turn,
                               const rd_kafka_message_t *from)
{
    if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return take_error(self, turn, from);
    const struct kafka_owned_topic *topic = topic_of(self, from);
    struct kafka_part *part = topic == NULL ? NULL : kafka_owned_part(topic, from->partition);
    if (part == NULL || part->state != KAFKA_PART_READ || from->offset < part->next)
        return SOURCE_NOTHING; /* stale: no longer ours, or fetched twice */
    part->next = from->offset + 1;
    rd_kafka_timestamp_type_t type;
    turn->message = (struct message){
        .topic = topic->name,
        .partition = from->partition,
        .offset = from->offset,
        .timestamp_ms = rd_kafka_message_timestamp(from, &type),
        .value = from->payload,
        .size = from->len,
        .key = from->key,
        .key_size = from->key_len,
        .native = from,
    };
    return SOURCE_MESSAGE;
}

/* ---- the ring of messages: given, still to be given, free ---- */

static void free_places(struct kafka_source *self, uint32_t first, uint32_t count)
{
    rd_kafka_message_t *given[KAFKA_RING];
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n++) {
        rd_kafka_message_t **place = &self->ring[(first + n) % KAFKA_RING];
        if (*place != NULL)
            given[size++] = *place;
        *place = NULL;
    }
    if (size > 0)
        kafka_returns_give(self->returns, given, size);
}

static void free_given(struct kafka_source *self)
{
    free_places(self, self->taken, KAFKA_RING - (self->taken - self->given));
}

/* A batch from the queue, once the one before it is given out: of that SOURCE_KEPT stay. How far
 * librdkafka then takes us to be is not to be relied on, until 2.1 for messages that it took back
 * out of a batch, and until 2.13.2 at an end (issue 4844). It goes on from there what was paused:
 * so we pause nothing, and kafka_conf.c sees to it that a rebalance pauses nothing that stays ours.
 */
static bool take_batch(struct kafka_source *self)
{
    uint32_t at = self->taken % KAFKA_RING, room = KAFKA_RING - at;
    uint32_t most = room < KAFKA_BATCH ? room : KAFKA_BATCH;
    free_places(self, at, most);
    ssize_t count = rd_kafka_consume_batch_queue(self->queue, 0, &self->ring[at], most);
    uint32_t taken = count > 0 ? (uint32_t)count : 0;
    /* Those that it took back out of the batch still stand behind the others, and are freed. */
    for (uint32_t n = taken; n < most; n++)
        self->ring[at + n] = NULL;
    self->taken += taken;
    return taken > 0;
}

static void take_answers(struct kafka_source *self)
{
    struct kafka_answer answer;
    while (kafka_scout_answer(self->scout, &answer)) {
        if (!self->closing)
            kafka_assignment_answer(self, &answer);
        kafka_answer_finish(&answer);
    }
}

/* ---- the operations ---- */

/* What the turn before pointed to. */
static void release(struct kafka_source *self)
{
    if (!self->gave_message) {
        free_given(self);
        self->last_topic = NULL;
        self->passed_over = false;
    }
    free(self->given_notice);
    self->given_notice = NULL;
}

/* Before 2.2.0 a fetcher that found the queue full looks again a second later, unless something
 * wakes it (librdkafka issue 2879); so no more than a queue full would be read in a second. */
static void keep_fetchers_awake(struct kafka_source *self)
{
    if (rd_kafka_version() >= 0x020200ff || self->closing)
        return;
    const size_t queued = rd_kafka_queue_length(self->queue);
    if (queued > self->most_queued)
        self->most_queued = queued;
    if (self->most_queued < NUDGE_QUEUED || queued > self->most_queued / 4 * 3)
        return;
    self->most_queued = queued;
    kafka_scout_nudge(self->scout, kafka_assignment_read(self));
}

static enum source_result next_of(struct kafka_source *self, struct source_turn *turn)
{
    if (self->look_at_scout) {
        self->look_at_scout = false;
        take_answers(self);
    }
    for (int i = 0; i < SILENT_MAX; i++) {
        if (self->notices != NULL)
            return give_notice(self, turn);
        if (self->given == self->taken) {
            if (self->passed_over)
                break;
            keep_fetchers_awake(self);
            /* Taking nothing may have served something inside although more is waiting, and what
             * is waiting wakes nobody. */
            if (!take_batch(self) && self->notices == NULL &&
                rd_kafka_queue_length(self->queue) == 0)
                return SOURCE_NOTHING;
            continue; /* notices first: from here on they may say whose messages are stale */
        }
        enum source_result result = take(self, turn, self->ring[self->given++ % KAFKA_RING]);
        if (result != SOURCE_NOTHING)
            return result;
        self->passed_over = self->gave_message;
    }
    ev_feed_event(self->loop, &self->io, EV_READ);
    return SOURCE_NOTHING;
}

static enum source_result source_next(struct source *base, struct source_turn *turn)
{
    struct kafka_source *self = self_of(base);
    release(self);
    enum source_result result = next_of(self, turn);
    self->gave_message = result == SOURCE_MESSAGE;
    return result;
}

static void source_let_go(struct source *base)
{
    kafka_assignment_let_go(self_of(base));
}

static void source_commit(struct source *base, const struct commitment *commitments, uint32_t size)
{
    struct kafka_source *self = self_of(base);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)size);
    for (uint32_t i = 0; i < size; i++) {
        const struct position *position = &commitments[i].position;
        if (position->next_offset < 0)
            continue;
        rd_kafka_topic_partition_t *at =
            rd_kafka_topic_partition_list_add(list, position->topic, position->partition);
        at->offset = position->next_offset;
        if (commitments[i].reach >= 0)
            kafka_reach_write(at, commitments[i].reach);
    }
    if (list->cnt > 0)
        rd_kafka_commit(self->client, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static int64_t source_end_offset(struct source *base, const char *topic, int32_t partition)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(self_of(base)->client, topic, partition, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        high < 0)
        return -1;
    return high;
}

static void source_close(struct source *base)
{
    struct kafka_source *self = self_of(base);
    if (self->closing)
        return;
    self->closing = true;
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(self->client, self->queue);
    if (error != NULL) { /* after a fatal error: there is nothing to leave any more */
        self->close_failed = true;
        rd_kafka_error_destroy(error);
    }
}

/* Where no broker answers there is nobody to take leave of. */
static bool source_closed(struct source *base)
{
    struct kafka_source *self = self_of(base);
    return self->closing && (self->close_failed || rd_kafka_consumer_closed(self->client) != 0 ||
                             kafka_scout_is_cut_off(self->scout));
}

static void free_notices(struct kafka_source *self)
{
    while (self->notices != NULL) {
        struct kafka_notice *notice = self->notices;
        self->notices = notice->next;
        free(notice);
    }
}

static void source_destroy(struct source *base)
{
    struct kafka_source *self = self_of(base);
    if (self->wake_fd >= 0) {
        ev_io_stop(self->loop, &self->io);
        ev_timer_stop(self->loop, &self->timer);
    }
    bool cut_off = self->scout != NULL && kafka_scout_is_cut_off(self->scout);
    kafka_scout_destroy(self->scout);
    free_places(self, 0, KAFKA_RING);
    if (self->returns != NULL)
        kafka_returns_clear(self->returns);
    free(self->given_notice);
    free_notices(self);
    if (self->leaving != NULL)
        rd_kafka_topic_partition_list_destroy(self->leaving);
    if (self->queue != NULL) {
        rd_kafka_queue_io_event_enable(self->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(self->queue);
    }
    if (kafka_client_destroy(self->client, cut_off ? ABANDON_MS : DESTROY_MS))
        kafka_returns_destroy(self->returns);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    if (self->topics != NULL)
        rd_kafka_topic_partition_list_destroy(self->topics);
    kafka_owned_finish(&self->owned);
    free(self);
}

static bool source_cut_off(const struct source *base)
{
    return kafka_scout_is_cut_off(((const struct kafka_source *)base)->scout);
}

static uint64_t source_missed(const struct source *base)
{
    return ((const struct kafka_source *)base)->missed;
}

static const struct source_ops operations = {
    .next = source_next,
    .let_go = source_let_go,
    .commit = source_commit,
    .end_offset = source_end_offset,
    .missed = source_missed,
    .cut_off = source_cut_off,
    .close = source_close,
    .closed = source_closed,
    .destroy = source_destroy,
};

/* ---- making one ---- */

static void on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct kafka_source *self = io->data;
    uint64_t count;
    /* Before the queue is looked at, so that what comes later wakes again. */
    if (read(self->wake_fd, &count, sizeof count) < 0)
        assert(errno == EAGAIN || errno == EINTR);
    self->look_at_scout = true;
    self->owner.wake(self->owner.context);
}

/* Keeps max.poll.interval.ms from ending our membership on a quiet topic. */
static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct kafka_source *self = timer->data;
    self->look_at_scout = true;
    self->owner.wake(self->owner.context);
}

static enum status make_client(struct kafka_source *self,
                               const struct kafka_source_settings *settings, struct error *error)
{
    rd_kafka_conf_t *conf = kafka_conf_create(&settings->kafka, error);
    if (conf == NULL)
        return STATUS_BAD_CONFIG;
    enum status status =
        kafka_conf_set(conf, "group.id", self->grouped ? settings->group : "tasted", error);
    if (status == STATUS_OK)
        status = kafka_returns_create(conf, &self->returns, error);
    if (status != STATUS_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    status = kafka_client_create(RD_KAFKA_CONSUMER, conf, &self->client, error);
    if (status != STATUS_OK)
        return status;
    rd_kafka_poll_set_consumer(self->client);
    self->queue = rd_kafka_queue_get_consumer(self->client);
    return STATUS_OK;
}

static enum status make_wake(struct kafka_source *self, struct error *error)
{
    static const uint64_t one = 1;
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->wake_fd < 0)
        return error_set(error, STATUS_IO, "eventfd: %s", strerror(errno));
    ev_io_init(&self->io, on_wake, self->wake_fd, EV_READ);
    ev_timer_init(&self->timer, on_timer, 1., 1.);
    self->io.data = self->timer.data = self;
    ev_io_start(self->loop, &self->io);
    ev_timer_start(self->loop, &self->timer);
    rd_kafka_queue_io_event_enable(self->queue, self->wake_fd, &one, sizeof one);
    return STATUS_OK;
}

static enum status start_reading(struct kafka_source *self, struct error *error)
{
    if (!self->grouped) {
        kafka_scout_list(self->scout);
        return STATUS_OK;
    }
    rd_kafka_resp_err_t answer = rd_kafka_subscribe(self->client, self->topics);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, STATUS_BAD_CONFIG, "input.topic: %s", rd_kafka_err2str(answer));
    return STATUS_OK;
}

enum status kafka_source_create(struct ev_loop *loop, const struct kafka_source_settings *settings,
                                const struct source_owner *owner, struct source **out,
                                struct error *error)
{
    struct kafka_source *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the Kafka source");
    self->base.ops = &operations;
    self->loop = loop;
    self->owner = *owner;
    self->grouped = settings->group != NULL && settings->group[0] != '\0';
    self->start = settings->start;
    self->wake_fd = -1;
    enum status status = STATUS_INVALID;
    if ((self->topics = kafka_topics_parse(settings->topics, error)) == NULL)
        goto failed;
    if ((status = make_client(self, settings, error)) != STATUS_OK ||
        (status = make_wake(self, error)) != STATUS_OK)
        goto failed;
    struct kafka_scout_settings scout = {
        .client = self->client,
        .topics = self->topics,
        .start = settings->start,
        .start_ms = settings->start_ms,
        .wake_fd = self->wake_fd,
    };
    if ((status = kafka_scout_create(&scout, &self->scout, error)) != STATUS_OK ||
        (status = start_reading(self, error)) != STATUS_OK)
        goto failed;
    *out = &self->base;
    return STATUS_OK;
failed:
    source_destroy(&self->base);
    return status;
}
