/*
 * Looking ahead: an event costs a handful of reads that each wait for memory, as each tells where
 * the next one goes. So they are made for several events at a time, a step each while the events
 * before them are learned:
 *
 *     12 before   the ids' hashes           ─► their cells
 *      9 before   the cells                 ─► the ids' keys
 *      6 before   the slots                 ─► records, rows
 *      3 before   the user's record         ─► history, what they have; the negatives
 */
#include "model/random.h"
#include "model/recommender_parts.h"

enum { STEP = AHEAD_MOST / 4 };

static struct ahead_event *entry_of(struct ahead *ahead, uint32_t n)
{
    return &ahead->at[n % AHEAD_ROOM];
}

static void fetch_cells(const struct recommender *model, struct ahead_event *entry,
                        const struct event *event)
{
    entry->user_hash = event->user.size == 0 ? 0 : ids_hash(&model->user_ids, event->user);
    entry->item_hash = event->item.size == 0 ? 0 : ids_hash(&model->item_ids, event->item);
    ids_fetch_cell(&model->user_ids, entry->user_hash);
    ids_fetch_cell(&model->item_ids, entry->item_hash);
}

static void fetch_keys(const struct recommender *model, const struct ahead_event *entry)
{
    ids_fetch_key(&model->user_ids, entry->user_hash);
    ids_fetch_key(&model->item_ids, entry->item_hash);
}

static void fetch_rows(const struct recommender *model, struct ahead_event *entry,
                       const struct event *event)
{
    entry->user = ids_find_hashed(&model->user_ids, event->user, entry->user_hash);
    entry->item = ids_find_hashed(&model->item_ids, event->item, entry->item_hash);
    if (entry->user != SLOT_NONE) {
        table_fetch(&model->users, entry->user);
        if (has_part(model, PART_FACTORS))
            table_fetch(&model->factors.user_rows, entry->user);
    }
    if (entry->item != SLOT_NONE) {
        table_fetch(&model->popularity.items, entry->item);
        if (model->uses_x)
            table_fetch(&model->factors.candidate_rows, entry->item);
    }
}

static void fetch_memory(const struct recommender *model, const struct ahead_event *entry,
                         uint32_t distance)
{
    if (entry->user == SLOT_NONE)
        return;
    const struct user *user = recommender_user(model, entry->user);
    if (user->history_room > 0)
        __builtin_prefetch(&user->history[user->visits % user->history_room], 1);
    if (entry->item != SLOT_NONE)
        had_fetch(&user->had, entry->item);
    if (model->uses_x)
        recommender_fetch_samples(model, model->events + 1 + distance);
}

/* The events that are `distance` before their turn; at first all that are nearer, too. */
static uint32_t first_of(uint32_t n, uint32_t distance)
{
    return n == 0 ? 0 : n + distance;
}

static uint32_t end_of(uint32_t n, uint32_t distance, uint32_t size)
{
    return n + distance < size ? n + distance + 1 : size;
}

void recommender_look_ahead(const struct recommender *model, struct ahead *ahead,
                            const struct event *events, uint32_t n, uint32_t size)
{
    uint32_t end = end_of(n, 4 * STEP, size);
    for (uint32_t at = first_of(n, 4 * STEP); at < end; at++)
        fetch_cells(model, entry_of(ahead, at), &events[at]);
    end = end_of(n, 3 * STEP, size);
    for (uint32_t at = first_of(n, 3 * STEP); at < end; at++)
        fetch_keys(model, entry_of(ahead, at));
    end = end_of(n, 2 * STEP, size);
    for (uint32_t at = first_of(n, 2 * STEP); at < end; at++)
        fetch_rows(model, entry_of(ahead, at), &events[at]);
    end = end_of(n, STEP, size);
    for (uint32_t at = first_of(n, STEP); at < end; at++)
        fetch_memory(model, entry_of(ahead, at), at - n);
}
