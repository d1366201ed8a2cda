#include "daemon/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double share(double sum, uint64_t events)
{
    return events == 0 ? 0.0 : sum / (double)events;
}

/* recall, ndcg, dcg, mrr into `object`; nulls where nothing was scored. */
static void add_measures(json_t *object, const struct measures *measures)
{
    uint64_t n = measures == NULL ? 0 : measures->events;
    json_t *recall = json_object();
    for (int cut = 0; cut < MEASURES_CUTS; cut++) {
        char name[16];
        snprintf(name, sizeof name, "%u", measures_cuts[cut]);
        json_object_set_new(
            recall, name, n == 0 ? json_null() : json_real(share((double)measures->hits[cut], n)));
    }
    json_object_set_new(object, "recall", recall);
    json_object_set_new(
        object, "ndcg",
        json_pack("{s:o}", "10", n == 0 ? json_null() : json_real(share(measures->ndcg10, n))));
    json_object_set_new(
        object, "dcg",
        json_pack("{s:o}", "100", n == 0 ? json_null() : json_real(share(measures->dcg100, n))));
    json_object_set_new(object, "mrr",
                        n == 0 ? json_null() : json_real(share(measures->reciprocal, n)));
}

/* Root of the mean; null where there is none. */
static json_t *rmse_json(double sum, uint64_t events)
{
    return events == 0 ? json_null() : json_real(sqrt(share(sum, events)));
}

static json_t *model_rmse(const struct evaluation_figures *figures)
{
    return figures == NULL ? json_null()
                           : rmse_json(figures->ratings.model, figures->ratings.events);
}

static void add_rating_baselines(json_t *baselines, const struct evaluation_figures *figures)
{
    for (int b = 0; b < RATING_BASELINES; b++) {
        json_t *rmse = figures == NULL
                           ? json_null()
                           : rmse_json(figures->ratings.baseline[b], figures->ratings.events);
        json_object_set_new(baselines, rating_baseline_names[b], json_pack("{s:o}", "rmse", rmse));
    }
}

static json_t *baselines_json(const struct evaluation_figures *figures)
{
    json_t *baselines = json_object();
    for (int b = 0; b < BASELINES; b++) {
        json_t *object = json_object();
        add_measures(object, figures == NULL ? NULL : &figures->baseline[b]);
        json_object_set_new(baselines, baseline_names[b], object);
    }
    add_rating_baselines(baselines, figures);
    return baselines;
}

static json_t *spread_json(struct evaluation_spread spread)
{
    return json_pack("{s:f, s:f}", "coverage", spread.coverage, "gini", spread.gini);
}

/* What was listed beside what happened, up to a mark. */
static json_t *spreads_json(const struct evaluation_spreads *spreads)
{
    if (spreads->lists == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:o, s:o}", "taken", (json_int_t)spreads->lists, "candidates",
                     (json_int_t)spreads->candidates, "listed", spread_json(spreads->listed),
                     "happened", spread_json(spreads->happened));
}

/* Of one 1/50th: seconds by the clock, and CPU seconds of the learning thread. */
static void add_times(json_t *object, const struct evaluation_mark marks[2])
{
    double scoring = (double)(marks[1].scoring_cpu_ns - marks[0].scoring_cpu_ns) / 1e9;
    double cpu = (double)(marks[1].cpu_ns - marks[0].cpu_ns) / 1e9;
    json_object_set_new(object, "learn_seconds",
                        json_real((double)(marks[1].learn_ns - marks[0].learn_ns) / 1e9));
    json_object_set_new(object, "rank_seconds",
                        json_real((double)(marks[1].rank_ns - marks[0].rank_ns) / 1e9));
    json_object_set_new(object, "seconds",
                        json_real((double)(marks[1].wall_ns - marks[0].wall_ns) / 1e9));
    json_object_set_new(object, "learn_cpu_seconds", json_real(cpu - scoring));
    json_object_set_new(object, "rank_cpu_seconds", json_real(scoring));
}

/* Null where no user has both plays and skips. */
static json_t *skip_auc_json(struct evaluation_figures *figures)
{
    double auc = figures == NULL ? (double)NAN : keep_auc_value(&figures->keep_auc);
    return isnan(auc) ? json_null() : json_real(auc);
}

static json_t *series_json(struct evaluation *evaluation)
{
    json_t *series = json_array();
    for (int part = 0; evaluation != NULL && part < EVALUATION_SERIES; part++) {
        struct evaluation_figures *figures = &evaluation->series[part];
        uint64_t end = (uint64_t)(part + 1) * evaluation->settings.total / EVALUATION_SERIES;
        json_t *object = json_pack("{s:I, s:I}", "until", (json_int_t)end, "evaluated",
                                   (json_int_t)figures->model.events);
        add_measures(object, &figures->model);
        json_object_set_new(object, "rmse", model_rmse(figures));
        json_object_set_new(object, "skip_auc", skip_auc_json(figures));
        json_object_set_new(object, "baselines", baselines_json(figures));
        json_object_set_new(object, "lists", spreads_json(&evaluation->marks[part + 1].spreads));
        add_times(object, &evaluation->marks[part]);
        json_array_append_new(series, object);
    }
    return series;
}

static json_t *warmth_json(const struct measures *by)
{
    static const char *const names[EVALUATION_WARMTHS] = {"0", "1-4", "5-19", "20+"};
    json_t *object = json_object();
    for (int w = 0; w < EVALUATION_WARMTHS; w++) {
        json_t *figures = json_pack("{s:I}", "evaluated", (json_int_t)by[w].events);
        add_measures(figures, &by[w]);
        json_object_set_new(object, names[w], figures);
    }
    return object;
}

static json_t *signals_json(const struct report *report)
{
    json_t *object = json_object();
    const struct signals *signals = report->engine->signals;
    for (uint32_t s = 0; signals != NULL && s < signals->size; s++) {
        const struct measures *measures = &report->evaluation->by_signal[s];
        if (measures->events == 0)
            continue;
        json_t *figures = json_pack("{s:I}", "evaluated", (json_int_t)measures->events);
        add_measures(figures, measures);
        json_object_set_new(object, signals->at[s].name, figures);
    }
    return object;
}

json_t *report_json(const struct report *report)
{
    const struct evaluation *evaluation = report->evaluation;
    struct recommender_counts counts = recommender_count(report->engine->model);
    json_t *json = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "events", (json_int_t)report->events, "learned",
        (json_int_t)report->engine->verdicts[VERDICT_ACCEPTED], "rejected",
        (json_int_t)report->rejected, "ignored", (json_int_t)report->ignored, "repeated",
        (json_int_t)report->engine->verdicts[VERDICT_REPEATED], "evaluated",
        evaluation == NULL ? json_null() : json_integer((json_int_t)evaluation->total.model.events),
        "users", (json_int_t)counts.users, "items", (json_int_t)counts.items);
    if (json == NULL)
        return NULL;
    add_measures(json, evaluation == NULL ? NULL : &evaluation->total.model);
    json_object_set_new(json, "rmse", model_rmse(evaluation == NULL ? NULL : &evaluation->total));
    json_object_set_new(json, "skip_auc",
                        skip_auc_json(evaluation == NULL ? NULL : &report->evaluation->total));
    json_object_set_new(json, "baselines",
                        baselines_json(evaluation == NULL ? NULL : &evaluation->total));
    if (evaluation != NULL) {
        json_object_set_new(json, "by_user_events", warmth_json(evaluation->warmth.by_user));
        json_object_set_new(json, "by_item_events", warmth_json(evaluation->warmth.by_item));
        json_object_set_new(json, "by_signal", signals_json(report));
        json_object_set_new(json, "lists",
                            spreads_json(&evaluation->marks[EVALUATION_SERIES].spreads));
    }
    json_object_set_new(json, "learn_seconds", json_real((double)report->engine->learn_ns / 1e9));
    json_object_set_new(json, "learn_cpu_seconds", json_real(report->learn_cpu_seconds));
    json_object_set_new(json, "rank_seconds",
                        evaluation == NULL ? json_null()
                                           : json_real((double)evaluation->rank_ns / 1e9));
    json_object_set_new(json, "seconds", json_real(report->seconds));
    json_object_set_new(json, "state_digest", json_string(report->digest));
    json_object_set_new(json, "series", series_json(report->evaluation));
    return json;
}

json_t *reports_json(const struct report *reports, uint32_t size)
{
    json_t *variants = json_array();
    for (uint32_t n = 0; n < size; n++) {
        json_t *json = report_json(&reports[n]);
        json_object_set_new(json, "variant", json_string(reports[n].variant));
        json_array_append_new(variants, json);
    }
    return json_pack("{s:o}", "variants", variants);
}

enum status report_write(json_t *json, const char *path, struct error *error)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (file == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    bool written = json_dumpf(json, file, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) == 0 &&
                   fputc('\n', file) != EOF && fflush(file) == 0;
    if (file != stdout)
        written = fclose(file) == 0 && written;
    return written ? STATUS_OK
                   : error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
}
