#include "model/baselines.h"

#include "model/array.h"
#include "model/ids.h"

#include <math.h>
#include <stdlib.h>

#define HALF_LIFE 5000.0
#define RESCALE_AT 0x1p500

const char *const baseline_names[BASELINES] = {"popularity", "recent", "transition"};

/* What followed one item: (size) pairs. */
struct followers {
    uint32_t *item, *count;
    uint32_t size, room;
};

struct baselines {
    uint32_t items, item_room; /* slots below `items` may be candidates */
    uint32_t *count;           /* positive events */
    double *recent;            /* in units that grow instead of the counts fading */
    uint8_t *hidden;           /* marks, all zero between two calls */
    struct followers *followers;
    uint32_t user_room;
    uint32_t *previous; /* slot + 1 of the user's last positive item */
    double unit; /* what a positive event now adds to recent: twice as much 5,000 events on */
};

enum status baselines_create(struct baselines **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return STATUS_NO_MEMORY;
    (*out)->unit = 1.0;
    return STATUS_OK;
}

void baselines_destroy(struct baselines *baselines)
{
    if (baselines == NULL)
        return;
    for (uint32_t item = 0; item < baselines->items; item++) {
        free(baselines->followers[item].item);
        free(baselines->followers[item].count);
    }
    free(baselines->count);
    free(baselines->recent);
    free(baselines->hidden);
    free(baselines->followers);
    free(baselines->previous);
    free(baselines);
}

static enum status room_for_item(struct baselines *b, uint32_t item)
{
    if (item >= b->item_room) {
        uint32_t room = b->item_room == 0 ? 1024 : b->item_room;
        while (room <= item)
            room *= 2;
        if (array_extend(&b->count, b->item_room, room, sizeof *b->count) != STATUS_OK ||
            array_extend(&b->recent, b->item_room, room, sizeof *b->recent) != STATUS_OK ||
            array_extend(&b->hidden, b->item_room, room, sizeof *b->hidden) != STATUS_OK ||
            array_extend(&b->followers, b->item_room, room, sizeof *b->followers) != STATUS_OK)
            return STATUS_NO_MEMORY;
        b->item_room = room;
    }
    if (item >= b->items)
        b->items = item + 1;
    return STATUS_OK;
}

bool baselines_is_candidate(const struct baselines *baselines, uint32_t item)
{
    return item < baselines->items && baselines->count[item] > 0;
}

static void mark(struct baselines *b, const uint32_t *hidden, uint32_t size, uint8_t as)
{
    for (uint32_t n = 0; n < size; n++)
        if (hidden[n] < b->items)
            b->hidden[hidden[n]] = as;
}

/* Candidates that count at least as much as the item, itself included, the hidden ones not. */
static uint32_t rank_by_count(const struct baselines *b, uint32_t item, const uint32_t *hidden,
                              uint32_t hidden_count)
{
    uint32_t count = b->count[item], above = 0;
    for (uint32_t other = 0; other < b->items; other++)
        above += b->count[other] >= count;
    for (uint32_t n = 0; n < hidden_count; n++)
        above -= hidden[n] < b->items && b->count[hidden[n]] >= count;
    return above;
}

static uint32_t rank_by_recent(const struct baselines *b, uint32_t item, const uint32_t *hidden,
                               uint32_t hidden_count)
{
    double recent = b->recent[item];
    uint32_t above = 0;
    for (uint32_t other = 0; other < b->items; other++)
        above += b->recent[other] >= recent && b->count[other] > 0;
    for (uint32_t n = 0; n < hidden_count; n++)
        above -= baselines_is_candidate(b, hidden[n]) && b->recent[hidden[n]] >= recent;
    return above;
}

static const struct followers *followers_of_last(const struct baselines *b, uint32_t user)
{
    static const struct followers none;
    if (user >= b->user_room || b->previous[user] == 0)
        return &none;
    return &b->followers[b->previous[user] - 1];
}

static uint32_t rank_by_transition(const struct baselines *b, uint32_t user, uint32_t item,
                                   uint32_t by_count)
{
    const struct followers *list = followers_of_last(b, user);
    uint32_t times = 0, popularity = b->count[item];
    for (uint32_t n = 0; n < list->size; n++)
        if (list->item[n] == item)
            times = list->count[n];
    uint32_t followers_above = 0, popular_followers = 0;
    for (uint32_t n = 0; n < list->size; n++) {
        uint32_t other = list->item[n];
        if (b->hidden[other])
            continue;
        bool as_popular = b->count[other] >= popularity;
        popular_followers += as_popular;
        followers_above += list->count[n] > times || (list->count[n] == times && as_popular);
    }
    if (times > 0)
        return followers_above;
    return followers_above + by_count - popular_followers; /* those that never followed */
}

void baselines_rank(struct baselines *baselines, uint32_t user, uint32_t item,
                    const uint32_t *hidden, uint32_t hidden_count, uint32_t rank[BASELINES])
{
    rank[BASELINE_POPULARITY] = rank_by_count(baselines, item, hidden, hidden_count);
    rank[BASELINE_RECENT] = rank_by_recent(baselines, item, hidden, hidden_count);
    mark(baselines, hidden, hidden_count, 1);
    rank[BASELINE_TRANSITION] =
        rank_by_transition(baselines, user, item, rank[BASELINE_POPULARITY]);
    mark(baselines, hidden, hidden_count, 0);
}

static enum status count_follower(struct followers *list, uint32_t item)
{
    for (uint32_t n = 0; n < list->size; n++)
        if (list->item[n] == item) {
            list->count[n]++;
            return STATUS_OK;
        }
    if (list->size == list->room) {
        uint32_t room = list->room == 0 ? 8 : 2 * list->room;
        if (array_extend(&list->item, list->room, room, sizeof *list->item) != STATUS_OK ||
            array_extend(&list->count, list->room, room, sizeof *list->count) != STATUS_OK)
            return STATUS_NO_MEMORY;
        list->room = room;
    }
    list->item[list->size] = item;
    list->count[list->size++] = 1;
    return STATUS_OK;
}

void baselines_fade(struct baselines *baselines)
{
    baselines->unit *= exp2(1.0 / HALF_LIFE);
    if (baselines->unit < RESCALE_AT)
        return;
    for (uint32_t item = 0; item < baselines->items; item++)
        baselines->recent[item] /= baselines->unit;
    baselines->unit = 1.0;
}

enum status baselines_learn(struct baselines *baselines, uint32_t user, uint32_t item)
{
    enum status status = room_for_item(baselines, item);
    if (status == STATUS_OK)
        status = array_grow(&baselines->previous, &baselines->user_room, user + 1,
                            sizeof *baselines->previous);
    if (status != STATUS_OK)
        return status;
    if (baselines->previous[user] != 0)
        status = count_follower(&baselines->followers[baselines->previous[user] - 1], item);
    baselines->previous[user] = item + 1;
    baselines->count[item]++;
    baselines->recent[item] += baselines->unit;
    return status;
}

void baselines_forget(struct baselines *baselines, uint32_t user)
{
    if (user < baselines->user_room)
        baselines->previous[user] = 0;
}

static int compare_counts(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

double baselines_gini(const struct baselines *baselines)
{
    uint32_t size = 0;
    uint32_t *sorted = malloc((baselines->items + 1) * sizeof *sorted);
    if (sorted == NULL)
        return 0.0;
    for (uint32_t item = 0; item < baselines->items; item++)
        if (baselines->count[item] > 0)
            sorted[size++] = baselines->count[item];
    qsort(sorted, size, sizeof *sorted, compare_counts);
    double total = 0.0, weighted = 0.0;
    for (uint32_t n = 0; n < size; n++) {
        total += sorted[n];
        weighted += (2.0 * (n + 1) - size - 1.0) * sorted[n];
    }
    free(sorted);
    return total > 0.0 ? weighted / (size * total) : 0.0;
}
