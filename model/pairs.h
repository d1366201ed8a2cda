/*
 * For each item a bounded list of other items with weights: what follows it, what goes with it.
 * Grows by doubling up to `most`; then the lightest one gives way, and who comes takes over half of
 * its weight: with nothing it would be the lightest and the next to go, whatever it is worth
 * (Metwally et al. 2005, "Efficient computation of frequent and top-k elements in data streams",
 * Space-Saving, takes over all of it).
 */
#ifndef MODEL_PAIRS_H
#define MODEL_PAIRS_H

#include "model/arena.h"
#include "model/table.h"

#include <stdbool.h>

struct hard;
struct taste;

struct pair_list {
    uint32_t *item; /* (room) slots, then (room) float weights in the same allocation */
    float total;    /* of all weights ever added, decayed alike */
    uint16_t size, room;
};

struct pairs {
    struct table lists; /* struct pair_list (items) */
    uint32_t most;      /* a power of two */
    size_t bytes;       /* of all lists' entries, by their room */
    struct arena arena; /* where they are */
};

/* The pairs of a part (part.h), whose signatures these have. */
enum status pairs_create(uint32_t most, void **out);
void pairs_destroy(void *self);
enum status pairs_grow(void *self, uint32_t users, uint32_t items);
size_t pairs_bytes(const void *self, uint32_t items);
void pairs_drop_items(void *self, const bool *gone, uint32_t items);
enum status pairs_save(const void *self, uint32_t users, uint32_t items,
                       struct state_writer *writer);
enum status pairs_load(void *self, uint32_t users, uint32_t items, struct state_reader *reader);

/* The first of the last item's pairs: in a full list it is the later ones that come and go. */
void pairs_tempt(const void *self, const struct taste *taste, struct hard *hard);

/* Brings the pairs' items near. */
void pairs_fetch(const void *self, uint32_t item);

/* Multiplies the weights of `from` by `keep`, then adds `weight` to its pair with `to`. */
enum status pairs_add(struct pairs *pairs, uint32_t from, uint32_t to, float weight, float keep);

static inline const struct pair_list *pairs_of(const struct pairs *pairs, uint32_t item)
{
    return table_row(&pairs->lists, item);
}

static inline float *pair_weights(const struct pair_list *list)
{
    return list->room == 0 ? NULL : (float *)(void *)(list->item + list->room);
}

#endif
