/*
 * The one straight line an event takes, used by `run` and by `replay` alike:
 *
 *     decode (or verdict) ─► score prequentially ─► learn ─► remember ─► effect (who is dirty)
 *
 * It knows neither Kafka nor Redis nor files. One thread.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "daemon/settings.h"
#include "transport/clock.h"
#include "transport/decode.h"

/* Told of each accepted event before it is learned, and where its user and item are kept;
 * evaluation hangs here. */
struct engine_observer {
    void *context;
    void (*before_learning)(void *context, const struct recommender *model,
                            const struct event *event, struct place place,
                            const struct action *action);
};

/* Of time_every: a prime, as some of the work is done at each 64th event only. */
enum { ENGINE_TIME_EVERY = 31 };

/* Filled by the owner, zeros where it has no use for something; nothing in it is owned. */
struct engine {
    struct recommender *model;
    const struct field_map *fields;                /* for engine_take_message */
    const struct signals *signals;                 /* the model's; NULL: not counted by name */
    struct engine_observer observer;               /* before_learning NULL: nobody */
    uint64_t verdicts[VERDICTS];                   /* since the start of the process */
    uint64_t by_signal[SIGNALS_MAX + 1][VERDICTS]; /* the last row: name not known */
    uint64_t learn_ns;                             /* only counted when a clock is set */
    uint32_t time_every; /* one event in so many is timed, and stands for them; 0, 1: each */
    uint32_t untimed;    /* events since the last timed one */
    struct {
        uint32_t events; /* which the event just taken stands for; 0: it was not timed */
        uint64_t ns;     /* what it took */
    } timed;
    struct clock_source *clock; /* NULL: not timed */
};

/* A message as it came from Kafka. `learned` is filled whatever the verdict: without one of
 * VERDICT_ACCEPTED its slots are SLOT_NONE. */
enum verdict engine_take_message(struct engine *engine, const void *value, size_t size,
                                 int64_t message_ts_ms, struct learned *learned);
/* An event that was decoded elsewhere (a TSV line); checked and learned alike. */
enum verdict engine_take_event(struct engine *engine, const struct event *event,
                               struct learned *learned);
/*
 * Some messages or events, decoded before the first of them is learned: what the later ones will
 * touch is brought near while the earlier ones are learned. What was added is taken in that order,
 * after which nothing is added until it is cleared; it has to stay where it is until then. Messages
 * are full at so many bytes: to decode 128 of the largest takes 40 ms, in which a loop does nothing
 * else.
 */
enum { ENGINE_BATCH = 128, ENGINE_BATCH_BYTES = 256 * 1024 };

/* How long a loop may learn in one turn, and after how many events it looks at the clock: sooner
 * while a child saves, for then all memory that is written for the first time is copied before, and
 * the first events take fifty times as long. */
enum { ENGINE_SLICE_NS = 2000000, ENGINE_LOOK = 32, ENGINE_LOOK_SAVING = 4 };

struct engine_batch {
    uint32_t size, taken;
    size_t bytes;                       /* of messages */
    enum verdict verdict[ENGINE_BATCH]; /* of decoding */
    struct event event[ENGINE_BATCH];
    struct ahead ahead;
    struct decode_scratch scratch[ENGINE_BATCH];
};

static inline bool engine_batch_is_done(const struct engine_batch *batch)
{
    return batch->taken == batch->size;
}

static inline bool engine_batch_is_full(const struct engine_batch *batch)
{
    return batch->size == ENGINE_BATCH || batch->bytes >= ENGINE_BATCH_BYTES;
}

void engine_batch_clear(struct engine_batch *batch);
void engine_batch_add_message(const struct engine *engine, struct engine_batch *batch,
                              const void *value, size_t size, int64_t message_ts_ms);
void engine_batch_add_event(struct engine_batch *batch, const struct event *event);
/* The next one, as engine_take_message() and engine_take_event() would. */
enum verdict engine_take_next(struct engine *engine, struct engine_batch *batch,
                              struct learned *learned);
/* After the last one was taken: where the user and the item of the event that comes so many later
 * are, for whoever keeps something of each of them. At most AHEAD_GROUP. */
struct place engine_batch_soon(const struct engine_batch *batch, uint32_t later);
/* Leaves the next one out. */
void engine_skip_next(const struct engine *engine, struct engine_batch *batch);
/* The digest over the model's state. */
enum status engine_digest(const struct engine *engine, char text[33]);

#endif
