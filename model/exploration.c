/*
 * By Thompson sampling (Thompson 1933; Chapelle & Li 2011, "An empirical evaluation of Thompson
 * sampling", algorithm 1), bounded: for each place a few of the newest items are drawn; what each
 * might be worth is its score, plus noise that is the less the oftener it was wanted:
 *
 *     theta_i = score(u, i) + noise / sqrt(1 + wanted_i)
 *
 * and the best of them gets the place. The others move down by one, the last drops out.
 */
#include "model/exploration.h"

#include "model/random.h"
#include "model/recommender_parts.h"

#include <math.h>

enum { NEWEST = 256, KNOWN_TO_FEW = 20, DRAWN = 16, PURPOSE_EXPLORE = 51 };

#define SPREAD 2.0f /* of the noise */

static bool is_listed(const struct list *list, uint32_t item)
{
    for (uint32_t n = 0; n < list->size; n++)
        if (list->at[n].slot == item)
            return true;
    return false;
}

static bool may_explore(const struct recommender *model, const struct query *query,
                        const struct list *list, uint32_t item)
{
    return popularity_wanted(&model->popularity, item) < KNOWN_TO_FEW &&
           factors_columns(&model->factors, item)[COLUMN_CLOSED] == 0.0f &&
           !query_hides(model, query, item) && !is_listed(list, item);
}

/* SLOT_NONE: none of those drawn may be in the list. */
static uint32_t draw(const struct recommender *model, const struct query *query,
                     const struct list *list, uint64_t key)
{
    const struct popularity *popularity = &model->popularity;
    uint32_t newest = popularity->wanted_count < NEWEST ? popularity->wanted_count : NEWEST;
    uint32_t best = SLOT_NONE;
    float most = 0.0f;
    for (uint32_t n = 0; n < DRAWN && newest > 0; n++) {
        uint64_t bits = random_at(key, n);
        uint32_t back = random_below((uint32_t)(bits >> 32), newest);
        uint32_t item = popularity->wanted_items[popularity->wanted_count - 1 - back];
        if (!may_explore(model, query, list, item))
            continue;
        float wanted = (float)popularity_wanted(popularity, item);
        float theta = recommender_score(model, query, item) +
                      SPREAD * random_signed((uint32_t)bits) / sqrtf(1.0f + wanted);
        if (best == SLOT_NONE || theta > most) {
            best = item;
            most = theta;
        }
    }
    return best;
}

void recommender_explore(const struct recommender *model, const struct query *query, float share,
                         struct list *list)
{
    if (!(share > 0.0f))
        return;
    const struct user *user = recommender_user(model, query->user);
    uint64_t seed = model->settings.seed ^ random_mix(query->user);
    uint32_t apart = (uint32_t)(1.0f / share + 0.5f);
    apart = apart > 2 ? apart : 2;
    for (uint32_t place = apart - 1; place < list->size; place += apart) {
        uint64_t key = random_key(seed, user == NULL ? 0 : user->events, PURPOSE_EXPLORE + place);
        uint32_t item = draw(model, query, list, key);
        if (item == SLOT_NONE)
            continue;
        struct list_entry *at = &list->at[place];
        float score = at->score; /* of the place: the list stays in the order of its scores */
        memmove(at + 1, at, (list->size - place - 1) * sizeof *at);
        *at = (struct list_entry){ids_text(&model->item_ids, item), item, score};
    }
}
