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

/* Two looks at the clock cost as much as a tenth of the cheapest model's learning. */
static enum verdict learn_timed(struct engine *engine, const struct event *event,
                                struct learned *learned)
{
    if (++engine->untimed < engine->time_every && engine->learn_ns > 0)
        return recommender_learn(engine->model, event, learned);
    int64_t before = now_ns(engine);
    enum verdict verdict = recommender_learn(engine->model, event, learned);
    engine->learn_ns += (uint64_t)(now_ns(engine) - before) * engine->untimed;
    engine->untimed = 0;
    return verdict;
}

static enum verdict learn(struct engine *engine, const struct event *event, struct learned *learned)
{
    enum verdict verdict = observe(engine, event);
    if (verdict == VERDICT_ACCEPTED) {
        verdict = learn_timed(engine, event, learned);
    }
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
    *learned = (struct learned){0};
    return learn(engine, &event, learned);
}

enum verdict engine_take_event(struct engine *engine, const struct event *event,
                               struct learned *learned)
{
    enum verdict verdict = event_check(event, event->ts_ms);
    if (verdict != VERDICT_ACCEPTED)
        return refuse(engine, event, verdict, learned);
    *learned = (struct learned){0};
    return learn(engine, event, learned);
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
