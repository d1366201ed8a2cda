/*
 * Features of items, from the catalogue, used in two ways.
 *
 * 1. An item's vector and bias as a candidate are its own plus the mean of its features', so that
 *    an item that nobody knows yet has a place beside those of the same artist or genre (Rendle
 *    2010, "Factorization machines", eq. 1; Kula 2015, LightFM, eq. 1):
 *
 *        Q_i = q_i + 1/|F_i| sum_{f in F_i} Q_f
 *
 *    Features learn from the same gradient as the items, summed over the samples that have them, at
 *    one event in two. An item's row holds the sum, as the scan needs it, and `applied` what of
 *    it came from the features when they were last looked at: at each event about the item, and for
 *    all items in turn. So a feature's step reaches its other items a little later.
 *
 *    An item that nobody wanted yet has no q of its own: its row is the mean of its siblings',
 * items that share its rarest features, and so is, when it is described, the popularity it is
 * supposed to have; which fades like any if nobody wants it.
 *
 * 2. What shares features with the user's last items: sparse features for the last item, by kind,
 *    the first kind of the catalogue and others, and one for the items before it, fading. A shared
 * feature is worth the more the fewer items have it (inverse document frequency); one that many
 * have is left to (1).
 */
#include "model/content.h"

#include "model/array.h"
#include "model/due.h"
#include "model/real.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <stdlib.h>

enum {
    EVERY = 2,
    ITEMS_ASKED = 5,
    SHARED_BY_MOST = 128,
    SIBLINGS_MOST = 16,
    LOOKED_AT_MOST = 64, /* of a feature's items, for siblings */
};

#define RATE 0.03f
#define RATE_BIAS 0.1f
#define SUM_DECAY 0.9999f
#define SUM_FLOOR 1e-4f
#define SUM_FLOOR_BIAS 1e-2f
#define NEARER 0.8f

struct content_sums {
    float vector, bias;
};

/* What a step adds up before it is made; all zero in between. */
struct scratch {
    float *gradient; /* (room) by feature */
    uint32_t room, count;
    uint32_t touched[SAMPLES_ROOM * CARD_FEATURES_MAX]; /* some twice, if it was zero in between */
};

struct content {
    uint32_t dim, turn;
    struct table rows;    /* (features, dim + COLUMNS): vector, bias, nothing */
    struct table sums;    /* struct content_sums (features) */
    struct table applied; /* (items, dim + COLUMNS) */
    struct scratch scratch;
};

static void destroy(void *self)
{
    struct content *content = self;
    table_finish(&content->rows);
    table_finish(&content->sums);
    table_finish(&content->applied);
    free(content->scratch.gradient);
    free(content);
}

static enum status create(const struct recommender_settings *settings, void **self)
{
    struct content *content = calloc(1, sizeof *content);
    if (content == NULL)
        return STATUS_NO_MEMORY;
    content->dim = settings->dim;
    table_init(&content->rows, (settings->dim + COLUMNS) * sizeof(float));
    table_init(&content->sums, sizeof(struct content_sums));
    table_init(&content->applied, (settings->dim + COLUMNS) * sizeof(float));
    *self = content;
    return STATUS_OK;
}

/* Rows come with the cards: without a catalogue there are none. */
static enum status grow(void *self, uint32_t users, uint32_t items)
{
    (void)self;
    (void)users;
    (void)items;
    return STATUS_OK;
}

static enum status grow_scratch(struct scratch *scratch, uint32_t features)
{
    return array_grow(&scratch->gradient, &scratch->room, features, sizeof *scratch->gradient);
}

static enum status grow_features(struct content *content, uint32_t features)
{
    enum status status = table_grow(&content->rows, features);
    if (status == STATUS_OK)
        status = table_grow(&content->sums, features);
    return status == STATUS_OK ? grow_scratch(&content->scratch, features) : status;
}

/* ---- items' rows ---- */

/* Brings the item's row up to what its features are now. */
static void follow_features(struct content *content, struct recommender *model, uint32_t item,
                            const struct card *card)
{
    float mean[DIM_MAX + COLUMNS] __attribute__((aligned(64)));
    uint32_t dim = content->dim, width = dim + COLUMNS;
    memset(mean, 0, width * sizeof *mean);
    for (uint32_t n = 0; n < card->count; n++)
        kernels->add_scaled(1.0f / (float)card->count,
                            table_floats(&content->rows, card->feature[n]), mean, width);
    float *applied = table_floats(&content->applied, item);
    float *row = factors_change(&model->factors, item);
    kernels->add_scaled(1.0f, mean, row, dim);
    kernels->add_scaled(-1.0f, applied, row, dim);
    row[dim + COLUMN_BIAS] += mean[dim] - applied[dim];
    memcpy(applied, mean, width * sizeof *mean);
}

/* ---- items that nobody wanted yet ---- */

struct siblings {
    uint32_t size, item[SIBLINGS_MOST];
};

/* Items with the feature that somebody wanted, from all over its list. */
static void add_siblings(const struct recommender *model, uint32_t feature,
                         struct siblings *siblings)
{
    const struct slots *items = &cards_feature(&model->cards, feature)->items;
    uint32_t stride = items->size / LOOKED_AT_MOST + 1;
    for (uint32_t n = 0; n < items->size && siblings->size < SIBLINGS_MOST; n += stride)
        if (popularity_wanted(&model->popularity, items->at[n]) > 0)
            siblings->item[siblings->size++] = items->at[n];
}

/* By the rarest feature that has any, of as many items as are wanted by somebody. */
static void find_siblings(const struct recommender *model, const struct card *card,
                          struct siblings *siblings)
{
    bool tried[CARD_FEATURES_MAX] = {false};
    siblings->size = 0;
    for (uint32_t round = 0; round < card->count && siblings->size == 0; round++) {
        uint32_t rarest = 0, fewest = UINT32_MAX;
        for (uint32_t n = 0; n < card->count; n++) {
            uint32_t size = cards_feature(&model->cards, card->feature[n])->items.size;
            if (!tried[n] && size < fewest) {
                rarest = n;
                fewest = size;
            }
        }
        tried[rarest] = true;
        add_siblings(model, card->feature[rarest], siblings);
    }
}

static void follow_siblings(struct content *content, struct recommender *model, uint32_t item,
                            const struct siblings *siblings)
{
    float mean[DIM_MAX + COLUMNS] __attribute__((aligned(64)));
    uint32_t dim = content->dim, width = dim + COLUMNS;
    memset(mean, 0, width * sizeof *mean);
    for (uint32_t n = 0; n < siblings->size; n++)
        kernels->add_scaled(1.0f / (float)siblings->size,
                            factors_candidate(&model->factors, siblings->item[n]), mean, width);
    float *row = factors_change(&model->factors, item);
    memcpy(row, mean, dim * sizeof *row);
    row[dim + COLUMN_BIAS] = mean[dim + COLUMN_BIAS];
}

static void refresh(struct content *content, struct recommender *model, uint32_t item)
{
    const struct card *card = cards_of(&model->cards, item);
    struct siblings siblings;
    if (card == NULL)
        return;
    follow_features(content, model, item, card);
    if (!card->unheard)
        return;
    find_siblings(model, card, &siblings);
    if (siblings.size > 0)
        follow_siblings(content, model, item, &siblings);
    popularity_refresh(&model->popularity, &model->factors, item, model->events);
}

/* As popular, and as much kept, as its siblings are on average. */
static void suppose(struct recommender *model, uint32_t item)
{
    float count[POPULARITY_SPANS] = {0}, keep = 0.0f;
    struct siblings siblings;
    find_siblings(model, cards_of(&model->cards, item), &siblings);
    for (uint32_t n = 0; n < siblings.size; n++) {
        const struct popular_item *sibling = popularity_of(&model->popularity, siblings.item[n]);
        for (int span = 0; span < POPULARITY_SPANS; span++)
            count[span] += sibling->count[span] / (float)siblings.size;
        keep +=
            factors_columns(&model->factors, siblings.item[n])[COLUMN_KEEP] / (float)siblings.size;
    }
    popularity_suppose(&model->popularity, &model->factors, item, count, model->events);
    factors_change_columns(&model->factors, item)[COLUMN_KEEP] = keep;
}

/* ---- the cards ---- */

enum status content_describe(void *self, struct recommender *model, uint32_t item, bool fresh)
{
    struct content *content = self;
    enum status status = grow_features(content, model->cards.feature_ids.bound);
    if (status == STATUS_OK)
        status = table_grow(&content->applied, item + 1);
    if (status != STATUS_OK)
        return status;
    const struct card *card = cards_of(&model->cards, item);
    for (uint32_t n = 0; n < card->count; n++) {
        if (!cards_take_fresh(&model->cards, card->feature[n]))
            continue;
        memset(table_row(&content->rows, card->feature[n]), 0, content->rows.row_bytes);
        memset(table_row(&content->sums, card->feature[n]), 0, content->sums.row_bytes);
    }
    if (fresh)
        suppose(model, item);
    refresh(content, model, item);
    return STATUS_OK;
}

static void drop_items(void *self, const bool *gone, uint32_t items)
{
    struct content *content = self;
    for (uint32_t item = 0; item < items && item < content->applied.rows; item++)
        if (gone[item])
            memset(table_row(&content->applied, item), 0, content->applied.row_bytes);
}

/* ---- learning ---- */

static void add_gradient(struct content *content, const struct card *card, float gradient)
{
    struct scratch *scratch = &content->scratch;
    if (card == NULL || gradient == 0.0f)
        return;
    for (uint32_t n = 0; n < card->count; n++) {
        uint32_t feature = card->feature[n];
        if (scratch->gradient[feature] == 0.0f)
            scratch->touched[scratch->count++] = feature;
        scratch->gradient[feature] += gradient / (float)card->count;
    }
}

static float adagrad(float *sum, float square, float rate, float floor)
{
    *sum = *sum * SUM_DECAY + square;
    return -rate / sqrtf(*sum + floor);
}

static void step_features(struct content *content, const float *x)
{
    struct scratch *scratch = &content->scratch;
    uint32_t dim = content->dim;
    float mean_square = kernels->dot(x, x, dim) / (float)dim;
    for (uint32_t n = 0; n < scratch->count; n++) {
        uint32_t feature = scratch->touched[n];
        float g = scratch->gradient[feature], square = g * g;
        struct content_sums *sums = table_row(&content->sums, feature);
        float *row = table_floats(&content->rows, feature);
        float step = adagrad(&sums->vector, square * mean_square, RATE, SUM_FLOOR);
        kernels->add_scaled(step * g, x, row, dim);
        row[dim] += adagrad(&sums->bias, square, RATE_BIAS, SUM_FLOOR_BIAS) * g;
        scratch->gradient[feature] = 0.0f;
    }
    scratch->count = 0;
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    struct content *content = self;
    const struct samples *samples = &model->samples;
    if (content->applied.rows == 0)
        return STATUS_OK;
    if (is_due(step->now, EVERY) && model->uses_x && samples->size > 0) {
        float rate = fminf(fabsf(step->action->weight), 4.0f);
        for (uint32_t n = 0; n < samples->size; n++)
            add_gradient(content, cards_of(&model->cards, samples->item[n]),
                         rate * samples->gradient[n]);
        step_features(content, step->query->taste.x);
    }
    refresh(content, model, step->item);
    content->turn = (content->turn + 1) % content->applied.rows;
    refresh(content, model, content->turn);
    return STATUS_OK;
}

/* ---- what shares features with the last items ---- */

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    (void)self;
    const struct taste *taste = &query->taste;
    float nearness = 1.0f;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++, nearness *= NEARER) {
        const struct card *card = cards_of(&model->cards, taste->item[age]);
        for (uint32_t n = 0; card != NULL && n < card->count; n++) {
            const struct card_feature *shared = cards_feature(&model->cards, card->feature[n]);
            const struct slots *items = &shared->items;
            if (items->size > SHARED_BY_MOST)
                continue;
            float rarity =
                0.25f * (float)real_log(1.0 + (double)model->item_ids.bound / items->size);
            enum feature feature = age > 0             ? FEATURE_SHARED_EARLIER
                                   : shared->kind == 0 ? FEATURE_SHARED
                                                       : FEATURE_SHARED_OTHER;
            sparse_add_run(&query->sparse, &(struct sparse_run){.items = items->at,
                                                                .count = items->size,
                                                                .scale = nearness * rarity,
                                                                .feature = feature,
                                                                .also = feature});
        }
    }
}

/* ---- keeping ---- */

static size_t bytes(const void *self, uint32_t items)
{
    (void)items;
    const struct content *content = self;
    return sizeof *content +
           content->rows.rows * (content->rows.row_bytes + content->sums.row_bytes + 8) +
           content->applied.rows * content->applied.row_bytes;
}

struct content_head {
    uint32_t turn, features, items;
};

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    (void)users;
    (void)items;
    const struct content *content = self;
    struct content_head head = {content->turn, content->rows.rows, content->applied.rows};
    enum status status = writer->write(writer, &head, sizeof head);
    if (status == STATUS_OK)
        status = table_save(&content->rows, head.features, writer);
    if (status == STATUS_OK)
        status = table_save(&content->sums, head.features, writer);
    return status == STATUS_OK ? table_save(&content->applied, head.items, writer) : status;
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    (void)users;
    struct content *content = self;
    struct content_head head;
    enum status status = reader->read(reader, &head, sizeof head);
    if (status == STATUS_OK && head.items > items)
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = table_load_checked(&content->rows, head.features, reader, table_floats_can_be);
    if (status == STATUS_OK)
        status = table_load(&content->sums, head.features, reader);
    if (status == STATUS_OK)
        status = table_load_checked(&content->applied, head.items, reader, table_floats_can_be);
    if (status == STATUS_OK)
        status = grow_scratch(&content->scratch, head.features);
    content->turn = head.turn;
    return status;
}

bool content_fits(const void *self, const struct cards *cards)
{
    const struct content *content = self;
    return content->rows.rows == cards->feature_ids.bound &&
           content->applied.rows == cards->cards.rows;
}

const struct part part_content = {
    .name = "content",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .propose = propose,
    .learn = learn,
    .drop_items = drop_items,
    .bytes = bytes,
    .save = save,
    .load = load,
};
