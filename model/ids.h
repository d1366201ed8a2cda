/*
 * Ids of users or items to slots and back: an open-addressing hash table over an arena of keys.
 * A slot is the place of a user or item in every table. Released slots are used again, the last
 * released first, so that equal histories give equal slots.
 */
#ifndef MODEL_IDS_H
#define MODEL_IDS_H

#include "model/event.h"
#include "model/state.h"

#define SLOT_NONE UINT32_MAX

struct ids_key {
    uint64_t offset; /* into the arena */
    uint32_t hash;
    uint8_t size; /* 0: the slot is free */
};

struct ids {
    uint64_t seed;
    uint32_t *cells; /* slot + 1, 0: empty */
    uint32_t cell_mask;
    struct ids_key *keys; /* by slot */
    uint32_t bound, key_room;
    uint32_t *released; /* a stack */
    uint32_t released_count, released_room;
    char *arena;
    uint64_t arena_used, arena_room, arena_wasted;
};

enum status ids_init(struct ids *ids, uint64_t seed);
void ids_finish(struct ids *ids);
uint32_t ids_find(const struct ids *ids, struct text id); /* or SLOT_NONE */
/* Finds or adds; `added` tells which. SLOT_NONE: no memory. */
uint32_t ids_intern(struct ids *ids, struct text id, bool *added);
/* Forgets the id, wipes its bytes, and releases its slot. */
void ids_release(struct ids *ids, uint32_t slot);
struct text ids_text(const struct ids *ids, uint32_t slot); /* absent for a free slot */
/* Holds until the next ids_intern() or ids_release(). */
uint32_t ids_count(const struct ids *ids);
size_t ids_bytes(const struct ids *ids);
enum status ids_save(const struct ids *ids, struct state_writer *writer);
enum status ids_load(struct ids *ids, struct state_reader *reader);

#endif
