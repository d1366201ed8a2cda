/*
 * Kafka by librdkafka: the source of messages, the dead letters, a plain producer for `load`, and
 * the embedded broker. Settings of [kafka] are handed on verbatim.
 */
#ifndef TRANSPORT_KAFKA_H
#define TRANSPORT_KAFKA_H

#include "transport/dead_letters.h"
#include "transport/source.h"

#include <signal.h>

struct ev_loop;

struct kafka_pair {
    const char *key, *value;
};

/* Borrowed for the time of a call. */
struct kafka_pairs {
    const struct kafka_pair *at;
    uint32_t size;
};

/* What the daemon sets itself and why; a [kafka] key among them is refused, unless it has that very
 * value (value NULL: in any case). NULL-key terminated. */
struct kafka_reserved {
    const char *key, *value, *why;
};
const struct kafka_reserved *kafka_reserved(void);
/* Where the daemon's default differs from librdkafka's; a [kafka] key wins over it. Likewise. */
const struct kafka_reserved *kafka_defaults(void);

/* STATUS_BAD_CONFIG with librdkafka's own words if it does not know a key or value, or the key is
 * reserved. No connection is made. */
enum status kafka_check(const struct kafka_pairs *pairs, struct error *error);
/* Waits up to `timeout_ms` for a broker, and for metadata of `topics` (comma separated; NULL or "":
 * none is asked for). Blocks; one-shot use only. Creates no topic. STATUS_UNREACHABLE says which
 * broker; STATUS_NOT_FOUND names the topic that does not exist. */
enum status kafka_reach(const struct kafka_pairs *pairs, const char *topics, int timeout_ms,
                        struct error *error);

enum kafka_start { KAFKA_EARLIEST, KAFKA_LATEST, KAFKA_TIME };

struct kafka_source_settings {
    struct kafka_pairs kafka;
    const char *topics; /* comma separated */
    const char *group;  /* NULL or "": take all partitions by assign() */
    enum kafka_start start;
    int64_t start_ms; /* for KAFKA_TIME */
};

/* Everything is copied. Returns at once: brokers that are away are waited for. New partitions of
 * the topics are taken up while it runs (checked every 30 s or so). */
enum status kafka_source_create(struct ev_loop *loop, const struct kafka_source_settings *settings,
                                const struct source_owner *owner, struct source **out,
                                struct error *error);

/* `topic` NULL or "": messages are only counted (send() is true and forgets). */
enum status kafka_dead_letters_create(struct ev_loop *loop, const struct kafka_pairs *kafka,
                                      const char *topic, struct dead_letters **out,
                                      struct error *error);

/* ---- `tasted load` ---- */
struct kafka_producer; /* opaque; own thread of librdkafka; blocks only where it says so */
enum status kafka_producer_create(const struct kafka_pairs *kafka, const char *topic,
                                  struct kafka_producer **out, struct error *error);
/* Blocks while the queue is full, for 60 s at most, or until `*stop` is not 0: the message is then
 * not sent, which is no error. `stop` NULL: never. The key decides the partition. */
enum status kafka_producer_send(struct kafka_producer *producer, const void *key, size_t key_size,
                                const void *value, size_t size, const volatile sig_atomic_t *stop,
                                struct error *error);
/* Waits until all is settled, or for so long; returns how many messages are not. */
uint64_t kafka_producer_wait(struct kafka_producer *producer, int timeout_ms);
/* Waits until all is acknowledged; STATUS_UNREACHABLE with the count of those that were not. */
enum status kafka_producer_finish(struct kafka_producer *producer, int timeout_ms,
                                  struct error *error);
uint64_t kafka_producer_delivered(const struct kafka_producer *producer);
void kafka_producer_destroy(struct kafka_producer *producer);

/* ---- a bounded range of topics, for `replay` (blocking, no loop) ---- */
struct kafka_range; /* opaque */
struct kafka_range_settings {
    struct kafka_pairs kafka;
    const char *topics; /* comma separated */
    /* "earliest", "latest", ms since 1970, RFC 3339, or "P:OFF,…": then partitions that are not
     * named begin at the earliest and end at the latest. */
    const char *from; /* NULL or "": "earliest" */
    const char *to;   /* exclusive; NULL or "": "latest", as of the call */
    /* From a snapshot: overrides `from` for the partitions it names. */
    const struct position *positions;
    uint32_t position_count;
};
/* STATUS_INVALID: bounds that cannot be read, or contradict each other; STATUS_NOT_FOUND: no such
 * topic; STATUS_UNREACHABLE after 15 s; STATUS_BAD_DATA: what `positions` point to is no longer
 * there. */
enum status kafka_range_open(const struct kafka_range_settings *settings, struct kafka_range **out,
                             struct error *error);
/* Messages of one partition in order; of several merged by message timestamp, ties by topic,
 * partition, offset: the same range gives the same order. True: `message` until the next call.
 * False: the end (STATUS_OK in error) or STATUS_UNREACHABLE. */
bool kafka_range_next(struct kafka_range *range, struct message *message, struct error *error);
void kafka_range_progress(const struct kafka_range *range, uint64_t *done, uint64_t *total);
/* Next offset of each partition after what was given; for the snapshot. */
uint32_t kafka_range_positions(const struct kafka_range *range, struct position *at, uint32_t max);
void kafka_range_close(struct kafka_range *range); /* NULL is legal */

/* ---- the embedded broker of the demo and the quick tests ---- */
struct kafka_broker; /* opaque */
enum status kafka_broker_create(uint32_t brokers, const char *topic, int partitions,
                                struct kafka_broker **out, struct error *error);
const char *kafka_broker_address(const struct kafka_broker *broker); /* host:port,… */
/* All brokers refuse and drop connections (false) or take them again (true); the log stays. */
void kafka_broker_set_up(struct kafka_broker *broker, bool up);
/* The next batches that are produced, so many of them, are too large for it. */
void kafka_broker_refuse_batches(struct kafka_broker *broker, uint32_t batches);
void kafka_broker_destroy(struct kafka_broker *broker);

#endif
