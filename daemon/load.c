/*
 * tasted load: a file's events to the input topic, for trying things out and for filling a topic.
 *
 *     files ─► event ─► (wait for its turn) ─► JSON or MessagePack ─► Kafka, keyed by user
 */
#include "daemon/command.h"
#include "daemon/plural.h"
#include "daemon/progress.h"
#include "transport/clock.h"
#include "transport/encode.h"
#include "transport/event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct command_option load_options[] = {
    {"--format", "json|msgpack", "how the messages are written; json if not given"},
    {"--rate", "N", "at most N events a second; as fast as Kafka takes them if not given"},
    {"--speed", "X",
     "at X times the speed at which the events happened, by their times; those without are sent "
     "at once"},
    {.name = NULL},
};

enum {
    REACH_MS = 5000,
    FINISH_MS = 70000, /* more than message.timeout.ms: each message is settled by then */
    BAD_LINES_SHOWN = 3,
    NAP_MS = 100,           /* how soon an interrupt is noticed while waiting */
    EXIT_INTERRUPTED = 128, /* and the signal's number, as shells have it */
};

static const double NEVER_NS = 4e18;

struct load {
    const struct command *command;
    const char **paths; /* (path_count) */
    uint32_t path_count;
    enum encode_format format;
    double rate, speed; /* 0: not given */
    char topic[250];

    struct settings *settings;
    struct event_files *files;
    struct kafka_producer *producer;
    struct clock_source *clock;
    struct progress progress;
    int64_t started_ns, pace_from_ns; /* pace_from: since the start; with speed */
    int64_t first_ts_ms;              /* of the first event with a time; 0: none yet; with speed */
    uint64_t sent, bad[VERDICTS];
    struct encoded encoded;
};

static volatile sig_atomic_t interrupted;  /* the signal's number */
static volatile sig_atomic_t nothing = -1; /* /dev/null, where standard input is read */

/* The first asks to end in order, which may wait for Kafka; the second does not ask. */
static void on_interrupt(int number)
{
    if (interrupted)
        _exit(EXIT_INTERRUPTED + number);
    interrupted = number;
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
}

/* Standard input may be silent for long: a signal puts an end to it. */
static void heed_silence(const struct load *load)
{
    for (uint32_t n = 0; n < load->path_count && nothing < 0; n++)
        if (strcmp(load->paths[n], "-") == 0)
            nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- what is asked for ---- */

static double positive(const struct command *command, const char *name, const char *text)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(number) || number <= 0)
        exit(command_misuse(command, "%s %s: a number above 0 is needed", name, text));
    return number;
}

static void read_format(struct load *load, const char *text)
{
    if (strcmp(text, "json") == 0)
        load->format = ENCODE_JSON;
    else if (strcmp(text, "msgpack") == 0)
        load->format = ENCODE_MSGPACK;
    else
        exit(command_misuse(load->command, "--format %s: json or msgpack", text));
}

static void read_arguments(struct load *load, struct invocation *invocation)
{
    const struct command_option *option;
    const char *value;
    while ((option = command_next(invocation, load->command, &value)) != NULL || value != NULL) {
        if (option == NULL)
            load->paths[load->path_count++] = value;
        else if (command_is(option, "--format"))
            read_format(load, value);
        else if (command_is(option, "--rate"))
            load->rate = positive(load->command, option->name, value);
        else if (command_is(option, "--speed"))
            load->speed = positive(load->command, option->name, value);
    }
    if (load->path_count == 0)
        exit(command_misuse(load->command, "a FILE is needed (- for standard input)"));
    if (load->rate > 0 && load->speed > 0)
        exit(command_misuse(load->command, "--rate and --speed exclude each other"));
}

/* ---- what it needs ---- */

static enum status choose_topic(struct load *load, struct error *error)
{
    const char *topics = load->settings->input.topic;
    size_t size = strcspn(topics, ",");
    if (topics[size] != '\0')
        return error_set(error, STATUS_BAD_CONFIG,
                         "input.topic names several topics (%s); choose one with --set "
                         "input.topic=%.*s",
                         topics, (int)size, topics);
    snprintf(load->topic, sizeof load->topic, "%s", topics);
    return STATUS_OK;
}

static enum status open_ends(struct load *load, struct invocation *invocation, struct error *error)
{
    enum status status = settings_load(&invocation->settings, &load->settings, error);
    if (status == STATUS_OK)
        status = choose_topic(load, error);
    if (status == STATUS_OK)
        status = event_files_open(load->paths, load->path_count, &load->settings->input.fields,
                                  &load->files, error);
    if (status != STATUS_OK)
        return status;
    struct kafka_pairs kafka = settings_kafka(load->settings);
    status = kafka_reach(&kafka, NULL, REACH_MS, error);
    if (status == STATUS_OK)
        status = kafka_producer_create(&kafka, load->topic, &load->producer, error);
    return status;
}

/* ---- the work ---- */

static int64_t elapsed_ns(const struct load *load)
{
    return load->clock->monotonic_ns(load->clock) - load->started_ns;
}

/* When the event is due by --rate or --speed, in ns since the start; one without a time is at once,
 * and the pace begins with the first that has one. */
static int64_t due_ns(struct load *load, const struct event *event)
{
    if (load->rate > 0)
        return (int64_t)((double)load->sent / load->rate * 1e9);
    if (event->ts_ms == 0)
        return 0;
    if (load->first_ts_ms == 0) {
        load->first_ts_ms = event->ts_ms;
        load->pace_from_ns = elapsed_ns(load);
    }
    double later = (double)(event->ts_ms - load->first_ts_ms) / load->speed * 1e6;
    return load->pace_from_ns + (int64_t)fmax(fmin(later, NEVER_NS), 0);
}

static void show_progress(struct load *load)
{
    uint64_t done, total;
    event_files_progress(load->files, &done, &total);
    progress_update(&load->progress, load->sent, total > 0 ? (double)done / (double)total : -1);
}

static void wait_for_turn(struct load *load, const struct event *event)
{
    int64_t due = due_ns(load, event), left;
    while (!interrupted && (left = due - elapsed_ns(load)) > 0) {
        if (left > NAP_MS * (int64_t)1000000)
            left = NAP_MS * (int64_t)1000000;
        nanosleep(&(struct timespec){.tv_nsec = (long)left}, NULL);
        show_progress(load);
    }
}

static enum status send(struct load *load, const struct event *event, struct error *error)
{
    if (load->rate > 0 || load->speed > 0)
        wait_for_turn(load, event);
    if (interrupted)
        return STATUS_OK;
    if (!encode_event(&load->settings->input.fields, load->format, event, &load->encoded)) {
        load->bad[VERDICT_TOO_LARGE]++;
        return STATUS_OK;
    }
    load->sent++;
    return kafka_producer_send(load->producer, event->user.at, event->user.size,
                               load->encoded.bytes, load->encoded.size, &interrupted, error);
}

static uint64_t bad_lines(const struct load *load)
{
    uint64_t sum = 0;
    for (unsigned verdict = 0; verdict < VERDICTS; verdict++)
        sum += load->bad[verdict];
    return sum;
}

static enum status send_all(struct load *load, struct error *error)
{
    struct event_files_turn turn;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !interrupted) {
        enum event_files_result got = event_files_next(load->files, &turn);
        if (interrupted)
            break;
        switch (got) {
        case EVENT_FILES_EVENT:
            if (!turn.has_time)
                turn.event.ts_ms = 0; /* is not sent: that of the message counts */
            status = send(load, &turn.event, error);
            if (load->sent % 256 == 0)
                show_progress(load);
            break;
        case EVENT_FILES_BAD:
            if (bad_lines(load) < BAD_LINES_SHOWN)
                fprintf(stderr, "tasted: %s\n", turn.error.text);
            load->bad[turn.verdict]++;
            break;
        case EVENT_FILES_FAILED:
            *error = turn.error;
            return error->status;
        case EVENT_FILES_END:
            return STATUS_OK;
        }
    }
    return status;
}

static void wait_for_kafka(struct load *load)
{
    int64_t until_ns = elapsed_ns(load) + FINISH_MS * (int64_t)1000000;
    bool told = false;
    uint64_t left;
    while ((left = kafka_producer_wait(load->producer, NAP_MS)) > 0 &&
           elapsed_ns(load) < until_ns) {
        if (interrupted && !told) {
            fprintf(stderr,
                    "%stasted: interrupted; waits for Kafka to take what was sent (%" PRIu64
                    " left); interrupt again to end at once\n",
                    load->progress.terminal ? "\n" : "", left);
            told = true;
        }
        show_progress(load);
    }
}

/* ---- what came of it ---- */

static void report(const struct load *load)
{
    uint64_t delivered = kafka_producer_delivered(load->producer), bad = bad_lines(load);
    printf("%" PRIu64 " event%s delivered to topic %s\n", delivered, plural(delivered),
           load->topic);
    if (bad == 0)
        return;
    fprintf(stderr, "tasted: %" PRIu64 " line%s could not be used:", bad, plural(bad));
    for (unsigned verdict = 0; verdict < VERDICTS; verdict++)
        if (load->bad[verdict] > 0)
            fprintf(stderr, " %s %" PRIu64, verdict_text((enum verdict)verdict),
                    load->bad[verdict]);
    fputc('\n', stderr);
}

static int work(struct load *load)
{
    struct error error = {STATUS_OK, ""}, late = {STATUS_OK, ""};
    struct sigaction on_signal = {.sa_handler = on_interrupt};
    heed_silence(load);
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
    load->clock = clock_of_machine();
    load->started_ns = load->clock->monotonic_ns(load->clock);
    progress_init(&load->progress, "loading", "events");
    enum status status = send_all(load, &error);
    /* What was sent before something went wrong is to arrive all the same. */
    if (status != STATUS_UNREACHABLE) {
        wait_for_kafka(load);
        kafka_producer_finish(load->producer, 0, &late);
    }
    progress_finish(&load->progress, load->sent);
    report(load);
    if (status != STATUS_OK)
        return fail(&error);
    if (late.status != STATUS_OK)
        return fail(&late);
    if (interrupted)
        return EXIT_INTERRUPTED + interrupted;
    if (load->sent == 0)
        return fail(&(struct error){STATUS_BAD_DATA, "no usable event in what was given"});
    return EXIT_FINE;
}

int command_load(struct invocation *invocation)
{
    struct error error;
    struct load *load = calloc(1, sizeof *load);
    const char **paths = calloc((size_t)invocation->argc + 1, sizeof *paths);
    int code = EXIT_INTERNAL;
    if (load == NULL || paths == NULL) {
        error_set(&error, STATUS_NO_MEMORY, "no memory for loading");
        code = fail(&error);
        goto out;
    }
    load->command = command_named("load");
    load->paths = paths;
    read_arguments(load, invocation);
    code = open_ends(load, invocation, &error) == STATUS_OK ? work(load) : fail(&error);
    kafka_producer_destroy(load->producer);
    event_files_close(load->files);
    settings_free(load->settings);
out:
    free(paths);
    free(load);
    return code;
}
