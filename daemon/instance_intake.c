/*
 *     next() ─► admit (offsets) ─► engine ─► touch (publication) ─► advance (offsets)
 *                                    └─ dead ─► dead letters ── full? hold, try again ┘
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- what the source is told to call ---- */

static void wake(void *context)
{
    struct instance *instance = context;
    instance->intake.readable = true;
}

static int64_t where(void *context, const char *topic, int32_t partition)
{
    struct instance *instance = context;
    const struct partition *found = offsets_find(&instance->offsets, topic, partition);
    return found == NULL ? -1 : found->position.next_offset;
}

struct source_owner instance_source_owner(struct instance *instance)
{
    return (struct source_owner){instance, wake, where};
}

/* ---- events ---- */

/* No list holds what the user has; so an event on that says nothing about lists. */
static bool has_item(const struct recommender *model, struct place place, const struct event *event)
{
    return place.user != SLOT_NONE && place.item != SLOT_NONE &&
           recommender_has(model, place.user, place.item, event->ts_ms);
}

/* The last look at the world before an event changes it. */
static void before_learning(void *context, const struct recommender *model,
                            const struct event *event, struct place place,
                            const struct action *action)
{
    struct instance *instance = context;
    uint32_t user = place.user;
    if (action->kind == SIGNAL_FORGET) {
        if (user != SLOT_NONE) {
            lists_drop(instance, user);
            prequential_forget(instance->prequential, user);
        }
        if (erasures_add(&instance->erasures, event->user) != STATUS_OK)
            log_error("no memory to remember that a user's key is to be deleted");
        return;
    }
    if (action->weight <= 0 || !prequential_has_shown(instance->prequential) ||
        has_item(model, place, event))
        return;
    bool listed = user != SLOT_NONE && publication_is_listed(instance->publication, user);
    uint32_t tag = listed ? instance_tag(instance, user) : 0;
    prequential_observe(instance->prequential, user, tag, listed, event->item);
}

struct engine_observer intake_observer(struct instance *instance)
{
    return (struct engine_observer){instance, before_learning};
}

static void mark_dirty(struct instance *instance, const struct learned *learned,
                       const struct message *message, const struct partition *partition)
{
    if (learned->user == SLOT_NONE)
        return;
    neighbours_touch(instance, learned->item);
    uint32_t tag = instance_tag(instance, learned->user);
    if (publication_touch(instance->publication, learned->user, tag, message->timestamp_ms,
                          instance->now_ms) != STATUS_OK)
        log_error("no memory to remember that a user's list is due");
    publication_set_partition(instance->publication, learned->user, partition->number);
}

/* ---- dead letters ---- */

/* The message is dealt with: sent, or given up. */
static void let_dead_go(struct instance *instance)
{
    const struct message *held = &instance->intake.held;
    instance->intake.holding = false;
    offsets_advance(offsets_find(&instance->offsets, held->topic, held->partition), held);
}

/* The queue is full. A while of patience for each time it is; then they are lost at once, so that
 * a flood of them while the topic is away stalls nobody. */
static void lose_or_hold(struct instance *instance)
{
    static struct log_limit limit;
    struct intake *intake = &instance->intake;
    if (!intake->full) {
        intake->full = true;
        intake->full_since_ms = instance->now_ms;
    }
    if (instance->now_ms - intake->full_since_ms < DEAD_LETTER_HOLD_MS) {
        intake->holding = true;
        return;
    }
    intake->dead_lost++;
    log_every(&limit, 10, LOG_LEVEL_WARNING,
              "dead letters are lost: their queue has been full for %d s; is topic %s writable?",
              DEAD_LETTER_HOLD_MS / 1000, instance->settings->input.dead_letter_topic);
    let_dead_go(instance);
}

static void send_dead(struct instance *instance)
{
    struct intake *intake = &instance->intake;
    struct dead_letters *letters = instance->dead_letters;
    if (!letters->ops->send(letters, &intake->held, verdict_text(intake->verdict))) {
        lose_or_hold(instance);
        return;
    }
    intake->full = false;
    let_dead_go(instance);
}

/* ---- messages ---- */

/* A user's entry first, then who is beside it, which it tells. With a batch's first event the next
 * ones are fetched as well. */
static void fetch_soon(struct instance *instance)
{
    const struct engine_batch *batch = &instance->intake.batch;
    for (uint32_t later = batch->taken == 1 ? 0 : AHEAD_GROUP; later <= AHEAD_GROUP; later++) {
        const struct place soon = engine_batch_soon(batch, later);
        publication_fetch(instance->publication, soon.user);
        neighbours_fetch(instance, soon.item);
    }
    publication_fetch_beside(instance->publication, engine_batch_soon(batch, 1).user);
}

static void look_whether_level(struct instance *instance, struct partition *partition, int64_t end)
{
    if (!instance_is_grouped(instance) || !offsets_come_level(partition, end))
        return;
    instance->intake.nears_reach = true;
    lists_reclaim(instance);
}

/* Of the end something is known when a message has come: not what it was when the partition was
 * ours before. */
static void look_at_goal(struct instance *instance, struct partition *partition)
{
    int64_t end = partition->goal < 0 ? instance_end_offset(instance, partition) : -1;
    look_whether_level(instance, partition, end);
}

/* Before lists tell of more than the group was told of. */
static void tell_reach(struct instance *instance)
{
    if (!instance->intake.nears_reach)
        return;
    instance->intake.nears_reach = false;
    offsets_set_reach(&instance->offsets, true);
    commit_offsets(instance);
}

/* The next message of the batch. */
static void take_message(struct instance *instance)
{
    struct intake *intake = &instance->intake;
    const struct message *message = &intake->message[intake->batch.taken];
    struct engine *engine = &instance->engine;
    struct partition *partition = offsets_admit(&instance->offsets, message);
    if (partition == NULL) {
        engine_skip_next(engine, &intake->batch);
        return;
    }
    instance->keeping.changed = true;
    struct learned learned;
    enum verdict verdict = engine_take_next(engine, &intake->batch, &learned);
    fetch_soon(instance);
    if (learned.status != STATUS_OK) {
        instance->broken = true;
        return;
    }
    if (verdict_is_dead(verdict)) {
        intake->verdict = verdict;
        intake->held = *message;
        send_dead(instance);
        return;
    }
    if (verdict == VERDICT_ACCEPTED) {
        if (engine->timed.events > 0)
            histogram_add_times(&instance->learn_seconds, (double)engine->timed.ns / 1e9,
                                engine->timed.events);
        mark_dirty(instance, &learned, message, partition);
    }
    offsets_advance(partition, message);
    if (!partition->level && partition->position.next_offset >= partition->goal)
        look_at_goal(instance, partition);
    instance->intake.nears_reach |= offsets_near_reach(partition);
}

/* ---- partitions ---- */

static void describe(const struct assignment *change, char *out, size_t size)
{
    enum { SHOWN = 8 };
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < change->size && i < SHOWN && used < size; i++) {
        const struct position *at = &change->at[i];
        int n = at->next_offset < 0
                    ? snprintf(out + used, size - used, " %s/%" PRId32 " at input.start", at->topic,
                               at->partition)
                    : snprintf(out + used, size - used, " %s/%" PRId32 " at %" PRId64, at->topic,
                               at->partition, at->next_offset);
        used += n > 0 ? (size_t)n : 0;
    }
    if (change->size > SHOWN && used < size)
        snprintf(out + used, size - used, " …");
}

static void take_assigned(struct instance *instance, const struct assignment *change)
{
    char places[1024];
    describe(change, places, sizeof places);
    log_notice("Kafka: %u partition%s assigned:%s", change->size, change->size == 1 ? "" : "s",
               places);
    offsets_own(&instance->offsets, change, true);
    instance->intake.assigned = true;
    instance->intake.failure.status = STATUS_OK;
}

/* Taken away but not yet somebody else's: what was read is saved before another reads on. */
static void take_revoked(struct instance *instance, const struct assignment *change)
{
    log_notice("Kafka: %u partition%s taken away; saving before letting go", change->size,
               change->size == 1 ? "" : "s");
    offsets_own(&instance->offsets, change, false);
    instance->intake.releasing = true;
    snapshot_soon(instance);
}

static void take_lost(struct instance *instance, const struct assignment *change)
{
    log_warning("Kafka: %u partition%s lost to another member of the group", change->size,
                change->size == 1 ? "" : "s");
    offsets_own(&instance->offsets, change, false);
    offsets_let_go(&instance->offsets);
    instance->source->ops->let_go(instance->source);
}

static void take_reached(struct instance *instance, const struct assignment *change)
{
    for (uint32_t i = 0; i < change->size; i++) {
        const struct position *at = &change->at[i];
        struct partition *partition = offsets_find(&instance->offsets, at->topic, at->partition);
        if (partition == NULL)
            continue;
        offsets_set_goal(partition, at->next_offset);
        look_whether_level(instance, partition, -1);
    }
}

/* By that a partition without messages is known to be read, and a start by time or at the latest
 * message is pinned: the next start goes on from here. */
static void take_caught_up(struct instance *instance, const struct assignment *change)
{
    if (change->size == 0)
        return;
    const struct position *at = &change->at[0];
    struct partition *partition = offsets_find(&instance->offsets, at->topic, at->partition);
    if (partition == NULL)
        return;
    partition->read_to = at->next_offset;
    if (partition->position.next_offset < 0 && at->next_offset >= 0) {
        partition->position.next_offset = at->next_offset;
        instance->keeping.changed = true;
    }
    look_whether_level(instance, partition, at->next_offset);
}

static void take_failed(struct instance *instance, const struct error *trouble)
{
    static struct log_limit limit;
    instance->intake.failure = *trouble;
    log_every(&limit, 30, LOG_LEVEL_ERROR, "cannot read: %s", trouble->text);
}

static void take_trouble(struct instance *instance, const struct error *trouble)
{
    static struct log_limit limit;
    instance->intake.troubles++;
    log_every(&limit, 10, LOG_LEVEL_WARNING, "%s", trouble->text);
}

static void take_other(struct instance *instance, enum source_result result)
{
    const struct source_turn *turn = &instance->intake.turn;
    switch (result) {
    case SOURCE_NOTHING:
    case SOURCE_MESSAGE:
        break;
    case SOURCE_ASSIGNED:
        take_assigned(instance, &turn->change);
        break;
    case SOURCE_REVOKED:
        take_revoked(instance, &turn->change);
        break;
    case SOURCE_LOST:
        take_lost(instance, &turn->change);
        break;
    case SOURCE_REACHED:
        take_reached(instance, &turn->change);
        break;
    case SOURCE_CAUGHT_UP:
        take_caught_up(instance, &turn->change);
        break;
    case SOURCE_TROUBLE:
        take_trouble(instance, &turn->trouble);
        break;
    case SOURCE_FAILED:
        take_failed(instance, &turn->trouble);
        break;
    }
}

/* As many messages as there are, up to a batch, and what comes after them. */
static void read_batch(struct instance *instance)
{
    struct intake *intake = &instance->intake;
    struct source *source = instance->source;
    engine_batch_clear(&intake->batch);
    while (!engine_batch_is_full(&intake->batch)) {
        enum source_result result = source->ops->next(source, &intake->turn);
        if (result != SOURCE_MESSAGE) {
            intake->after = result;
            intake->readable = result != SOURCE_NOTHING;
            break;
        }
        const struct message *message = &intake->turn.message;
        intake->failure.status = STATUS_OK;
        const uint32_t n = intake->batch.size;
        engine_batch_add_message(&instance->engine, &intake->batch, message->value, message->size,
                                 message->timestamp_ms);
        /* Not before: what was just written in pieces is slow to copy. */
        intake->message[n] = *message;
    }
}

/* Some messages of the batch, as many as may pass between two looks at the clock. Returns how many.
 */
static int take_some(struct instance *instance)
{
    const int most = instance->keeping.saving ? ENGINE_LOOK_SAVING : ENGINE_LOOK;
    struct intake *intake = &instance->intake;
    int taken = 0;
    while (taken < most && !engine_batch_is_done(&intake->batch) && !intake->holding &&
           !instance->broken) {
        take_message(instance);
        taken++;
    }
    return taken;
}

/* How many messages were dealt with, and what came after them counts as one; 0: the source has
 * nothing now. */
static int take_next(struct instance *instance)
{
    struct intake *intake = &instance->intake;
    bool done = engine_batch_is_done(&intake->batch);
    if (done && intake->after == SOURCE_NOTHING) {
        if (!intake->readable)
            return 0;
        read_batch(instance);
        done = engine_batch_is_done(&intake->batch);
    }
    if (!done)
        return take_some(instance);
    enum source_result after = intake->after;
    intake->after = SOURCE_NOTHING;
    take_other(instance, after);
    return after != SOURCE_NOTHING;
}

static bool has_unfinished(const struct intake *intake)
{
    return !engine_batch_is_done(&intake->batch) || intake->after != SOURCE_NOTHING;
}

static bool intake_is_held(struct instance *instance)
{
    return instance->broken || catalogue_is_awaited(instance) || instance->phase != PHASE_RUNNING ||
           instance->intake.holding || instance->intake.releasing ||
           snapshot_holds_intake(instance);
}

/* True: there may be more at once. */
static bool take_slice(struct instance *instance)
{
    if (!instance->intake.readable && !has_unfinished(&instance->intake))
        return false;
    const int64_t until_ns = instance_look_at_clock(instance) + ENGINE_SLICE_NS;
    int64_t now_ns = until_ns - ENGINE_SLICE_NS;
    for (int left = INTAKE_SLICE_MESSAGES; left > 0 && now_ns < until_ns;) {
        int taken = intake_is_held(instance) ? 0 : take_next(instance);
        if (taken == 0)
            return false;
        left -= taken;
        now_ns = instance_look_at_clock(instance);
    }
    return true;
}

bool take_messages(struct instance *instance)
{
    instance->dead_letters->ops->serve(instance->dead_letters);
    if (instance->intake.holding)
        send_dead(instance);
    bool more = take_slice(instance);
    tell_reach(instance);
    return more;
}

/* While the end is near nobody learns any more; partitions are only let go. */
void leave_source(struct instance *instance)
{
    struct source *source = instance->source;
    enum source_result result = instance->intake.after;
    instance->intake.after = SOURCE_NOTHING;
    engine_batch_clear(&instance->intake.batch); /* not learned: read again by the next start */
    if (result == SOURCE_REVOKED || result == SOURCE_LOST)
        source->ops->let_go(source);
    for (int i = 0; i < INTAKE_SLICE_MESSAGES; i++) {
        result = source->ops->next(source, &instance->intake.turn);
        if (result == SOURCE_NOTHING)
            return;
        if (result == SOURCE_REVOKED || result == SOURCE_LOST)
            source->ops->let_go(source);
    }
}

int64_t intake_due_ms(const struct instance *instance)
{
    enum { HELD_MS = 5 };
    bool letters_out = instance->dead_letters->ops->outstanding(instance->dead_letters) > 0;
    bool soon = instance->intake.holding || instance->phase == PHASE_LEAVING ||
                (letters_out && instance->phase != PHASE_RUNNING) ||
                snapshot_holds_intake(instance);
    return soon ? instance->now_ms + HELD_MS : PUBLICATION_NEVER;
}
