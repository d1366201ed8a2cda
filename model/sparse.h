/*
 * The sparse features of one user's candidates: a row of SPARSE_ROW values for every item, all zero
 * but for those touched, which are listed so that they can be visited and cleared again.
 */
#ifndef MODEL_SPARSE_H
#define MODEL_SPARSE_H

#include "model/feature.h"
#include "model/state.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct sparse {
    float *rows; /* (room, SPARSE_ROW); the last value of a row marks it as touched */
    uint32_t *touched;
    uint32_t touched_count, room;
};

/* Room for items below `bound`. */
enum status sparse_grow(struct sparse *sparse, uint32_t bound);
void sparse_finish(struct sparse *sparse);
void sparse_clear(struct sparse *sparse);

static inline float *sparse_row(const struct sparse *sparse, uint32_t item)
{
    return sparse->rows + (size_t)item * SPARSE_ROW;
}

static inline bool sparse_is_touched(const struct sparse *sparse, uint32_t item)
{
    return sparse_row(sparse, item)[SPARSE_ROW - 1] != 0.0f;
}

static inline void sparse_add(struct sparse *sparse, uint32_t item, enum feature feature,
                              float value)
{
    float *row = sparse_row(sparse, item);
    if (row[SPARSE_ROW - 1] == 0.0f) {
        row[SPARSE_ROW - 1] = 1.0f;
        sparse->touched[sparse->touched_count++] = item;
    }
    row[feature - FEATURES_DENSE] += value;
}

/* From what was added up to the features' values: shares are worth their root, and something for
 * not being 0. */
static inline void sparse_values(const float *row, float value[FEATURES_SPARSE])
{
    value[0] = 4.0f * sqrtf(row[0]);
    value[1] = 4.0f * sqrtf(row[1]);
    value[2] = 3.0f * sqrtf(row[2]);
    for (int f = 3; f < FEATURES_HELD; f++)
        value[f] = row[f];
    for (int f = 0; f < FEATURES_SPARSE - FEATURES_HELD; f++)
        value[FEATURES_HELD + f] = row[f] > 0.0f ? 1.0f : 0.0f;
}

#endif
