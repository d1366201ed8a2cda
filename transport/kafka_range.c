/* A bounded range of topics, for `replay`; see kafka_range.h for the picture. */
#include "transport/kafka_range.h"

#include "transport/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_MS = 100,
    SILENCE_MS = 60000, /* how long to wait for the next message of a partition */
};

/* ---- opening ---- */

void kafka_range_listen(struct kafka_range *range)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(range->errors, 0)) != NULL) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
            snprintf(range->last_words, sizeof range->last_words, "%s",
                     rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
    }
}

static enum status make_client(struct kafka_range *range, const struct kafka_pairs *pairs,
                               struct error *error)
{
    snprintf(range->brokers, sizeof range->brokers, "%s", kafka_pairs_brokers(pairs));
    rd_kafka_conf_t *conf = kafka_conf_create(pairs, error);
    if (conf == NULL)
        return STATUS_BAD_CONFIG;
    /* assign() needs one; nothing is committed to it. */
    if (kafka_conf_set(conf, "group.id", "tasted", error) != STATUS_OK) {
        rd_kafka_conf_destroy(conf);
        return STATUS_BAD_CONFIG;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR);
    enum status status = kafka_client_create(RD_KAFKA_CONSUMER, conf, &range->client, error);
    if (status != STATUS_OK)
        return status;
    rd_kafka_poll_set_consumer(range->client);
    range->errors = rd_kafka_queue_get_consumer(range->client);
    return STATUS_OK;
}

/* Each partition has its own queue, so that one that is far ahead fills only its own. */
static enum status begin_reading(struct kafka_range *range, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (uint32_t i = 0; i < range->size; i++) {
        struct kafka_range_part *part = &range->parts[i];
        if (part->done)
            continue;
        part->queue = rd_kafka_queue_get_partition(range->client, part->topic, part->partition);
        if (part->queue != NULL)
            rd_kafka_queue_forward(part->queue, NULL);
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = part->begin;
    }
    rd_kafka_resp_err_t answer = rd_kafka_assign(range->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, STATUS_INTERNAL, "reading the range: %s", rd_kafka_err2str(answer));
    return STATUS_OK;
}

enum status kafka_range_open(const struct kafka_range_settings *settings, struct kafka_range **out,
                             struct error *error)
{
    struct kafka_range *range = calloc(1, sizeof *range);
    if (range == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for a range");
    enum status status = make_client(range, &settings->kafka, error);
    if (status == STATUS_OK)
        status = kafka_bounds_find(range, settings, error);
    if (status == STATUS_OK)
        status = begin_reading(range, error);
    if (status != STATUS_OK) {
        kafka_range_close(range);
        return status;
    }
    *out = range;
    return STATUS_OK;
}

void kafka_range_close(struct kafka_range *range)
{
    if (range == NULL)
        return;
    for (uint32_t i = 0; i < range->size; i++) {
        if (range->parts[i].event != NULL)
            rd_kafka_event_destroy(range->parts[i].event);
        if (range->parts[i].queue != NULL)
            rd_kafka_queue_destroy(range->parts[i].queue);
    }
    if (range->errors != NULL)
        rd_kafka_queue_destroy(range->errors);
    kafka_client_destroy(range->client, 5000);
    free(range->parts);
    free(range);
}

/* ---- reading ---- */

static void drop_head(struct kafka_range_part *part)
{
    if (part->event != NULL)
        rd_kafka_event_destroy(part->event);
    part->event = NULL;
    part->head = NULL;
}

/* What a partition has to say. False: reading cannot go on. */
static bool take_event(struct kafka_range_part *part, rd_kafka_event_t *event, struct error *error)
{
    bool good = true;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH) {
        const rd_kafka_message_t *message = rd_kafka_event_message_next(event);
        part->done = message != NULL && message->offset >= part->end - 1;
        if (message != NULL && message->offset < part->end) {
            part->event = event;
            part->head = message;
            return true;
        }
    } else if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
        /* Nothing but control records stood before the end. */
        part->done = at != NULL && at->offset >= part->end;
        if (at != NULL)
            rd_kafka_topic_partition_destroy(at);
    } else if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        error_set(error, STATUS_BAD_DATA, "%s [%d]: what was to be read is gone: %s", part->topic,
                  part->partition, rd_kafka_event_error_string(event));
        good = false;
    }
    rd_kafka_event_destroy(event);
    return good;
}

/* Waits until the partition has a head or is done. */
static bool fill_head(struct kafka_range *range, struct kafka_range_part *part, struct error *error)
{
    int silent_ms = 0;
    while (part->head == NULL && !part->done) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(part->queue, POLL_MS);
        if (event != NULL) {
            if (!take_event(part, event, error))
                return false;
            continue;
        }
        kafka_range_listen(range);
        if ((silent_ms += POLL_MS) > SILENCE_MS) {
            error_set(error, STATUS_UNREACHABLE,
                      "Kafka at %s gave nothing of %s [%d] after offset %" PRId64 " for %d s%s%s",
                      range->brokers, part->topic, part->partition, part->next, SILENCE_MS / 1000,
                      range->last_words[0] != '\0' ? ": " : "", range->last_words);
            return false;
        }
    }
    return true;
}

static int64_t time_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    return rd_kafka_message_timestamp(message, &type);
}

/* The earliest head; the first of equals, as the parts are sorted. NULL: all are done. */
static struct kafka_range_part *earliest(struct kafka_range *range)
{
    struct kafka_range_part *best = NULL;
    for (uint32_t i = 0; i < range->size; i++) {
        struct kafka_range_part *part = &range->parts[i];
        if (part->head != NULL && (best == NULL || time_of(part->head) < time_of(best->head)))
            best = part;
    }
    return best;
}

bool kafka_range_next(struct kafka_range *range, struct message *message, struct error *error)
{
    error->status = STATUS_OK;
    if (range->given != NULL)
        drop_head(range->given);
    range->given = NULL;
    for (uint32_t i = 0; i < range->size; i++)
        if (!fill_head(range, &range->parts[i], error))
            return false;
    struct kafka_range_part *part = range->given = earliest(range);
    if (part == NULL)
        return false;
    part->next = part->head->offset + 1;
    *message = (struct message){
        .topic = part->topic,
        .partition = part->partition,
        .offset = part->head->offset,
        .timestamp_ms = time_of(part->head),
        .value = part->head->payload,
        .size = part->head->len,
        .key = part->head->key,
        .key_size = part->head->key_len,
    };
    return true;
}

/* Where the partition stands: a part that is done and has given all is at its end, past the control
 * records there. */
static int64_t position(const struct kafka_range *range, const struct kafka_range_part *part)
{
    bool over = part->done && (part->head == NULL || part == range->given);
    return over ? part->end : part->next;
}

void kafka_range_progress(const struct kafka_range *range, uint64_t *done, uint64_t *total)
{
    *done = *total = 0;
    for (uint32_t i = 0; i < range->size; i++) {
        *done += (uint64_t)(position(range, &range->parts[i]) - range->parts[i].begin);
        *total += (uint64_t)(range->parts[i].end - range->parts[i].begin);
    }
}

uint32_t kafka_range_positions(const struct kafka_range *range, struct position *at, uint32_t max)
{
    uint32_t size = range->size < max ? range->size : max;
    for (uint32_t i = 0; i < size; i++) {
        const struct kafka_range_part *part = &range->parts[i];
        snprintf(at[i].topic, sizeof at[i].topic, "%s", part->topic);
        at[i].partition = part->partition;
        at[i].next_offset = position(range, part);
    }
    return size;
}
