/*
 * Staying under model.memory_limit: when the state costs more, the least recently active sixteenth
 * of whatever costs most, users or items, is let go in one sweep.
 *
 * The cost is computed from what is there, never from what the allocator happens to hold: it must
 * be the same after a restart, since it decides what is learned from then on.
 *
 * Who is let go leaves a place in the tables, for the next of the kind alone. A tenth of the limit
 * may be empty places; more count as well, and the kind that left them then gives less when some of
 * it is let go. So as a stream's users give way to items, or the other way round, they do only as
 * far as the memory allows.
 */
#include "model/recommender_parts.h"

#include <stdlib.h>

/* Between two looks at the cost, the events may add no more than what is set aside for them. */
enum { EVERY_EVENTS = 64, SET_ASIDE = EVERY_EVENTS * 4096, PART_EVICTED = 16 };
enum { PART_EMPTY = 10 };

/* For each user and item: the slack of growing arrays. */
enum { SLACK = 32 };

/* Users, or items. */
struct kind {
    size_t places, empty; /* bytes in tables: of those that are there, and where nobody is */
    size_t more;          /* what they have beside that */
};

static struct kind kind_of(const struct ids *ids, size_t each)
{
    uint32_t count = ids_count(ids);
    return (struct kind){count * each, (ids->bound - count) * each, ids_bytes(ids)};
}

static struct kind users_of(const struct recommender *model)
{
    size_t each =
        sizeof(struct user) + factors_user_bytes(&model->factors) + RECOMMENDER_BESIDE_USER + SLACK;
    struct kind users = kind_of(&model->user_ids, each);
    users.more += model->memory_bytes;
    for (int p = 0; p < PARTS; p++)
        if (model->part[p] != NULL && model_parts[p]->user_bytes != NULL)
            users.more += model_parts[p]->user_bytes(model->part[p]);
    return users;
}

/* In the index, beside codes and columns, four bytes each: norm, residual, appeal, slot and scale,
 * and a share of two of the chunk's limits. */
enum { BESIDE_CODES = 7 };

/* What ranking needs for an item: its place in the index, whose chunks are partly empty; and what a
 * ranking thread's queries hold for each item. More threads take more. */
static size_t bytes_of_asking(uint32_t dim)
{
    size_t index = dim + (FEATURES_DENSE + 1 + BESIDE_CODES) * sizeof(float);
    size_t queries = RECOMMENDER_TOGETHER * (2 * sizeof(float)) + SLACK;
    return index * 5 / 4 + queries;
}

/* Four bytes each: an item's inverse root, its place among the wanted ones and in the index; and
 * what a draw asks of it. */
enum { BYTES_BESIDES = 3 * sizeof(uint32_t) + sizeof(struct sampled) };

static struct kind items_of(const struct recommender *model)
{
    size_t rows = factors_item_bytes(&model->factors) + RECOMMENDER_BESIDE_ITEM;
    size_t asking = bytes_of_asking(model->settings.dim);
    size_t each = rows + asking + sizeof(struct popular_item) + BYTES_BESIDES + SLACK;
    struct kind items = kind_of(&model->item_ids, each);
    for (int p = 0; p < PARTS; p++)
        if (model->part[p] != NULL)
            items.more += model_parts[p]->bytes(model->part[p], ids_count(&model->item_ids));
    items.more += cards_bytes(&model->cards);
    return items;
}

static size_t empty_most(const struct recommender *model)
{
    return model->settings.memory_limit / PART_EMPTY;
}

size_t recommender_cost(const struct recommender *model)
{
    struct kind users = users_of(model), items = items_of(model);
    size_t empty = users.empty + items.empty, most = empty_most(model);
    return sizeof *model + users.places + users.more + items.places + items.more +
           (empty > most ? empty - most : 0) + dedupe_bytes(&model->dedupe);
}

/* Sixteen times what letting some of them go would give. */
static size_t gain_of(const struct kind *kind, size_t empty_most)
{
    return kind->empty > empty_most ? kind->more : kind->places + kind->more;
}

static int compare_ages(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The n-th smallest; sorts `ages`. */
static uint64_t boundary(uint64_t *ages, uint32_t size, uint32_t n)
{
    qsort(ages, size, sizeof *ages, compare_ages);
    return ages[n < size ? n : size - 1];
}

static void evict_users(struct recommender *model, uint32_t spared)
{
    uint32_t bound = model->user_ids.bound, size = 0;
    uint64_t *ages = malloc((bound + 1) * sizeof *ages);
    if (ages == NULL)
        return;
    for (uint32_t slot = 0; slot < bound; slot++)
        if (ids_text(&model->user_ids, slot).size > 0)
            ages[size++] = recommender_user(model, slot)->last_event;
    uint64_t since = size > 0 ? boundary(ages, size, size / PART_EVICTED) : 0;
    free(ages);
    for (uint32_t slot = 0; slot < bound; slot++) {
        if (slot == spared || ids_text(&model->user_ids, slot).size == 0 ||
            recommender_user(model, slot)->last_event > since)
            continue;
        recommender_erase_user(model, slot);
        model->evicted_users++;
    }
}

/* ---- items: everything that names one has to let go of it ---- */

static void clean_user(struct user *user, const bool *gone)
{
    for (uint32_t n = 0; n < user_visit_count(user); n++)
        if (user->history[n].item != VISIT_GONE && gone[user->history[n].item])
            user->history[n].item = VISIT_GONE;
    if (user->last_item != 0 && gone[user->last_item - 1])
        user->last_item = 0;
    for (uint32_t cell = 0; cell < user->had.room; cell++)
        while (user->had.at[cell].item != 0 && gone[user->had.at[cell].item - 1])
            had_remove(&user->had,
                       user->had.at[cell].item - 1); /* may pull another into the cell */
}

static void drop_items(struct recommender *model, const bool *gone)
{
    uint32_t items = model->item_ids.bound;
    for (uint32_t slot = 0; slot < model->user_ids.bound; slot++)
        clean_user(recommender_user(model, slot), gone);
    for (int p = 0; p < PARTS; p++)
        if (model->part[p] != NULL && model_parts[p]->drop_items != NULL)
            model_parts[p]->drop_items(model->part[p], gone, items);
    cards_drop(&model->cards, gone, items);
    popularity_drop(&model->popularity, gone);
    sampler_drop(&model->sampler, gone);
    for (uint32_t item = 0; item < items; item++) {
        if (!gone[item])
            continue;
        factors_add_item(&model->factors, item, model->events);
        ids_release(&model->item_ids, item);
        model->evicted_items++;
    }
}

static void evict_items(struct recommender *model, uint32_t spared)
{
    uint32_t bound = model->item_ids.bound, size = 0;
    uint64_t *ages = malloc((bound + 1) * sizeof *ages);
    bool *gone = calloc(bound + 1, sizeof *gone);
    if (ages == NULL || gone == NULL)
        goto done;
    for (uint32_t item = 0; item < bound; item++)
        if (ids_text(&model->item_ids, item).size > 0)
            ages[size++] = popularity_of(&model->popularity, item)->last_event;
    uint32_t quota = size / PART_EVICTED + 1;
    uint64_t since = size > 0 ? boundary(ages, size, quota - 1) : 0;
    for (uint32_t n = 0; n < size; n++) /* sorted: what is left of the quota is for ties */
        quota -= ages[n] < since;
    for (uint32_t item = 0; item < bound; item++) {
        uint64_t age = popularity_of(&model->popularity, item)->last_event;
        if (item == spared || ids_text(&model->item_ids, item).size == 0 || age > since)
            continue;
        gone[item] = age < since || quota > 0;
        quota -= age == since && quota > 0;
    }
    drop_items(model, gone);
done:
    free(gone);
    free(ages);
}

void recommender_let_go(struct recommender *model, uint64_t tick, uint32_t user, uint32_t item)
{
    size_t limit = model->settings.memory_limit;
    if (tick % EVERY_EVENTS != 0)
        return;
    for (int round = 0; round < PART_EVICTED && recommender_cost(model) + SET_ASIDE > limit;
         round++) {
        const struct kind users = users_of(model), items = items_of(model);
        if (gain_of(&users, empty_most(model)) >= gain_of(&items, empty_most(model)))
            evict_users(model, user);
        else
            evict_items(model, item);
    }
}
