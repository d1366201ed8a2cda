/*
 * Lists by the index: the dense part of the scores by maximum inner product search, the items with
 * sparse features one by one. Whoever is not in the index, nor has sparse features, is closed.
 *
 *     touched items ─► scored in full ─┐
 *     all others ─► index ─► judge() ──┴─► top
 *
 * Learning changes the rows of many items an event. They are marked (factors.h), and taken in when
 * lists are about to be ranked and that pays, bit by bit; else, and until all are in, lists are
 * made by a plain scan.
 */
#include "model/pages.h"
#include "model/recommender_parts.h"

/* Fewer items are scanned as quickly: most of the work is then with those that have sparse
 * features.
 */
enum { ITEMS_LEAST = 4096 };
/* A list by a plain scan costs more than one by the index by as much as taking in this share of the
 * items. */
enum { SHARE_WORTH = 24 };
/* So many items are taken in by one call, which takes a millisecond or two; or this part of what
 * the lists would cost by a plain scan, where that is more. */
enum { TAKEN_AT_ONCE = 2048, PART_AT_ONCE = 32 };
/* To find what is typical. */
enum { USERS_ASKED = 256, ITEMS_ASKED = 1024 };
enum { WORN_AFTER = 8 };

_Static_assert((int)FEATURES_DENSE <= (int)MIPS_COLUMNS_MAX, "the columns of an item");

bool recommender_is_indexed(const struct recommender *model)
{
    return model->index != NULL && !model->factors.changes.any;
}

/* Of `changes`, those that are of items. */
static uint32_t words_of(const struct recommender *model)
{
    return (model->item_ids.bound + 63) / 64;
}

static uint32_t count_changes(const struct recommender *model)
{
    uint32_t count = 0;
    for (uint32_t word = 0; word < words_of(model); word++)
        count += (uint32_t)__builtin_popcountll(model->factors.changes.bits[word]);
    return count;
}

/* ---- what is typical ---- */

/* Users and items from all over; `users` is for the former's vectors. */
struct sample_rows {
    float users[USERS_ASKED][DIM_MAX + COLUMNS] __attribute__((aligned(64)));
    const float *user[USERS_ASKED], *item[ITEMS_ASKED];
    struct mips_sample sample;
};

static enum status ask_users(struct recommender *model, struct sample_rows *rows)
{
    uint32_t bound = model->user_ids.bound, stride = bound / USERS_ASKED + 1, filled = 0;
    struct query *query = &model->learning; /* nobody learns now */
    for (uint32_t user = 0; user < bound && filled < USERS_ASKED; user += stride) {
        enum status status =
            query_prepare(model, query, user, recommender_user(model, user)->last_second);
        if (status != STATUS_OK)
            return status;
        query_fold_dense(model, query);
        memcpy(rows->users[filled], query->vector, sizeof rows->users[0]);
        rows->user[filled] = rows->users[filled];
        filled++;
    }
    rows->sample.users_count = filled;
    return STATUS_OK;
}

static void ask_items(const struct recommender *model, struct sample_rows *rows)
{
    uint32_t bound = model->item_ids.bound, stride = bound / ITEMS_ASKED + 1, filled = 0;
    for (uint32_t item = 0; item < bound && filled < ITEMS_ASKED; item += stride) {
        const float *row = factors_candidate(&model->factors, item);
        rows->item[filled] = row;
        filled += row[model->settings.dim + COLUMN_CLOSED] == 0.0f;
    }
    rows->sample.items_count = filled;
}

static enum status create_index(struct recommender *model)
{
    struct sample_rows *rows = pages_take(sizeof *rows);
    if (rows == NULL)
        return STATUS_NO_MEMORY;
    rows->sample = (struct mips_sample){
        .users = rows->user, .items = rows->item, .items_expected = model->item_ids.bound};
    model->index_born = model->index_items_set;
    enum status status = ask_users(model, rows);
    ask_items(model, rows);
    if (status == STATUS_OK)
        status = mips_create(model->settings.dim, FEATURES_DENSE, &rows->sample, &model->index);
    pages_give(rows, sizeof *rows);
    return status;
}

/* ---- keeping it up to date ---- */

static enum status take_in(struct recommender *model, uint32_t item)
{
    const float *row = factors_candidate(&model->factors, item);
    if (row[model->settings.dim + COLUMN_CLOSED] == 0.0f)
        return mips_set(model->index, item, row);
    mips_remove(model->index, item);
    return STATUS_OK;
}

/* From model->index_next on, up to about `most`, and then round again. */
static enum status take_some_in(struct recommender *model, uint64_t most)
{
    struct changes *changes = &model->factors.changes;
    uint32_t words = words_of(model);
    uint64_t taken = 0;
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < words && taken < most && status == STATUS_OK; n++) {
        uint32_t word = model->index_next < words ? model->index_next : 0;
        uint64_t left = changes->bits[word];
        for (; left != 0 && status == STATUS_OK; left &= left - 1) {
            uint32_t item = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (item >= model->item_ids.bound)
                break;
            status = take_in(model, item);
            taken++;
        }
        if (status == STATUS_OK)
            changes->bits[word] = 0;
        model->index_next = word + 1;
    }
    model->index_items_set += taken;
    return status;
}

/* Lists are the same without it, and cost more. */
static void give_up(struct recommender *model)
{
    mips_destroy(model->index);
    model->index = NULL;
    model->index_next = 0;
    model->index_taking = false;
    factors_mark_all(&model->factors);
}

/* Not before it has taken in many times its items: a new one costs that much once more. */
static bool is_worn(const struct recommender *model)
{
    uint64_t taken_in = model->index_items_set - model->index_born;
    return model->index != NULL && taken_in / WORN_AFTER > mips_count(model->index) &&
           mips_is_worn(model->index);
}

/* Whether it pays to take in what has changed; once it does, it goes on until all is in. */
static bool is_worth(struct recommender *model, uint64_t scanned, uint64_t changed)
{
    if (model->index_taking)
        return true;
    model->index_credit += scanned;
    if (model->index_credit < changed)
        return false;
    model->index_credit = 0;
    if (is_worn(model))
        give_up(model);
    model->index_taking = true;
    return true;
}

void recommender_expect_lists(struct recommender *model, uint32_t lists)
{
    uint32_t items = model->item_ids.bound;
    if (items < ITEMS_LEAST || recommender_is_indexed(model))
        return;
    uint64_t scanned = (uint64_t)lists * items / SHARE_WORTH, most = scanned / PART_AT_ONCE;
    uint64_t changed = count_changes(model);
    most = most < TAKEN_AT_ONCE ? TAKEN_AT_ONCE : most;
    if (!is_worth(model, scanned, changed))
        return;
    enum status status = STATUS_OK;
    if (model->index == NULL)
        status = create_index(model);
    if (status == STATUS_OK)
        status = take_some_in(model, most);
    if (status != STATUS_OK) {
        give_up(model);
        return;
    }
    mips_settle(model->index);
    model->index_taking = changed > most;
    model->factors.changes.any = model->index_taking;
}

struct recommender_index_counts recommender_index_count(const struct recommender *model)
{
    return (struct recommender_index_counts){
        .items_set = model->index_items_set,
        .bytes = model->index == NULL ? 0 : mips_bytes(model->index),
        .used = recommender_is_indexed(model),
    };
}

/* ---- ranking ---- */

/* Exact scores of items without sparse features; what may not be in the list has none. */
static void judge(void *context, const uint32_t *items, uint32_t count, float *scores)
{
    const struct query *query = context;
    const struct recommender *model = query->model;
    uint32_t width = model->settings.dim + COLUMNS;
    const float *rows[MIPS_JUDGED] = {0};
    for (uint32_t n = 0; n < count; n++) {
        rows[n] = factors_candidate(&model->factors, items[n]);
        for (uint32_t d = 0; d < width; d += 16)
            __builtin_prefetch(rows[n] + d);
    }
    kernels->dots(query->vector, rows, count, width, scores);
    for (uint32_t n = 0; n < count; n++)
        if (top_may_take(&query->top, scores[n]) &&
            (sparse_is_touched(&query->sparse, items[n]) || query_hides(model, query, items[n])))
            scores[n] = CLOSED_SCORE;
}

static void fetch_rows(const struct recommender *model, const uint32_t *items, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        table_fetch(&model->factors.candidate_rows, items[n]);
}

/* The full scores of the items that have sparse features, in their order. */
static void score_touched(const struct recommender *model, struct query *query, float *scores)
{
    const struct sparse *sparse = &query->sparse;
    uint32_t width = model->settings.dim + COLUMNS, total = sparse->touched_count;
    float dense[MIPS_JUDGED], sums[MIPS_JUDGED];
    const float *rows[MIPS_JUDGED] = {0};
    for (uint32_t first = 0, count; first < total; first += count) {
        count = total - first < MIPS_JUDGED ? total - first : MIPS_JUDGED;
        fetch_rows(model, sparse->touched + first, count);
        for (uint32_t n = 0; n < count; n++)
            rows[n] = factors_candidate(&model->factors, sparse->touched[first + n]);
        kernels->dots(query->vector, rows, count, width, dense);
        query_sparse_sums(model, query, first, count, dense, sums);
        for (uint32_t n = 0; n < count; n++)
            scores[first + n] = dense[n] + sums[n];
    }
}

/* Those above the level, or the others. */
static void push_touched(const struct recommender *model, struct query *query, const float *scores,
                         float level, bool above)
{
    enum { SOME = 512 };
    for (uint32_t first = 0, total = query->sparse.touched_count; first < total; first += SOME) {
        uint32_t found[SOME + KERNELS_FOUND_MORE],
            some = total - first < SOME ? total - first : SOME;
        uint32_t count = kernels->pick(scores + first, some, query->top.floor, level, above, found);
        for (uint32_t n = 0; n < count; n++) {
            uint32_t item = query->sparse.touched[first + found[n]];
            float score = scores[first + found[n]];
            if (top_may_take(&query->top, score) && !query_hides(model, query, item))
                top_push(&query->top, item, score);
        }
    }
}

/* They are few, but many of them are at the list's head. The best first, so that the others need
 * not be pushed. */
static void rank_touched(const struct recommender *model, struct query *query)
{
    float *scores = query->scores, level = -INFINITY;
    score_touched(model, query, scores);
    if (query->sparse.touched_count > query->top.most)
        level = kernels->level(scores, query->sparse.touched_count, query->top.most);
    push_touched(model, query, scores, level, true);
    push_touched(model, query, scores, level, false);
}

void recommender_search(const struct recommender *model, struct query *const *queries,
                        uint32_t count, uint32_t size, struct list *const *lists)
{
    struct mips_query *searches[RECOMMENDER_TOGETHER] = {0};
    for (uint32_t n = 0; n < count; n++) {
        struct query *query = queries[n];
        top_begin(&query->top, size, CLOSED_SCORE / 2);
        rank_touched(model, query);
        query->model = model;
        query->search.vector = query->vector;
        query->search.judge = judge;
        query->search.context = query;
        query->search.top = &query->top;
        searches[n] = &query->search;
    }
    mips_search(model->index, searches, count);
    for (uint32_t n = 0; n < count; n++)
        top_end(&queries[n]->top, lists[n]);
}
