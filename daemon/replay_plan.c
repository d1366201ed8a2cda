#include "daemon/replay_plan.h"

#include "daemon/output_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct command_option replay_options[] = {
    {"--topic", "TOPIC", "learn from this Kafka topic (several by comma) instead of files"},
    {"--from", "WHERE", "earliest (default), a time (ms or RFC 3339), or PARTITION:OFFSET,…"},
    {"--to", "WHERE", "latest (default: as of now), a time, or PARTITION:OFFSET,…; exclusive"},
    {"--evaluate", NULL, "score each wanted item before it is learned, beside baselines"},
    {"--warmup", "F", "the first part of the events, 0..1, is learned but not scored"},
    {"--every", "N", "score each Nth event only; all are learned"},
    {"--try", "KEY=V1,V2,…",
     "beside the settings as they are, the model with KEY set to each value; several keys in one, "
     "by space: all combinations; or 'parts': without each part, and each alone. Repeatable"},
    {"--threads", "N", "threads to learn and score with (default: all cores); no result differs"},
    {"--items", "FILE",
     "a catalogue of the items (NDJSON, or TSV: item title features), taken before the events"},
    {"--report", "FILE.json", "write the report as JSON; - for standard output"},
    {"--html", "FILE.html", "write the report as one page with charts, for a browser"},
    {"--snapshot", "FILE", "write the state at the end"},
    {"--publish", NULL, "write every user's list to Redis at the end, as the daemon would"},
    {"--from-snapshot", "FILE",
     "continue from this state; --from is then for partitions it has no offset of"},
    {.name = NULL},
};

static bool read_number(const char *text, double low, double high, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high;
}

static bool read_count(const char *text, double high, uint64_t *out)
{
    double number;
    if (!read_number(text, 1.0, high, &number) || number != (double)(uint64_t)number)
        return false;
    *out = (uint64_t)number;
    return true;
}

/* Where an option that takes any text goes; NULL: it is another one. */
static const char **text_place(struct replay_plan *plan, const struct command_option *option)
{
    if (command_is(option, "--topic"))
        return &plan->topics;
    if (command_is(option, "--from"))
        return &plan->from;
    if (command_is(option, "--to"))
        return &plan->to;
    if (command_is(option, "--items"))
        return &plan->items;
    if (command_is(option, "--report"))
        return &plan->report;
    if (command_is(option, "--html"))
        return &plan->html;
    if (command_is(option, "--snapshot"))
        return &plan->snapshot;
    if (command_is(option, "--from-snapshot"))
        return &plan->from_snapshot;
    return NULL;
}

static int take_number(struct replay_plan *plan, const struct command *command,
                       const struct command_option *option, const char *value)
{
    uint64_t threads;
    if (!command_is(option, "--threads"))
        plan->of_evaluation = option->name;
    if (command_is(option, "--warmup")) {
        if (!read_number(value, 0.0, 1.0, &plan->warmup))
            return command_misuse(command, "--warmup %s: a number from 0 to 1 is needed", value);
    } else if (command_is(option, "--every")) {
        if (!read_count(value, 1e15, &plan->every))
            return command_misuse(command, "--every %s: a whole number from 1 is needed", value);
    } else {
        if (!read_count(value, REPLAY_THREADS_MAX, &threads))
            return command_misuse(command, "--threads %s: a whole number from 1 to %d is needed",
                                  value, REPLAY_THREADS_MAX);
        plan->threads = (uint32_t)threads;
    }
    return EXIT_FINE;
}

static int take_option(struct replay_plan *plan, const struct command *command,
                       const struct command_option *option, const char *value)
{
    const char **text = text_place(plan, option);
    if (text != NULL && *text != NULL)
        return command_misuse(command, "%s is given twice", option->name);
    if (text != NULL)
        *text = value;
    else if (command_is(option, "--evaluate"))
        plan->evaluate = true;
    else if (command_is(option, "--publish"))
        plan->publish = true;
    else if (!command_is(option, "--try"))
        return take_number(plan, command, option, value);
    else if (plan->try_count == TRIES_MAX)
        return command_misuse(command, "more than %d times --try", TRIES_MAX);
    else
        plan->tries[plan->try_count++] = value;
    return EXIT_FINE;
}

static int take_path(struct replay_plan *plan, const struct command *command, const char *path)
{
    if (plan->path_count == REPLAY_FILES_MAX)
        return command_misuse(command, "more than %d files", REPLAY_FILES_MAX);
    plan->paths[plan->path_count++] = path;
    return EXIT_FINE;
}

static bool is_dash(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Catalogue and events in one stream could not be told apart. */
static bool wants_input_twice(const struct replay_plan *plan)
{
    bool twice = false;
    for (uint32_t n = 0; n < plan->path_count; n++)
        twice |= is_dash(plan->items) && is_dash(plan->paths[n]);
    return twice;
}

/* The input that the output would overwrite; NULL: none. */
static const char *input_under(const struct replay_plan *plan, const char *output)
{
    for (uint32_t n = 0; n < plan->path_count; n++)
        if (same_file(is_dash(plan->paths[n]) ? "/dev/stdin" : plan->paths[n], output))
            return plan->paths[n];
    if (plan->items != NULL && same_file(plan->items, output))
        return plan->items;
    /* A snapshot is replaced by a new file, when the old one is long read. */
    if (plan->from_snapshot != NULL && output != plan->snapshot &&
        same_file(plan->from_snapshot, output))
        return plan->from_snapshot;
    return NULL;
}

static int check_outputs(const struct replay_plan *plan, const struct command *command)
{
    const char *names[] = {"--report", "--html", "--snapshot"};
    const char *outputs[] = {plan->report, plan->html, plan->snapshot}, *input;
    for (int n = 0; n < 3; n++) {
        if (outputs[n] == NULL || is_dash(outputs[n]))
            continue;
        if ((input = input_under(plan, outputs[n])) != NULL)
            return command_misuse(command, "%s %s would overwrite what is read: %s", names[n],
                                  outputs[n], input);
        for (int k = 0; k < n; k++)
            if (outputs[k] != NULL && same_file(outputs[k], outputs[n]))
                return command_misuse(command, "%s and %s would both write %s", names[k], names[n],
                                      outputs[n]);
    }
    return EXIT_FINE;
}

static int check(const struct replay_plan *plan, const struct command *command)
{
    if ((plan->path_count > 0) == (plan->topics != NULL))
        return command_misuse(command, "%s",
                              plan->topics != NULL ? "either files or --topic, not both"
                                                   : "name files (or -), or a --topic");
    if (plan->topics == NULL && (plan->from != NULL || plan->to != NULL))
        return command_misuse(command, "--from and --to are of a --topic; files are read whole");
    if (is_dash(plan->html) || is_dash(plan->snapshot))
        return command_misuse(command, "only the --report goes to standard output; - is no file");
    if (plan->of_evaluation != NULL && !plan->evaluate)
        fprintf(stderr, "tasted: %s has no effect: it tells how to --evaluate\n",
                plan->of_evaluation);
    if (wants_input_twice(plan))
        return command_misuse(command, "standard input is either events or --items");
    if (plan->try_count > 0 && plan->snapshot != NULL)
        return command_misuse(command, "--snapshot keeps one model, --try makes several");
    if (plan->try_count > 0 && plan->publish)
        return command_misuse(command, "--publish writes one model's lists, --try makes several");
    return check_outputs(plan, command);
}

int replay_plan_read(struct invocation *invocation, struct replay_plan *plan)
{
    const struct command *command = command_named("replay");
    const struct command_option *option;
    const char *value;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *plan = (struct replay_plan){.every = 1};
    plan->threads = cores < 1                    ? 1
                    : cores > REPLAY_THREADS_MAX ? REPLAY_THREADS_MAX
                                                 : (uint32_t)cores;
    while ((option = command_next(invocation, command, &value)) || value) {
        int code = option != NULL ? take_option(plan, command, option, value)
                                  : take_path(plan, command, value);
        if (code != EXIT_FINE)
            return code;
    }
    return check(plan, command);
}
