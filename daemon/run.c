/*
 * `tasted run`: an instance on the real edges.
 *
 *     libev ─┬─ Kafka (eventfd), Redis (socket), HTTP, the saving child, signals, watchdog
 *            └─ before it would sleep: instance_turn(); there is work left? then it does not
 *
 * Each edge only calls its owner, the instance; what that is to do about it waits for the turn.
 */
#include "daemon/command.h"
#include "daemon/instance.h"
#include "daemon/mending.h"
#include "daemon/pages.h"
#include "daemon/preparing.h"
#include "transport/log.h"
#include "transport/service.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct run {
    struct settings_source from;
    struct settings *settings;
    struct ev_loop *loop;
    struct instance *instance;
    struct vault *vault;
    struct vault_owner saves; /* the instance */
    struct mending mending;
    struct source *source, *catalogue; /* catalogue NULL: no topic is set */
    struct dead_letters *dead_letters;
    struct store *store;
    struct http_server *http;
    ev_prepare turn;
    ev_idle busy;   /* runs while there is work left: the loop then does not sleep */
    ev_timer wait;  /* until the instance's next deadline */
    ev_timer alive; /* for the watchdog */
    ev_signal term, interrupt, hangup;
    bool told_ready;
    struct error end;
};

const struct command_option run_options[] = {{.name = NULL}};

/* ---- the loop ---- */

static void tell_ready(struct run *run)
{
    if (run->told_ready || !instance_is_ready(run->instance, NULL, 0))
        return;
    run->told_ready = true;
    service_ready();
}

static void on_turn(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    struct run *run = watcher->data;
    int64_t wait_ms = instance_turn(run->instance);
    tell_ready(run);
    if (instance_has_stopped(run->instance, &run->end)) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    if (wait_ms == 0) {
        ev_idle_start(loop, &run->busy);
        return;
    }
    ev_idle_stop(loop, &run->busy);
    ev_timer_stop(loop, &run->wait);
    ev_timer_set(&run->wait, (double)wait_ms / 1e3, 0);
    ev_timer_start(loop, &run->wait);
}

/* Their only use is that the loop comes round to on_turn(). */
static void on_busy(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop, (void)watcher, (void)events;
}

static void on_wait(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)watcher, (void)events;
}

static void on_alive(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)watcher, (void)events;
    service_alive();
}

/* ---- signals ---- */

/* Before the loop runs nothing was learned that would have to be saved. */
static void leave(int number)
{
    (void)number;
    _exit(EXIT_FINE);
}

static void on_end(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop, (void)events;
    struct run *run = watcher->data;
    service_stopping();
    instance_stop(run->instance);
}

static void report_setting(const char *line)
{
    log_warning("settings: %s", line);
}

static void on_hangup(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop, (void)events;
    struct run *run = watcher->data;
    struct settings *fresh;
    struct error error;
    service_reloading();
    if (settings_load(&run->from, &fresh, &error) == STATUS_OK) {
        uint32_t taken = settings_take_live(run->settings, fresh, report_setting);
        settings_free(fresh);
        log_set_level((enum log_level)run->settings->log_level);
        log_notice("settings read again: %u changed", taken);
    } else {
        log_error("settings not read again: %s", error.text);
    }
    if (run->told_ready)
        service_ready();
}

/* A large snapshot takes a while to load: asked to end meanwhile it ends at once, and settings that
 * have changed are read again when the loop runs. That nobody reads the log any more ends nothing.
 */
static enum status watch_start(struct run *run, struct error *error)
{
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    signal(SIGPIPE, SIG_IGN);
    run->loop = ev_default_loop(EVFLAG_AUTO);
    if (run->loop == NULL)
        return error_set(error, STATUS_INTERNAL, "libev finds no way to wait for events here");
    ev_signal_init(&run->hangup, on_hangup, SIGHUP);
    run->hangup.data = run;
    ev_signal_start(run->loop, &run->hangup);
    return STATUS_OK;
}

static void watch(struct run *run)
{
    struct ev_loop *loop = run->loop;
    ev_prepare_init(&run->turn, on_turn);
    ev_idle_init(&run->busy, on_busy);
    ev_timer_init(&run->wait, on_wait, 0, 0);
    ev_signal_init(&run->term, on_end, SIGTERM);
    ev_signal_init(&run->interrupt, on_end, SIGINT);
    run->turn.data = run->term.data = run->interrupt.data = run;
    ev_prepare_start(loop, &run->turn);
    ev_signal_start(loop, &run->term);
    ev_signal_start(loop, &run->interrupt);
    double interval = service_watchdog_interval();
    ev_timer_init(&run->alive, on_alive, 0, interval);
    if (interval > 0)
        ev_timer_start(loop, &run->alive);
}

/* ---- the edges ---- */

/* Names what this lineage of snapshots wrote to Redis. */
static enum status make_epoch(char text[33], struct error *error)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(error, STATUS_INTERNAL, "no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return STATUS_OK;
}

static void on_saved(void *context, const struct error *error, uint64_t bytes, double seconds)
{
    struct run *run = context;
    run->saves.saved(run->saves.context, error, bytes, seconds);
    mending_begin(&run->mending);
}

static enum status open_instance(struct run *run, struct error *error)
{
    char epoch[33];
    enum status status = make_epoch(epoch, error);
    if (status == STATUS_OK)
        status = instance_create(run->settings, clock_of_machine(), &run->instance, error);
    if (status != STATUS_OK)
        return status;
    run->saves = instance_vault_owner(run->instance);
    struct vault_owner owner = {run, on_saved};
    status = vault_of_files(run->loop, run->settings->snapshot_path, &owner, &run->vault, error);
    return status == STATUS_OK ? instance_load(run->instance, run->vault, epoch, error) : status;
}

static enum status open_redis(struct run *run, struct error *error)
{
    const struct settings *settings = run->settings;
    struct redis_settings redis = {
        settings->redis_url,          settings->redis_prefix, instance_epoch(run->instance),
        instance_mark(run->instance), settings->lists.format, instance_had_ended(run->instance)};
    struct store_owner owner = instance_store_owner(run->instance);
    return redis_store_create(run->loop, &redis, &owner, &run->store, error);
}

static enum status open_kafka(struct run *run, struct error *error)
{
    const struct input_settings *input = &run->settings->input;
    struct kafka_pairs pairs = settings_kafka(run->settings);
    struct kafka_source_settings settings = {
        .kafka = pairs,
        .topics = input->topic,
        .group = input->group,
        .start = input->start,
        .start_ms = input->start_ms,
    };
    struct source_owner owner = instance_source_owner(run->instance);
    enum status status = kafka_dead_letters_create(run->loop, &pairs, input->dead_letter_topic,
                                                   &run->dead_letters, error);
    if (status != STATUS_OK)
        return status;
    return kafka_source_create(run->loop, &settings, &owner, &run->source, error);
}

/* Every instance reads all of it, also in a group. */
static enum status open_catalogue(struct run *run, struct error *error)
{
    const struct input_settings *input = &run->settings->input;
    if (input->catalogue_topic[0] == '\0')
        return STATUS_OK;
    struct kafka_source_settings settings = {
        .kafka = settings_kafka(run->settings),
        .topics = input->catalogue_topic,
        .start = KAFKA_EARLIEST,
    };
    struct source_owner owner = instance_catalogue_owner(run->instance);
    enum status status = kafka_source_create(run->loop, &settings, &owner, &run->catalogue, error);
    if (status != STATUS_OK)
        return status;
    status = instance_attach_catalogue(run->instance, run->catalogue);
    return status == STATUS_OK ? status : error_set(error, status, "no memory for a catalogue");
}

static enum status open_http(struct run *run, struct error *error)
{
    const char *listen = run->settings->http_listen;
    if (strcmp(listen, "off") == 0)
        return STATUS_OK;
    enum status status = http_create(run->loop, listen, pages, run->instance, &run->http, error);
    if (status == STATUS_OK)
        log_notice("HTTP: port %d (/metrics, /health/ready)", http_port(run->http));
    return status;
}

static enum status open_edges(struct run *run, struct error *error)
{
    preparing_begin();
    enum status status = open_instance(run, error);
    if (status == STATUS_OK)
        status = open_redis(run, error);
    if (status == STATUS_OK)
        status = open_kafka(run, error);
    if (status == STATUS_OK)
        instance_attach(run->instance, run->source, run->dead_letters, run->store);
    if (status == STATUS_OK)
        status = open_catalogue(run, error);
    if (status == STATUS_OK)
        status = open_http(run, error);
    return status;
}

static void close_edges(struct run *run)
{
    http_destroy(run->http);
    if (run->source != NULL)
        run->source->ops->destroy(run->source);
    if (run->catalogue != NULL)
        run->catalogue->ops->destroy(run->catalogue);
    if (run->dead_letters != NULL)
        run->dead_letters->ops->destroy(run->dead_letters);
    if (run->store != NULL)
        run->store->ops->destroy(run->store);
    if (run->vault != NULL)
        run->vault->ops->destroy(run->vault);
    mending_finish(&run->mending);
    preparing_finish();
    instance_destroy(run->instance);
    settings_free(run->settings);
}

/* ---- the command ---- */

/* What is large goes back to the system when it is freed, instead of leaving holes: messages are
 * made by Kafka's threads and freed by ours, and a flood of long ones would stay for good. */
static void tame_malloc(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 32 * 1024);
#endif
}

static enum status serve(struct run *run, struct error *error)
{
    enum status status = watch_start(run, error);
    if (status == STATUS_OK)
        status = settings_load(&run->from, &run->settings, error);
    if (status == STATUS_OK)
        status = settings_choose_kernel(run->settings, error);
    if (status != STATUS_OK)
        return status;
    log_set_level((enum log_level)run->settings->log_level);
    log_notice("tasted " TASTED_VERSION " starts: topic %s, snapshot %s",
               run->settings->input.topic, run->settings->snapshot_path);
    status = open_edges(run, error);
    if (status != STATUS_OK)
        return status;
    watch(run);
    ev_run(run->loop, 0);
    *error = run->end;
    return run->end.status;
}

int command_run(struct invocation *invocation)
{
    const char *value;
    const struct command *command = command_named("run");
    while (command_next(invocation, command, &value) != NULL || value != NULL)
        return command_misuse(command, "takes no arguments; %s is one", value);
    tame_malloc();
    struct run run = {.from = invocation->settings};
    struct error error = {0};
    enum status status = serve(&run, &error);
    close_edges(&run);
    if (status == STATUS_OK)
        log_notice("stopped");
    return status == STATUS_OK ? EXIT_FINE : fail(&error);
}
