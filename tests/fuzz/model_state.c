/*
 * The model's loader against any bytes: what it takes must be a model that can be asked, taught and
 * saved. Sums keep damaged bytes away from it; this is for those that were made on purpose.
 *
 * An input is a list of changes to the state of a small model, so that the corpus stays small and
 * outlives changes of the format: which state, how much of it, then (place, byte) pairs.
 */
#include "model/loss.h"
#include "model/recommender.h"
#include "tests/unit/small_stream.h"
#include "transport/snapshot_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    WHOLE_STATES = 4,
    BARE_STATES = 4,
    STATES = WHOLE_STATES + BARE_STATES,
    STATE_BYTES = 1 << 20,
    CHANGE = 4
};

static struct state {
    struct state_writer writer; /* first */
    struct state_reader reader;
    uint8_t *bytes;
    size_t size, at;
} originals[STATES];

static enum status keep(struct state_writer *base, const void *bytes, size_t size)
{
    struct state *state = (struct state *)base;
    if (size > STATE_BYTES - state->size)
        abort();
    memcpy(state->bytes + state->size, bytes, size);
    state->size += size;
    return STATUS_OK;
}

static enum status give(struct state_reader *base, void *bytes, size_t size)
{
    struct state *state = (struct state *)((char *)base - offsetof(struct state, reader));
    if (size > state->size - state->at)
        return STATUS_BAD_DATA;
    memcpy(bytes, state->bytes + state->at, size);
    state->at += size;
    return STATUS_OK;
}

static uint64_t left(const struct state_reader *base)
{
    const struct state *state =
        (const struct state *)((const char *)base - offsetof(struct state, reader));
    return state->size - state->at;
}

/* The default model first, then the vectors alone by each loss that draws few negatives. */
static void settings_of(int i, struct recommender_settings *settings)
{
    recommender_settings_init(settings);
    settings->dim = 16;
    settings->dedupe_ids = 4;
    if (i < WHOLE_STATES)
        return;
    settings->loss = (enum loss_id)(LOSS_BPR + i - WHOLE_STATES);
    for (int p = 0; p < PARTS; p++)
        settings->part[p] = p == PART_FACTORS ? 1.0f : 0.0f;
}

static void make_originals(void)
{
    static const uint32_t lengths[STATES] = {0, 1, 4, 30, 30, 60, 100, 100};
    for (int i = 0; i < STATES; i++) {
        struct recommender_settings settings;
        struct recommender *model = NULL;
        settings_of(i, &settings);
        originals[i] =
            (struct state){{keep}, {give, left, NULL, NULL, NULL}, malloc(STATE_BYTES), 0, 0};
        if (originals[i].bytes == NULL || recommender_create(&settings, &model, NULL) != STATUS_OK)
            abort();
        for (uint32_t n = 0; n < lengths[i]; n++) {
            struct small_event at;
            struct learned learned;
            small_stream_at(n, &at);
            recommender_learn(model, &at.event, &learned);
        }
        if (recommender_save(model, &originals[i].writer) != STATUS_OK)
            abort();
        recommender_destroy(model);
    }
}

/* Bytes from 160 to 191 mean those of vectors alone: the corpus had none before there were any. */
static const struct state *original_of(uint8_t byte)
{
    return &originals[byte / 32 == 5 ? WHOLE_STATES + byte % BARE_STATES : byte % WHOLE_STATES];
}

/* A changed copy of an original, in memory of its exact size. */
static struct state changed_state(const uint8_t *data, size_t size)
{
    struct state state = *original_of(data[0]);
    state.size -= data[1] == 255 ? 0 : (size_t)data[1] * state.size / 4096;
    uint8_t *copy = malloc(state.size);
    if (copy == NULL)
        abort();
    memcpy(copy, state.bytes, state.size);
    state.bytes = copy;
    for (size_t i = 2; i + CHANGE <= size; i += CHANGE) {
        size_t place = (size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2];
        copy[place % state.size] = data[i + 3];
    }
    return state;
}

static void ask(const struct recommender *model, struct query *query, uint32_t user)
{
    static struct list list;
    if (recommender_query(model, query, user, 1700000000000) != STATUS_OK)
        return;
    recommender_top(model, query, 10, &list);
    recommender_popular(model, recommender_latest_ms(model), 10, &list);
}

static void use(struct recommender *model)
{
    struct query *query = NULL;
    if (query_create(model, &query) != STATUS_OK)
        return;
    uint32_t users = recommender_user_bound(model);
    ask(model, query, SLOT_NONE);
    for (uint32_t user = 0; user < users && user < 8; user++)
        ask(model, query, user);
    for (uint32_t n = 490; n < 520; n++) { /* with a forget among them */
        struct small_event at;
        struct learned learned;
        small_stream_at(n, &at);
        recommender_learn(model, &at.event, &learned);
        if (learned.status != STATUS_OK)
            break;
        ask(model, query, learned.user);
    }
    query_destroy(query);
    struct digest_writer digest; /* reads every byte, for the sanitizers */
    if (digest_begin(&digest) == STATUS_OK) {
        recommender_save(model, &digest.writer);
        digest_end(&digest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (originals[0].bytes == NULL)
        make_originals();
    if (size < 2)
        return 0;
    struct state state = changed_state(data, size);
    struct recommender *model = NULL;
    struct error error = {.status = STATUS_OK};
    enum status status = recommender_load(NULL, &state.reader, &model, &error);
    if (status == STATUS_OK)
        use(model);
    else if (model != NULL || error.text[0] == '\0')
        abort();
    recommender_destroy(model);
    free(state.bytes);
    return 0;
}
