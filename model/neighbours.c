#include "model/neighbours.h"

#include <math.h>

enum { ITEMS_LEARNED = 5, ITEMS_ASKED = 5 };

#define NEARER 0.9f
#define SHRINK 5.0f /* against the chance similarity of rare items */

enum status neighbours_learn(struct pairs *neighbours, const struct taste *taste, uint32_t item)
{
    float weight = 1.0f;
    for (uint32_t age = 0; age < ITEMS_LEARNED && age < taste->size; age++, weight *= NEARER) {
        if (taste->item[age] == item)
            continue;
        enum status status = pairs_add(neighbours, item, taste->item[age], weight, 1.0f);
        if (status == STATUS_OK)
            status = pairs_add(neighbours, taste->item[age], item, weight, 1.0f);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static float root_count(const struct popularity *popularity, uint32_t item)
{
    return 1.0f / sqrtf((float)popularity_wanted(popularity, item) + SHRINK);
}

float neighbours_similarity(const struct popularity *popularity, uint32_t a, uint32_t b,
                            float weight)
{
    return weight * root_count(popularity, a) * root_count(popularity, b);
}

void neighbours_ask(const struct pairs *neighbours, const struct popularity *popularity,
                    const struct taste *taste, struct sparse *sparse)
{
    float nearness = 1.0f;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++, nearness *= NEARER) {
        const struct pair_list *list = pairs_of(neighbours, taste->item[age]);
        const float *weight = pair_weights(list);
        float own = nearness * root_count(popularity, taste->item[age]);
        for (uint32_t n = 0; n < list->size; n++)
            sparse_add(sparse, list->item[n], FEATURE_NEIGHBOURS,
                       own * weight[n] * root_count(popularity, list->item[n]));
    }
}
