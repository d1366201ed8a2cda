#include "daemon/engine.h"

#include "transport/snapshot_file.h"

static int64_t now_ns(const struct engine *engine)
{
    return engine->clock == NULL ? 0 : engine->clock->monotonic_ns(engine->clock);
}

static void count(struct engine *engine, const struct event *event, enum verdict verdict)
{
    engine->verdicts[verdict]++;
    if (engine->signals == NULL)
        return;
    int signal = event == NULL ? -1 : signals_find(engine->signals, event->name);
    engine->by_signal[signal < 0 ? SIGNALS_MAX : signal][verdict]++;
}

/* An observer must not see an event that is then refused: so it is judged first. */
static enum verdict observe(const struct engine *engine, const struct event *event)
{
    if (engine->observer.before_learning == NULL)
        return VERDICT_ACCEPTED;
    struct action action;
    enum verdict verdict = recommender_judge(engine->model, event, &action);
    if (verdict == VERDICT_ACCEPTED)
        engine->observer.before_learning(engine->observer.context, engine->model, event, &action);
    return verdict;
}

static enum verdict learn_event(struct engine *engine, struct engine_batch *batch,
                                const struct event *event, struct learned *learned)
{
    if (batch != NULL)
        recommender_look_ahead(engine->model, &batch->ahead, batch->event, batch->taken,
                               batch->size);
    return recommender_learn(engine->model, event, learned);
}

/* Two looks at the clock cost as much as a tenth of the cheapest model's learning. */
static enum verdict learn_timed(struct engine *engine, struct engine_batch *batch,
                                const struct event *event, struct learned *learned)
{
    if (++engine->untimed < engine->time_every && engine->learn_ns > 0)
        return learn_event(engine, batch, event, learned);
    int64_t before = now_ns(engine);
    enum verdict verdict = learn_event(engine, batch, event, learned);
    engine->learn_ns += (uint64_t)(now_ns(engine) - before) * engine->untimed;
    engine->untimed = 0;
    return verdict;
}

/* `batch`, of which it is the next one, or NULL. */
static enum verdict learn(struct engine *engine, struct engine_batch *batch,
                          const struct event *event, struct learned *learned)
{
    *learned = (struct learned){0};
    enum verdict verdict = observe(engine, event);
    if (verdict == VERDICT_ACCEPTED)
        verdict = learn_timed(engine, batch, event, learned);
    if (verdict != VERDICT_ACCEPTED)
        learned->user = learned->item = SLOT_NONE;
    count(engine, event, verdict);
    return verdict;
}

static enum verdict refuse(struct engine *engine, const struct event *event, enum verdict verdict,
                           struct learned *learned)
{
    *learned = (struct learned){.user = SLOT_NONE, .item = SLOT_NONE};
    count(engine, event, verdict);
    return verdict;
}

enum verdict engine_take_message(struct engine *engine, const void *value, size_t size,
                                 int64_t message_ts_ms, struct learned *learned)
{
    struct decode_scratch scratch;
    struct event event;
    scratch.used = 0;
    enum verdict verdict =
        decode_event(engine->fields, value, size, message_ts_ms, &scratch, &event);
    if (verdict != VERDICT_ACCEPTED)
        return refuse(engine, NULL, verdict, learned);
    return learn(engine, NULL, &event, learned);
}

enum verdict engine_take_event(struct engine *engine, const struct event *event,
                               struct learned *learned)
{
    enum verdict verdict = event_check(event, event->ts_ms);
    if (verdict != VERDICT_ACCEPTED)
        return refuse(engine, event, verdict, learned);
    return learn(engine, NULL, event, learned);
}

/* ---- batches ---- */

void engine_batch_clear(struct engine_batch *batch)
{
    batch->size = batch->taken = 0;
}

void engine_batch_add_message(const struct engine *engine, struct engine_batch *batch,
                              const void *value, size_t size, int64_t message_ts_ms)
{
    uint32_t n = batch->size++;
    struct decode_scratch *scratch = &batch->scratch[n];
    scratch->used = 0;
    batch->verdict[n] =
        decode_event(engine->fields, value, size, message_ts_ms, scratch, &batch->event[n]);
    if (batch->verdict[n] != VERDICT_ACCEPTED)
        batch->event[n] = (struct event){0}; /* nothing to look up */
}

void engine_batch_add_event(struct engine_batch *batch, const struct event *event)
{
    uint32_t n = batch->size++;
    batch->event[n] = *event;
    batch->verdict[n] = event_check(event, event->ts_ms);
}

enum verdict engine_take_next(struct engine *engine, struct engine_batch *batch,
                              struct learned *learned)
{
    uint32_t n = batch->taken;
    const struct event *event = &batch->event[n];
    if (batch->verdict[n] != VERDICT_ACCEPTED) {
        engine_skip_next(engine, batch);
        return refuse(engine, event->name.size == 0 ? NULL : event, batch->verdict[n], learned);
    }
    enum verdict verdict = learn(engine, batch, event, learned);
    batch->taken++;
    return verdict;
}

uint32_t engine_batch_user_soon(const struct engine_batch *batch)
{
    enum { SOON = AHEAD_MOST / 4 };
    uint32_t n = batch->taken + SOON;
    return batch->taken > 0 && n < batch->size ? batch->ahead.at[n % AHEAD_ROOM].user : SLOT_NONE;
}

void engine_skip_next(const struct engine *engine, struct engine_batch *batch)
{
    recommender_look_ahead(engine->model, &batch->ahead, batch->event, batch->taken, batch->size);
    batch->taken++;
}

enum status engine_digest(const struct engine *engine, char text[33])
{
    struct digest_writer digest;
    enum status status = digest_begin(&digest);
    if (status != STATUS_OK)
        return status;
    status = recommender_save(engine->model, &digest.writer);
    snapshot_sum_text(digest_end(&digest), text);
    return status;
}
