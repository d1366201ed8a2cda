/* The same lists for everybody: what is wanted most of late, of all items or of some. */
#include "model/recommender_parts.h"
#include "model/top.h"

static float popularity_score(const struct recommender *model, uint32_t item)
{
    return has_part(model, PART_POPULARITY)
               ? factors_columns(&model->factors, item)[COLUMN_POPULAR_SLOW]
               : (float)popularity_wanted(&model->popularity, item);
}

/* Of `count` items, each of which somebody wanted. */
static void push(const struct recommender *model, const uint32_t *items, uint32_t count,
                 uint32_t second, struct top *top)
{
    for (uint32_t n = 0; n < count; n++) {
        float score = popularity_score(model, items[n]);
        if (top_may_take(top, score) && !cards_withhold(&model->cards, items[n], second))
            top_push(top, items[n], score);
    }
}

void recommender_popular(const struct recommender *model, int64_t ts_ms, uint32_t size,
                         struct list *list)
{
    const struct popularity *popularity = &model->popularity;
    struct top top;
    top_begin(&top, size, CLOSED_SCORE / 2);
    push(model, popularity->wanted_items, popularity->wanted_count, user_clock(ts_ms), &top);
    top_end(&top, list);
    recommender_name_items(model, list);
}

void recommender_popular_with(const struct recommender *model, struct text feature, int64_t ts_ms,
                              uint32_t size, struct list *list)
{
    uint32_t slot = ids_find(&model->cards.feature_ids, feature);
    struct top top;
    top_begin(&top, size, CLOSED_SCORE / 2);
    if (slot != SLOT_NONE) {
        const struct slots *items = &cards_feature(&model->cards, slot)->items;
        for (uint32_t n = 0; n < items->size; n++)
            if (popularity_wanted(&model->popularity, items->at[n]) > 0)
                push(model, &items->at[n], 1, user_clock(ts_ms), &top);
    }
    top_end(&top, list);
    recommender_name_items(model, list);
}
