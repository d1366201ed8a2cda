/* `tasted demo --stream FILE`: the stream as a file, with its catalogue and its truth. */
#include "daemon/demo.h"
#include "daemon/progress.h"
#include "daemon/yardstick.h"
#include "model/keep_auc.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VARIANTS = 3 };
static const double warmup = 0.3; /* of the events: not in the sums, as by `replay --warmup 0.3` */

static const struct variant {
    const char *name;
    bool exclude_seen, plays_only;
} variants[VARIANTS] = {
    {"exclude_seen_no", false, false},
    {"exclude_seen_forever", true, false},
    {"plays", false, true},
};

struct truth {
    struct yardstick *yardsticks[VARIANTS];
    struct yardstick_sums sums[VARIANTS];
    struct keep_auc auc;
};

static bool truth_init(struct truth *truth, const struct listeners *listeners)
{
    *truth = (struct truth){0};
    bool complete = true;
    for (int i = 0; i < VARIANTS; i++) {
        truth->yardsticks[i] =
            yardstick_create(listeners, variants[i].exclude_seen, variants[i].plays_only);
        complete = complete && truth->yardsticks[i] != NULL;
    }
    return complete;
}

static void truth_finish(struct truth *truth)
{
    for (int i = 0; i < VARIANTS; i++)
        yardstick_destroy(truth->yardsticks[i]);
    keep_auc_finish(&truth->auc);
}

static bool truth_take(struct truth *truth, const struct listening *listening, bool counts)
{
    for (int i = 0; i < VARIANTS; i++) {
        struct yardstick_mark mark = yardstick_take(truth->yardsticks[i], listening);
        if (!counts)
            continue;
        truth->sums[i].scored += mark.scored;
        truth->sums[i].popular += mark.popular;
        truth->sums[i].best += mark.best;
        truth->sums[i].expected += mark.expected;
    }
    bool heard = listening->kind == LISTENING_PLAY || listening->kind == LISTENING_SKIP;
    return !counts || !heard ||
           keep_auc_add(&truth->auc, listening->listener, (float)listening->keep,
                        listening->wanted);
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(round(value * 1e5) / 1e5) : json_null();
}

static json_t *truth_json(struct truth *truth, const struct demo_settings *settings,
                          const struct listeners *listeners)
{
    json_t *all =
        json_pack("{s:I,s:I,s:i,s:i,s:o,s:o}", "seed", (json_int_t)settings->seed, "events",
                  (json_int_t)settings->events, "listeners", (int)listeners_size(listeners),
                  "tracks", (int)listeners_music(listeners)->track_count, "warmup", real(warmup),
                  "skip_auc", real(keep_auc_value(&truth->auc)));
    for (int i = 0; i < VARIANTS; i++) {
        const struct yardstick_sums *sums = &truth->sums[i];
        double scored = (double)sums->scored;
        double popular = (double)sums->popular / scored, best = (double)sums->best / scored;
        json_t *one = json_pack("{s:I,s:o,s:o,s:o,s:o}", "scored", (json_int_t)sums->scored,
                                "popularity_recall10", real(popular), "best_recall10", real(best),
                                "expected_best_recall10", real(sums->expected / scored),
                                "half_way_recall10", real((popular + best) / 2));
        json_object_set_new(all, variants[i].name, one);
    }
    return all;
}

/* FILE.ndjson and ".truth.json" make FILE.truth.json. */
static void beside(const char *file, const char *ending, char path[PATH_MAX])
{
    size_t size = strlen(file);
    if (size > 7 && strcmp(file + size - 7, ".ndjson") == 0)
        size -= 7;
    snprintf(path, PATH_MAX, "%.*s%s", (int)size, file, ending);
}

static enum status cannot_write(const char *path, struct error *error)
{
    return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
}

static enum status write_events(const struct demo_settings *settings, struct listeners *listeners,
                                struct truth *truth, struct error *error)
{
    FILE *file = fopen(settings->stream, "we");
    if (file == NULL)
        return cannot_write(settings->stream, error);
    enum status status = STATUS_OK;
    struct progress progress;
    progress_init(&progress, "writing", "events");
    uint64_t unscored = (uint64_t)(warmup * (double)settings->events);
    for (uint64_t i = 0; i < settings->events && !ferror(file); i++) {
        struct listening listening;
        char json[LISTENING_JSON_MAX];
        listeners_next(listeners, &listening);
        int size = listening_json(&listening, json);
        json[size++] = '\n';
        fwrite(json, 1, (size_t)size, file);
        progress_update(&progress, i + 1, (double)(i + 1) / (double)settings->events);
        if (!truth_take(truth, &listening, i >= unscored)) {
            status = error_set(error, STATUS_NO_MEMORY, "no memory for %llu events",
                               (unsigned long long)settings->events);
            break;
        }
    }
    progress_finish(&progress, settings->events);
    if (ferror(file) | fclose(file))
        return cannot_write(settings->stream, error);
    return status;
}

static enum status write_catalogue(const struct demo_settings *settings, const struct music *music,
                                   struct error *error)
{
    char path[PATH_MAX], json[TRACK_JSON_MAX];
    beside(settings->stream, ".items.ndjson", path);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return cannot_write(path, error);
    for (uint32_t i = 0; i < music->track_count; i++) {
        int size = track_json(music, i, json);
        json[size++] = '\n';
        fwrite(json, 1, (size_t)size, file);
    }
    if (ferror(file) | fclose(file))
        return cannot_write(path, error);
    return STATUS_OK;
}

static enum status write_truth(const struct demo_settings *settings, struct truth *truth,
                               const struct listeners *listeners, struct error *error)
{
    char path[PATH_MAX];
    beside(settings->stream, ".truth.json", path);
    json_t *json = truth_json(truth, settings, listeners);
    int failed = json_dump_file(json, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(json);
    return failed ? cannot_write(path, error) : STATUS_OK;
}

enum status demo_write_stream(const struct demo_settings *settings, struct error *error)
{
    struct listeners_settings crowd;
    listeners_settings_init(&crowd);
    crowd.seed = settings->seed;
    struct listeners *listeners = listeners_create(&crowd);
    if (listeners == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the listeners");
    struct truth truth;
    if (!truth_init(&truth, listeners))
        error_set(error, STATUS_NO_MEMORY, "no memory for the truth");
    else if (write_events(settings, listeners, &truth, error) == STATUS_OK &&
             write_catalogue(settings, listeners_music(listeners), error) == STATUS_OK &&
             write_truth(settings, &truth, listeners, error) == STATUS_OK)
        error_set(error, STATUS_OK, "%s", "");
    truth_finish(&truth);
    listeners_destroy(listeners);
    return error->status;
}
