/*
 * The sparse features of one user's candidates: most items have none. Those touched have a row of
 * values each, in the order in which they were touched, so that all rows in use are near each
 * other; of the others only the place, 0, is ever looked at.
 */
#ifndef MODEL_SPARSE_H
#define MODEL_SPARSE_H

#include "model/feature.h"
#include "model/state.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sparse {
    uint32_t *place;   /* (room) by item: of its row; 0: not touched */
    float *rows;       /* (room + 1, SPARSE_ROW); the first, and those not in use, are zero */
    uint32_t *touched; /* (room) the items of rows 1..touched_count, in that order, from 0 */
    uint32_t touched_count, room;
};

/* Room for items below `bound`. */
enum status sparse_grow(struct sparse *sparse, uint32_t bound);
void sparse_finish(struct sparse *sparse);
void sparse_clear(struct sparse *sparse);

static inline const float *sparse_row(const struct sparse *sparse, uint32_t item)
{
    return sparse->rows + (size_t)sparse->place[item] * SPARSE_ROW;
}

static inline bool sparse_is_touched(const struct sparse *sparse, uint32_t item)
{
    return sparse->place[item] != 0;
}

/* Adds scale * values[n] to the feature of items[n], n < count; the values may be NULL, for 1. */
void sparse_add_all(struct sparse *sparse, enum feature feature, const uint32_t *items,
                    const float *values, uint32_t count, float scale);

static inline void sparse_add(struct sparse *sparse, uint32_t item, enum feature feature,
                              float value)
{
    sparse_add_all(sparse, feature, &item, NULL, 1, value);
}

/* From what was added up to the features' values: shares are worth their root, and being
 * neighbours, or had, something as such. */
static inline float sparse_root(int feature, float share)
{
    return (feature < 2 ? 4.0f : 3.0f) * sqrtf(share);
}

/* Of which held feature an added one tells that it is not 0. */
static inline int sparse_source(int added)
{
    return (added == FEATURE_NEIGHBOURS_KNOWN - FEATURES_DENSE ? FEATURE_NEIGHBOURS
                                                               : FEATURE_REPEAT_COUNT) -
           FEATURES_DENSE;
}

static inline void sparse_values(const float *row, float value[FEATURES_SPARSE])
{
    for (int f = 0; f < FEATURES_ROOTED; f++)
        value[f] = sparse_root(f, row[f]);
    for (int f = FEATURES_ROOTED; f < FEATURES_HELD; f++)
        value[f] = row[f];
    for (int f = FEATURES_HELD; f < FEATURES_SPARSE; f++)
        value[f] = row[sparse_source(f)] > 0.0f ? 1.0f : 0.0f;
}

#endif
