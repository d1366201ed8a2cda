/*
 * The ids of the last events, as 64-bit hashes: a ring and a table over it. Both grow with what
 * they hold, so that a large limit costs nothing until it is used, nor does a snapshot that claims
 * one.
 */
#ifndef MODEL_DEDUPE_H
#define MODEL_DEDUPE_H

#include "model/event.h"
#include "model/state.h"

enum { DEDUPE_IDS_MAX = 100000000 };

struct dedupe {
    uint64_t *ring;      /* hashes, never 0 */
    uint64_t *cells;     /* open addressing, at most half full; 0: free */
    uint32_t size;       /* as many ids at most */
    uint32_t room;       /* of the ring now; twice as many cells */
    uint32_t held, next; /* ids in the ring; where the next one goes once it is full */
    uint64_t pushed;     /* ids since the beginning */
};

/* Remembers the last `size` ids, at most DEDUPE_IDS_MAX; 0: none. Takes no memory yet. */
void dedupe_init(struct dedupe *dedupe, uint32_t size);
void dedupe_finish(struct dedupe *dedupe);
bool dedupe_knows(const struct dedupe *dedupe, struct text id);
/* STATUS_NO_MEMORY leaves everything as it was. */
enum status dedupe_push(struct dedupe *dedupe, struct text id);
/* What it takes when full: what a limit of memory must leave for it. */
size_t dedupe_bytes(const struct dedupe *dedupe);
enum status dedupe_save(const struct dedupe *dedupe, struct state_writer *writer);
enum status dedupe_load(struct dedupe *dedupe, struct state_reader *reader);

#endif
