/*
 * Inside the Kafka part: the source of messages, shared by its files.
 *
 *     librdkafka's threads ─► queue ─► eventfd ─► ev_io ─► owner.wake
 *                               │ a batch at a time
 *                               ├──► ring: messages, errors, ends ───────┐  kafka_source.c
 *                               └──► callbacks: rebalances, errors       ├─► next()
 *                                      ▼                                 │
 *                                    notices ────────────────────────────┘
 *                                      ▲
 *                                      └── assignment: who begins where, who leaves
 *                                            ▲                              kafka_assignment.c
 *                                            └── the scout's answers        kafka_scout.c
 */
#ifndef TRANSPORT_KAFKA_SOURCE_H
#define TRANSPORT_KAFKA_SOURCE_H

#include "transport/kafka_owned.h"
#include "transport/kafka_returns.h"
#include "transport/kafka_scout.h"

#include <ev.h>

/* What next() is to tell before it reads on. */
struct kafka_notice {
    struct kafka_notice *next;
    enum source_result result;
    struct error trouble;
    uint32_t size;
    struct position at[];
};

enum { TROUBLE_KINDS = 64 };

/* Taken from the queue at a time; and with those given last, which stay for a while. */
enum { KAFKA_BATCH = SOURCE_KEPT + 1, KAFKA_RING = 2 * KAFKA_BATCH };
_Static_assert((KAFKA_RING & (KAFKA_RING - 1)) == 0, "places go on when their count wraps around");

struct kafka_source {
    struct source base;
    struct source_owner owner;
    struct ev_loop *loop;
    struct ev_io io;
    struct ev_timer timer;
    int wake_fd;

    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct kafka_returns *returns; /* where messages go that are done with */
    rd_kafka_topic_partition_list_t *topics;
    bool grouped;
    enum kafka_start start;
    struct kafka_scout *scout;
    bool look_at_scout; /* it may have answers */

    struct kafka_owned owned;
    rd_kafka_topic_partition_list_t *leaving; /* revoked; unassigned by let_go() */
    struct kafka_notice *notices, *given_notice;
    rd_kafka_message_t *ring[KAFKA_RING]; /* NULL where there is none */
    uint32_t taken, given;                /* so many messages in all: where the ring stands */
    const rd_kafka_topic_t *last_topic;   /* of the message before; NULL: look it up */
    uint32_t last_owned;                  /* the place of that among the owned */
    size_t most_queued;                   /* since the fetchers were last nudged */
    struct position end;                  /* of the partition that was caught up with */
    int64_t quiet_until_ns[TROUBLE_KINDS];
    uint64_t missed;   /* offsets that were deleted before they were read */
    bool gave_message; /* by the last next() */
    bool passed_over;  /* after messages given: the ring has fewer than SOURCE_KEPT of them then, so
                          another batch waits until they are let go of */
    bool closing, close_failed;
};

/* ---- notices (kafka_source.c) ---- */
/* Room for `size` positions, not yet queued; NULL: no memory. */
struct kafka_notice *kafka_notice_create(enum source_result result, uint32_t size);
void kafka_notice_add(struct kafka_notice *notice, const char *topic, int32_t partition,
                      int64_t next_offset);
void kafka_source_tell(struct kafka_source *self, struct kafka_notice *notice); /* takes it */
/* SOURCE_TROUBLE or SOURCE_FAILED with a text. */
void kafka_source_complain(struct kafka_source *self, enum source_result result, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

/* ---- the assignment (kafka_assignment.c) ---- */
/* Each takes what it is told by the group, the scout or a fetcher, and queues notices. */
void kafka_assignment_rebalance(struct kafka_source *self, rd_kafka_resp_err_t what,
                                rd_kafka_topic_partition_list_t *list);
void kafka_assignment_answer(struct kafka_source *self, struct kafka_answer *answer);
void kafka_assignment_out_of_range(struct kafka_source *self, const char *topic, int32_t partition,
                                   int64_t offset);
void kafka_assignment_let_go(struct kafka_source *self);
/* To be committed along with the offset. */
void kafka_reach_write(rd_kafka_topic_partition_t *at, int64_t reach);
/* All partitions that are read, with the offsets to read next; the caller's. */
rd_kafka_topic_partition_list_t *kafka_assignment_read(struct kafka_source *self);

#endif
