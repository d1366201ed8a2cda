#include "model/vectors.h"

#include "model/pairs.h"
#include "model/recommender_parts.h"
#include "model/top.h"

#include <math.h>
#include <stdlib.h>

/* Wanted so often, an item's counts are worth as much as its vector. */
#define ENOUGH_TO_COUNT 30.0f

const float *recommender_item_vector(const struct recommender *model, uint32_t item, float *bias)
{
    if (bias != NULL)
        *bias = factors_columns(&model->factors, item)[COLUMN_BIAS];
    return factors_candidate(&model->factors, item);
}

const float *recommender_user_vector(const struct query *query)
{
    return query->taste.x;
}

float vectors_cosine(const float *a, const float *b, uint32_t dim)
{
    float squares = kernels->dot(a, a, dim) * kernels->dot(b, b, dim);
    return squares > 0.0f ? kernels->dot(a, b, dim) / sqrtf(squares) : 0.0f;
}

static void compare_vectors(const struct recommender *model, uint32_t item, float weight,
                            float *similarity)
{
    const float *own = factors_candidate(&model->factors, item);
    uint32_t now = user_clock(model->latest_ms);
    for (uint32_t other = 0; other < model->item_ids.bound; other++) {
        float cosine =
            vectors_cosine(own, factors_candidate(&model->factors, other), model->settings.dim);
        bool closed = factors_columns(&model->factors, other)[COLUMN_CLOSED] != 0.0f ||
                      cards_withhold(&model->cards, other, now);
        similarity[other] = closed ? CLOSED_SCORE : weight * (cosine > 0.0f ? cosine : 0.0f);
    }
    similarity[item] = CLOSED_SCORE;
}

static void add_counts(const struct recommender *model, uint32_t item, float weight,
                       float *similarity)
{
    const struct pair_list *list = pairs_of(model->part[PART_NEIGHBOURS], item);
    const float *count = pair_weights(list);
    float own = popularity_inverse_root(&model->popularity, item);
    for (uint32_t n = 0; n < list->size; n++) {
        float other = popularity_inverse_root(&model->popularity, list->item[n]);
        similarity[list->item[n]] += weight * count[n] * own * other;
    }
}

enum status recommender_similar(const struct recommender *model, uint32_t item, uint32_t size,
                                struct list *list)
{
    uint32_t bound = model->item_ids.bound;
    float *similarity = malloc((bound + 1) * sizeof *similarity);
    float wanted = (float)recommender_item_wanted(model, item);
    float counted = has_part(model, PART_NEIGHBOURS) ? wanted / (wanted + ENOUGH_TO_COUNT) : 0.0f;
    if (similarity == NULL)
        return STATUS_NO_MEMORY;
    compare_vectors(model, item, 1.0f - counted, similarity);
    if (counted > 0.0f)
        add_counts(model, item, counted, similarity);
    top_select(similarity, bound, 0.0f, size, list);
    for (uint32_t n = 0; n < list->size; n++)
        list->at[n].item = ids_text(&model->item_ids, list->at[n].slot);
    free(similarity);
    return STATUS_OK;
}
