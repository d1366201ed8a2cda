/*
 * Memory for many small arrays that grow: what users had, lists of pairs, long ids. Pieces are cut
 * from few big ranges (pages.h), so that neither a fork nor the processor has many pages to deal
 * with; a piece that is given back is used again for one of its size. All go at once at the end.
 *
 * Sizes are rounded up to 16 bytes up to 256, then to powers of two.
 */
#ifndef MODEL_ARENA_H
#define MODEL_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_FINE = 256, ARENA_MOST = 1 << 17, ARENA_CLASSES = 16 + 9, ARENA_RANGES = 256 };

struct arena_range {
    void *at;
    size_t bytes;
};

struct arena {
    void *given[ARENA_CLASSES]; /* back, chained through their first bytes */
    unsigned char *at, *end;    /* of the range that pieces are cut from */
    size_t cut;                 /* bytes of all ranges */
    uint32_t range_count;
    struct arena_range range[ARENA_RANGES]; /* each as long as all before it, up to a bound */
};

/* A zeroed arena is empty. */
void arena_finish(struct arena *arena);
/* Zeroed; aligned to its size's lowest bit, to 64 at most. `bytes` is 1..ARENA_MOST. NULL: no
 * memory. */
void *arena_take(struct arena *arena, size_t bytes);
/* Zeroed, aligned to 64, of any size: room for many pieces side by side, each of which can be given
 * back as if it had been taken. Their sizes have to be such that pieces have. */
void *arena_take_run(struct arena *arena, size_t bytes);
/* `bytes` as it was taken; NULL is legal. Nothing of what was in it stays. */
void arena_give(struct arena *arena, void *at, size_t bytes);
/* What a piece of that size really takes. */
size_t arena_size(size_t bytes);

#endif
