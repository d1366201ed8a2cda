#include "daemon/instance_state.h"

#include "transport/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

int64_t instance_look_at_clock(struct instance *instance)
{
    int64_t now_ns = instance->clock->monotonic_ns(instance->clock);
    instance->now_ms = now_ns / 1000000;
    instance->wall_ms = instance->clock->wall_ms(instance->clock);
    return now_ns;
}

uint32_t instance_tag(const struct instance *instance, uint32_t user)
{
    struct text id = recommender_user_id(instance->engine.model, user);
    return (uint32_t)XXH3_64bits(id.at, id.size);
}

/* ---- beginning ---- */

enum status instance_create(const struct settings *settings, struct clock_source *clock,
                            struct instance **out, struct error *error)
{
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for an instance");
    instance->settings = settings;
    instance->clock = clock;
    instance_look_at_clock(instance);
    instance->started_ms = instance->wall_ms;
    uint32_t batch = (settings->threads + 1) * RANK_BATCH_PER_THREAD;
    instance->lists.batch_max = batch < RANK_BATCH_MAX ? batch : RANK_BATCH_MAX;
    instance->lists.batch = calloc(instance->lists.batch_max, sizeof(struct list));
    instance->lists.popular_list = calloc(1, sizeof(struct list));
    popular_init(instance);
    if (instance->lists.batch == NULL || instance->lists.popular_list == NULL ||
        publication_create(&instance->publication) != STATUS_OK ||
        prequential_create(&instance->prequential) != STATUS_OK ||
        neighbours_init(instance) != STATUS_OK) {
        instance_destroy(instance);
        return error_set(error, STATUS_NO_MEMORY, "no memory for an instance's tables");
    }
    *out = instance;
    return STATUS_OK;
}

void instance_destroy(struct instance *instance)
{
    if (instance == NULL)
        return;
    ranker_destroy(instance->ranker);
    publication_destroy(instance->publication);
    neighbours_finish(&instance->neighbours);
    prequential_destroy(instance->prequential);
    offsets_finish(&instance->offsets);
    catalogue_finish(&instance->catalogue);
    erasures_finish(&instance->erasures);
    recommender_destroy(instance->engine.model);
    free(instance->keeping.checkpoint.positions);
    free(instance->lists.batch);
    free(instance->lists.popular_list);
    free(instance);
}

void instance_attach(struct instance *instance, struct source *source,
                     struct dead_letters *dead_letters, struct store *store)
{
    instance->source = source;
    instance->dead_letters = dead_letters;
    instance->store = store;
    instance->intake.readable = true;
}

uint64_t instance_mark(const struct instance *instance)
{
    return instance->mark;
}

bool instance_had_ended(const struct instance *instance)
{
    return instance->had_ended;
}

const char *instance_epoch(const struct instance *instance)
{
    return instance->epoch;
}

/* ---- one pass ---- */

int64_t instance_end_offset(const struct instance *instance, const struct partition *partition)
{
    struct source *source =
        is_of_catalogue(instance, partition) ? instance->catalogue.source : instance->source;
    const struct position *at = &partition->position;
    return source->ops->end_offset(source, at->topic, at->partition);
}

bool instance_is_grouped(const struct instance *instance)
{
    return instance->settings->input.group[0] != '\0';
}

uint32_t instance_waiting_partitions(const struct instance *instance)
{
    uint32_t waiting = 0;
    for (uint32_t i = 0; instance_is_grouped(instance) && i < instance->offsets.size; i++) {
        const struct partition *at = &instance->offsets.at[i];
        waiting += at->owned && !at->level && !is_of_catalogue(instance, at);
    }
    return waiting;
}

int64_t instance_lag(const struct instance *instance)
{
    int64_t lag = 0;
    if (instance->source == NULL || !instance->intake.assigned)
        return -1;
    for (uint32_t i = 0; i < instance->offsets.size && lag >= 0; i++) {
        const struct partition *at = &instance->offsets.at[i];
        int64_t behind = at->owned ? offsets_behind(at, instance_end_offset(instance, at)) : 0;
        lag = behind < 0 ? -1 : lag + behind;
    }
    return lag;
}

static bool is_cut_off(const struct source *source)
{
    return source != NULL && source->ops->cut_off != NULL && source->ops->cut_off(source);
}

bool instance_is_ready(const struct instance *instance, char *why, size_t why_size)
{
    bool cut_off = is_cut_off(instance->source);
    bool ready = instance->loaded && instance->lists.connected && instance->intake.assigned &&
                 !cut_off && instance->phase == PHASE_RUNNING &&
                 instance->intake.failure.status == STATUS_OK;
    if (why == NULL || why_size == 0)
        return ready;
    snprintf(why, why_size, "%s%s%s%s%s%s%s", instance->phase == PHASE_RUNNING ? "" : "stopping\n",
             instance->loaded ? "" : "the snapshot is not loaded yet\n",
             instance->lists.connected ? "" : "Redis does not answer\n",
             instance->intake.assigned ? "" : "Kafka has not assigned partitions yet\n",
             cut_off ? "Kafka does not answer\n" : "",
             instance->intake.failure.status == STATUS_OK ? "" : "cannot read: ",
             instance->intake.failure.status == STATUS_OK ? "" : instance->intake.failure.text);
    return ready;
}

static void tell_ready(struct instance *instance)
{
    if (instance->was_ready || !instance_is_ready(instance, NULL, 0))
        return;
    instance->was_ready = true;
    log_notice("ready");
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t wait_ms(const struct instance *instance)
{
    int64_t due_ms = instance->now_ms + IDLE_MS;
    due_ms = sooner(due_ms, intake_due_ms(instance));
    if (instance->phase < PHASE_SAVING)
        due_ms = sooner(due_ms, sooner(lists_due_ms(instance), neighbours_due_ms(instance)));
    due_ms = sooner(due_ms, keeping_due_ms(instance));
    return due_ms > instance->now_ms ? due_ms - instance->now_ms : 1;
}

static bool phase_lasts(const struct instance *instance, int64_t ms)
{
    return instance->now_ms - instance->phase_since_ms >= ms;
}

static bool is_drained(const struct instance *instance)
{
    return lists_are_done(instance) && !instance->intake.holding &&
           instance->dead_letters->ops->outstanding(instance->dead_letters) == 0;
}

/* The steps of the end, one phase after the other. */
static void keep_end(struct instance *instance)
{
    struct source *source = instance->source;
    if (instance->phase == PHASE_DRAINING &&
        (is_drained(instance) || phase_lasts(instance, DRAIN_MS)))
        instance_enter(instance, PHASE_SAVING);
    if (instance->phase == PHASE_SAVING) {
        save_at_end(instance);
        source->ops->close(source);
        instance_enter(instance, PHASE_LEAVING);
    }
    if (instance->phase == PHASE_LEAVING) {
        leave_source(instance);
        if (source->ops->closed(source) || phase_lasts(instance, LEAVE_MS))
            instance_enter(instance, PHASE_STOPPED);
    }
}

/* What is learned changes what lists are ranked by, and the first lists behind it pay for that. So
 * while there is more of both than a turn holds, some turns only learn, and then some only publish:
 * half as long, as a list that more events wait for is soon out of date, and the sooner they are
 * learned, the sooner all lists are as of now. What was withdrawn leaves the lists first. */
static void choose_work(struct instance *instance, bool *learns, bool *publishes)
{
    struct shift *shift = &instance->shift;
    if (shift->behind && catalogue_hurries(instance)) {
        *learns = false;
        *publishes = true;
        return;
    }
    if (shift->behind && instance->now_ms >= shift->until_ms) {
        shift->publishing = !shift->publishing;
        shift->until_ms =
            instance->now_ms + (shift->publishing ? PUBLISH_SHIFT_MS : LEARN_SHIFT_MS);
        if (shift->publishing)
            lists_expect(instance);
    }
    *learns = !shift->behind || !shift->publishing;
    *publishes = !shift->behind || shift->publishing;
}

/* True: there is more to do at once. */
static bool work(struct instance *instance)
{
    bool learns, publishes, messages = true, lists = true;
    choose_work(instance, &learns, &publishes);
    bool more = take_entries(instance);
    if (learns)
        messages = take_messages(instance);
    more |= sweep_withdrawn(instance);
    remove_withdrawn(instance);
    more |= sweep_users(instance);
    more |= sweep_neighbours(instance);
    erase_users(instance);
    if (publishes) {
        publish_neighbours(instance, true);
        lists = publish_lists(instance);
    }
    if (!lists)
        more |= publish_neighbours(instance, false);
    search_neighbours(instance, messages || lists);
    instance->shift.behind = messages && lists;
    return more || messages || lists;
}

int64_t instance_turn(struct instance *instance)
{
    int64_t began_ns = instance_look_at_clock(instance);
    if (instance->broken)
        return IDLE_MS;
    publication_set_refresh(instance->publication, instance->settings->lists.refresh_ms);
    bool more = false;
    if (instance->phase < PHASE_SAVING) {
        keep_status(instance); /* before the lists whose seconds it counts: go_on_counting() */
        more = work(instance);
        keep_popular(instance);
        keep_snapshot(instance);
    }
    tell_ready(instance);
    if (instance->phase != PHASE_RUNNING)
        keep_end(instance);
    int64_t ended_ns = instance_look_at_clock(instance);
    histogram_add(&instance->turn_seconds, (double)(ended_ns - began_ns) / 1e9);
    return more ? 0 : wait_ms(instance);
}

/* ---- ending ---- */

void instance_enter(struct instance *instance, enum phase phase)
{
    instance->phase = phase;
    instance->phase_since_ms = instance->now_ms;
}

void instance_stop(struct instance *instance)
{
    if (instance->phase != PHASE_RUNNING)
        return;
    instance_look_at_clock(instance);
    log_notice("stopping: %" PRIu64 " lists are due", publication_waiting(instance->publication));
    instance_enter(instance, PHASE_DRAINING);
}

bool instance_has_stopped(const struct instance *instance, struct error *error)
{
    *error = instance->keeping.error;
    if (instance->broken)
        error_set(error, STATUS_NO_MEMORY,
                  "no memory to learn on; ending without saving, the next start goes on from the "
                  "last snapshot. Set model.memory_limit below what the machine has");
    return instance->broken || instance->phase == PHASE_STOPPED;
}
