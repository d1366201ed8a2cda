/*
 * What follows what: for each item the items that users wanted next, decayed, bounded (a
 * first-order Markov chain, Rendle et al. 2010, eq. 4, without factorizing it). The features are
 * the shares of the candidate among what followed the user's last item, and the two before it.
 */
#include "model/pairs.h"
#include "model/recommender_parts.h"

#include <stdlib.h>

#define KEEP 0.98f /* of the counts, each time something follows the item */
#define DOUBT 2.0f /* how many unseen successors a share is held against */

enum { SUCCESSORS_MOST = 64, ITEMS_ASKED = 3 };

static enum status create(const struct recommender_settings *settings, void **self)
{
    (void)settings;
    return pairs_create(SUCCESSORS_MOST, self);
}

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    (void)model;
    const struct taste *taste = &query->taste;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++) {
        const struct pair_list *list = pairs_of(self, taste->item[age]);
        enum feature feature = age == 0 ? FEATURE_NEXT : FEATURE_NEXT_EARLIER;
        sparse_add_run(&query->sparse, &(struct sparse_run){.items = list->item,
                                                            .values = pair_weights(list),
                                                            .count = list->size,
                                                            .scale = 1.0f / (list->total + DOUBT),
                                                            .feature = feature,
                                                            .also = feature});
    }
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    const struct taste *taste = &step->query->taste;
    if (step->action->weight <= 0.0f || taste->size == 0)
        return STATUS_OK;
    if (taste->item[0] == step->item && hides_had(model))
        return STATUS_OK;
    return pairs_add(self, taste->item[0], step->item, 1.0f, KEEP);
}

const struct part part_transitions = {
    .name = "transitions",
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
