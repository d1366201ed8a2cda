/*
 * Item-to-item collaborative filtering: which items the same users wanted within a few events of
 * each other, compared by the cosine of their counts (Sarwar et al. 2001, eq. 1; Linden et al.
 * 2003), counted incrementally (Papagelis et al. 2005), nearer pairs for more. The features are the
 * decayed sum of the similarities with the user's last items, and the similarity with the very last
 * one: how much more that tells differs by the stream.
 *
 * While there is little, each event is paired with more of the items before it: ml-100k-any gains
 * .002 of Recall@10 by that, and as much by lists of 256 instead of 128; long streams gain nothing.
 * Six of the last items tell as much as eight: with five ml-100k-any loses .001.
 */
#include "model/pairs.h"
#include "model/recommender_parts.h"

enum { NEIGHBOURS_MOST = 256, ITEMS_ASKED = 6 };
enum { LEARNED_MOST = 10, LEARNED_LEAST = 2, LEARNED_MOST_UNTIL = 40000 };

#define NEARER 0.85f

static enum status create(const struct recommender_settings *settings, void **self)
{
    (void)settings;
    return pairs_create(NEIGHBOURS_MOST, self);
}

struct sparse_run neighbours_run(const struct recommender *model, uint32_t item, float nearness)
{
    const struct pair_list *list = pairs_of(model->part[PART_NEIGHBOURS], item);
    return (struct sparse_run){
        .items = list->item,
        .values = pair_weights(list),
        .by_item = model->popularity.inverse_root,
        .count = list->size,
        .scale = nearness * popularity_inverse_root(&model->popularity, item),
    };
}

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    (void)self;
    const struct taste *taste = &query->taste;
    float nearness = 1.0f;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++, nearness *= NEARER) {
        struct sparse_run run = neighbours_run(model, taste->item[age], nearness);
        run.feature = FEATURE_NEIGHBOURS;
        run.also = age == 0 ? FEATURE_NEIGHBOURS_LAST : FEATURE_NEIGHBOURS;
        sparse_add_run(&query->sparse, &run);
    }
}

/* How many of the last items each event is paired with. */
static uint32_t items_learned(uint64_t now)
{
    uint64_t few = (uint64_t)LEARNED_MOST * LEARNED_MOST_UNTIL / (now + 1);
    return few > LEARNED_MOST ? LEARNED_MOST : few < LEARNED_LEAST ? LEARNED_LEAST : (uint32_t)few;
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    (void)model;
    const struct taste *taste = &step->query->taste;
    float weight = 1.0f;
    uint32_t learned = items_learned(step->now);
    if (step->action->weight <= 0.0f || !step->new_to_user)
        return STATUS_OK;
    for (uint32_t age = 0; age < learned && age < taste->size; age++, weight *= NEARER) {
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
    .tempt = pairs_tempt,
    .fetch = pairs_fetch,
    .learn = learn,
    .drop_items = pairs_drop_items,
    .bytes = pairs_bytes,
    .save = pairs_save,
    .load = pairs_load,
};
