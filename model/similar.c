/*
 * Vectors are compared with all items, tile by tile, while a tile is near; counts exist for few
 * pairs, and come in at the end. No list misses anything by that: counts only add, so an item
 * without any that belongs into the list is among the best by vectors.
 */
#include "model/similar.h"

#include "model/pairs.h"
#include "model/recommender_parts.h"
#include "model/top.h"

#include <math.h>
#include <stdlib.h>

/* Wanted so often, an item's counts are worth as much as its vector. */
#define ENOUGH_TO_COUNT 30.0f

_Static_assert(TABLE_BLOCK_ROWS % SIMILAR_STEP == 0, "a tile lies in one block");

struct similar {
    uint32_t items[SIMILAR_TOGETHER];
    uint32_t count, size;
    uint32_t at; /* the next one to be compared with */
    struct top top[SIMILAR_TOGETHER];
};

enum status similar_create(struct similar **out)
{
    *out = calloc(1, sizeof **out);
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void similar_destroy(struct similar *similar)
{
    free(similar);
}

void similar_begin(struct similar *similar, const uint32_t *items, uint32_t count, uint32_t size)
{
    similar->count = count;
    similar->size = size < LIST_SIZE_MAX ? size : LIST_SIZE_MAX;
    similar->at = 0;
    for (uint32_t n = 0; n < count; n++) {
        similar->items[n] = items[n];
        top_begin(&similar->top[n], size, 0.0f);
    }
}

/* ---- one pair ---- */

static bool is_open(const struct recommender *model, uint32_t item, uint32_t now)
{
    return factors_columns(&model->factors, item)[COLUMN_CLOSED] == 0.0f &&
           !cards_withhold(&model->cards, item, now);
}

/* What the counts' cosine weighs; the vectors' weighs the rest. */
static float counts_weigh(const struct recommender *model, uint32_t item)
{
    float wanted = (float)recommender_item_wanted(model, item);
    return has_part(model, PART_NEIGHBOURS) ? wanted / (wanted + ENOUGH_TO_COUNT) : 0.0f;
}

/* 1 / the vector's length; 0 for none. */
static float inverse_length(const struct recommender *model, uint32_t item)
{
    const float *vector = factors_candidate(&model->factors, item);
    float square = kernels->dot(vector, vector, model->settings.dim);
    return square > 0.0f ? 1.0f / sqrtf(square) : 0.0f;
}

static float counted(const struct recommender *model, uint32_t item, uint32_t other)
{
    const struct pair_list *list = pairs_of(model->part[PART_NEIGHBOURS], item);
    uint32_t place = list->size == 0 ? 0 : kernels->find(list->item, list->size, other);
    if (place == list->size)
        return 0.0f;
    return pair_weights(list)[place] * popularity_inverse_root(&model->popularity, item) *
           popularity_inverse_root(&model->popularity, other);
}

static float similarity(const struct recommender *model, uint32_t item, uint32_t other)
{
    float weight = counts_weigh(model, item);
    float cosine = kernels->dot(factors_candidate(&model->factors, item),
                                factors_candidate(&model->factors, other), model->settings.dim) *
                   inverse_length(model, item) * inverse_length(model, other);
    float sum = (1.0f - weight) * (cosine > 0.0f ? cosine : 0.0f);
    return weight > 0.0f ? sum + weight * counted(model, item, other) : sum;
}

/* ---- all of them ---- */

bool similar_step(struct similar *similar, const struct recommender *model)
{
    uint32_t bound = model->item_ids.bound, first = similar->at, dim = model->settings.dim;
    if (first >= bound || similar->count == 0)
        return false;
    uint32_t count = bound - first < SIMILAR_STEP ? bound - first : SIMILAR_STEP;
    float inverse[SIMILAR_STEP], along[SIMILAR_STEP];
    for (uint32_t r = 0; r < count; r++)
        inverse[r] = is_open(model, first + r, user_clock(model->latest_ms))
                         ? inverse_length(model, first + r)
                         : 0.0f;
    for (uint32_t n = 0; n < similar->count; n++) {
        uint32_t item = similar->items[n];
        float own = (1.0f - counts_weigh(model, item)) * inverse_length(model, item);
        kernels->scan(factors_candidate(&model->factors, item),
                      factors_candidate(&model->factors, first), dim + COLUMNS, count, dim, along);
        for (uint32_t r = 0; r < count; r++) {
            float score = along[r] * inverse[r] * own;
            if (top_may_take(&similar->top[n], score) && first + r != item)
                top_push(&similar->top[n], first + r, score);
        }
    }
    similar->at = first + count;
    return similar->at < bound;
}

static void push(const struct recommender *model, uint32_t item, uint32_t other, uint32_t now,
                 struct top *top)
{
    if (other != item && other < model->item_ids.bound &&
        ids_text(&model->item_ids, other).size > 0 && is_open(model, other, now))
        top_push(top, other, similarity(model, item, other));
}

static void end(const struct recommender *model, struct top *top, struct list *list)
{
    top_end(top, list);
    recommender_name_items(model, list);
}

static bool holds(const struct list *list, uint32_t slot)
{
    for (uint32_t n = 0; n < list->size; n++)
        if (list->at[n].slot == slot)
            return true;
    return false;
}

void similar_take(struct similar *similar, const struct recommender *model, uint32_t n,
                  int64_t ts_ms, struct list *list)
{
    struct top *top = &similar->top[n];
    uint32_t item = similar->items[n], now = user_clock(ts_ms);
    top_end(top, list); /* by vectors alone */
    top_begin(top, similar->size, 0.0f);
    for (uint32_t i = 0; i < list->size; i++)
        push(model, item, list->at[i].slot, now, top);
    if (has_part(model, PART_NEIGHBOURS)) {
        const struct pair_list *pairs = pairs_of(model->part[PART_NEIGHBOURS], item);
        for (uint32_t i = 0; i < pairs->size; i++)
            if (!holds(list, pairs->item[i]))
                push(model, item, pairs->item[i], now, top);
    }
    end(model, top, list);
}

void similar_rank(const struct recommender *model, uint32_t item, const uint32_t *others,
                  uint32_t count, int64_t ts_ms, struct list *list)
{
    struct top top;
    top_begin(&top, count, 0.0f);
    for (uint32_t n = 0; n < count; n++)
        push(model, item, others[n], user_clock(ts_ms), &top);
    end(model, &top, list);
}

enum status recommender_similar(const struct recommender *model, uint32_t item, uint32_t size,
                                struct list *list)
{
    struct similar *similar;
    enum status status = similar_create(&similar);
    if (status != STATUS_OK)
        return status;
    similar_begin(similar, &item, 1, size);
    while (similar_step(similar, model))
        ;
    similar_take(similar, model, 0, model->latest_ms, list);
    similar_destroy(similar);
    return STATUS_OK;
}
