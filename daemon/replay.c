/*
 * `tasted replay`: the engine of `run` over recorded events, with nothing else around it.
 *
 *     files or a Kafka range ──► batch ──► variant: engine ──► report, snapshot
 *                                     ├──► variant: …  └ evaluation watches, before each event is
 *                                     └──► …             learned
 *
 * At the end, with --publish, every list goes to Redis (replay_publish.c).
 *
 * The reading is this thread's; the variants of a batch are the crew's.
 */
#include "daemon/command.h"
#include "daemon/page.h"
#include "daemon/progress.h"
#include "daemon/replay_items.h"
#include "daemon/replay_plan.h"
#include "daemon/replay_publish.h"
#include "daemon/replay_variant.h"
#include "daemon/report.h"
#include "transport/vault.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAD_LINES_SHOWN = REFUSED_TOLD, POSITIONS_MAX = 4096 };

typedef void variant_work(struct replay_variant *variant, const struct replay_batch *batch);

struct replay {
    struct replay_plan plan;
    struct variants settings; /* their names; the variants have taken over the rest */
    struct replay_variant variants[VARIANTS_MAX];
    uint32_t variant_count;
    struct crew *crew;
    struct replay_input *input;
    struct replay_batch batch;
    int lock;             /* of the snapshot that is written; -1: none */
    variant_work *work;   /* what is done with the batch */
    bool counting;        /* beforehand */
    uint64_t events, bad; /* of this reading; bad: could not be read */
    uint64_t undecodable; /* of the bad */
    uint64_t told;        /* bad lines, and those whose event was refused */
};

static int64_t now_ns(void)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock);
}

/* ---- reading ---- */

static void complain(struct replay *replay, const char *text)
{
    if (replay->counting) /* it will come by again */
        return;
    replay->told++;
    if (replay->told <= BAD_LINES_SHOWN)
        fprintf(stderr, "tasted: %s\n", text);
    else if (replay->told == BAD_LINES_SHOWN + 1)
        fprintf(stderr, "tasted: more bad lines are only counted\n");
}

/* What the first variant made nothing of, be it that no signal can have such a value. */
static void tell_refusals(struct replay *replay)
{
    const struct refusals *refusals = &replay->variants[0].refusals;
    for (uint32_t k = 0; k < refusals->count; k++) {
        struct error where = {.text = ""};
        if (k < REFUSED_TOLD) {
            const struct batch_event *entry = &replay->batch.at[refusals->at[k].n];
            const char *why = verdict_text(refusals->at[k].verdict);
            const struct message *message = &entry->message;
            if (entry->got == REPLAY_EVENT)
                error_set(&where, STATUS_BAD_DATA, "%s, line %" PRIu64 ": %s", entry->file,
                          entry->line, why);
            else
                error_set(&where, STATUS_BAD_DATA, "%s [%" PRId32 "], offset %" PRId64 ": %s",
                          message->topic, message->partition, message->offset, why);
        }
        complain(replay, where.text);
    }
}

static void use_batch(void *context, uint32_t n)
{
    struct replay *replay = context;
    replay->work(&replay->variants[n], &replay->batch);
}

/* A single variant keeps the crew for itself, to rank with. */
static enum status flush(struct replay *replay, struct error *error)
{
    crew_run(replay->variant_count > 1 ? replay->crew : NULL, replay->variant_count, use_batch,
             replay);
    if (!replay->counting)
        tell_refusals(replay);
    replay_batch_clear(&replay->batch);
    for (uint32_t n = 0; n < replay->variant_count; n++)
        if (replay->variants[n].error.status != STATUS_OK) {
            *error = replay->variants[n].error;
            return error->status;
        }
    return STATUS_OK;
}

static enum status take_turn(struct replay *replay, enum replay_got got,
                             const struct replay_turn *turn, struct error *error)
{
    enum status status = STATUS_OK;
    if (got == REPLAY_BAD) {
        replay->bad++;
        replay->undecodable += turn->verdict == VERDICT_UNDECODABLE;
        complain(replay, turn->error.text);
        return STATUS_OK;
    }
    if (replay_batch_is_full(&replay->batch, got, turn))
        status = flush(replay, error);
    if (status == STATUS_OK && replay_batch_add(&replay->batch, got, turn) != STATUS_OK)
        status = error_set(error, STATUS_NO_MEMORY, "no memory for an event");
    return status;
}

/* Goes through the input once; each variant does `work` with each batch. */
static enum status read_through(struct replay *replay, const char *what, variant_work *work,
                                struct error *error)
{
    struct replay_turn turn;
    struct progress progress;
    enum status status = STATUS_OK;
    progress_init(&progress, what, "events");
    replay->events = replay->bad = replay->undecodable = 0;
    replay->work = work;
    while (status == STATUS_OK) {
        enum replay_got got = replay_input_next(replay->input, &turn);
        if (got == REPLAY_END)
            break;
        if (got == REPLAY_FAILED) {
            *error = turn.error;
            status = turn.error.status;
            break;
        }
        replay->events++;
        status = take_turn(replay, got, &turn, error);
        progress_update(&progress, replay->events, replay_input_fraction(replay->input));
    }
    if (status == STATUS_OK)
        status = flush(replay, error);
    progress_finish(&progress, replay->events);
    return status;
}

/* ---- counting beforehand, for --warmup and the series ---- */

static enum status count_ahead(struct replay *replay, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < replay->variant_count && status == STATUS_OK; n++)
        status =
            replay_variant_begin_count(&replay->variants[n], replay->plan.from_snapshot, error);
    replay->counting = true;
    if (status == STATUS_OK)
        status = read_through(replay, "counting", replay_variant_count, error);
    replay->counting = false;
    for (uint32_t n = 0; n < replay->variant_count; n++)
        replay_variant_end_count(&replay->variants[n]);
    return status == STATUS_OK ? replay_input_rewind(replay->input, error) : status;
}

static enum status begin_evaluation(struct replay *replay, struct error *error)
{
    struct evaluation_settings settings = {
        .warmup = replay->plan.warmup,
        .every = replay->plan.every,
        .clock = clock_of_machine(),
        .crew = replay->variant_count > 1 ? NULL : replay->crew,
    };
    if (replay->plan.from_snapshot != NULL)
        fprintf(stderr, "tasted: the baselines begin with these events: they know nothing of those "
                        "in the snapshot\n");
    enum status status = count_ahead(replay, error);
    for (uint32_t n = 0; n < replay->variant_count && status == STATUS_OK; n++)
        status = replay_variant_evaluate(&replay->variants[n], &settings, error);
    return status;
}

/* ---- setting up ---- */

static enum status open_variants(struct replay *replay, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < replay->settings.size && status == STATUS_OK; n++) {
        struct variant_settings *from = &replay->settings.at[n];
        status = replay_variant_open(&replay->variants[n], from->name, from->settings,
                                     replay->plan.from_snapshot, error);
        from->settings = NULL;
        replay->variant_count++;
    }
    return status;
}

static enum status open_input(struct replay *replay, struct error *error)
{
    const struct replay_variant *first = &replay->variants[0];
    if (replay->plan.from != NULL && first->checkpoint.position_count > 0)
        fprintf(stderr,
                "tasted: partitions go on where the snapshot left them; --from is for those "
                "it has no offset of\n");
    struct replay_input_settings input = {
        .settings = first->settings,
        .paths = replay->plan.paths,
        .path_count = replay->plan.path_count,
        .twice = replay->plan.evaluate,
        .topics = replay->plan.topics,
        .from = replay->plan.from != NULL ? replay->plan.from : "earliest",
        .to = replay->plan.to != NULL ? replay->plan.to : "latest",
        .positions = first->checkpoint.positions,
        .position_count = first->checkpoint.position_count,
    };
    return replay_input_open(&input, &replay->input, error);
}

/* `replaced`: by a new file, so that the folder counts. */
static enum status check_place(const char *path, bool replaced, struct error *error)
{
    char folder[PATH_MAX];
    struct stat there;
    if (path == NULL || strcmp(path, "-") == 0)
        return STATUS_OK;
    if (stat(path, &there) == 0 && (replaced ? !S_ISREG(there.st_mode) : S_ISDIR(there.st_mode)))
        return error_set(error, STATUS_CANNOT_WRITE, "%s: not a plain file", path);
    int failed = access(path, W_OK);
    if (replaced || (failed != 0 && errno == ENOENT)) {
        snprintf(folder, sizeof folder, "%s", path);
        failed = access(dirname(folder), W_OK | X_OK);
    }
    return failed == 0 ? STATUS_OK
                       : error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
}

/* Rather now than after an hour. */
static enum status check_places(struct replay *replay, struct error *error)
{
    const struct replay_plan *plan = &replay->plan;
    enum status status = check_place(plan->report, false, error);
    if (status == STATUS_OK)
        status = check_place(plan->html, false, error);
    if (status == STATUS_OK)
        status = check_place(plan->snapshot, true, error);
    if (status == STATUS_OK && plan->snapshot != NULL)
        status = vault_keep_out(plan->snapshot, &replay->lock, error);
    if (status == STATUS_OK && plan->publish)
        status = replay_reach_redis(replay->variants[0].settings, error);
    return status;
}

static enum status prepare(struct replay *replay, struct error *error)
{
    if (replay_batch_init(&replay->batch) != STATUS_OK ||
        crew_create(replay->plan.threads, &replay->crew) != STATUS_OK)
        return error_set(error, STATUS_NO_MEMORY, "no memory to replay");
    enum status status = open_variants(replay, error);
    if (status == STATUS_OK)
        status = check_places(replay, error);
    if (status == STATUS_OK)
        status = settings_choose_kernel(replay->variants[0].settings, error);
    if (status == STATUS_OK && replay->plan.items != NULL)
        status =
            replay_take_items(replay->plan.items, replay->variants, replay->variant_count, error);
    if (status == STATUS_OK)
        status = open_input(replay, error);
    if (status == STATUS_OK && replay->plan.evaluate)
        status = begin_evaluation(replay, error);
    return status;
}

/* ---- what comes out ---- */

static enum status save(struct replay *replay, struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    struct position *positions = calloc(POSITIONS_MAX, sizeof *positions);
    if (positions == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for offsets");
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    checkpoint.model = replay->variants[0].engine.model;
    checkpoint.borrowed = true;
    checkpoint.positions = positions;
    checkpoint.position_count = replay_input_positions(replay->input, positions, POSITIONS_MAX);
    checkpoint.created_ms = clock->wall_ms(clock);
    enum status status = checkpoint_save(&checkpoint, replay->plan.snapshot, NULL, error);
    checkpoint_finish(&checkpoint);
    free(positions);
    return status;
}

static uint64_t rejected(const struct replay *replay, const struct engine *engine)
{
    uint64_t sum = replay->bad;
    for (int verdict = VERDICT_UNDECODABLE; verdict < VERDICTS; verdict++)
        sum += engine->verdicts[verdict];
    return sum;
}

static enum status fill_report(const struct replay *replay, const struct replay_variant *variant,
                               double seconds, struct report *report, struct error *error)
{
    *report = (struct report){
        .variant = variant->name,
        .engine = &variant->engine,
        .evaluation = variant->evaluation,
        .events = replay->events,
        .rejected = rejected(replay, &variant->engine),
        .ignored = variant->engine.verdicts[VERDICT_IGNORED],
        .learn_cpu_seconds = replay_variant_learn_cpu(variant),
        .seconds = seconds,
    };
    enum status status = engine_digest(&variant->engine, report->digest);
    return status == STATUS_OK
               ? status
               : error_set(error, status, "computing the digest: %s", status_text(status));
}

static enum status write_reports(const struct replay *replay, const struct report *reports,
                                 struct error *error)
{
    const struct replay_plan *plan = &replay->plan;
    enum status status = STATUS_OK;
    if (plan->report == NULL && plan->html == NULL)
        return STATUS_OK;
    json_t *json =
        plan->try_count > 0 ? reports_json(reports, replay->variant_count) : report_json(reports);
    if (json == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the report");
    if (plan->report != NULL)
        status = report_write(json, plan->report, error);
    if (status == STATUS_OK && plan->html != NULL)
        status = page_write(json, plan->html, error);
    json_decref(json);
    return status;
}

static enum status tell(const struct replay *replay, int64_t started_ns, struct error *error)
{
    double seconds = (double)(now_ns() - started_ns) / 1e9;
    struct report *reports = calloc(replay->variant_count + 1, sizeof *reports);
    enum status status = STATUS_OK;
    if (reports == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the report");
    for (uint32_t n = 0; n < replay->variant_count && status == STATUS_OK; n++)
        status = fill_report(replay, &replay->variants[n], seconds, &reports[n], error);
    bool to_stdout = replay->plan.report != NULL && strcmp(replay->plan.report, "-") == 0;
    if (status == STATUS_OK && !to_stdout) {
        if (replay->plan.try_count > 0)
            reports_print(reports, replay->variant_count);
        else
            report_print(reports);
    }
    if (status == STATUS_OK)
        status = write_reports(replay, reports, error);
    free(reports);
    return status;
}

/* To go on from a snapshot with nothing new is fine, with nothing but bad lines is not. */
static bool nothing_usable(const struct replay *replay)
{
    const struct engine *engine = &replay->variants[0].engine;
    if (engine->verdicts[VERDICT_ACCEPTED] > 0)
        return false;
    return replay->plan.from_snapshot == NULL ||
           (replay->events > 0 && rejected(replay, engine) == replay->events);
}

static const char *advice(const struct replay *replay)
{
    return replay->undecodable > 0 && replay->undecodable == replay->events
               ? "files are NDJSON, one object a line, or TSV: a header line, and tabs"
               : "look at [signals] and [input], or at the first bad lines above";
}

static enum status tell_nothing_usable(const struct replay *replay, struct error *error)
{
    const struct replay_plan *plan = &replay->plan;
    if (replay->events > 0)
        return error_set(error, STATUS_BAD_DATA, "no usable event among %llu; %s",
                         (unsigned long long)replay->events, advice(replay));
    if (plan->topics != NULL)
        return error_set(error, STATUS_BAD_DATA, "the range of topic %s holds no events",
                         plan->topics);
    if (plan->path_count > 1)
        return error_set(error, STATUS_BAD_DATA, "the files hold no events");
    const char *path = plan->paths[0];
    return error_set(error, STATUS_BAD_DATA, "%s holds no events",
                     strcmp(path, "-") == 0 ? "standard input" : path);
}

static enum status replay_all(struct replay *replay, struct error *error)
{
    int64_t started_ns = now_ns();
    const struct replay_variant *first = &replay->variants[0];
    enum status status = prepare(replay, error);
    if (status == STATUS_OK)
        status = read_through(replay, "learning", replay_variant_learn, error);
    for (uint32_t n = 0; n < replay->variant_count; n++)
        replay_variant_end(&replay->variants[n]);
    if (status == STATUS_OK && nothing_usable(replay))
        return tell_nothing_usable(replay, error);
    if (status == STATUS_OK && replay->plan.snapshot != NULL)
        status = save(replay, error);
    if (status == STATUS_OK && replay->plan.publish)
        status = replay_publish(first->settings, first->engine.model, replay->plan.threads, error);
    return status == STATUS_OK ? tell(replay, started_ns, error) : status;
}

static void finish(struct replay *replay)
{
    replay_input_close(replay->input);
    for (uint32_t n = 0; n < replay->variant_count; n++)
        replay_variant_close(&replay->variants[n]);
    variants_finish(&replay->settings);
    replay_batch_finish(&replay->batch);
    crew_destroy(replay->crew);
    if (replay->lock >= 0)
        close(replay->lock);
    free(replay);
}

int command_replay(struct invocation *invocation)
{
    struct error error = {0};
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL)
        return EXIT_INTERNAL;
    replay->lock = -1;
    int code = replay_plan_read(invocation, &replay->plan);
    if (code == EXIT_FINE &&
        variants_load(&invocation->settings, replay->plan.tries, replay->plan.try_count,
                      &replay->settings, &error) != STATUS_OK)
        code = fail(&error);
    if (code == EXIT_FINE && replay_all(replay, &error) != STATUS_OK)
        code = fail(&error);
    finish(replay);
    return code;
}
