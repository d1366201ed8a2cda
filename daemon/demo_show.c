/*
 * The show: plays the stream at its rate, scores the lists as they stand in Redis just before each
 * play, and follows a few listeners.
 *
 *     next of the stream ─► read the list from Redis, score ─► produce to Kafka ─► … ─► Redis
 *                                                                  `tasted run` ─┘
 */
#include "daemon/command.h"
#include "daemon/demo.h"
#include "daemon/demo_stage.h"
#include "daemon/demo_view.h"
#include "daemon/yardstick.h"
#include "transport/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECOND_NS = 1000000000, TOP = 10, ARENA = 4096, QUIET_SECONDS = 4, FLUSH_MS = 2000 };

struct follower {
    uint32_t listener;
    int64_t seen_ns;
    uint32_t tracks[VIEW_TRACKS]; /* as shown */
    struct view_person person;
};

struct show {
    const struct demo_settings *settings;
    struct stage stage;
    struct listeners *listeners;
    struct yardstick *yardstick;
    struct kafka_producer *producer;
    struct scores scores;
    struct view view;
    struct view_figures figures;
    struct follower followers[VIEW_PEOPLE];
    int64_t begun_ns, drawn_ns, due_from_ns; /* monotonic */
    uint64_t sent, due_from, sent_when_drawn;
    struct list list;
    char arena[ARENA];
};

static volatile sig_atomic_t stop; /* the signal that asked for it; 0: none */

static void ask_to_stop(int number)
{
    stop = number;
}

static void catch_signals(void)
{
    struct sigaction end = {.sa_handler = ask_to_stop}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL); /* the terminal has gone */
    sigaction(SIGPIPE, &ignore, NULL);
}

static int64_t now_ns(void)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock);
}

/* ---- lists ---- */

/* The list that an application would show: the listener's own, else the popular one. */
static bool read_list(struct show *show, uint32_t listener)
{
    char id[LISTENER_ID_MAX], key[64];
    struct error error;
    int64_t at_ms;
    listeners_id(listener, id);
    snprintf(key, sizeof key, "taste:top:%s", id);
    enum status status = redis_read_list(show->stage.client, key, &show->list, show->arena,
                                         sizeof show->arena, &at_ms, &error);
    if (status == STATUS_NOT_FOUND)
        status = redis_read_list(show->stage.client, "taste:popular", &show->list, show->arena,
                                 sizeof show->arena, &at_ms, &error);
    if (status != STATUS_OK)
        show->list.size = 0;
    return status == STATUS_OK;
}

static uint32_t track_of(const struct show *show, uint32_t at)
{
    char digits[12];
    struct text id = show->list.at[at].item;
    snprintf(digits, sizeof digits, "%.*s", (int)id.size, id.at);
    return (uint32_t)strtoul(digits, NULL, 10);
}

/* From 1; 0: not in the list. */
static uint32_t rank_of(const struct show *show, uint32_t track)
{
    for (uint32_t i = 0; i < show->list.size; i++) {
        if (track_of(show, i) == track)
            return i + 1;
    }
    return 0;
}

/* ---- the listeners that are followed ---- */

static void introduce(const struct show *show, struct follower *follower)
{
    const struct listener *listener = listeners_at(show->listeners, follower->listener);
    char id[LISTENER_ID_MAX];
    uint32_t first = 0, second = 1;
    for (uint32_t g = 1; g < MUSIC_GENRES; g++) {
        if (listener->genres[g] > listener->genres[first]) {
            second = first;
            first = g;
        } else if (g != 1 && listener->genres[g] > listener->genres[second]) {
            second = g;
        }
    }
    listeners_id(follower->listener, id);
    snprintf(follower->person.name, sizeof follower->person.name, "%s, who likes %s and %s", id,
             music_genre(first), music_genre(second));
}

/* The follower of this listener; else one whose listener has gone quiet takes them up; else NULL.
 */
static struct follower *follower_of(struct show *show, uint32_t listener, int64_t ns)
{
    struct follower *quiet = NULL;
    for (int i = 0; i < VIEW_PEOPLE; i++) {
        struct follower *follower = &show->followers[i];
        if (follower->person.name[0] != '\0' && follower->listener == listener)
            return follower;
        if (ns - follower->seen_ns > (int64_t)QUIET_SECONDS * SECOND_NS)
            quiet = follower;
    }
    if (quiet != NULL) {
        *quiet = (struct follower){.listener = listener};
        introduce(show, quiet);
    }
    return quiet;
}

static void follow(struct show *show, const struct listening *listening, uint32_t rank, int64_t ns)
{
    static const char *const did[] = {"kept", "skipped", "liked", "disliked", "saved"};
    struct follower *follower = follower_of(show, listening->listener, ns);
    if (follower == NULL)
        return;
    bool kept = listening->kind == LISTENING_PLAY && listening->wanted;
    const char *verb =
        listening->kind == LISTENING_PLAY && !kept ? "skipped" : did[listening->kind];
    char title[MUSIC_TITLE_MAX];
    music_title(listeners_music(show->listeners), listening->track, title);
    follower->seen_ns = ns;
    follower->person.ranked = kept;
    follower->person.rank = rank;
    snprintf(follower->person.did, sizeof follower->person.did, "%s %s", verb, title);
}

/* Reads a follower's list and marks what is new in it. An unchanged list keeps its marks. */
static void look_again(struct show *show, struct follower *follower)
{
    struct view_person *person = &follower->person;
    uint32_t before[VIEW_TRACKS], size = person->size;
    if (person->name[0] == '\0' || !read_list(show, follower->listener))
        return;
    memcpy(before, follower->tracks, sizeof before);
    person->size = show->list.size < VIEW_TRACKS ? show->list.size : VIEW_TRACKS;
    for (uint32_t i = 0; i < person->size; i++) {
        follower->tracks[i] = track_of(show, i);
        if (follower->tracks[i] < listeners_music(show->listeners)->track_count)
            music_title(listeners_music(show->listeners), follower->tracks[i], person->titles[i]);
    }
    if (size == person->size && memcmp(before, follower->tracks, size * sizeof *before) == 0)
        return;
    for (uint32_t i = 0; i < person->size; i++) {
        person->marks[i] = MARK_NEW;
        for (uint32_t k = 0; k < size; k++) {
            if (before[k] == follower->tracks[i])
                person->marks[i] = i < k ? MARK_UP : MARK_SAME;
        }
    }
}

/* ---- the stream ---- */

static enum status play_one(struct show *show, int64_t ns, struct error *error)
{
    struct listening listening;
    char json[LISTENING_JSON_MAX], id[LISTENER_ID_MAX];
    uint32_t rank = 0;
    listeners_next(show->listeners, &listening);
    struct yardstick_mark mark = yardstick_take(show->yardstick, &listening);
    if (mark.scored) {
        rank = read_list(show, listening.listener) ? rank_of(show, listening.track) : 0;
        scores_add(&show->scores, mark.popular, rank > 0 && rank <= TOP, mark.best);
    }
    follow(show, &listening, rank, ns);
    show->figures.stream_ms = listening.ts_ms;
    show->sent++;
    listeners_id(listening.listener, id);
    int size = listening_json(&listening, json);
    return kafka_producer_send(show->producer, id, strlen(id), json, (size_t)size, NULL, error);
}

/* Sends what is due at `ns`. A machine that is too slow for the rate is not sent a burst later. */
static enum status play_due(struct show *show, int64_t ns, struct error *error)
{
    double rate = show->settings->rate;
    double due = (double)show->due_from + rate * (double)(ns - show->due_from_ns) / SECOND_NS;
    for (int64_t now = ns; (double)show->sent < due && !stop; now = now_ns()) {
        if (play_one(show, now, error) != STATUS_OK)
            return error->status;
        if (now - ns > SECOND_NS / 10) { /* a tenth of a second of sending: begin anew from here */
            show->due_from = show->sent;
            show->due_from_ns = now;
            break;
        }
    }
    return STATUS_OK;
}

/* ---- what is shown ---- */

static double status_number(struct show *show, const char *field)
{
    char text[64], *end;
    struct error error;
    if (redis_read_hash_field(show->stage.client, "taste:status", field, text, sizeof text,
                              &error) != STATUS_OK)
        return -1;
    double number = strtod(text, &end);
    return end == text ? -1 : number;
}

static void take_figures(struct show *show, int64_t ns)
{
    struct view_figures *figures = &show->figures;
    double since = (double)(ns - show->drawn_ns) / SECOND_NS;
    double lists = stage_metric(&show->stage, "tasted_lists_published_total{result=\"written\"}");
    figures->seconds = (double)(ns - show->begun_ns) / SECOND_NS;
    figures->events = show->sent;
    if (lists >= 0) /* else not a number: keep the last one */
        figures->lists = (uint64_t)lists;
    figures->p50 = status_number(show, "freshness_p50_ms");
    figures->p99 = status_number(show, "freshness_p99_ms");
    if (since > 0)
        figures->rate = (double)(show->sent - show->sent_when_drawn) / since;
    show->sent_when_drawn = show->sent;
    show->drawn_ns = ns;
}

/* False: nobody looks any more. */
static bool draw(struct show *show, int64_t ns)
{
    struct view_person people[VIEW_PEOPLE];
    const struct follower *latest = &show->followers[0];
    take_figures(show, ns);
    for (int i = 0; i < VIEW_PEOPLE; i++) {
        look_again(show, &show->followers[i]);
        people[i] = show->followers[i].person;
        if (show->followers[i].seen_ns > latest->seen_ns)
            latest = &show->followers[i];
    }
    if (show->view.picture)
        return view_draw(&show->view, &show->figures, people);
    return view_line(&show->view, &show->figures, &latest->person);
}

/* Until the time is over, a signal came, nobody looks any more, or something broke. */
static enum status play_stream(struct show *show, struct error *error)
{
    const struct timespec moment = {0, 2 * 1000 * 1000};
    int64_t between_ns = show->view.picture ? SECOND_NS / 4 : (int64_t)2 * SECOND_NS;
    show->begun_ns = show->drawn_ns = show->due_from_ns = now_ns();
    for (int i = 0; i < VIEW_PEOPLE; i++)
        show->followers[i].seen_ns = show->begun_ns - (int64_t)(QUIET_SECONDS + 1) * SECOND_NS;
    for (int64_t ns = show->begun_ns; !stop; ns = now_ns()) {
        double seconds = (double)(ns - show->begun_ns) / SECOND_NS;
        if (show->settings->seconds > 0 && seconds >= show->settings->seconds)
            break;
        if (play_due(show, ns, error) != STATUS_OK)
            return error->status;
        if (ns - show->drawn_ns >= between_ns) {
            if (!stage_stands(&show->stage, error))
                return error->status;
            if (!draw(show, ns)) {
                view_abandon(&show->view);
                break;
            }
        }
        nanosleep(&moment, NULL);
    }
    return STATUS_OK;
}

/* ---- all of it ---- */

static enum status prepare(struct show *show, struct error *error)
{
    struct listeners_settings crowd;
    listeners_settings_init(&crowd);
    crowd.seed = show->settings->seed;
    scores_init(&show->scores);
    show->figures.scores = &show->scores;
    show->listeners = listeners_create(&crowd);
    if (show->listeners != NULL)
        show->yardstick = yardstick_create(show->listeners, false, true);
    if (show->yardstick == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the listeners");
    fprintf(stderr, "tasted demo: starting a Kafka broker, Redis and the daemon\n");
    return stage_open(&show->stage, show->settings->seed, &stop, error);
}

static enum status connect_producer(struct show *show, struct error *error)
{
    const struct kafka_pair pairs[] = {
        {"bootstrap.servers", kafka_broker_address(show->stage.broker)}, {"linger.ms", "2"}};
    const struct kafka_pairs kafka = {pairs, 2};
    fprintf(stderr,
            "tasted demo: Kafka at %s (topic " DEMO_TOPIC "), Redis at 127.0.0.1:%d,\n"
            "             metrics at http://127.0.0.1:%d/metrics\n",
            kafka_broker_address(show->stage.broker), show->stage.redis_port,
            show->stage.http_port);
    return kafka_producer_create(&kafka, DEMO_TOPIC, &show->producer, error);
}

static enum status perform(struct show *show, struct error *error)
{
    if (prepare(show, error) != STATUS_OK || connect_producer(show, error) != STATUS_OK)
        return error->status;
    view_open(&show->view);
    enum status status = play_stream(show, error);
    if (status == STATUS_OK)
        take_figures(show, now_ns());
    view_close(&show->view);
    if (stop == SIGHUP)
        view_abandon(&show->view);
    if (status == STATUS_OK)
        view_sum(&show->figures);
    return status;
}

int demo_show(const struct demo_settings *settings)
{
    struct show *show = calloc(1, sizeof *show);
    struct error error = {.status = STATUS_OK};
    if (show == NULL)
        return EXIT_INTERNAL;
    show->settings = settings;
    show->stage.notify = -1;
    catch_signals();
    int code = EXIT_FINE;
    if (perform(show, &error) != STATUS_OK && !stop) /* what breaks after Ctrl-C is no failure */
        code = fail(&error);
    if (show->producer != NULL)
        kafka_producer_finish(show->producer, FLUSH_MS, NULL);
    kafka_producer_destroy(show->producer);
    if (settings->keep && show->stage.folder[0] != '\0')
        fprintf(stderr, "tasted demo: kept %s\n", show->stage.folder);
    stage_close(&show->stage, settings->keep);
    yardstick_destroy(show->yardstick);
    listeners_destroy(show->listeners);
    free(show);
    return code;
}
