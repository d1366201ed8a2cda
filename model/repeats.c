/*
 * The user's own repeats, where lists may hold what the user has: how often and how recently they
 * had each item (Anderson et al. 2014, "The dynamics of repeat consumption": recency is the
 * strongest predictor of reconsumption; what was only viewed counts as recent, too), whether that
 * was in the same sitting (what is in the basket already is not put there again), and whether it
 * followed the last item when the user had that before.
 *
 *     recent = 1 / (1 + a)     a: the user's events since
 *     count  = log(1 + n)      n: how often they had it
 *     next   = 1 / d           d: how many of their events it came after the last item
 */
#include "model/real.h"
#include "model/recommender_parts.h"

enum { SITTING_S = 600, FOLLOWED_WITHIN = 8 };

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    (void)self;
    const struct user *user = recommender_user(model, query->user);
    if (user == NULL || hides_had(model))
        return;
    for (uint32_t cell = 0; cell < user->had.room; cell++) {
        const struct had_entry *entry = &user->had.at[cell];
        if (entry->item == 0 || (entry->flags & HAD_HAS) == 0)
            continue;
        float since = (float)(user->events - entry->last_n);
        uint32_t item = entry->item - 1;
        sparse_add(&query->sparse, item, FEATURE_REPEAT_RECENT, 1.0f / (1.0f + since));
        if (entry->count == 0)
            continue;
        sparse_add(&query->sparse, item, FEATURE_REPEAT_COUNT, (float)real_log(1.0 + entry->count));
        if (query->second < entry->last_s + SITTING_S)
            sparse_add(&query->sparse, item, FEATURE_REPEAT_SITTING, 1.0f);
        uint32_t behind = entry->last_n - user->previous_n;
        if (user->previous_n != 0 && behind - 1 < FOLLOWED_WITHIN)
            sparse_add(&query->sparse, item, FEATURE_REPEAT_NEXT, 1.0f / (float)behind);
    }
}

const struct part part_repeats = {.name = "repeats", .propose = propose};
