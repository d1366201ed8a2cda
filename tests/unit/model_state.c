/* The model's state: saved and loaded it is the same model, whatever happens next to it. */
#include "daemon/checkpoint.h"
#include "model/pairs.h"
#include "model/recommender_parts.h"

#include "tests/unit/small_stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

enum { EVENTS = 3000 };
static const int64_t LATER_MS = 1700000000000 + (int64_t)EVENTS * 61000;

/* ---- a state in memory ---- */

struct memory {
    struct state_writer writer; /* first */
    struct state_reader reader;
    unsigned char *bytes;
    size_t size, room, at, limit;
};

static enum status to_memory(struct state_writer *base, const void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)base;
    if (memory->limit - memory->size < size)
        return STATUS_CANNOT_WRITE;
    if (memory->size + size > memory->room) {
        memory->room = 2 * (memory->size + size);
        memory->bytes = realloc(memory->bytes, memory->room);
        assert_non_null(memory->bytes);
    }
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return STATUS_OK;
}

static enum status from_memory(struct state_reader *base, void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)((char *)base - offsetof(struct memory, reader));
    if (size > memory->size - memory->at)
        return STATUS_BAD_DATA;
    memcpy(bytes, memory->bytes + memory->at, size);
    memory->at += size;
    return STATUS_OK;
}

static uint64_t left_in_memory(const struct state_reader *base)
{
    const struct memory *memory =
        (const struct memory *)((const char *)base - offsetof(struct memory, reader));
    return memory->size - memory->at;
}

static struct memory saved(const struct recommender *model)
{
    struct memory memory = {.writer = {to_memory},
                            .reader = {.read = from_memory, .left = left_in_memory},
                            .limit = SIZE_MAX};
    assert_int_equal(recommender_save(model, &memory.writer), STATUS_OK);
    return memory;
}

static struct recommender *loaded(struct memory *memory,
                                  const struct recommender_settings *settings)
{
    struct recommender *model = NULL;
    struct error error = {.status = STATUS_OK};
    memory->at = 0;
    enum status status = recommender_load(settings, &memory->reader, &model, &error);
    if (status != STATUS_OK)
        fail_msg("does not load: %s", error.text);
    assert_int_equal(memory->at, memory->size);
    return model;
}

/* ---- models ---- */

static struct recommender_settings small_settings(void)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = 16;
    settings.dedupe_ids = 50;
    settings.part[PART_PEERS] = 1.0f; /* off by default */
    return settings;
}

static struct recommender *new_model(const struct recommender_settings *settings)
{
    struct recommender *model = NULL;
    struct error error;
    assert_int_equal(recommender_create(settings, &model, &error), STATUS_OK);
    return model;
}

static void learn(struct recommender *model, uint32_t from, uint32_t to)
{
    struct small_event at;
    struct learned learned;
    for (uint32_t i = from; i < to; i++) {
        small_stream_at(i, &at);
        enum verdict verdict = recommender_learn(model, &at.event, &learned);
        assert_true(verdict == VERDICT_ACCEPTED || verdict == VERDICT_REPEATED);
    }
}

static void digest_of(const struct recommender *model, char text[33])
{
    struct digest_writer digest;
    assert_int_equal(digest_begin(&digest), STATUS_OK);
    assert_int_equal(recommender_save(model, &digest.writer), STATUS_OK);
    snapshot_sum_text(digest_end(&digest), text);
}

static void assert_same_digest(const struct recommender *a, const struct recommender *b)
{
    char one[33], other[33];
    digest_of(a, one);
    digest_of(b, other);
    assert_string_equal(one, other);
}

/* Every user's list, with its scores, to the last bit. */
static void assert_same_lists(const struct recommender *a, const struct recommender *b)
{
    static struct list lists[2];
    struct query *queries[2] = {NULL, NULL};
    assert_int_equal(query_create(a, &queries[0]), STATUS_OK);
    assert_int_equal(query_create(b, &queries[1]), STATUS_OK);
    for (uint32_t user = 0; user < 41; user++) { /* the last one is unknown */
        const struct recommender *models[2] = {a, b};
        char name[32];
        snprintf(name, sizeof name, "user-%u", user);
        for (int i = 0; i < 2; i++) {
            uint32_t slot = recommender_find_user(models[i], text_of(name));
            recommender_query(models[i], queries[i], slot, LATER_MS);
            recommender_top(models[i], queries[i], 50, &lists[i]);
        }
        assert_int_equal(lists[0].size, lists[1].size);
        for (uint32_t i = 0; i < lists[0].size; i++) {
            const struct list_entry *one = &lists[0].at[i], *other = &lists[1].at[i];
            assert_true(text_equal(one->item, other->item));
            assert_memory_equal(&one->score, &other->score, sizeof one->score);
        }
    }
    query_destroy(queries[0]);
    query_destroy(queries[1]);
}

/* ---- the tests ---- */

static void saved_and_loaded_it_is_the_same(void **state)
{
    static const uint32_t lengths[] = {0, 1, 2, 100, EVENTS};
    (void)state;
    struct recommender_settings settings = small_settings();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct recommender *model = new_model(&settings);
        learn(model, 0, lengths[i]);
        struct memory memory = saved(model);
        struct recommender *again = loaded(&memory, &settings);
        struct memory second = saved(again);
        assert_int_equal(memory.size, second.size);
        assert_memory_equal(memory.bytes, second.bytes, memory.size);
        assert_same_lists(model, again);
        struct recommender_counts before = recommender_count(model);
        struct recommender_counts after = recommender_count(again);
        assert_int_equal(before.events, after.events);
        assert_int_equal(before.users, after.users);
        assert_int_equal(before.items, after.items);
        recommender_destroy(again);
        recommender_destroy(model);
        free(memory.bytes);
        free(second.bytes);
    }
}

/* Each item and user once, with all that a user can do by turns. */
static void learn_many(struct recommender *model, uint32_t count)
{
    static const char *const names[] = {"play", "rating", "skip", "dislike", "view"};
    for (uint32_t n = 0; n < count; n++) {
        char user[16], item[16];
        struct learned learned;
        snprintf(user, sizeof user, "u%u", n);
        snprintf(item, sizeof item, "i%u", n);
        const struct event event = {.user = text_of(user),
                                    .item = text_of(item),
                                    .name = text_of(names[n % 5]),
                                    .ts_ms = 1700000000000 + n,
                                    .value = n % 5 == 1 ? 4.5 : 0.0,
                                    .has_value = n % 5 == 1};
        assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    }
}

/* In tables of one block, of several that lie apart, and of several in one piece. */
static void however_many_there_are_they_are_loaded(void **state)
{
    static const uint32_t counts[] = {TABLE_BLOCK_ROWS, TABLE_BLOCK_ROWS + 1, 5000, 20000};
    (void)state;
    struct recommender_settings settings = small_settings();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct recommender *model = new_model(&settings);
        learn_many(model, counts[i]);
        struct memory memory = saved(model);
        struct recommender *again = loaded(&memory, &settings);
        assert_same_digest(model, again);
        recommender_destroy(again);
        recommender_destroy(model);
        free(memory.bytes);
    }
}

static void learning_goes_on_as_if_never_saved(void **state)
{
    static const uint32_t cuts[] = {0, 1, 137, 1500, EVENTS - 1};
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *whole = new_model(&settings);
    learn(whole, 0, EVENTS);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct recommender *first = new_model(&settings);
        learn(first, 0, cuts[i]);
        struct memory memory = saved(first);
        recommender_destroy(first);
        struct recommender *second = loaded(&memory, &settings);
        learn(second, cuts[i], EVENTS);
        assert_same_digest(whole, second);
        assert_same_lists(whole, second);
        recommender_destroy(second);
        free(memory.bytes);
    }
    recommender_destroy(whole);
}

/* Neither saving nor asking leaves a trace in the state, nor does judging. */
static void asking_and_saving_change_nothing(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *quiet = new_model(&settings), *busy = new_model(&settings);
    struct action action;
    struct small_event at;
    for (uint32_t i = 0; i < 1000; i++) {
        learn(quiet, i, i + 1);
        small_stream_at(i, &at);
        recommender_judge(busy, &at.event, &action);
        learn(busy, i, i + 1);
        if (i % 100 == 50) {
            struct memory memory = saved(busy);
            free(memory.bytes);
            assert_same_lists(busy, busy);
        }
    }
    assert_same_digest(quiet, busy);
    recommender_destroy(quiet);
    recommender_destroy(busy);
}

static void the_digest_tells_states_apart(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    char digests[4][33];
    for (int i = 0; i < 4; i++) {
        struct recommender *model = new_model(&settings);
        learn(model, 0, 500);
        if (i == 1) /* one more */
            learn(model, 500, 501);
        if (i == 2) /* the same two in another order than in digests[3] */
            learn(model, 502, 503);
        if (i == 2 || i == 3)
            learn(model, 501, 502);
        if (i == 3)
            learn(model, 502, 503);
        digest_of(model, digests[i]);
        recommender_destroy(model);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
}

static void change_one(struct recommender_settings *settings, int which)
{
    switch (which) {
    case 0:
        settings->seed++;
        break;
    case 1:
        settings->dim *= 2;
        break;
    case 2:
        settings->dedupe_ids++;
        break;
    case 3:
        settings->exclude_days = 7;
        break;
    case 4:
        settings->signals.skip_below = 0.25f;
        break;
    case 5:
        settings->signals.rating_positive = 3.5f;
        break;
    case 6:
        assert_int_equal(signals_set(&settings->signals, "click", 0.5f), STATUS_OK);
        break;
    case 7:
        settings->loss = LOSS_BPR;
        break;
    case 8:
        settings->part[PART_LAST] = 0.0f;
        break;
    default:
        assert_int_equal(signals_set(&settings->signals, "share", 2), STATUS_OK);
        break;
    }
}

static void other_settings_are_refused_by_name(void **state)
{
    static const char *const names[] = {"model.seed",         "model.dim",
                                        "input.dedupe_ids",   "lists.exclude_seen",
                                        "signals.skip_below", "signals.rating_positive",
                                        "signals.click",      "model.loss",
                                        "model.last",         "signals.share"};
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 100);
    struct memory memory = saved(model);
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        struct recommender_settings other = settings;
        struct recommender *again = NULL;
        struct error error = {.status = STATUS_OK};
        change_one(&other, i);
        memory.at = 0;
        assert_int_equal(recommender_load(&other, &memory.reader, &again, &error),
                         STATUS_BAD_CONFIG);
        assert_null(again);
        if (strstr(error.text, names[i]) == NULL)
            fail_msg("%s is not named in: %s", names[i], error.text);
    }
    struct recommender *again = loaded(&memory, NULL); /* whatever it was made with */
    assert_same_digest(model, again);
    recommender_destroy(again);
    recommender_destroy(model);
    free(memory.bytes);
}

/* A disk that fills up, a file that ends: told, never taken for a state. */
static void a_state_cut_short_is_no_state(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings), *again = NULL;
    struct error error;
    learn(model, 0, 100);
    struct memory whole = saved(model);
    size_t step = whole.size / 400 + 1;
    for (size_t keep = 0; keep < whole.size; keep += step) {
        struct memory cut = whole;
        cut.size = keep;
        cut.at = 0;
        assert_int_equal(recommender_load(&settings, &cut.reader, &again, &error), STATUS_BAD_DATA);
        assert_null(again);
        struct memory full = {.writer = {to_memory}, .limit = keep};
        assert_int_equal(recommender_save(model, &full.writer), STATUS_CANNOT_WRITE);
        free(full.bytes);
    }
    recommender_destroy(model);
    free(whole.bytes);
}

static void assert_refused(const struct recommender *model)
{
    struct memory memory = saved(model);
    struct recommender *again = NULL;
    struct error error;
    assert_int_equal(recommender_load(NULL, &memory.reader, &again, &error), STATUS_BAD_DATA);
    assert_null(again);
    free(memory.bytes);
}

static void assert_taken(struct recommender *model)
{
    struct memory memory = saved(model);
    struct recommender *again = NULL;
    struct error error;
    assert_int_equal(recommender_load(NULL, &memory.reader, &again, &error), STATUS_OK);
    assert_same_digest(model, again);
    recommender_destroy(again);
    free(memory.bytes);
}

/* Of a part's weight, or one of the blend's: it would make every score one. */
static void what_is_no_number_is_not_loaded(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 100);
    model->settings.part[PART_POPULARITY] = NAN;
    assert_refused(model);
    model->settings.part[PART_POPULARITY] = settings.part[PART_POPULARITY];
    model->blend.by_gap[1].weight[FEATURE_NEXT] = INFINITY;
    assert_refused(model);
    model->blend.by_gap[1].weight[FEATURE_NEXT] = 0.0f;
    model->blend.by_again[BLEND_AGAINS - 1].sum[0] = -1.0f;
    assert_refused(model);
    recommender_destroy(model);
}

/* Each row's first and last float, of any table: what learning never makes is refused. */
static void no_row_is_absurd(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, -2e12f};
    struct recommender_settings settings = small_settings();
    settings.part[PART_FACTORS] = settings.part[PART_HISTORY] = settings.part[PART_LAST] = 1.0f;
    struct recommender *model = new_model(&settings);
    learn(model, 0, 100);
    uint32_t dim = settings.dim, item = model->item_ids.bound - 1;
    struct factors *factors = &model->factors;
    float *candidate = table_floats(&factors->candidate_rows, item);
    float *at[] = {table_floats(&factors->user_rows, 0),
                   table_floats(&factors->user_rows, model->user_ids.bound - 1) + dim - 1,
                   candidate,
                   candidate + dim + COLUMN_BIAS,
                   candidate + dim + COLUMN_CLOSED,
                   candidate + dim + COLUMN_SUM,
                   table_floats(&factors->history_rows, item) + dim - 1,
                   table_floats(&factors->last_rows, 0),
                   table_floats(&factors->sums, item) + 1,
                   &factors->history_weights.place[1],
                   &factors->history_weights.gap_sum[GAP_BUCKETS - 1],
                   &model->blend.general.weight[FEATURE_NEXT]};
    for (size_t n = 0; n < sizeof at / sizeof *at; n++) {
        float kept = *at[n];
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            *at[n] = values[v];
            assert_refused(model);
        }
        *at[n] = kept;
    }
    *(candidate + dim + COLUMN_CLOSED) = CLOSED_SCORE; /* large, and meant so */
    assert_taken(model);
    recommender_destroy(model);
}

/* What a user wanted last and had: slots of items that are there; or that are told to be gone. */
static void no_user_had_what_is_not_there(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 300);
    const uint32_t users[] = {0, model->user_ids.bound / 2, model->user_ids.bound - 1};
    const uint32_t items = model->item_ids.bound;
    for (size_t n = 0; n < sizeof users / sizeof *users; n++) {
        struct user *user = table_row(&model->users, users[n]);
        struct visit *last_room = &user->history[user->history_room - 1];
        struct had_entry *cell = &user->had.at[user->had.room - 1];
        const struct visit visit = *last_room;
        const struct had_entry entry = *cell;
        last_room->item = items;
        assert_refused(model);
        last_room->item = VISIT_GONE - 1;
        assert_refused(model);
        *last_room = visit;
        cell->item = items + 1;
        assert_refused(model);
        *cell = (struct had_entry){.flags = HAD_HAS};
        assert_refused(model);
        *cell = entry;
        user->had.size--;
        assert_refused(model);
        user->had.size++;
        user->history[0].item = VISIT_GONE;
    }
    assert_taken(model);
    recommender_destroy(model);
}

/* That is found by a task beside the loading. */
static void no_id_is_there_twice(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 100);
    const struct ids *both[] = {&model->user_ids, &model->item_ids};
    for (int n = 0; n < 2; n++) {
        struct ids_key *last = table_row(&both[n]->keys, both[n]->bound - 1), kept = *last;
        *last = *(const struct ids_key *)table_row(&both[n]->keys, 0);
        assert_refused(model);
        *last = kept;
    }
    assert_taken(model);
    recommender_destroy(model);
}

static void no_item_is_paired_with_what_is_not_there(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 300);
    const uint32_t items = model->item_ids.bound;
    uint32_t tried = 0;
    for (uint32_t item = 0; item < items; item++) {
        const struct pair_list *list = pairs_of(model->part[PART_NEIGHBOURS], item);
        if (list->size == 0)
            continue;
        uint32_t *last = &list->item[list->size - 1], kept = *last;
        *last = items;
        assert_refused(model);
        *last = kept;
        tried++;
    }
    assert_true(tried > 3);
    assert_taken(model);
    recommender_destroy(model);
}

/* How often an item is among the latest: the samples are divided by what that leads to expect. */
static void the_ring_is_counted(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 300);
    const uint32_t items[] = {0, model->item_ids.bound - 1};
    for (size_t n = 0; n < sizeof items / sizeof *items; n++) {
        uint16_t *count = &model->sampler.items[items[n]].in_ring, kept = *count;
        *count = (uint16_t)(kept + 1);
        assert_refused(model);
        *count = UINT16_MAX;
        assert_refused(model);
        *count = kept;
    }
    assert_taken(model);
    recommender_destroy(model);
}

static uint64_t left_as_told;

static uint64_t left_is_told(const struct state_reader *base)
{
    (void)base;
    return left_as_told;
}

/* Each table of the vectors would fit what is left, but not all of them: no room is taken. */
static void vectors_must_fit_together(void **state)
{
    (void)state;
    enum { USERS = 700, ITEMS = 1000 };
    const struct factor_weights weights = {.own = 1.0f, .history = 1.0f, .last = 1.0f};
    struct state_reader reader = {.left = left_is_told};
    struct factors factors;
    factors_init(&factors, 3, 16, &weights);
    uint64_t all = USERS * factors_user_bytes(&factors) + ITEMS * factors_item_bytes(&factors);
    left_as_told = all - 1;
    assert_int_equal(factors_expect(&factors, USERS, ITEMS, &reader), STATUS_BAD_DATA);
    assert_int_equal(factors.user_rows.rows, 0);
    assert_null(factors.changes.bits);
    left_as_told = all;
    assert_int_equal(factors_expect(&factors, USERS, ITEMS, &reader), STATUS_OK);
    factors_finish(&factors);
}

/* Negatives are drawn from the candidates: no item was wanted that is none of them. */
static void what_was_wanted_is_a_candidate(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 300);
    struct popularity *popularity = &model->popularity;
    uint32_t count = popularity->wanted_count, turn = popularity->turn;
    popularity->wanted_count = popularity->turn = 0;
    assert_refused(model);
    popularity->wanted_count = count - 1;
    assert_refused(model);
    popularity->wanted_count = count;
    popularity->turn = count;
    assert_refused(model);
    popularity->turn = turn;
    struct popular_item *item = popularity_of(popularity, popularity->wanted_items[0]);
    uint64_t wanted = item->wanted;
    item->wanted = 0;
    assert_refused(model);
    item->wanted = wanted;
    uint32_t *last = &popularity->wanted_items[count - 1], kept = *last;
    *last = popularity->wanted_items[0];
    assert_refused(model);
    *last = kept;
    assert_taken(model);
    recommender_destroy(model);
}

/* Sums keep damaged bytes out; but whatever comes past them must do no harm. */
static void a_damaged_state_does_no_harm(void **state)
{
    (void)state;
    struct recommender_settings settings = small_settings();
    struct recommender *model = new_model(&settings);
    learn(model, 0, 60);
    struct memory whole = saved(model);
    recommender_destroy(model);
    size_t step = whole.size / 1500 + 1;
    for (size_t at = 0; at < whole.size; at += at < 2048 ? 1 : step) {
        struct recommender *again = NULL;
        struct error error = {.status = STATUS_OK};
        whole.bytes[at] ^= (unsigned char)(1 + small_random(at) % 255);
        whole.at = 0;
        enum status status = recommender_load(NULL, &whole.reader, &again, &error);
        if (status == STATUS_OK) {
            assert_same_lists(again, again);
            recommender_destroy(again);
        } else {
            assert_null(again);
            assert_int_equal(error.status, status);
        }
        whole.bytes[at] ^= (unsigned char)(1 + small_random(at) % 255);
    }
    free(whole.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded_it_is_the_same),
        cmocka_unit_test(however_many_there_are_they_are_loaded),
        cmocka_unit_test(learning_goes_on_as_if_never_saved),
        cmocka_unit_test(asking_and_saving_change_nothing),
        cmocka_unit_test(the_digest_tells_states_apart),
        cmocka_unit_test(other_settings_are_refused_by_name),
        cmocka_unit_test(a_state_cut_short_is_no_state),
        cmocka_unit_test(what_is_no_number_is_not_loaded),
        cmocka_unit_test(no_row_is_absurd),
        cmocka_unit_test(no_user_had_what_is_not_there),
        cmocka_unit_test(no_id_is_there_twice),
        cmocka_unit_test(no_item_is_paired_with_what_is_not_there),
        cmocka_unit_test(the_ring_is_counted),
        cmocka_unit_test(vectors_must_fit_together),
        cmocka_unit_test(what_was_wanted_is_a_candidate),
        cmocka_unit_test(a_damaged_state_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
