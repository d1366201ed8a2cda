#include "model/transitions.h"

#define KEEP 0.98f
#define DOUBT 1.0f /* how many unseen successors a share is held against */

enum { ITEMS_ASKED = 3 };

enum status transitions_learn(struct pairs *transitions, uint32_t previous, uint32_t next)
{
    return pairs_add(transitions, previous, next, 1.0f, KEEP);
}

void transitions_ask(const struct pairs *transitions, const struct taste *taste,
                     struct sparse *sparse)
{
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++) {
        const struct pair_list *list = pairs_of(transitions, taste->item[age]);
        const float *weight = pair_weights(list);
        float share = 1.0f / (list->total + DOUBT);
        enum feature feature = age == 0 ? FEATURE_NEXT : FEATURE_NEXT_EARLIER;
        for (uint32_t n = 0; n < list->size; n++)
            sparse_add(sparse, list->item[n], feature, share * weight[n]);
    }
}
