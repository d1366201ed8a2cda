/*
 * For each item a bounded list of other items with weights: what follows it, what goes with it.
 * Grows by doubling up to `most`; then the lightest one gives way.
 */
#ifndef MODEL_PAIRS_H
#define MODEL_PAIRS_H

#include "model/table.h"

struct pair_list {
    uint32_t *item; /* (room) slots, then (room) float weights in the same allocation */
    float total;    /* of all weights ever added, decayed alike */
    uint16_t size, room;
};

struct pairs {
    struct table lists; /* struct pair_list (items) */
    uint32_t most;      /* a power of two */
    size_t bytes;       /* of all lists */
};

void pairs_init(struct pairs *pairs, uint32_t most);
void pairs_finish(struct pairs *pairs);
enum status pairs_grow(struct pairs *pairs, uint32_t bound);
/* Multiplies the weights of `from` by `keep`, then adds `weight` to its pair with `to`. */
enum status pairs_add(struct pairs *pairs, uint32_t from, uint32_t to, float weight, float keep);
/* Takes the item's own list away (an item that is let go). */
void pairs_clear(struct pairs *pairs, uint32_t item);
size_t pairs_bytes(const struct pairs *pairs);
enum status pairs_save(const struct pairs *pairs, uint32_t bound, struct state_writer *writer);
enum status pairs_load(struct pairs *pairs, uint32_t bound, struct state_reader *reader);

static inline const struct pair_list *pairs_of(const struct pairs *pairs, uint32_t item)
{
    return table_row(&pairs->lists, item);
}

static inline float *pair_weights(const struct pair_list *list)
{
    return list->room == 0 ? NULL : (float *)(void *)(list->item + list->room);
}

#endif
