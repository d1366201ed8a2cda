#include "daemon/evaluation.h"

#include "daemon/cpu_time.h"
#include "model/had.h"

#include <stdlib.h>
#include <xxhash.h>

/* With fewer blocks the threads' hand-over costs more than it can save. */
enum { BLOCKS_SHARED = 4 };

enum status evaluation_create(const struct evaluation_settings *settings,
                              const struct recommender *model, struct evaluation **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return STATUS_NO_MEMORY;
    (*out)->settings = *settings;
    evaluation_lists_init(&(*out)->lists);
    enum status status = baselines_create(&(*out)->baselines);
    if (status == STATUS_OK)
        status = rating_baselines_create(&recommender_settings_of(model)->signals,
                                         &(*out)->rating_baselines);
    if (status == STATUS_OK)
        status = query_create(model, &(*out)->query);
    if (status == STATUS_OK)
        return STATUS_OK;
    evaluation_destroy(*out);
    *out = NULL;
    return status;
}

void evaluation_destroy(struct evaluation *evaluation)
{
    if (evaluation == NULL)
        return;
    evaluation_lists_finish(&evaluation->lists);
    keep_auc_finish(&evaluation->total.keep_auc);
    for (int part = 0; part < EVALUATION_SERIES; part++)
        keep_auc_finish(&evaluation->series[part].keep_auc);
    query_destroy(evaluation->query);
    rating_baselines_destroy(evaluation->rating_baselines);
    baselines_destroy(evaluation->baselines);
    free(evaluation);
}

struct ranks {
    uint32_t model, baseline[BASELINES]; /* 0: a miss */
};

static void figures_add(struct evaluation_figures *figures, const struct ranks *ranks)
{
    measures_add(&figures->model, ranks->model);
    for (int b = 0; b < BASELINES; b++)
        measures_add(&figures->baseline[b], ranks->baseline[b]);
}

static int warmth_of(uint64_t events)
{
    return events == 0 ? 0 : events < 5 ? 1 : events < 20 ? 2 : 3;
}

/* The 1/50th that the event at hand is in. */
static uint32_t part_of_stream(const struct evaluation *evaluation)
{
    uint64_t part = evaluation->accepted * EVALUATION_SERIES / evaluation->settings.total;
    return part < EVALUATION_SERIES ? (uint32_t)part : EVALUATION_SERIES - 1;
}

/* Up to mark `last`, where the stream now is. */
static void mark(struct evaluation *evaluation, const struct recommender *model, uint32_t last)
{
    struct clock_source *clock = evaluation->settings.clock;
    while (evaluation->marked <= last)
        evaluation->marks[evaluation->marked++] = (struct evaluation_mark){
            .wall_ns = clock->monotonic_ns(clock),
            .learn_ns = *evaluation->settings.learn_ns,
            .rank_ns = evaluation->rank_ns,
            .cpu_ns = evaluation->cpu_offset_ns + cpu_time_ns(),
            .scoring_cpu_ns = (int64_t)evaluation->cpu_ns,
            .spreads = evaluation_lists_spread(&evaluation->lists, model),
        };
    evaluation_lists_turn(&evaluation->lists);
}

void evaluation_end(struct evaluation *evaluation, const struct recommender *model)
{
    mark(evaluation, model, EVALUATION_SERIES);
}

static void record(struct evaluation *evaluation, const struct recommender *model, uint32_t user,
                   uint32_t item, const struct action *action, const struct ranks *ranks)
{
    figures_add(&evaluation->total, ranks);
    figures_add(&evaluation->series[part_of_stream(evaluation)], ranks);
    struct evaluation_warmth *warmth = &evaluation->warmth;
    measures_add(&warmth->by_user[warmth_of(recommender_user_wanted(model, user))], ranks->model);
    measures_add(&warmth->by_item[warmth_of(recommender_item_wanted(model, item))], ranks->model);
    measures_add(&evaluation->by_signal[action->signal], ranks->model);
}

static bool is_warmup(const struct evaluation *evaluation)
{
    const struct evaluation_settings *settings = &evaluation->settings;
    return evaluation->accepted < (uint64_t)(settings->warmup * (double)settings->total);
}

/* Is it this event's turn? Everything but the candidates' side. */
static bool is_due(struct evaluation *evaluation)
{
    return !is_warmup(evaluation) && ++evaluation->eligible % evaluation->settings.every == 0;
}

/* The event that is being scored. */
struct scored {
    struct evaluation *evaluation;
    const struct recommender *model;
    const struct event *event;
    uint32_t user, item;
    struct ranks ranks;
};

static void rank_baselines(struct scored *scored)
{
    struct baselines *baselines = scored->evaluation->baselines;
    uint32_t had[HAD_MAX];
    if (!baselines_is_candidate(baselines, scored->item))
        return;
    uint32_t had_count =
        recommender_had_items(scored->model, scored->user, scored->event->ts_ms, had, HAD_MAX);
    baselines_rank(baselines, scored->user, scored->item, had, had_count, scored->ranks.baseline);
}

/* Share 0 is the baselines, the others are the blocks of the catalogue. */
static void rank_share(void *context, uint32_t n)
{
    struct scored *scored = context;
    if (n == 0)
        rank_baselines(scored);
    else
        recommender_scan(scored->model, scored->evaluation->query, n - 1);
}

static void rank_all(struct scored *scored)
{
    struct evaluation *evaluation = scored->evaluation;
    const struct recommender *model = scored->model;
    uint32_t blocks = recommender_blocks(model);
    if (recommender_item_wanted(model, scored->item) == 0 ||
        recommender_query(model, evaluation->query, scored->user, scored->event->ts_ms) !=
            STATUS_OK) {
        rank_baselines(scored);
        return;
    }
    struct crew *crew = blocks < BLOCKS_SHARED ? NULL : evaluation->settings.crew;
    bool shared = crew != NULL && sharing_choose(&evaluation->sharing);
    struct clock_source *clock = evaluation->settings.clock;
    int64_t before = clock->monotonic_ns(clock);
    crew_run(shared ? crew : NULL, blocks + 1, rank_share, scored);
    sharing_learn(&evaluation->sharing, shared, clock->monotonic_ns(clock) - before);
    scored->ranks.model = recommender_rank_scanned(model, evaluation->query, scored->item);
    evaluation_lists_look(&evaluation->lists, model, evaluation->query, scored->item);
}

static void score(struct evaluation *evaluation, const struct recommender *model,
                  const struct event *event, struct place place, const struct action *action)
{
    uint32_t user = place.user, item = place.item;
    if (recommender_has(model, user, item, event->ts_ms) || !is_due(evaluation))
        return;
    struct clock_source *clock = evaluation->settings.clock;
    struct scored scored = {evaluation, model, event, user, item, {0}};
    int64_t before = clock->monotonic_ns(clock), cpu_before = cpu_time_ns();
    rank_all(&scored);
    record(evaluation, model, user, item, action, &scored.ranks);
    evaluation->cpu_ns += (uint64_t)(cpu_time_ns() - cpu_before);
    evaluation->rank_ns += (uint64_t)(clock->monotonic_ns(clock) - before);
}

static void ratings_add(struct evaluation_ratings *ratings, float truth, float predicted,
                        const float baseline[RATING_BASELINES])
{
    double error = (double)truth - (double)predicted;
    ratings->events++;
    ratings->model += error * error;
    for (int b = 0; b < RATING_BASELINES; b++) {
        error = (double)truth - (double)baseline[b];
        ratings->baseline[b] += error * error;
    }
}

/* Cheap enough for every rating after the warm-up, whatever --every says. */
static void predict(struct evaluation *evaluation, const struct recommender *model,
                    const struct event *event, struct place place, const struct action *action)
{
    uint32_t user = place.user, item = place.item;
    float predicted, baseline[RATING_BASELINES];
    if (!recommender_predict_rating(model, user, item, event->ts_ms, &predicted))
        return;
    rating_baselines_predict(evaluation->rating_baselines, user, item, baseline);
    ratings_add(&evaluation->total.ratings, action->rating, predicted, baseline);
    ratings_add(&evaluation->series[part_of_stream(evaluation)].ratings, action->rating, predicted,
                baseline);
}

static void forget(struct evaluation *evaluation, uint32_t user)
{
    baselines_forget(evaluation->baselines, user);
    rating_baselines_forget(evaluation->rating_baselines, user);
}

/* How sure is the model that what is played will be kept? */
static void score_keeping(struct evaluation *evaluation, const struct recommender *model,
                          const struct event *event, struct place place,
                          const struct action *action)
{
    uint32_t user = place.user, item = place.item;
    enum status status = recommender_query(model, evaluation->query, user, event->ts_ms);
    if (status != STATUS_OK) {
        evaluation->status = status;
        return;
    }
    uint64_t key = XXH3_64bits(event->user.at, event->user.size);
    float keep = recommender_keep_probability(model, evaluation->query, item);
    struct evaluation_figures *part = &evaluation->series[part_of_stream(evaluation)];
    if (!keep_auc_add(&evaluation->total.keep_auc, key, keep, !action->skipped) ||
        !keep_auc_add(&part->keep_auc, key, keep, !action->skipped))
        evaluation->status = STATUS_NO_MEMORY;
}

/* What else is predicted of an event, but that it happens. */
static void predict_more(struct evaluation *evaluation, const struct recommender *model,
                         const struct event *event, struct place place, const struct action *action)
{
    bool rated = action->kind == SIGNAL_RATING;
    if (!rated && action->kind != SIGNAL_PLAY && action->kind != SIGNAL_SKIP)
        return;
    int64_t cpu_before = cpu_time_ns();
    if (rated)
        predict(evaluation, model, event, place, action);
    else
        score_keeping(evaluation, model, event, place, action);
    evaluation->cpu_ns += (uint64_t)(cpu_time_ns() - cpu_before);
}

static void before_learning(void *context, const struct recommender *model,
                            const struct event *event, struct place place,
                            const struct action *action)
{
    struct evaluation *evaluation = context;
    uint32_t part = part_of_stream(evaluation);
    if (part >= evaluation->marked)
        mark(evaluation, model, part);
    if (action->kind == SIGNAL_FORGET)
        forget(evaluation, place.user);
    else if (action->weight > 0.0f)
        score(evaluation, model, event, place, action);
    if (!is_warmup(evaluation))
        predict_more(evaluation, model, event, place, action);
    evaluation->accepted++;
}

struct engine_observer evaluation_observer(struct evaluation *evaluation)
{
    return (struct engine_observer){evaluation, before_learning};
}

enum status evaluation_after(struct evaluation *evaluation, const struct learned *learned)
{
    const struct action *action = &learned->action;
    enum status status = evaluation->status;
    if (status != STATUS_OK)
        return status;
    baselines_fade(evaluation->baselines);
    if (learned->item == SLOT_NONE)
        return STATUS_OK;
    if (action->kind == SIGNAL_RATING)
        status = rating_baselines_learn(evaluation->rating_baselines, learned->user, learned->item,
                                        action->rating);
    if (status == STATUS_OK && action->weight > 0.0f)
        status = baselines_learn(evaluation->baselines, learned->user, learned->item);
    return status;
}
