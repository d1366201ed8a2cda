/*
 * What one user did with which items: a small open-addressing table that grows with the user, at
 * most HAD_MAX items. Past that the quarter that was touched longest ago is let go. The memory
 * comes from the arena that all users share.
 */
#ifndef MODEL_HAD_H
#define MODEL_HAD_H

#include "model/arena.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum { HAD_MAX = 4096, HAD_ASKED = 64 };

enum { HAD_HAS = 1, HAD_WANTED = 2, HAD_SKIPPED = 4, HAD_DISLIKED = 8 };

struct had_entry {
    uint32_t item;   /* slot + 1; 0: empty */
    uint32_t last_s; /* time of the last event, seconds since 1970 */
    uint32_t last_n; /* events of the user then */
    uint16_t count;  /* of positive events, capped */
    uint8_t flags;
    uint8_t rating; /* the last one, as rating_code() of ratings.h; 0: none */
};

struct had {
    struct had_entry *at;
    uint16_t size, room; /* room: a power of two, or 0 */
    uint32_t nothing;    /* 0, instead of padding: the record is kept as it is */
};

/* Bytes in the arena. */
static inline size_t had_bytes(const struct had *had)
{
    return had->room * sizeof *had->at;
}

void had_finish(struct had *had, struct arena *arena);
/* NULL: never. Holds until the next had_touch(), had_add() or had_remove(). */
struct had_entry *had_find(const struct had *had, uint32_t item);
/* The same in two steps: had_add() takes what had_seek() gave when that was no entry of the item:
 * NULL or a cell whose item is 0, for which to look again is spared. Nothing may be added between.
 */
struct had_entry *had_seek(const struct had *had, uint32_t item);
struct had_entry *had_add(struct had *had, struct arena *arena, uint32_t item,
                          struct had_entry *sought);
/* Whether the user has items[n], for n < count; at most HAD_ASKED. */
void had_which(const struct had *had, const uint32_t *items, uint32_t count, bool *has);
/* The items that the user has, each once, into `items`, which has place for had->room; gives how
 * many. Costs more than had_which() for users with a large table, and less for others. */
uint32_t had_items(const struct had *had, uint32_t *items);
/* Brings near where the item's entry is, or would be. */
void had_fetch(const struct had *had, uint32_t item);
/* The item's entry, new (zeroed but for the item) if need be; NULL: no memory. */
struct had_entry *had_touch(struct had *had, struct arena *arena, uint32_t item);
void had_remove(struct had *had, uint32_t item);
/* The cells as they stand: a restart must not change later layouts. `size` and `room` are kept by
 * the caller, who also reads the cells back. */
enum status had_save(const struct had *had, struct state_writer *writer);
/* Whether there are tables of such a size and room. */
bool had_can_be(const struct had *had);

#endif
