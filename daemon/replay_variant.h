/*
 * One model that a replay teaches: its settings, its engine, and what watches it. A replay has one,
 * or with --try several that learn from the same reading; each is used by one thread at a time.
 */
#ifndef DAEMON_REPLAY_VARIANT_H
#define DAEMON_REPLAY_VARIANT_H

#include "daemon/checkpoint.h"
#include "daemon/evaluation.h"
#include "daemon/replay_batch.h"

enum { REFUSED_TOLD = 5 };

/* What could not be used of the batch that was learned last. */
struct refusals {
    uint32_t count;
    struct {
        uint32_t n; /* its place in the batch */
        enum verdict verdict;
    } at[REFUSED_TOLD]; /* the first ones */
};

struct replay_variant {
    const char *name;              /* "model.dim=32"; borrowed */
    struct settings *settings;     /* owned */
    struct checkpoint checkpoint;  /* of --from-snapshot, or empty */
    struct engine engine;          /* its model is owned */
    struct evaluation *evaluation; /* NULL: only learning */
    struct recommender *skimmed;   /* while counting ahead */
    uint64_t accepted;             /* as counted ahead */
    uint64_t cpu_ns;               /* of learning and scoring, on the learning thread */
    struct refusals refusals;
    struct error error; /* STATUS_OK: it can go on */
};

/* An empty model, or the one of the snapshot `from` (NULL: none). Takes over `settings`. */
enum status replay_variant_open(struct replay_variant *variant, const char *name,
                                struct settings *settings, const char *from, struct error *error);
void replay_variant_close(struct replay_variant *variant);
/* To count accepted events beforehand, with a model that only judges. */
enum status replay_variant_begin_count(struct replay_variant *variant, const char *from,
                                       struct error *error);
void replay_variant_count(struct replay_variant *variant, const struct replay_batch *batch);
void replay_variant_end_count(struct replay_variant *variant);
/* `settings->total` is filled in from the count. */
enum status replay_variant_evaluate(struct replay_variant *variant,
                                    struct evaluation_settings *settings, struct error *error);
/* Learns a batch; what went wrong is in variant->error. */
void replay_variant_learn(struct replay_variant *variant, const struct replay_batch *batch);
/* When all is learned. */
void replay_variant_end(struct replay_variant *variant);
/* CPU seconds of learning alone, without the scoring. */
double replay_variant_learn_cpu(const struct replay_variant *variant);

#endif
