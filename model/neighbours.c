/*
 * Item-to-item collaborative filtering: which items the same users wanted within a few events of
 * each other, compared by the cosine of their counts (Sarwar et al. 2001, eq. 1; Linden et al.
 * 2003), counted incrementally (Papagelis et al. 2005), nearer pairs for more. The features are the
 * decayed sum of the similarities with the user's last items, and the similarity with the very last
 * one: how much more that tells differs by the stream.
 */
#include "model/pairs.h"
#include "model/recommender_parts.h"

enum { NEIGHBOURS_MOST = 128, ITEMS_LEARNED = 3, ITEMS_ASKED = 5 };

#define NEARER 0.9f

static float inverse_root(const struct recommender *model, uint32_t item)
{
    return popularity_inverse_root(&model->popularity, item);
}

static enum status create(const struct recommender_settings *settings, void **self)
{
    (void)settings;
    return pairs_create(NEIGHBOURS_MOST, self);
}

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    const struct taste *taste = &query->taste;
    float nearness = 1.0f;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++, nearness *= NEARER) {
        const struct pair_list *list = pairs_of(self, taste->item[age]);
        const float *weight = pair_weights(list);
        float value[NEIGHBOURS_MOST];
        for (uint32_t n = 0; n < list->size; n++)
            value[n] = weight[n] * inverse_root(model, list->item[n]);
        float scale = nearness * inverse_root(model, taste->item[age]);
        sparse_add_all(&query->sparse, FEATURE_NEIGHBOURS, list->item, value, list->size, scale);
        if (age == 0)
            sparse_add_all(&query->sparse, FEATURE_NEIGHBOURS_LAST, list->item, value, list->size,
                           scale);
    }
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    (void)model;
    const struct taste *taste = &step->query->taste;
    float weight = 1.0f;
    if (step->action->weight <= 0.0f || !step->new_to_user)
        return STATUS_OK;
    for (uint32_t age = 0; age < ITEMS_LEARNED && age < taste->size; age++, weight *= NEARER) {
        if (taste->item[age] == step->item)
            continue;
        enum status status = pairs_add(self, step->item, taste->item[age], weight, 1.0f);
        if (status == STATUS_OK)
            status = pairs_add(self, taste->item[age], step->item, weight, 1.0f);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

const struct part part_neighbours = {
    .name = "neighbours",
    .create = create,
    .destroy = pairs_destroy,
    .grow = pairs_grow,
    .propose = propose,
    .learn = learn,
    .drop_items = pairs_drop_items,
    .bytes = pairs_bytes,
    .save = pairs_save,
    .load = pairs_load,
};
