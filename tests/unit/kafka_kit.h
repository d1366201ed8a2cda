/* What the tests of the Kafka part share: an embedded broker, a loop, an owner that keeps notes. */
#ifndef KAFKA_KIT_H
#define KAFKA_KIT_H

#include "transport/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIT_MESSAGES_MAX = 20000, KIT_PARTITIONS_MAX = 8 };

/* For what takes no time on a machine that has some. */
enum { KIT_PATIENCE_S = 30 };

/* One source with what it told. */
struct kit {
    struct ev_loop *loop;
    struct kafka_broker *broker;
    struct kafka_pair pairs[8];
    struct kafka_pairs kafka;
    struct source *source;
    struct dead_letters *letters; /* every message goes there; NULL: none does */

    struct kit *notes;                 /* whose `where` counts; itself if it is alone */
    int64_t where[KIT_PARTITIONS_MAX]; /* what the owner answers; -1: by input.start */
    int64_t next[KIT_PARTITIONS_MAX];  /* offset after the last message; -1: none */
    uint32_t messages, assigned, revoked, lost, ends, troubles, failures;
    uint32_t assigned_partitions; /* over all assignments */
    int64_t assigned_at[KIT_PARTITIONS_MAX];
    uint32_t reached;
    int64_t reach[KIT_PARTITIONS_MAX];
    bool out_of_order, holds[KIT_PARTITIONS_MAX];
    bool answers_revoke; /* calls let_go() at once */
    char last_trouble[512];
    char values[KIT_MESSAGES_MAX][16];
    char last_key[64], last_value[256];
    int64_t last_timestamp_ms;
};

static inline void kit_take(struct kit *kit, enum source_result result,
                            const struct source_turn *turn)
{
    const struct message *message = &turn->message;
    switch (result) {
    case SOURCE_MESSAGE:
        if (message->offset < kit->next[message->partition])
            kit->out_of_order = true;
        kit->next[message->partition] = message->offset + 1;
        if (kit->messages < KIT_MESSAGES_MAX)
            snprintf(kit->values[kit->messages], 16, "%.*s", (int)message->size,
                     (const char *)message->value);
        kit->messages++;
        snprintf(kit->last_key, sizeof kit->last_key, "%.*s", (int)message->key_size,
                 (const char *)message->key);
        snprintf(kit->last_value, sizeof kit->last_value, "%.*s", (int)message->size,
                 (const char *)message->value);
        kit->last_timestamp_ms = message->timestamp_ms;
        if (kit->letters != NULL)
            assert_true(kit->letters->ops->send(kit->letters, message, "bad_user"));
        break;
    case SOURCE_ASSIGNED:
        kit->assigned++;
        for (uint32_t i = 0; i < turn->change.size; i++) {
            kit->assigned_partitions++;
            kit->assigned_at[turn->change.at[i].partition] = turn->change.at[i].next_offset;
            kit->next[turn->change.at[i].partition] = turn->change.at[i].next_offset;
            kit->holds[turn->change.at[i].partition] = true;
        }
        break;
    case SOURCE_LOST:
    case SOURCE_REVOKED:
        *(result == SOURCE_LOST ? &kit->lost : &kit->revoked) += 1;
        for (uint32_t i = 0; i < turn->change.size; i++) {
            kit->holds[turn->change.at[i].partition] = false;
            /* The next owner goes on where this one's snapshot ends. */
            kit->notes->where[turn->change.at[i].partition] = turn->change.at[i].next_offset;
        }
        if (kit->answers_revoke)
            kit->source->ops->let_go(kit->source);
        break;
    case SOURCE_CAUGHT_UP:
        kit->ends++;
        break;
    case SOURCE_REACHED:
        kit->reached++;
        for (uint32_t i = 0; i < turn->change.size; i++)
            kit->reach[turn->change.at[i].partition] = turn->change.at[i].next_offset;
        break;
    case SOURCE_TROUBLE:
    case SOURCE_FAILED:
        *(result == SOURCE_FAILED ? &kit->failures : &kit->troubles) += 1;
        snprintf(kit->last_trouble, sizeof kit->last_trouble, "%s", turn->trouble.text);
        break;
    case SOURCE_NOTHING:
        break;
    }
}

static inline void kit_wake(void *context)
{
    struct kit *kit = context;
    struct source_turn turn;
    enum source_result result;
    while (kit->source != NULL &&
           (result = kit->source->ops->next(kit->source, &turn)) != SOURCE_NOTHING)
        kit_take(kit, result, &turn);
}

static inline int64_t kit_where(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    return ((struct kit *)context)->notes->where[partition];
}

static inline void kit_expire(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)events;
    *(bool *)timer->data = true;
    ev_break(loop, EVBREAK_ONE);
}

/* Turns the loop until `*count` reaches `wanted`; false after `seconds`. */
static inline bool kit_run(struct kit *kit, const uint32_t *count, uint32_t wanted, double seconds)
{
    bool expired = false;
    struct ev_timer timer;
    ev_timer_init(&timer, kit_expire, seconds, 0.);
    timer.data = &expired;
    ev_now_update(kit->loop);
    ev_timer_start(kit->loop, &timer);
    while (*count < wanted && !expired)
        ev_run(kit->loop, EVRUN_ONCE);
    ev_timer_stop(kit->loop, &timer);
    return *count >= wanted;
}

static inline bool kit_until(struct kit *kit, const uint32_t *count, uint32_t wanted)
{
    return kit_run(kit, count, wanted, KIT_PATIENCE_S);
}

static inline void kit_spin(struct kit *kit, double seconds)
{
    static const uint32_t never;
    kit_run(kit, &never, 1, seconds);
}

/* With a broker, loop and notes of its own, or with those of the one `beside` it. */
static inline void kit_init(struct kit *kit, struct kit *beside, int partitions)
{
    struct error error;
    memset(kit, 0, sizeof *kit);
    kit->loop = beside != NULL ? beside->loop : ev_loop_new(EVFLAG_AUTO);
    kit->notes = beside != NULL ? beside : kit;
    assert_non_null(kit->loop);
    for (int i = 0; i < KIT_PARTITIONS_MAX; i++)
        kit->where[i] = kit->next[i] = -1;
    kit->answers_revoke = true;
    if (beside == NULL &&
        kafka_broker_create(1, "events", partitions, &kit->broker, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    const char *address = kafka_broker_address(kit->notes->broker);
    kit->pairs[0] = (struct kafka_pair){"bootstrap.servers", address};
    kit->pairs[1] = (struct kafka_pair){"fetch.wait.max.ms", "10"}; /* no long poll here */
    kit->pairs[2] = (struct kafka_pair){"session.timeout.ms", "6000"};
    kit->pairs[3] = (struct kafka_pair){"reconnect.backoff.max.ms", "200"};
    kit->kafka = (struct kafka_pairs){kit->pairs, 4};
}

static inline void kit_open(struct kit *kit, const char *group, enum kafka_start start)
{
    struct error error;
    struct kafka_source_settings settings = {
        .kafka = kit->kafka, .topics = "events", .group = group, .start = start};
    struct source_owner owner = {kit, kit_wake, kit_where};
    enum status status = kafka_source_create(kit->loop, &settings, &owner, &kit->source, &error);
    if (status != STATUS_OK)
        fail_msg("%s", error.text);
}

static inline void kit_close(struct kit *kit)
{
    kit->source->ops->close(kit->source);
    for (int i = 0; i < 150 && !kit->source->ops->closed(kit->source); i++)
        kit_spin(kit, 0.1);
    assert_true(kit->source->ops->closed(kit->source));
    kit->source->ops->destroy(kit->source);
    kit->source = NULL;
}

static inline void kit_finish(struct kit *kit)
{
    if (kit->source != NULL)
        kit_close(kit);
    kafka_broker_destroy(kit->broker);
    if (kit->notes == kit)
        ev_loop_destroy(kit->loop);
}

/* Values "first" … "first+count-1"; the same key goes to the same partition. */
static inline void kit_produce(struct kit *kit, const char *topic, uint32_t first, uint32_t count)
{
    struct error error = {.text = ""};
    struct kafka_producer *producer = NULL;
    assert_int_equal(kafka_producer_create(&kit->kafka, topic, &producer, &error), 0);
    for (uint32_t i = first; i < first + count; i++) {
        char value[16];
        int size = snprintf(value, sizeof value, "%" PRIu32, i);
        assert_int_equal(
            kafka_producer_send(producer, value, (size_t)size, value, (size_t)size, NULL, &error),
            0);
    }
    if (kafka_producer_finish(producer, 1000 * KIT_PATIENCE_S, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(kafka_producer_delivered(producer), count);
    kafka_producer_destroy(producer);
}

#endif
