/* Looking ahead changes nothing, whatever comes: new ids, ids that are forgotten, batches of any
 * size, and events that are left out. */
#include "daemon/engine.h"

#include "tests/unit/small_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* From MANY on the negatives of losses that draw many are brought near, too. */
enum { EVENTS = 4000, MANY = 1 << 17 };

struct wanted {
    enum loss_id loss;
    uint32_t most; /* events in a batch; 0: one at a time, without */
    uint64_t limit;
    bool leave_out; /* each seventh */
    uint32_t items; /* wanted beforehand, by long names */
};

static struct engine engine_of(const struct wanted *wanted)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = 16;
    settings.loss = wanted->loss;
    settings.memory_limit = wanted->limit;
    struct engine engine = {0};
    struct error error;
    assert_int_equal(recommender_create(&settings, &engine.model, &error), STATUS_OK);
    return engine;
}

static void want_items(struct engine *engine, uint32_t items)
{
    struct event event = {.name = text_of("click"), .ts_ms = 1600000000000};
    for (uint32_t n = 0; n < items; n++) {
        char user[32], item[32];
        struct learned learned;
        snprintf(user, sizeof user, "user-%u", n % 500);
        snprintf(item, sizeof item, "an-item-that-is-far-%u", n);
        event.user = text_of(user);
        event.item = text_of(item);
        assert_int_equal(engine_take_event(engine, &event, &learned), VERDICT_ACCEPTED);
    }
}

static bool left_out(const struct wanted *wanted, uint32_t i)
{
    return wanted->leave_out && i % 7 == 3;
}

static void learn_alone(struct engine *engine, const struct wanted *wanted)
{
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct small_event small;
        struct learned learned;
        small_stream_at(i, &small);
        if (!left_out(wanted, i))
            engine_take_event(engine, &small.event, &learned);
    }
}

static void learn_batches(struct engine *engine, const struct wanted *wanted)
{
    static struct small_event small[ENGINE_BATCH];
    static struct engine_batch batch;
    for (uint32_t first = 0; first < EVENTS;) {
        uint32_t size = 1 + (uint32_t)(small_random(first) % wanted->most);
        size = size < EVENTS - first ? size : EVENTS - first;
        engine_batch_clear(&batch);
        for (uint32_t n = 0; n < size; n++) {
            small_stream_at(first + n, &small[n]);
            engine_batch_add_event(&batch, &small[n].event);
        }
        for (uint32_t n = 0; n < size; n++) {
            struct learned learned;
            assert_false(engine_batch_is_done(&batch));
            if (left_out(wanted, first + n))
                engine_skip_next(engine, &batch);
            else
                engine_take_next(engine, &batch, &learned);
        }
        assert_true(engine_batch_is_done(&batch));
        first += size;
    }
}

static void compare(struct wanted wanted)
{
    char alone[33], together[33];
    struct engine engine = engine_of(&wanted);
    want_items(&engine, wanted.items);
    learn_alone(&engine, &wanted);
    assert_int_equal(engine_digest(&engine, alone), STATUS_OK);
    recommender_destroy(engine.model);
    engine = engine_of(&wanted);
    want_items(&engine, wanted.items);
    learn_batches(&engine, &wanted);
    assert_int_equal(engine_digest(&engine, together), STATUS_OK);
    recommender_destroy(engine.model);
    assert_string_equal(alone, together);
}

static void any_batch_gives_the_same_state(void **state)
{
    (void)state;
    for (int loss = 0; loss < LOSSES; loss++)
        compare((struct wanted){.loss = (enum loss_id)loss, .most = ENGINE_BATCH});
    compare((struct wanted){.loss = LOSS_SOFTMAX, .most = 1});
    compare((struct wanted){.loss = LOSS_BPR, .most = 5});
}

static void events_may_be_left_out(void **state)
{
    (void)state;
    compare((struct wanted){.loss = LOSS_BPR, .most = ENGINE_BATCH, .leave_out = true});
}

static void also_among_many_items(void **state)
{
    (void)state;
    compare((struct wanted){.loss = LOSS_SOFTMAX, .most = ENGINE_BATCH, .items = MANY});
    compare((struct wanted){.loss = LOSS_WARP, .most = 20, .items = MANY + 500});
}

static void messages_are_judged_as_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"user\":1,\"item\":2,\"event\":\"click\"}",
        "",
        "{\"user\":1}",
        "no JSON",
        "{\"user\":1,\"item\":3,\"event\":\"unknown\"}",
        "{\"user\":1,\"event\":\"forget\"}",
        "{\"user\":2,\"item\":2,\"event\":\"click\",\"ts\":-1}",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    struct field_map fields;
    field_map_init(&fields);
    struct wanted wanted = {.loss = LOSS_BPR};
    struct engine one = engine_of(&wanted), many = engine_of(&wanted);
    static struct engine_batch batch;
    one.fields = many.fields = &fields;
    for (int n = 0; n < TEXTS; n++)
        engine_batch_add_message(&many, &batch, texts[n], strlen(texts[n]), 1700000000000);
    for (int n = 0; n < TEXTS; n++) {
        struct learned a, b;
        enum verdict verdict =
            engine_take_message(&one, texts[n], strlen(texts[n]), 1700000000000, &a);
        assert_int_equal(engine_take_next(&many, &batch, &b), verdict);
        assert_int_equal(a.user, b.user);
        assert_int_equal(a.item, b.item);
        assert_int_equal(a.forgot, b.forgot);
    }
    assert_memory_equal(one.verdicts, many.verdicts, sizeof one.verdicts);
    recommender_destroy(one.model);
    recommender_destroy(many.model);
}

/* Padded as JSON allows. */
static void a_batch_of_large_messages_is_soon_full(void **state)
{
    (void)state;
    enum { LARGE = 60000 };
    static const char message[] = "{\"user\":1,\"item\":2,\"event\":\"click\"}";
    static char large[LARGE];
    static struct engine_batch batch;
    struct field_map fields;
    field_map_init(&fields);
    const struct engine engine = {.fields = &fields};
    memset(large, ' ', LARGE);
    memcpy(large, message, sizeof message - 1);
    for (int round = 0; round < 2; round++) {
        engine_batch_clear(&batch);
        while (!engine_batch_is_full(&batch))
            engine_batch_add_message(&engine, &batch, large, LARGE, 1700000000000);
        assert_int_equal(batch.size, ENGINE_BATCH_BYTES / LARGE + 1);
        assert_int_equal(batch.verdict[batch.size - 1], VERDICT_ACCEPTED);
    }
    engine_batch_clear(&batch);
    while (!engine_batch_is_full(&batch))
        engine_batch_add_message(&engine, &batch, message, sizeof message - 1, 1700000000000);
    assert_int_equal(batch.size, ENGINE_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_batch_gives_the_same_state),
        cmocka_unit_test(events_may_be_left_out),
        cmocka_unit_test(also_among_many_items),
        cmocka_unit_test(messages_are_judged_as_alone),
        cmocka_unit_test(a_batch_of_large_messages_is_soon_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
