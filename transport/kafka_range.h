/*
 * Inside the Kafka part: a bounded range of topics.
 *
 *     bounds (kafka_bounds.c): which partitions, from which offset to which, fixed at the opening
 *     parts: a queue for each partition, and the message at its head
 *     next(): the earliest head
 */
#ifndef TRANSPORT_KAFKA_RANGE_H
#define TRANSPORT_KAFKA_RANGE_H

#include "transport/kafka_conf.h"

/* One partition; they stand sorted by topic and partition. */
struct kafka_range_part {
    char topic[250];
    int32_t partition;
    int64_t begin, end; /* offsets; end is not read */
    int64_t next;       /* after the last message given */
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event; /* holds the head */
    const rd_kafka_message_t *head;
    bool done; /* nothing more to come after the head */
};

struct kafka_range {
    rd_kafka_t *client;
    rd_kafka_queue_t *errors;
    struct kafka_range_part *parts; /* (size) */
    uint32_t size;
    struct kafka_range_part *given; /* whose head the caller looks at */
    char last_words[256];           /* what went wrong last on the way to a broker */
    char brokers[256];
};

/* Lists the partitions and resolves both ends; fills parts and size. Blocks. */
enum status kafka_bounds_find(struct kafka_range *range,
                              const struct kafka_range_settings *settings, struct error *error);
/* Serves what came on the main queue: keeps the last words. */
void kafka_range_listen(struct kafka_range *range);

#endif
