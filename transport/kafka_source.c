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
    SILENT_MAX = 4096,   /* events handled in one next() that give nothing */
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
    self->given = notice;
    turn->change = (struct assignment){notice->size, notice->at};
    turn->trouble = notice->trouble;
    return notice->result;
}

/* ---- events ---- */

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

static bool ends_reading(struct kafka_source *self, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return true;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return self->grouped;
    default:
        return rd_kafka_event_error_is_fatal(event) != 0;
    }
}

static enum source_result take_end(struct kafka_source *self, struct source_turn *turn,
                                   const rd_kafka_topic_partition_t *at)
{
    struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
    if (part == NULL || part->state != KAFKA_PART_READ)
        return SOURCE_NOTHING;
    /* Control records and aborted messages are passed without being given out. */
    if (at->offset > part->next)
        part->next = at->offset;
    fill_position(&self->end, at->topic, at->partition, part->next);
    turn->change = (struct assignment){1, &self->end};
    return SOURCE_CAUGHT_UP;
}

static void take_trouble(struct kafka_source *self, rd_kafka_event_t *event,
                         const rd_kafka_topic_partition_t *at)
{
    rd_kafka_resp_err_t kind = rd_kafka_event_error(event);
    bool end = ends_reading(self, event);
    if (kind == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        kafka_scout_look(self->scout);
    if (!end && !is_news(self, kind))
        return;
    /* Alone we need no group: it is there for showing how far we are. And that all brokers are
     * down says less than what is told of each. */
    if (!end && (kind == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
                 kind == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)) {
        log_line(LOG_LEVEL_DEBUG, "kafka: %s", rd_kafka_event_error_string(event));
        return;
    }
    enum source_result result = end ? SOURCE_FAILED : SOURCE_TROUBLE;
    if (at != NULL)
        kafka_source_complain(self, result, "%s [%d]: %s", at->topic, at->partition,
                              rd_kafka_event_error_string(event));
    else
        kafka_source_complain(self, result, "%s", rd_kafka_event_error_string(event));
}

static enum source_result take_error(struct kafka_source *self, struct source_turn *turn,
                                     rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
    enum source_result result = SOURCE_NOTHING;
    if (at != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        result = take_end(self, turn, at);
    else if (at != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        kafka_assignment_out_of_range(self, at->topic, at->partition);
    else
        take_trouble(self, event, at);
    if (at != NULL)
        rd_kafka_topic_partition_destroy(at);
    return result;
}

static void take_commit(struct kafka_source *self, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t answer = rd_kafka_event_error(event);
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR || answer == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    if (is_news(self, answer))
        log_line(LOG_LEVEL_INFO, "kafka: offsets not committed (for lag displays only): %s",
                 rd_kafka_err2str(answer));
}

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

static bool take_message(struct kafka_source *self, struct source_turn *turn,
                         rd_kafka_event_t *event)
{
    const rd_kafka_message_t *from = rd_kafka_event_message_next(event);
    if (from == NULL || from->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    const struct kafka_owned_topic *topic = topic_of(self, from);
    struct kafka_part *part = topic == NULL ? NULL : kafka_owned_part(topic, from->partition);
    if (part == NULL || part->state != KAFKA_PART_READ || from->offset < part->next)
        return false; /* stale: no longer ours, or fetched twice */
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
    return true;
}

static rd_kafka_event_t **kept_at(struct kafka_source *self, uint32_t n)
{
    return &self->kept[n % (SOURCE_KEPT + 1)];
}

/* What a message was given from, until so many more were. */
static void keep(struct kafka_source *self, rd_kafka_event_t *event)
{
    rd_kafka_event_t **place = kept_at(self, self->given_messages++);
    if (*place != NULL)
        rd_kafka_event_destroy(*place);
    *place = event;
}

static void release_messages(struct kafka_source *self)
{
    for (uint32_t n = 0; n <= SOURCE_KEPT && n < self->given_messages; n++) {
        rd_kafka_event_destroy(*kept_at(self, n));
        *kept_at(self, n) = NULL;
    }
    self->given_messages = 0;
}

/* SOURCE_NOTHING: handled; there may be notices now. */
static enum source_result take_event(struct kafka_source *self, struct source_turn *turn,
                                     rd_kafka_event_t *event)
{
    enum source_result result = SOURCE_NOTHING;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        if (take_message(self, turn, event)) {
            keep(self, event);
            return SOURCE_MESSAGE;
        }
        break;
    case RD_KAFKA_EVENT_ERROR:
        result = take_error(self, turn, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        kafka_assignment_rebalance(self, event);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        take_commit(self, event);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
    return result;
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
        release_messages(self);
        self->last_topic = NULL;
    }
    free(self->given);
    self->given = NULL;
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
    if (self->given_messages % SOURCE_KEPT == 0)
        keep_fetchers_awake(self);
    for (int i = 0; i < SILENT_MAX; i++) {
        if (self->notices != NULL)
            return give_notice(self, turn);
        rd_kafka_event_t *event = rd_kafka_queue_poll(self->queue, 0);
        /* A poll that served something inside gives NULL although more is waiting, and what is
         * waiting wakes nobody. */
        if (event == NULL && rd_kafka_queue_length(self->queue) == 0)
            return SOURCE_NOTHING;
        enum source_result result = event != NULL ? take_event(self, turn, event) : SOURCE_NOTHING;
        if (result != SOURCE_NOTHING)
            return result;
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

static void source_pause(struct source *base)
{
    kafka_assignment_pause(self_of(base));
}

static void source_resume(struct source *base)
{
    kafka_assignment_resume(self_of(base));
}

static void source_commit(struct source *base, const struct position *positions, uint32_t size)
{
    struct kafka_source *self = self_of(base);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)size);
    for (uint32_t i = 0; i < size; i++)
        if (positions[i].next_offset >= 0)
            rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)
                ->offset = positions[i].next_offset;
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
    self->gave_message = false;
    release(self);
    free_notices(self);
    if (self->leaving != NULL)
        rd_kafka_topic_partition_list_destroy(self->leaving);
    if (self->queue != NULL) {
        rd_kafka_queue_io_event_enable(self->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(self->queue);
    }
    kafka_client_destroy(self->client, cut_off ? ABANDON_MS : DESTROY_MS);
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

static const struct source_ops operations = {
    .next = source_next,
    .let_go = source_let_go,
    .pause = source_pause,
    .resume = source_resume,
    .commit = source_commit,
    .end_offset = source_end_offset,
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
    if (kafka_conf_set(conf, "group.id", self->grouped ? settings->group : "tasted", error) !=
        STATUS_OK) {
        rd_kafka_conf_destroy(conf);
        return STATUS_BAD_CONFIG;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                       RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
    enum status status = kafka_client_create(RD_KAFKA_CONSUMER, conf, &self->client, error);
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
