/* The inside of an index, for the files mips_*.c alone. */
#ifndef MODEL_MIPS_PARTS_H
#define MODEL_MIPS_PARTS_H

#include "model/mips_index.h"

#include <stdbool.h>

/* By the key of their items; those beyond what was expected are in the first and the last. So many
 * that each has some chunks. */
enum { BANDS_LEAST = 8, BANDS_MOST = 256, ITEMS_A_BAND = 2 * SIFT_ITEMS };
/* Directions from 0 to 90 degrees in which chunks are measured. */
enum { DIRECTIONS = 7 };
#define TURN 0.2617993877991494 /* from one to the next: 15 degrees */
enum { NONE = UINT32_MAX, FIRST_CHUNKS = 8, EXTENTS_MOST = 32 };
/* An index is worn when the last band, or all of it, holds so many times what was expected. */
enum { WORN_LEAST = 256, WORN_TIMES = 4 };
enum { CODE_MOST = 127, CODE_ADDED = 128 };

/* More than all rounding of sums of MIPS_DIM_MAX products, theirs and ours, relative to what is
 * summed up. */
#define ROUNDING 0x1p-17f

/*
 * What users are on average like. Of a vector, user's or item's, the part along `axis` becomes one
 * more column, behind the owner's; `weight` are the columns' weights. An item's appeal is what the
 * columns are worth to such a user, its reach what its remaining vector may add: |rest| * length.
 */
struct typical {
    float axis[MIPS_DIM_MAX] __attribute__((aligned(64))); /* of length 1, or zero */
    float weight[SIFT_COLUMNS];
    float length;     /* of a user's remaining vector */
    float low, scale; /* band of a key: scale (key - low); the key: appeal + reach */
};

/* What no item of a chunk, or of a band, goes beyond. */
struct limits {
    float norm, residual;
    float reach[DIRECTIONS]; /* of appeal and reach, as a vector, in each direction */
    float most[SIFT_COLUMNS], least[SIFT_COLUMNS];
};

struct chunk {
    uint32_t count, band, next;
    bool stale; /* the limits may be wider than need be, or too narrow */
    struct limits limits;
    /* What the limits are found from: */
    float norm[SIFT_ITEMS], residual[SIFT_ITEMS], appeal[SIFT_ITEMS];
    uint32_t slot[SIFT_ITEMS] __attribute__((aligned(64)));
    float scale[SIFT_ITEMS];
    float column[]; /* (columns, SIFT_ITEMS), then the codes as sift.h has them */
};

/* As many chunks as there were already, so that they need few of them. */
struct extent {
    unsigned char *at;
    size_t bytes;
};

/* A chain of chunks, full but for the first one. */
struct band {
    uint32_t first;
    struct limits limits; /* settled: of its chunks, or wider */
};

struct mips_index {
    uint32_t dim, columns, count; /* columns: the owner's, and the one of the axis */
    uint32_t bands, expected;     /* expected: items */
    struct typical typical;
    float along[DIRECTIONS], across[DIRECTIONS]; /* cosines and sines of the directions */
    size_t chunk_bytes;
    uint32_t chunks, chunk_room, spare; /* spare: a chain of chunks of no band */
    struct chunk **chunk;
    uint32_t reserved, extents; /* chunks in all extents */
    struct extent extent[EXTENTS_MOST];
    uint32_t slots;
    uint32_t *place; /* (slots) chunk * SIFT_ITEMS + lane; NONE */
    uint32_t stale_count;
    uint32_t *stale; /* (chunk_room) chunks whose limits are to be found anew */
    uint32_t turn;   /* the band whose limits are narrowed next */
    /* The largest that there ever were, without their signs: */
    float magnitude[SIFT_COLUMNS], norm, appeal;
    struct band band[BANDS_MOST];
};

static inline float more(float a, float b)
{
    return a > b ? a : b;
}

static inline float less(float a, float b)
{
    return a < b ? a : b;
}

static inline uint8_t *codes_of(const struct mips_index *index, struct chunk *chunk)
{
    return (uint8_t *)(chunk->column + (size_t)index->columns * SIFT_ITEMS);
}

/* A vector in a byte a dimension: scale * code, and the norm of what that leaves out. */
struct coded {
    float norm, residual, scale;
    int8_t code[MIPS_DIM_MAX];
};

/* mips_typical.c: the rest of a vector, and how far it went along the axis. */
float mips_part(const struct mips_index *index, const float *vector, struct coded *rest);
/* What the owner's columns, and the one of the axis, are worth to a typical user. */
float mips_appeal(const struct mips_index *index, const float *columns, float along);
/* Fills index->typical; the number of bands is known. */
void mips_find_typical(struct mips_index *index, const struct mips_sample *sample);

#endif
