/* The ids of the last events, as 64-bit hashes: a ring and a table over it. */
#ifndef MODEL_DEDUPE_H
#define MODEL_DEDUPE_H

#include "model/event.h"
#include "model/state.h"

enum { DEDUPE_IDS_MAX = 100000000 };

struct dedupe {
    uint64_t *ring; /* hashes, never 0 */
    uint64_t *cells;
    uint32_t size, cell_mask;
    uint64_t pushed;
};

/* Remembers the last `size` ids, at most DEDUPE_IDS_MAX; 0: none. */
enum status dedupe_init(struct dedupe *dedupe, uint32_t size);
void dedupe_finish(struct dedupe *dedupe);
bool dedupe_knows(const struct dedupe *dedupe, struct text id);
void dedupe_push(struct dedupe *dedupe, struct text id);
size_t dedupe_bytes(const struct dedupe *dedupe);
enum status dedupe_save(const struct dedupe *dedupe, struct state_writer *writer);
enum status dedupe_load(struct dedupe *dedupe, struct state_reader *reader);

#endif
