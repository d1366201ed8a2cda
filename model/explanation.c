#include "model/explanation.h"

#include "model/interactions.h"
#include "model/recommender_parts.h"

_Static_assert((int)EXPLANATION_ITEMS >= (int)HISTORY_SIZE, "all of the history");

struct explaining {
    const struct recommender *model;
    struct query *query;
    uint32_t item;
    const float *q; /* the item's row */
    struct explanation *out;
};

static void add_term(struct explaining *about, const char *name, float value, float weight)
{
    struct explanation *out = about->out;
    if (out->terms == EXPLANATION_TERMS || value * weight == 0.0f)
        return;
    out->term[out->terms++] =
        (struct explanation_term){name == NULL ? "other" : name, value, weight, value * weight};
}

/* ---- <x, q>: who has added how much to x ---- */

static float dot_row(const struct explaining *about, const struct table *table, uint32_t row)
{
    return kernels->dot(table_floats(table, row), about->q, about->model->settings.dim);
}

static void explain_history(struct explaining *about)
{
    const struct factors *factors = &about->model->factors;
    const struct taste *taste = &about->query->taste;
    float weight = about->query->weight[FEATURE_FACTORS], history = 0.0f, last = 0.0f;
    for (uint32_t n = 0; n < taste->size; n++) {
        float of_history = 0.0f, of_last = 0.0f;
        if (factors->weights.history > 0.0f)
            of_history = taste->scale * taste->weight[n] *
                         dot_row(about, &factors->history_rows, taste->item[n]);
        if (n == 0 && factors->weights.last > 0.0f)
            of_last = factors->weights.last * dot_row(about, &factors->last_rows, taste->item[0]);
        about->out->item[n].vectors = weight * (of_history + of_last);
        history += of_history;
        last += of_last;
    }
    add_term(about, "history", history, weight);
    add_term(about, "last item", last, weight);
}

/* The parts add to x one after the other: so the difference that each makes is its own. */
static void explain_parts(struct explaining *about, uint32_t user)
{
    const struct recommender *model = about->model;
    struct query *query = about->query;
    uint32_t dim = model->settings.dim;
    factors_taste(&model->factors, recommender_user(model, user), user, query->second,
                  &query->taste);
    float before = kernels->dot(query->taste.x, about->q, dim);
    for (uint32_t n = 0; n < model->ask.size; n++) {
        uint8_t p = model->ask.part[n];
        model_parts[p]->ask(model->part[p], model, query);
        float after = kernels->dot(query->taste.x, about->q, dim);
        add_term(about, model_parts[p]->name, after - before, query->weight[FEATURE_FACTORS]);
        before = after;
    }
}

static void explain_vectors(struct explaining *about, uint32_t user)
{
    const struct factors *factors = &about->model->factors;
    if (user != SLOT_NONE && factors->weights.own > 0.0f)
        add_term(about, "own vector",
                 factors->weights.own * dot_row(about, &factors->user_rows, user),
                 about->query->weight[FEATURE_FACTORS]);
    explain_history(about);
    explain_parts(about, user);
}

static void explain_columns(struct explaining *about)
{
    uint32_t dim = about->model->settings.dim;
    for (uint32_t c = 0; c < COLUMNS; c++)
        if (c != COLUMN_CLOSED)
            add_term(about, column_names[c], about->q[dim + c], about->query->vector[dim + c]);
}

/* ---- sparse features: asked for again with ever more of the history ---- */

/* The item's row, as proposed by the newest `size` items of the history. */
static void propose_with(struct explaining *about, uint32_t size, float row[FEATURES_HELD])
{
    struct query *query = about->query;
    uint32_t all = query->taste.size;
    query->taste.size = size;
    sparse_clear(&query->sparse);
    query_propose(about->model, query);
    query_complete(about->model, query);
    query->taste.size = all;
    memcpy(row, sparse_row(&query->sparse, about->item), FEATURES_HELD * sizeof *row);
}

static void share_out(struct explaining *about, const float share_per_unit[FEATURES_HELD])
{
    float before[FEATURES_HELD], after[FEATURES_HELD];
    propose_with(about, 0, before);
    for (uint32_t n = 0; n < about->query->taste.size; n++) {
        propose_with(about, n + 1, after);
        for (int f = 0; f < FEATURES_HELD; f++)
            about->out->item[n].counts += share_per_unit[f] * (after[f] - before[f]);
        memcpy(before, after, sizeof before);
    }
}

static void explain_interactions(struct explaining *about, const float sparse[FEATURES_SPARSE])
{
    const struct recommender *model = about->model;
    float value[1][FEATURES_ROOM] __attribute__((aligned(64))) = {0};
    float hidden[1][INTERACTIONS_HIDDEN] __attribute__((aligned(64))), worth;
    if (!has_part(model, PART_INTERACTIONS))
        return;
    uint32_t dim = model->settings.dim;
    memcpy(value[0], about->q + dim, FEATURES_DENSE * sizeof **value);
    memcpy(value[0] + FEATURES_DENSE, sparse, FEATURES_SPARSE * sizeof **value);
    interactions_see(value[0], kernels->dot(about->query->vector, about->q, dim + COLUMNS));
    interactions_forward(model->part[PART_INTERACTIONS], value, 1, hidden, &worth);
    add_term(about, "all these together", worth, model->settings.part[PART_INTERACTIONS]);
}

static void explain_sparse(struct explaining *about)
{
    const struct query *query = about->query;
    float per_unit[FEATURES_HELD] = {0}, value[FEATURES_SPARSE];
    const float *row = sparse_row(&query->sparse, about->item);
    if (!sparse_is_touched(&query->sparse, about->item))
        return;
    sparse_values(row, value);
    for (int f = 0; f < FEATURES_SPARSE; f++) {
        float weight = query->weight[FEATURES_DENSE + f];
        add_term(about, feature_names[FEATURES_DENSE + f], value[f], weight);
        int held = f < FEATURES_HELD ? f : sparse_source(f);
        if (row[held] != 0.0f)
            per_unit[held] += weight * value[f] / row[held];
    }
    explain_interactions(about, value);
    share_out(about, per_unit);
}

/* ---- all of it ---- */

static void list_history(struct explaining *about, uint32_t user)
{
    struct explanation *out = about->out;
    const struct user *record = recommender_user(about->model, user);
    uint32_t visits = record == NULL ? 0 : user_visit_count(record);
    for (uint32_t age = 0; age < visits && out->items < about->query->taste.size; age++) {
        const struct visit *visit = user_visit(record, age);
        if (visit->item == about->query->taste.item[out->items]) /* else: gone, or there already */
            out->item[out->items++] =
                (struct explanation_item){.item = visit->item, .second = visit->second};
    }
}

static void explain_hiding(struct explaining *about, uint32_t user, int64_t ts_ms)
{
    const struct recommender *model = about->model;
    const struct user *record = recommender_user(model, user);
    struct explanation *out = about->out;
    out->never_wanted = about->q[model->settings.dim + COLUMN_CLOSED] != 0.0f;
    if (record == NULL)
        return;
    const struct had_entry *entry = had_find(&record->had, about->item);
    out->has = recommender_has(model, user, about->item, ts_ms);
    out->unwanted = entry != NULL && is_unwanted(entry, user_clock(ts_ms));
    out->just_consumed = record->last_item == about->item + 1;
}

static float sum_of_terms(const struct explanation *out)
{
    float sum = 0.0f;
    for (uint32_t n = 0; n < out->terms; n++)
        sum += out->term[n].share;
    return sum;
}

enum status recommender_explain(const struct recommender *model, struct query *query, uint32_t user,
                                uint32_t item, int64_t ts_ms, struct explanation *out)
{
    struct explaining about = {model, query, item, factors_candidate(&model->factors, item), out};
    *out = (struct explanation){0};
    enum status status = recommender_query(model, query, user, ts_ms);
    if (status != STATUS_OK)
        return status;
    out->rank = recommender_rank(model, query, item);
    out->score = recommender_score(model, query, item);
    explain_hiding(&about, user, ts_ms);
    list_history(&about, user);
    explain_vectors(&about, user);
    explain_columns(&about);
    explain_sparse(&about);
    if (out->never_wanted) /* the sum has a term that closes it */
        out->score = sum_of_terms(out);
    for (uint32_t n = 0; n < out->items; n++)
        out->item[n].share = out->item[n].vectors + out->item[n].counts;
    return STATUS_OK;
}
