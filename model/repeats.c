#include "model/repeats.h"

#include "model/real.h"

void repeats_ask(const struct user *user, struct sparse *sparse)
{
    for (uint32_t cell = 0; cell < user->had.room; cell++) {
        const struct had_entry *entry = &user->had.at[cell];
        if (entry->item == 0 || entry->count == 0)
            continue;
        float since = (float)(user->events - entry->last_n);
        sparse_add(sparse, entry->item - 1, FEATURE_REPEAT_COUNT,
                   (float)real_log(1.0 + entry->count));
        sparse_add(sparse, entry->item - 1, FEATURE_REPEAT_RECENT, 1.0f / (1.0f + since));
        sparse_add(sparse, entry->item - 1, FEATURE_REPEAT_HAS, 1.0f);
    }
}
