/*
 *     due ─► dead letters acknowledged? ─► copy of the offsets ─► vault ··· saved() ─► commit, let
 * go └─ intake waits a second for that, the snapshot ten
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the section LIST ---- */

static enum status save_lists(void *context, struct state_writer *writer)
{
    const struct instance *instance = context;
    enum status status = publication_save(instance->publication, writer);
    if (status == STATUS_OK)
        status = erasures_save(&instance->erasures, writer);
    if (status == STATUS_OK)
        status = publication_save(instance->neighbours.publication, writer);
    return status != STATUS_OK ? status : related_save(instance->neighbours.related, writer);
}

/* What the section LIST is made into, all or nothing. */
struct loaded {
    struct publication *publication;
    struct erasures erasures;
    struct publication *similar;
    struct related *related;
};

static void loaded_finish(struct loaded *loaded)
{
    publication_destroy(loaded->publication);
    erasures_finish(&loaded->erasures);
    publication_destroy(loaded->similar);
    related_destroy(loaded->related);
}

static enum status loaded_create(struct loaded *loaded, uint32_t similar)
{
    *loaded = (struct loaded){.publication = NULL};
    enum status status = publication_create(&loaded->publication);
    if (status == STATUS_OK)
        status = publication_create(&loaded->similar);
    return status == STATUS_OK ? related_create(similar, &loaded->related) : status;
}

/* Items' neighbours come last: where none are published, they are not read. */
static enum status load_section(const struct instance *instance, const struct recommender *model,
                                struct state_reader *reader, struct loaded *loaded)
{
    bool trusted = instance->keeping.checkpoint.clean;
    uint32_t users = recommender_user_bound(model), items = recommender_item_bound(model);
    enum status status =
        publication_load(loaded->publication, reader, users, trusted, instance->now_ms);
    if (status == STATUS_OK)
        status = erasures_load(&loaded->erasures, reader);
    if (status != STATUS_OK || instance->neighbours.size == 0)
        return status;
    status = publication_load(loaded->similar, reader, items, trusted, instance->now_ms);
    return status == STATUS_OK ? related_load(loaded->related, reader, items) : status;
}

static enum status load_lists(void *context, const struct recommender *model,
                              struct state_reader *reader, struct error *error)
{
    struct instance *instance = context;
    struct loaded loaded;
    enum status status = loaded_create(&loaded, instance->settings->lists.similar);
    if (status == STATUS_OK)
        status = load_section(instance, model, reader, &loaded);
    if (status != STATUS_OK) {
        loaded_finish(&loaded);
        return error_set(error, status, "snapshot section LIST: %s", status_text(status));
    }
    struct loaded before = {instance->publication, instance->erasures,
                            instance->neighbours.publication, instance->neighbours.related};
    instance->publication = loaded.publication;
    instance->erasures = loaded.erasures;
    instance->neighbours.publication = loaded.similar;
    instance->neighbours.related = loaded.related;
    loaded_finish(&before);
    return STATUS_OK;
}

/* ---- the section HOLD ---- */

static enum status save_holders(void *context, struct state_writer *writer)
{
    const struct instance *instance = context;
    return holders_save(instance->catalogue.holders, writer);
}

static enum status load_holders(void *context, const struct recommender *model,
                                struct state_reader *reader, struct error *error)
{
    struct instance *instance = context;
    struct holders *holders = NULL;
    enum status status = holders_create(instance->settings->lists.size, &holders);
    if (status == STATUS_OK)
        status = holders_load(holders, reader, recommender_user_bound(model));
    if (status != STATUS_OK) {
        holders_destroy(holders);
        return error_set(error, status, "snapshot section HOLD: %s", status_text(status));
    }
    holders_destroy(instance->catalogue.holders);
    instance->catalogue.holders = holders;
    return STATUS_OK;
}

/* ---- loading ---- */

static enum status take_positions(struct instance *instance, const struct checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < checkpoint->position_count; i++) {
        const struct position *position = &checkpoint->positions[i];
        struct partition *partition =
            offsets_add(&instance->offsets, position->topic, position->partition);
        if (partition == NULL)
            return STATUS_NO_MEMORY;
        partition->position.next_offset = partition->kept = position->next_offset;
    }
    return STATUS_OK;
}

static enum status take_checkpoint(struct instance *instance, struct checkpoint *checkpoint,
                                   struct error *error)
{
    if (take_positions(instance, checkpoint) != STATUS_OK)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the offsets");
    instance->engine.model = checkpoint->model;
    checkpoint->model = NULL;
    if (checkpoint->epoch[0] != '\0')
        snprintf(instance->epoch, sizeof instance->epoch, "%s", checkpoint->epoch);
    /* What was written to the store after this was saved is not known. */
    if (!checkpoint->clean) {
        lists_begin_sweep(instance);
        lists_leap_since(instance, checkpoint->created_ms);
    } else if (related_bound(instance->neighbours.related) == 0) {
        neighbours_begin_sweep(instance);
    }
    if (instance->catalogue.holders != NULL)
        catalogue_resume(instance, checkpoint->created_ms);
    erasures_owe(&instance->erasures, checkpoint->owed);
    instance->mark = checkpoint->mark;
    instance->had_ended = checkpoint->clean;
    instance->lists.resumes = true;
    instance->keeping.last_success_ms = checkpoint->created_ms;
    struct recommender_counts counts = recommender_count(instance->engine.model);
    log_notice("snapshot loaded: %" PRIu64 " events, %" PRIu64 " users, %" PRIu64
               " items, %u partitions%s",
               counts.events, counts.users, counts.items, checkpoint->position_count,
               checkpoint->clean ? "" : "; not from a clean end, all lists are written again");
    return STATUS_OK;
}

static enum status begin_model(struct instance *instance, struct error *error)
{
    struct engine *engine = &instance->engine;
    engine->fields = &instance->settings->input.fields;
    engine->signals = &instance->settings->model.signals;
    engine->observer = intake_observer(instance);
    engine->clock = instance->clock;
    engine->time_every = ENGINE_TIME_EVERY;
    enum status status =
        ranker_create(engine->model, instance->settings->threads + 1, &instance->ranker, error);
    if (status != STATUS_OK)
        return status;
    /* Where `latest` was, only a snapshot knows after a crash: the first event calls for one. */
    bool at_once = instance->settings->input.start == KAFKA_LATEST;
    instance->keeping.due_ms =
        instance->now_ms + (at_once ? 0 : instance->settings->snapshot_interval_ms);
    instance->loaded = true;
    return STATUS_OK;
}

enum status instance_load(struct instance *instance, struct vault *vault, const char *new_epoch,
                          struct error *error)
{
    instance->vault = vault;
    snprintf(instance->epoch, sizeof instance->epoch, "%s", new_epoch);
    struct checkpoint *checkpoint = &instance->keeping.checkpoint;
    checkpoint_init(checkpoint);
    checkpoint->settings = &instance->settings->model;
    checkpoint->lists = (struct checkpoint_section){instance, save_lists, load_lists};
    if (instance->settings->input.catalogue_topic[0] != '\0')
        checkpoint->holders = (struct checkpoint_section){instance, NULL, load_holders};
    struct error what = {0};
    enum status status = vault->ops->load(vault, checkpoint_take, checkpoint, &what);
    if (status == STATUS_OK) {
        if (what.status != STATUS_OK)
            log_warning("%s; the previous snapshot is used", what.text);
        status = take_checkpoint(instance, checkpoint, error);
    } else if (status == STATUS_NOT_FOUND) {
        log_notice("no snapshot yet: a new beginning");
        status = recommender_create(&instance->settings->model, &instance->engine.model, error);
    } else {
        *error = what;
    }
    checkpoint_finish(checkpoint);
    return status == STATUS_OK ? begin_model(instance, error) : status;
}

/* ---- saving ---- */

static enum status fill_checkpoint(struct instance *instance, bool clean)
{
    struct checkpoint *checkpoint = &instance->keeping.checkpoint;
    free(checkpoint->positions);
    checkpoint_init(checkpoint);
    checkpoint->settings = &instance->settings->model;
    checkpoint->lists = (struct checkpoint_section){instance, save_lists, load_lists};
    if (clean && instance->catalogue.holders != NULL) /* else all are written again */
        checkpoint->holders = (struct checkpoint_section){instance, save_holders, load_holders};
    checkpoint->model = instance->engine.model;
    checkpoint->clean = clean;
    checkpoint->owed = erasures_saving(&instance->erasures);
    checkpoint->mark = instance->store->ops->mark(instance->store);
    checkpoint->created_ms = instance->wall_ms;
    snprintf(checkpoint->epoch, sizeof checkpoint->epoch, "%s", instance->epoch);
    return offsets_copy(&instance->offsets, &checkpoint->positions, &checkpoint->position_count);
}

static void let_partitions_go(struct instance *instance)
{
    if (!instance->intake.releasing)
        return;
    instance->intake.releasing = false;
    instance->intake.readable = true;
    offsets_let_go(&instance->offsets);
    instance->source->ops->let_go(instance->source);
}

void commit_offsets(struct instance *instance)
{
    struct commitment *commitments;
    uint32_t size;
    if (offsets_commitments(&instance->offsets, instance_is_grouped(instance), &commitments,
                            &size) != STATUS_OK)
        return;
    if (size > 0)
        instance->source->ops->commit(instance->source, commitments, size);
    free(commitments);
}

static void enter_result(struct instance *instance, const struct error *error, uint64_t bytes,
                         double seconds)
{
    struct keeping *keeping = &instance->keeping;
    keeping->error = *error;
    if (error->status != STATUS_OK) {
        keeping->failed++;
        keeping->changed = true;
        log_error("snapshot not saved: %s", error->text);
        return;
    }
    keeping->saved++;
    erasures_saved(&instance->erasures);
    keeping->last_success_ms = keeping->checkpoint.created_ms;
    keeping->last_bytes = bytes;
    keeping->last_seconds = seconds;
    offsets_keep(&instance->offsets, keeping->checkpoint.positions,
                 keeping->checkpoint.position_count);
    commit_offsets(instance);
}

static void saved(void *context, const struct error *error, uint64_t bytes, double seconds)
{
    struct instance *instance = context;
    struct keeping *keeping = &instance->keeping;
    instance_look_at_clock(instance);
    keeping->saving = false;
    keeping->due_ms =
        instance->now_ms +
        (error->status == STATUS_OK ? instance->settings->snapshot_interval_ms : SNAPSHOT_RETRY_MS);
    enter_result(instance, error, bytes, seconds);
    if (error->status == STATUS_OK)
        log_notice("snapshot saved: %.1f MB in %.1f s", (double)bytes / 1e6, seconds);
    if (keeping->again) {
        keeping->again = false;
        keeping->due_ms = instance->now_ms;
    } else {
        let_partitions_go(instance);
    }
}

struct vault_owner instance_vault_owner(struct instance *instance)
{
    return (struct vault_owner){instance, saved};
}

void snapshot_soon(struct instance *instance)
{
    instance->keeping.changed = true;
    instance->keeping.due_ms = instance->now_ms;
    instance->keeping.again = instance->keeping.saving;
}

/* A snapshot says that its messages are dealt with; so the dead ones have to be safe by then. */
static bool letters_are_safe(struct instance *instance)
{
    struct keeping *keeping = &instance->keeping;
    if (instance->dead_letters->ops->outstanding(instance->dead_letters) == 0) {
        keeping->wait_since_ms = 0;
        return true;
    }
    if (keeping->wait_since_ms == 0)
        keeping->wait_since_ms = instance->now_ms;
    if (instance->now_ms - keeping->wait_since_ms < SNAPSHOT_WAIT_MS)
        return false;
    log_warning("snapshot: dead letters are not acknowledged for %d s; saving without",
                SNAPSHOT_WAIT_MS / 1000);
    keeping->wait_since_ms = 0;
    return true;
}

/* A snapshot names those whose key may still be there. They are gone in a moment, unless the store
 * is away. */
static bool erasures_are_answered(struct instance *instance)
{
    struct keeping *keeping = &instance->keeping;
    if (!erasures_pend(&instance->erasures) || !instance->lists.connected)
        return true;
    if (keeping->erase_since_ms == 0)
        keeping->erase_since_ms = instance->now_ms;
    return instance->now_ms - keeping->erase_since_ms >= SNAPSHOT_ERASE_MS;
}

bool snapshot_holds_intake(const struct instance *instance)
{
    const struct keeping *keeping = &instance->keeping;
    return keeping->wait_since_ms != 0 &&
           instance->now_ms - keeping->wait_since_ms < SNAPSHOT_HOLD_MS;
}

static void begin_saving(struct instance *instance)
{
    struct keeping *keeping = &instance->keeping;
    struct error error = {0};
    enum status status = fill_checkpoint(instance, false);
    if (status == STATUS_OK)
        status = instance->vault->ops->save(instance->vault, checkpoint_fill, &keeping->checkpoint,
                                            &error);
    else
        error_set(&error, status, "no memory for the offsets");
    keeping->saving = status == STATUS_OK;
    keeping->changed = false;
    keeping->erase_since_ms = 0;
    if (status != STATUS_OK)
        saved(instance, &error, 0, 0);
}

/* Also without an event, as long as that takes somebody forgotten off the disk. */
static bool is_to_be_saved(const struct instance *instance)
{
    const struct erasures *erasures = &instance->erasures;
    return instance->keeping.changed || (erasures->owed > 0 && !erasures_pend(erasures));
}

void keep_snapshot(struct instance *instance)
{
    struct keeping *keeping = &instance->keeping;
    if (keeping->saving || instance->phase != PHASE_RUNNING || !is_to_be_saved(instance) ||
        instance->now_ms < keeping->due_ms || !catalogue_is_swept(instance))
        return;
    if (erasures_are_answered(instance) && letters_are_safe(instance))
        begin_saving(instance);
}

static enum status save_in_foreground(struct instance *instance)
{
    struct keeping *keeping = &instance->keeping;
    int64_t began_ns = instance_look_at_clock(instance);
    struct error error = {0};
    enum status status =
        fill_checkpoint(instance, lists_are_known(instance) && catalogue_is_swept(instance));
    if (status == STATUS_OK)
        status = instance->vault->ops->save_now(instance->vault, checkpoint_fill,
                                                &keeping->checkpoint, &error);
    else
        error_set(&error, status, "no memory for the offsets");
    error.status = status;
    double seconds = (double)(instance_look_at_clock(instance) - began_ns) / 1e9;
    enter_result(instance, &error, 0, seconds);
    if (status == STATUS_OK)
        log_notice("snapshot saved at the end, %.1f s", seconds);
    return status;
}

/* Nothing else is to be done any more. Who was forgotten a moment ago is in the generation before:
 * the same once more replaces that one, too. */
void save_at_end(struct instance *instance)
{
    const struct erasures *erasures = &instance->erasures;
    offsets_set_reach(&instance->offsets, false);
    enum status status = save_in_foreground(instance);
    while (status == STATUS_OK && erasures->owed > 0 && !erasures_pend(erasures))
        status = save_in_foreground(instance);
    let_partitions_go(instance);
}

int64_t keeping_due_ms(const struct instance *instance)
{
    enum { ANSWERS_MS = 5 };
    const struct keeping *keeping = &instance->keeping;
    if (keeping->saving || !is_to_be_saved(instance) || instance->phase != PHASE_RUNNING)
        return PUBLICATION_NEVER;
    bool waits = keeping->wait_since_ms != 0 || keeping->erase_since_ms != 0;
    return waits ? instance->now_ms + ANSWERS_MS : keeping->due_ms;
}
