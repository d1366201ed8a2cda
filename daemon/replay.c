/*
 * `tasted replay`: the engine of `run` over recorded events, with nothing else around it.
 *
 *     files or a Kafka range ──► engine ──► report, snapshot
 *                                  └ evaluation watches, before each event is learned
 */
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "daemon/evaluation.h"
#include "daemon/progress.h"
#include "daemon/replay_input.h"
#include "daemon/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_LINES_SHOWN = 5, POSITIONS_MAX = 4096 };

const struct command_option replay_options[] = {
    {"--topic", "TOPIC", "learn from this Kafka topic (several by comma) instead of files"},
    {"--from", "WHERE", "earliest (default), a time (ms or RFC 3339), or PARTITION:OFFSET,…"},
    {"--to", "WHERE", "latest (default: as of now), a time, or PARTITION:OFFSET,…; exclusive"},
    {"--evaluate", NULL, "score each wanted item before it is learned, beside baselines"},
    {"--warmup", "F", "the first part of the events, 0..1, is learned but not scored"},
    {"--every", "N", "score each Nth event only; all are learned"},
    {"--report", "FILE.json", "write the report as JSON; - for standard output"},
    {"--snapshot", "FILE", "write the state at the end"},
    {"--from-snapshot", "FILE", "continue from this state"},
    {.name = NULL},
};

struct replay_plan {
    const char *paths[256];
    uint32_t path_count;
    const char *topics, *from, *to;
    bool evaluate;
    double warmup;
    uint64_t every;
    const char *report, *snapshot, *from_snapshot;
};

struct replay {
    struct replay_plan plan;
    struct settings *settings;
    struct checkpoint checkpoint; /* owns the model; of --from-snapshot, or empty */
    struct replay_input *input;
    struct engine engine;
    struct evaluation *evaluation; /* NULL: only learning */
    uint64_t events, bad;          /* of this reading */
    struct recommender *skimmed;   /* while counting ahead */
    uint64_t accepted;             /* as counted ahead */
};

static int64_t now_ns(void)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock);
}

/* ---- the command line ---- */

static bool read_number(const char *text, double low, double high, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high;
}

static int take_option(struct replay_plan *plan, const struct command *command,
                       const struct command_option *option, const char *value)
{
    double number;
    if (command_is(option, "--topic"))
        plan->topics = value;
    else if (command_is(option, "--from"))
        plan->from = value;
    else if (command_is(option, "--to"))
        plan->to = value;
    else if (command_is(option, "--evaluate"))
        plan->evaluate = true;
    else if (command_is(option, "--report"))
        plan->report = value;
    else if (command_is(option, "--snapshot"))
        plan->snapshot = value;
    else if (command_is(option, "--from-snapshot"))
        plan->from_snapshot = value;
    else if (command_is(option, "--warmup")) {
        if (!read_number(value, 0.0, 1.0, &plan->warmup))
            return command_misuse(command, "--warmup %s: a number from 0 to 1 is needed", value);
    } else if (command_is(option, "--every")) {
        if (!read_number(value, 1.0, 1e15, &number) || number != (double)(uint64_t)number)
            return command_misuse(command, "--every %s: a whole number from 1 is needed", value);
        plan->every = (uint64_t)number;
    }
    return EXIT_FINE;
}

static int read_plan(struct invocation *invocation, struct replay_plan *plan)
{
    const struct command *command = command_named("replay");
    const struct command_option *option;
    const char *value;
    *plan = (struct replay_plan){.from = "earliest", .to = "latest", .every = 1};
    while ((option = command_next(invocation, command, &value)) || value) {
        int code = EXIT_FINE;
        if (option != NULL)
            code = take_option(plan, command, option, value);
        else if (plan->path_count == sizeof plan->paths / sizeof *plan->paths)
            code = command_misuse(command, "more than %u files", plan->path_count);
        else
            plan->paths[plan->path_count++] = value;
        if (code != EXIT_FINE)
            return code;
    }
    if ((plan->path_count > 0) == (plan->topics != NULL))
        return command_misuse(command, "%s",
                              plan->topics != NULL ? "either files or --topic, not both"
                                                   : "name files (or -), or a --topic");
    return EXIT_FINE;
}

/* ---- setting up ---- */

/* An empty model, or the one of --from-snapshot with its offsets. */
static enum status open_model(const struct replay *replay, struct checkpoint *checkpoint,
                              struct error *error)
{
    checkpoint_init(checkpoint);
    if (replay->plan.from_snapshot != NULL)
        return checkpoint_open(replay->plan.from_snapshot, &replay->settings->model, checkpoint,
                               error);
    return recommender_create(&replay->settings->model, &checkpoint->model, error);
}

static enum status open_input(struct replay *replay, struct error *error)
{
    struct replay_input_settings input = {
        .settings = replay->settings,
        .paths = replay->plan.paths,
        .path_count = replay->plan.path_count,
        .topics = replay->plan.topics,
        .from = replay->plan.from,
        .to = replay->plan.to,
        .positions = replay->checkpoint.positions,
        .position_count = replay->checkpoint.position_count,
    };
    return replay_input_open(&input, &replay->input, error);
}

/* ---- one event ---- */

static void complain(const struct replay *replay, const struct replay_turn *turn)
{
    if (replay->bad <= BAD_LINES_SHOWN)
        fprintf(stderr, "tasted: %s\n", turn->error.text);
    else if (replay->bad == BAD_LINES_SHOWN + 1)
        fprintf(stderr, "tasted: more bad lines are only counted\n");
}

static enum verdict take(struct engine *engine, enum replay_got got, const struct replay_turn *turn,
                         struct learned *learned)
{
    if (got == REPLAY_MESSAGE)
        return engine_take_message(engine, turn->message.value, turn->message.size,
                                   turn->message.timestamp_ms, learned);
    return engine_take_event(engine, &turn->event, learned);
}

static enum status learn_turn(struct replay *replay, enum replay_got got,
                              const struct replay_turn *turn, struct error *error)
{
    struct learned learned;
    if (take(&replay->engine, got, turn, &learned) != VERDICT_ACCEPTED)
        return STATUS_OK;
    if (learned.status != STATUS_OK)
        return error_set(error, learned.status, "learning: %s", status_text(learned.status));
    if (replay->evaluation != NULL)
        return evaluation_after(replay->evaluation, &learned);
    return STATUS_OK;
}

/* Goes through the input once; `use` is called with each event or message. */
static enum status each_turn(struct replay *replay, const char *what,
                             enum status (*use)(struct replay *, enum replay_got,
                                                const struct replay_turn *, struct error *),
                             struct error *error)
{
    struct replay_turn turn;
    struct progress progress;
    enum status status = STATUS_OK;
    progress_init(&progress, what, "events");
    replay->events = replay->bad = 0;
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
        progress_update(&progress, replay->events, replay_input_fraction(replay->input));
        if (got != REPLAY_BAD) {
            status = use(replay, got, &turn, error);
            continue;
        }
        replay->bad++;
        complain(replay, &turn);
    }
    progress_finish(&progress, replay->events);
    return status;
}

/* ---- counting beforehand, for --warmup and the series ---- */

static enum verdict skim(struct replay *replay, enum replay_got got, const struct replay_turn *turn)
{
    struct decode_scratch scratch = {0};
    struct event event = turn->event;
    enum verdict verdict;
    if (got == REPLAY_MESSAGE)
        verdict = decode_event(&replay->settings->input.fields, turn->message.value,
                               turn->message.size, turn->message.timestamp_ms, &scratch, &event);
    else
        verdict = event_check(&event, event.ts_ms);
    return verdict == VERDICT_ACCEPTED ? recommender_skim(replay->skimmed, &event) : verdict;
}

static enum status skim_turn(struct replay *replay, enum replay_got got,
                             const struct replay_turn *turn, struct error *error)
{
    (void)error;
    replay->accepted += skim(replay, got, turn) == VERDICT_ACCEPTED;
    return STATUS_OK;
}

/* With a model of its own, for what repeats: only accepted events count. */
static enum status count_ahead(struct replay *replay, struct error *error)
{
    struct checkpoint scratch;
    enum status status = open_model(replay, &scratch, error);
    replay->skimmed = scratch.model;
    if (status == STATUS_OK)
        status = each_turn(replay, "counting", skim_turn, error);
    checkpoint_finish(&scratch);
    return status == STATUS_OK ? replay_input_rewind(replay->input, error) : status;
}

static enum status begin_evaluation(struct replay *replay, struct error *error)
{
    enum status status = count_ahead(replay, error);
    if (status != STATUS_OK)
        return status;
    struct evaluation_settings settings = {
        .total = replay->accepted > 0 ? replay->accepted : 1,
        .warmup = replay->plan.warmup,
        .every = replay->plan.every,
        .clock = clock_of_machine(),
    };
    status = evaluation_create(&settings, replay->engine.model, &replay->evaluation);
    if (status != STATUS_OK)
        return error_set(error, status, "no memory to evaluate");
    replay->engine.observer = evaluation_observer(replay->evaluation);
    return STATUS_OK;
}

/* ---- all of it ---- */

static enum status prepare(struct replay *replay, struct error *error)
{
    enum status status = open_model(replay, &replay->checkpoint, error);
    if (status != STATUS_OK)
        return status;
    replay->engine = (struct engine){
        .model = replay->checkpoint.model,
        .fields = &replay->settings->input.fields,
        .signals = &replay->settings->model.signals,
        .clock = clock_of_machine(),
    };
    replay->checkpoint.model = NULL; /* taken over */
    status = open_input(replay, error);
    if (status == STATUS_OK && replay->plan.evaluate)
        status = begin_evaluation(replay, error);
    return status;
}

static enum status save(struct replay *replay, struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    struct position *positions = calloc(POSITIONS_MAX, sizeof *positions);
    if (positions == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for offsets");
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    checkpoint.model = replay->engine.model;
    checkpoint.borrowed = true;
    checkpoint.positions = positions;
    checkpoint.position_count = replay_input_positions(replay->input, positions, POSITIONS_MAX);
    checkpoint.created_ms = clock->wall_ms(clock);
    enum status status = checkpoint_save(&checkpoint, replay->plan.snapshot, NULL, error);
    checkpoint_finish(&checkpoint);
    free(positions);
    return status;
}

static uint64_t count_dead(const struct replay *replay)
{
    uint64_t dead = replay->bad;
    for (int verdict = VERDICT_UNDECODABLE; verdict < VERDICTS; verdict++)
        dead += replay->engine.verdicts[verdict];
    return dead;
}

static enum status tell(struct replay *replay, int64_t started_ns, struct error *error)
{
    struct report report = {
        .engine = &replay->engine,
        .evaluation = replay->evaluation,
        .events = replay->events,
        .rejected = count_dead(replay),
        .ignored = replay->engine.verdicts[VERDICT_IGNORED],
        .seconds = (double)(now_ns() - started_ns) / 1e9,
    };
    enum status status = engine_digest(&replay->engine, report.digest);
    if (status != STATUS_OK)
        return error_set(error, status, "computing the digest: %s", status_text(status));
    bool to_stdout = replay->plan.report != NULL && strcmp(replay->plan.report, "-") == 0;
    if (!to_stdout)
        report_print(&report);
    if (replay->plan.report == NULL)
        return STATUS_OK;
    json_t *json = report_json(&report);
    if (json == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the report");
    status = report_write(json, replay->plan.report, error);
    json_decref(json);
    return status;
}

static enum status replay_all(struct replay *replay, struct error *error)
{
    int64_t started_ns = now_ns();
    enum status status = prepare(replay, error);
    if (status == STATUS_OK)
        status = each_turn(replay, "learning", learn_turn, error);
    if (status == STATUS_OK && replay->engine.verdicts[VERDICT_ACCEPTED] == 0 &&
        replay->plan.from_snapshot == NULL)
        return error_set(error, STATUS_BAD_DATA, "no usable event among %llu; %s",
                         (unsigned long long)replay->events,
                         "look at [signals] and [input], or at the first bad lines above");
    if (status == STATUS_OK && replay->plan.snapshot != NULL)
        status = save(replay, error);
    return status == STATUS_OK ? tell(replay, started_ns, error) : status;
}

static void finish(struct replay *replay)
{
    evaluation_destroy(replay->evaluation);
    recommender_destroy(replay->engine.model);
    replay_input_close(replay->input);
    checkpoint_finish(&replay->checkpoint);
    settings_free(replay->settings);
    free(replay);
}

int command_replay(struct invocation *invocation)
{
    struct error error = {0};
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL)
        return EXIT_INTERNAL;
    int code = read_plan(invocation, &replay->plan);
    if (code == EXIT_FINE && settings_load(&invocation->settings, &replay->settings, &error) != 0)
        code = fail(&error);
    if (code == EXIT_FINE && replay_all(replay, &error) != STATUS_OK)
        code = fail(&error);
    finish(replay);
    return code;
}
