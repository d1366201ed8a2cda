/*
 * Inside the Kafka part: one thread that asks the brokers what librdkafka only tells callers who
 * wait, so that the loop never does.
 *
 *     list   ─► every 30 s (1 s while a topic is missing): the partitions of the topics
 *     locate ─► the offsets where partitions begin by input.start, and their ends
 *     recall ─► what the group has committed of partitions
 *     nudge  ─► nothing: that a broker is asked wakes the thread that fetches from it
 *     look   ─► whether any broker answers; if none does, again each second until one does
 *
 * Answers are fetched by the loop's thread after the wake descriptor (an eventfd) became readable.
 */
#ifndef TRANSPORT_KAFKA_SCOUT_H
#define TRANSPORT_KAFKA_SCOUT_H

#include "transport/kafka_conf.h"

struct kafka_scout; /* opaque */

struct kafka_scout_settings {
    rd_kafka_t *client;
    const rd_kafka_topic_partition_list_t *topics; /* borrowed; outlives the scout */
    enum kafka_start start;
    int64_t start_ms;
    int wake_fd;
};

enum kafka_answer_kind {
    KAFKA_ANSWER_NOTHING,
    KAFKA_ANSWER_LISTED,   /* all partitions of the topics that exist, offsets not set */
    KAFKA_ANSWER_MISSING,  /* `trouble`: the topic in partitions[0] does not exist yet, told once */
    KAFKA_ANSWER_REFUSED,  /* `trouble`: the topic in partitions[0] may not be read */
    KAFKA_ANSWER_LOCATED,  /* the partitions of a locate with low, high and start */
    KAFKA_ANSWER_RECALLED, /* those of a recall as rd_kafka_committed() tells them; or `trouble` */
};

/* Of one partition, in the order of the list it was asked with. */
struct kafka_place {
    int64_t low, high; /* first and next offset of its log */
    int64_t start;     /* where input.start points to */
};

struct kafka_answer {
    enum kafka_answer_kind kind;
    rd_kafka_topic_partition_list_t *partitions;
    struct kafka_place *places; /* with LOCATED */
    uint64_t ticket;            /* of the locate, or recall */
    struct error trouble;
};

enum status kafka_scout_create(const struct kafka_scout_settings *settings,
                               struct kafka_scout **out, struct error *error);
/* Begins to list the topics' partitions again and again. */
void kafka_scout_list(struct kafka_scout *scout);
/* Copies the list. Tried once a second until it succeeds. Returns the answer's ticket; 0: no
 * memory. */
uint64_t kafka_scout_locate(struct kafka_scout *scout,
                            const rd_kafka_topic_partition_list_t *partitions);
/* Likewise, but tried once. */
uint64_t kafka_scout_recall(struct kafka_scout *scout,
                            const rd_kafka_topic_partition_list_t *partitions);
/* Takes the list. One waits at most: a later one takes its place. */
void kafka_scout_nudge(struct kafka_scout *scout, rd_kafka_topic_partition_list_t *partitions);
void kafka_scout_look(struct kafka_scout *scout);
/* No broker answered the last look. */
bool kafka_scout_is_cut_off(struct kafka_scout *scout);
/* True: `answer` is the caller's, to be given to kafka_answer_finish(). */
bool kafka_scout_answer(struct kafka_scout *scout, struct kafka_answer *answer);
void kafka_answer_finish(struct kafka_answer *answer);
void kafka_scout_destroy(
    struct kafka_scout *scout); /* waits for what it is asking, a few s at most */

/* Blocking: the places of `partitions`; false with `error` if a broker did not tell. */
bool kafka_places_ask(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *partitions,
                      enum kafka_start start, int64_t start_ms, int timeout_ms,
                      struct kafka_place *places, struct error *error);

#endif
