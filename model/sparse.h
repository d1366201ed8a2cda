/*
 * The sparse features of one user's candidates: most items have none. Those touched have a row of
 * values each, in the order in which they were touched, so that all rows in use are near each
 * other; the others have place 0 and its row of zeros, which only a walk writes to and clears.
 *
 * Most come in runs: a feature of all the items of a list. Ranking needs every one of them.
 * Learning needs those of a few samples only, some of which are drawn from the runs themselves; so
 * where runs are put off they are first noted, drawn from, and then walked for the samples alone:
 *
 *     sparse_add_run()*  ─►  sparse_pick()  ─►  sparse_focus()
 */
#ifndef MODEL_SPARSE_H
#define MODEL_SPARSE_H

#include "model/feature.h"
#include "model/state.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNS_MOST = 64 };

/* Adds scale * values[n] * by_item[items[n]] to the features of items[n], n < count. The arrays
 * stay the caller's, and as they are until the sparse features are cleared or focused. */
struct sparse_run {
    const uint32_t *items;
    const float *values;  /* NULL: 1 each */
    const float *by_item; /* NULL: 1 each */
    uint32_t count;
    float scale;
    enum feature feature, also; /* `also`: a second one that gets the same; or the first again */
};

struct sparse {
    uint32_t *place;   /* (room) by item: of its row; 0: not touched */
    float *rows;       /* (room + 1, SPARSE_ROW); the first, and those not in use, are zero */
    uint32_t *touched; /* (room) the items of rows 1..touched_count, in that order, from 0 */
    uint32_t touched_count, room;
    bool puts_off; /* runs are noted; else walked at once */
    uint32_t
        *named; /* (room + 1) by place, if runs are put off: how many entries are of the item */
    struct sparse_run run[RUNS_MOST];
    uint32_t runs, run_entries; /* noted; … and what they add up to */
};

/* Room for items below `bound`. */
enum status sparse_grow(struct sparse *sparse, uint32_t bound);
void sparse_finish(struct sparse *sparse);
void sparse_clear(struct sparse *sparse);

static inline const float *sparse_row_at(const struct sparse *sparse, uint32_t place)
{
    return sparse->rows + (size_t)place * SPARSE_ROW;
}

static inline const float *sparse_row(const struct sparse *sparse, uint32_t item)
{
    return sparse_row_at(sparse, sparse->place[item]);
}

static inline bool sparse_is_touched(const struct sparse *sparse, uint32_t item)
{
    return sparse->place[item] != 0;
}

void sparse_add_run(struct sparse *sparse, const struct sparse_run *run);
/* Of one item, at once in any case. */
void sparse_add(struct sparse *sparse, uint32_t item, enum feature feature, float value);

/* What there is to draw from: an item counts as often as something was added to it by a run put
 * off, and once for what was added at once. */
static inline uint32_t sparse_entries(const struct sparse *sparse)
{
    return sparse->touched_count + sparse->run_entries;
}

/* The items of some entries, whose numbers ascend. */
void sparse_pick(const struct sparse *sparse, const uint32_t *entries, uint32_t count,
                 uint32_t *items);
/* Walks the runs that were put off, for these items alone: (count) their places, 0 for those to
 * which nothing was added. sparse->named tells by place how many entries there are of each. */
void sparse_focus(struct sparse *sparse, const uint32_t *items, uint32_t count, uint32_t *place);

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

static inline void sparse_values(const float *restrict row, float value[restrict FEATURES_SPARSE])
{
    enum { WHOLE_VECTORS = (FEATURES_ROOTED + 3) / 4 * 4 };
    float root[WHOLE_VECTORS];
    for (int f = 0; f < WHOLE_VECTORS; f++)
        root[f] = sparse_root(f, row[f]);
    for (int f = 0; f < FEATURES_ROOTED; f++)
        value[f] = root[f];
    for (int f = FEATURES_ROOTED; f < FEATURES_HELD; f++)
        value[f] = row[f];
    for (int f = FEATURES_HELD; f < FEATURES_SPARSE; f++)
        value[f] = row[sparse_source(f)] > 0.0f ? 1.0f : 0.0f;
}

#endif
