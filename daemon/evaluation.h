/*
 * Test-then-learn: each accepted positive event is ranked among all candidates by the very model
 * that would serve the list, before it is learned (Gama et al. 2013, prequential evaluation;
 * Vinagre et al. 2014 for recommenders), and by the baselines on the same events.
 *
 *     engine ──before_learning──► rank ──► measures, in total and per 1/50th of the stream
 *     engine ──evaluation_after──► baselines learn
 */
#ifndef DAEMON_EVALUATION_H
#define DAEMON_EVALUATION_H

#include "daemon/crew.h"
#include "daemon/engine.h"
#include "daemon/evaluation_lists.h"
#include "daemon/sharing.h"
#include "model/baselines.h"
#include "model/keep_auc.h"
#include "model/measures.h"
#include "model/rating_baselines.h"

enum { EVALUATION_SERIES = 50, EVALUATION_WARMTHS = 4 };

struct evaluation_settings {
    uint64_t total; /* accepted events of the whole stream; what warm-up and series are parts of */
    double warmup;  /* 0..1: the first part, learned but not scored */
    uint64_t every; /* score each Nth of those that would be; at least 1 */
    struct clock_source *clock;
    const uint64_t *learn_ns; /* of the engine that is observed */
    struct crew *crew;        /* shares the ranking of large catalogues; NULL: one thread */
};

/* Of explicit ratings, predicted before they are learned: sums of squared errors. */
struct evaluation_ratings {
    uint64_t events;
    double model, baseline[RATING_BASELINES];
};

/* The model's figures, then each baseline's. */
struct evaluation_figures {
    struct measures model, baseline[BASELINES];
    struct evaluation_ratings ratings;
    struct keep_auc keep_auc; /* of plays and skips */
};

/* By how many positive events the user, or the item, had before: 0, 1-4, 5-19, 20 and more. */
struct evaluation_warmth {
    struct measures by_user[EVALUATION_WARMTHS], by_item[EVALUATION_WARMTHS];
};

/* Where a 1/50th of the stream begins. */
struct evaluation_mark {
    int64_t wall_ns;
    uint64_t learn_ns, rank_ns;
    int64_t cpu_ns, scoring_cpu_ns;    /* of the learning thread; of which for scoring */
    struct evaluation_spreads spreads; /* up to here */
};

struct evaluation {
    struct evaluation_settings settings;
    struct baselines *baselines;
    struct rating_baselines *rating_baselines;
    struct query *query;
    uint64_t accepted, eligible; /* so far */
    uint64_t rank_ns;
    struct sharing sharing; /* of the ranking of one event by the crew */
    uint64_t cpu_ns;        /* of scoring, on the learning thread */
    int64_t cpu_offset_ns;  /* from the present thread's CPU time to all that was spent so far */
    struct evaluation_figures total;
    struct evaluation_figures series[EVALUATION_SERIES];
    struct evaluation_mark marks[EVALUATION_SERIES + 1];
    uint32_t marked; /* marks so far */
    struct evaluation_lists lists;
    struct evaluation_warmth warmth;
    struct measures by_signal[SIGNALS_MAX];
    enum status status; /* of what cannot be told while observing */
};

/* `model` need not hold still, but must live as long. */
enum status evaluation_create(const struct evaluation_settings *settings,
                              const struct recommender *model, struct evaluation **out);
void evaluation_destroy(struct evaluation *evaluation); /* NULL is legal */
struct engine_observer evaluation_observer(struct evaluation *evaluation);
/* After engine_take_*() accepted an event. */
enum status evaluation_after(struct evaluation *evaluation, const struct learned *learned);
/* When the stream is over, on the thread that learned. */
void evaluation_end(struct evaluation *evaluation, const struct recommender *model);

#endif
