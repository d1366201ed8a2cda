/*
 * Ids of users or items to slots and back. A slot is the place of a user or item in every table.
 * Released slots are used again, the last released first, so that equal histories give equal slots.
 *
 *     hash ──► cells: 8 bytes each, hash and slot ──► keys: 16 bytes each, the id itself
 *                                                      (longer ones are in an arena)
 *
 * So an id is found in two places of memory. The cells are an open-addressing table, at most three
 * quarters full. It grows without a stall: for a while there are two, and each new id takes some
 * of the old one's along.
 */
#ifndef MODEL_IDS_H
#define MODEL_IDS_H

#include "model/arena.h"
#include "model/event.h"
#include "model/table.h"

#include <string.h>

#define SLOT_NONE UINT32_MAX

enum { ID_BYTES_SHORT = 15 };

struct ids_key {
    uint8_t size; /* 0: the slot is free */
    union {
        char text[ID_BYTES_SHORT];         /* up to ID_BYTES_SHORT bytes */
        char *far __attribute__((packed)); /* longer ones, in the arena */
    };
};

_Static_assert(sizeof(struct ids_key) == 16, "four to a cache line");

struct ids_cells {
    uint64_t *at;  /* (mask + 1) hash in the high half, slot + 1 in the low one; 0: empty */
    uint32_t mask; /* of a power of two */
};

struct ids {
    uint64_t seed;
    struct ids_cells cells;
    struct ids_cells old; /* what is not moved yet; `at` NULL: nothing */
    uint32_t moved;       /* of the old cells */
    struct table keys;    /* struct ids_key, by slot */
    uint32_t bound;
    uint32_t *released; /* a stack */
    uint32_t released_count, released_room;
    struct arena arena;
    size_t far_bytes; /* of the ids in it */
};

enum status ids_init(struct ids *ids, uint64_t seed);
void ids_finish(struct ids *ids);
uint32_t ids_find(const struct ids *ids, struct text id); /* or SLOT_NONE */
/* Finds or adds; `added` tells which. SLOT_NONE: no memory. */
uint32_t ids_intern(struct ids *ids, struct text id, bool *added);
/* While the table grows: takes some more of the old one along. Looking ids up alone never does. */
void ids_move(struct ids *ids);
static inline void ids_settle(struct ids *ids)
{
    if (ids->old.at != NULL)
        ids_move(ids);
}

/* Forgets the id, wipes its bytes, and releases its slot. */
void ids_release(struct ids *ids, uint32_t slot);
/* Absent for a free slot. Holds until the slot is released. */
struct text ids_text(const struct ids *ids, uint32_t slot);
uint32_t ids_count(const struct ids *ids);
/* What the ids cost, from what is there: the same after a restart. */
size_t ids_bytes(const struct ids *ids);
enum status ids_save(const struct ids *ids, struct state_writer *writer);
/* Nothing can be looked up before ids_index(), which reads nothing. */
enum status ids_load(struct ids *ids, struct state_reader *reader);
enum status ids_index(struct ids *ids);

/* ---- for looking several up at a time: each step brings near what the next one reads ---- */

struct ids_sought {
    uint64_t key[2]; /* of an id of at most ID_BYTES_SHORT bytes: as its struct ids_key */
    uint32_t hash;
};

/* Also of an absent id, which is not there. */
void ids_seek(const struct ids *ids, struct text id, struct ids_sought *sought);
/* The slot in the first cell that has the hash, most likely that of an id with the hash; or
 * SLOT_NONE. */
uint32_t ids_guess(const struct ids *ids, uint32_t hash);
/* ids_find() with its hash. */
uint32_t ids_find_unguessed(const struct ids *ids, struct text id, uint32_t hash);
/* ids_find(), which costs less as the guess, any slot or SLOT_NONE, is right. */
static inline uint32_t ids_find_sought(const struct ids *ids, struct text id,
                                       const struct ids_sought *sought, uint32_t guess)
{
    if (guess < ids->bound && id.size - 1 < ID_BYTES_SHORT &&
        memcmp(table_row(&ids->keys, guess), sought->key, sizeof sought->key) == 0)
        return guess;
    return ids_find_unguessed(ids, id, sought->hash);
}

#endif
