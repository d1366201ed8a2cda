#include "daemon/engine.h"

#include "transport/snapshot_file.h"

#include <assert.h>

static int64_t now_ns(const struct engine *engine)
{
    return engine->clock == NULL ? 0 : engine->clock->monotonic_ns(engine->clock);
}

static void count(struct engine *engine, int signal, enum verdict verdict)
{
    engine->verdicts[verdict]++;
    if (engine->signals != NULL)
        engine->by_signal[signal < 0 ? SIGNALS_MAX : signal][verdict]++;
}

static void count_refused(struct engine *engine, const struct event *event, enum verdict verdict)
{
    bool named = event != NULL && engine->signals != NULL;
    count(engine, named ? signals_find(engine->signals, event->name) : -1, verdict);
}

/* An event on its way: judged and looked up, then shown to the observer, then learned. */
struct passage {
    const struct event *event;
    struct learned *learned; /* its action comes first */
    enum verdict verdict;
    struct place place;
};

/* `batch`, of which it is the next one, or NULL. */
static void look_up(const struct engine *engine, struct engine_batch *batch,
                    struct passage *passage)
{
    struct recommender *model = engine->model;
    if (batch != NULL)
        recommender_look_ahead(model, &batch->ahead, batch->event, batch->taken, batch->size);
    passage->verdict = recommender_judge(model, passage->event, &passage->learned->action);
    if (passage->verdict != VERDICT_ACCEPTED)
        return;
    passage->place =
        batch == NULL ? recommender_place(model, passage->event)
                      : recommender_place_ahead(model, &batch->ahead, batch->event, batch->taken);
}

static void observe(const struct engine *engine, const struct passage *passage)
{
    const struct engine_observer *observer = &engine->observer;
    if (passage->verdict == VERDICT_ACCEPTED && observer->before_learning != NULL)
        observer->before_learning(observer->context, engine->model, passage->event, passage->place,
                                  &passage->learned->action);
}

static void learn_passage(const struct engine *engine, const struct passage *passage)
{
    if (passage->verdict == VERDICT_ACCEPTED)
        recommender_learn_at(engine->model, passage->event, passage->place, passage->learned);
    else
        *passage->learned = (struct learned){.user = SLOT_NONE, .item = SLOT_NONE};
}

/* What the observer takes is not learning. */
static void pass_timed(struct engine *engine, struct engine_batch *batch, struct passage *passage)
{
    int64_t start = now_ns(engine);
    look_up(engine, batch, passage);
    int64_t looked = now_ns(engine);
    observe(engine, passage);
    int64_t observed = engine->observer.before_learning == NULL ? looked : now_ns(engine);
    learn_passage(engine, passage);
    int64_t spent = looked - start + now_ns(engine) - observed;
    engine->timed.ns = (uint64_t)spent;
    engine->timed.events = engine->untimed;
    engine->learn_ns += engine->timed.ns * engine->timed.events;
    engine->untimed = 0;
}

/* Looks at the clock cost as much as a tenth of the cheapest model's learning: so not each event is
 * timed. */
static enum verdict learn(struct engine *engine, struct engine_batch *batch,
                          const struct event *event, struct learned *learned)
{
    struct passage passage = {.event = event, .learned = learned};
    if (++engine->untimed >= engine->time_every || engine->learn_ns == 0) {
        pass_timed(engine, batch, &passage);
    } else {
        engine->timed.events = 0;
        look_up(engine, batch, &passage);
        observe(engine, &passage);
        learn_passage(engine, &passage);
    }
    if (passage.verdict == VERDICT_ACCEPTED)
        count(engine, learned->action.signal, VERDICT_ACCEPTED);
    else
        count_refused(engine, event, passage.verdict);
    return passage.verdict;
}

static enum verdict refuse(struct engine *engine, const struct event *event, enum verdict verdict,
                           struct learned *learned)
{
    *learned = (struct learned){.user = SLOT_NONE, .item = SLOT_NONE};
    count_refused(engine, event, verdict);
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
    batch->bytes = 0;
}

/* What was looked ahead of a smaller batch would be somebody else's. */
static uint32_t next_place(struct engine_batch *batch)
{
    assert(batch->taken == 0 && batch->size < ENGINE_BATCH);
    return batch->size++;
}

void engine_batch_add_message(const struct engine *engine, struct engine_batch *batch,
                              const void *value, size_t size, int64_t message_ts_ms)
{
    uint32_t n = next_place(batch);
    struct decode_scratch *scratch = &batch->scratch[n];
    scratch->used = 0;
    batch->bytes += size;
    batch->verdict[n] =
        decode_event(engine->fields, value, size, message_ts_ms, scratch, &batch->event[n]);
    if (batch->verdict[n] != VERDICT_ACCEPTED)
        batch->event[n] = (struct event){0}; /* nothing to look up */
}

void engine_batch_add_event(struct engine_batch *batch, const struct event *event)
{
    uint32_t n = next_place(batch);
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

struct place engine_batch_soon(const struct engine_batch *batch, uint32_t later)
{
    assert(later <= AHEAD_GROUP);
    uint32_t n = batch->taken + later;
    return batch->taken > 0 && n < batch->size ? batch->ahead.at[n % AHEAD_ROOM].place
                                               : (struct place){SLOT_NONE, SLOT_NONE};
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
