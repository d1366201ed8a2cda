#include "daemon/replay_variant.h"

#include "daemon/cpu_time.h"

static enum status open_model(const struct replay_variant *variant, const char *from,
                              struct checkpoint *checkpoint, struct error *error)
{
    const struct recommender_settings *settings = &variant->settings->model;
    checkpoint_init(checkpoint);
    if (from != NULL)
        return checkpoint_open(from, settings, checkpoint, error);
    return recommender_create(settings, &checkpoint->model, error);
}

enum status replay_variant_open(struct replay_variant *variant, const char *name,
                                struct settings *settings, const char *from, struct error *error)
{
    *variant = (struct replay_variant){.name = name, .settings = settings};
    enum status status = open_model(variant, from, &variant->checkpoint, error);
    variant->engine = (struct engine){
        .model = variant->checkpoint.model,
        .fields = &settings->input.fields,
        .signals = &settings->model.signals,
        .clock = clock_of_machine(),
        .time_every = ENGINE_TIME_EVERY,
    };
    variant->checkpoint.model = NULL; /* taken over */
    return status;
}

void replay_variant_close(struct replay_variant *variant)
{
    evaluation_destroy(variant->evaluation);
    recommender_destroy(variant->skimmed);
    recommender_destroy(variant->engine.model);
    checkpoint_finish(&variant->checkpoint);
    settings_free(variant->settings);
}

enum status replay_variant_begin_count(struct replay_variant *variant, const char *from,
                                       struct error *error)
{
    struct checkpoint scratch;
    enum status status = open_model(variant, from, &scratch, error);
    variant->skimmed = scratch.model;
    scratch.model = NULL;
    checkpoint_finish(&scratch);
    return status;
}

void replay_variant_end_count(struct replay_variant *variant)
{
    recommender_destroy(variant->skimmed);
    variant->skimmed = NULL;
}

static enum verdict skim(struct replay_variant *variant, const struct batch_event *entry)
{
    struct decode_scratch scratch;
    struct event event;
    enum verdict verdict;
    scratch.used = 0;
    if (entry->got == REPLAY_MESSAGE) {
        verdict = decode_event(variant->engine.fields, entry->message.value, entry->message.size,
                               entry->message.timestamp_ms, &scratch, &event);
    } else {
        event = entry->event;
        verdict = event_check(&event, event.ts_ms);
    }
    return verdict == VERDICT_ACCEPTED ? recommender_skim(variant->skimmed, &event) : verdict;
}

void replay_variant_count(struct replay_variant *variant, const struct replay_batch *batch)
{
    for (uint32_t n = 0; n < batch->size; n++)
        variant->accepted += skim(variant, &batch->at[n]) == VERDICT_ACCEPTED;
}

enum status replay_variant_evaluate(struct replay_variant *variant,
                                    struct evaluation_settings *settings, struct error *error)
{
    settings->total = variant->accepted > 0 ? variant->accepted : 1;
    settings->learn_ns = &variant->engine.learn_ns;
    enum status status = evaluation_create(settings, variant->engine.model, &variant->evaluation);
    if (status != STATUS_OK)
        return error_set(error, status, "no memory to evaluate");
    variant->engine.observer = evaluation_observer(variant->evaluation);
    return STATUS_OK;
}

/* The next few entries. */
static void decode_some(const struct engine *engine, struct engine_batch *some,
                        const struct batch_event *entry, uint32_t left)
{
    engine_batch_clear(some);
    for (; some->size < left && !engine_batch_is_full(some); entry++)
        if (entry->got == REPLAY_MESSAGE)
            engine_batch_add_message(engine, some, entry->message.value, entry->message.size,
                                     entry->message.timestamp_ms);
        else
            engine_batch_add_event(some, &entry->event);
}

static void note_refusal(struct refusals *refusals, uint32_t n, enum verdict verdict)
{
    if (refusals->count < REFUSED_TOLD) {
        refusals->at[refusals->count].n = n;
        refusals->at[refusals->count].verdict = verdict;
    }
    refusals->count++;
}

/* The batch's event number n, which is the next one of `some`. */
static enum status learn_one(struct replay_variant *variant, struct engine_batch *some, uint32_t n)
{
    struct learned learned;
    enum verdict verdict = engine_take_next(&variant->engine, some, &learned);
    if (verdict_is_dead(verdict))
        note_refusal(&variant->refusals, n, verdict);
    if (verdict != VERDICT_ACCEPTED)
        return STATUS_OK;
    if (learned.status == STATUS_OK && variant->evaluation != NULL)
        return evaluation_after(variant->evaluation, &learned);
    return learned.status;
}

/* A variant may go from thread to thread between two batches. */
static int64_t begin_turn(struct replay_variant *variant)
{
    int64_t now = cpu_time_ns();
    if (variant->evaluation != NULL)
        variant->evaluation->cpu_offset_ns = (int64_t)variant->cpu_ns - now;
    return now;
}

void replay_variant_end(struct replay_variant *variant)
{
    begin_turn(variant);
    if (variant->evaluation != NULL)
        evaluation_end(variant->evaluation, variant->engine.model);
}

void replay_variant_learn(struct replay_variant *variant, const struct replay_batch *batch)
{
    int64_t before = begin_turn(variant);
    enum status status = STATUS_OK;
    struct engine_batch some;
    engine_batch_clear(&some);
    variant->refusals.count = 0;
    for (uint32_t n = 0; n < batch->size && status == STATUS_OK; n++) {
        if (engine_batch_is_done(&some))
            decode_some(&variant->engine, &some, &batch->at[n], batch->size - n);
        status = learn_one(variant, &some, n);
    }
    variant->cpu_ns += (uint64_t)(cpu_time_ns() - before);
    if (status != STATUS_OK)
        error_set(&variant->error, status, "learning: %s", status_text(status));
}

double replay_variant_learn_cpu(const struct replay_variant *variant)
{
    uint64_t scoring = variant->evaluation == NULL ? 0 : variant->evaluation->cpu_ns;
    return (double)(variant->cpu_ns - scoring) / 1e9;
}
