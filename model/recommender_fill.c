/*
 * Short lists end with items that are known and that nobody wanted yet: seen, skipped, rated low by
 * others, or described by the catalogue alone. Where there are enough candidates none gets in, and
 * the evaluation knows nothing of them.
 */
#include "model/recommender_parts.h"
#include "model/top.h"

#include <math.h>

#define STEP_DOWN 1e-3f /* of the score, from the last candidate to the first other item */

/* Known, never wanted, and nothing that the user ever had to do with. */
static bool may_fill(const struct recommender *model, const struct query *query, uint32_t item)
{
    const float *columns = factors_candidate(&model->factors, item) + model->settings.dim;
    if (columns[COLUMN_CLOSED] == 0.0f || popularity_wanted(&model->popularity, item) > 0 ||
        ids_text(&model->item_ids, item).size == 0 ||
        cards_withhold(&model->cards, item, query->second))
        return false;
    const struct user *user = recommender_user(model, query->user);
    return user == NULL || had_find(&user->had, item) == NULL;
}

/* As many as there is room for, by their score as if they were open. */
static void find_best(const struct recommender *model, struct query *query, uint32_t most,
                      struct list *best)
{
    struct top top;
    float *closed = &query->vector[model->settings.dim + COLUMN_CLOSED];
    top_begin(&top, most, CLOSED_SCORE / 2);
    *closed = 0.0f;
    for (uint32_t item = 0; item < model->item_ids.bound; item++)
        if (may_fill(model, query, item))
            top_push(&top, item, recommender_score(model, query, item));
    *closed = 1.0f;
    top_end(&top, best);
}

void recommender_fill(const struct recommender *model, struct query *query, uint32_t size,
                      struct list *list)
{
    struct list rest;
    size = size < LIST_SIZE_MAX ? size : LIST_SIZE_MAX;
    if (list->size >= size)
        return;
    find_best(model, query, size - list->size, &rest);
    if (rest.size == 0)
        return;
    /* They stay behind also for who sorts by score. */
    float below = 0.0f;
    if (list->size > 0)
        below = fminf(0.0f, list->at[list->size - 1].score - STEP_DOWN - rest.at[0].score);
    for (uint32_t n = 0; n < rest.size; n++) {
        list->at[list->size] = rest.at[n];
        list->at[list->size++].score += below;
    }
}
