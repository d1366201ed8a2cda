#include "model/sparse.h"

#include "model/kernels.h"
#include "model/pages.h"

#include <string.h>

static size_t place_bytes(uint32_t room)
{
    return room * sizeof(uint32_t);
}

static size_t rows_bytes(uint32_t room)
{
    return ((size_t)room + 1) * SPARSE_ROW * sizeof(float);
}

/* Of rows there are at most as many as items, and mostly few. */
enum status sparse_grow(struct sparse *sparse, uint32_t bound)
{
    if (bound <= sparse->room)
        return STATUS_OK;
    uint32_t room = sparse->room == 0 ? 4096 : sparse->room;
    while (room < bound)
        room *= 2;
    struct sparse grown = {
        .place = pages_take(place_bytes(room)),
        .rows = pages_reserve(rows_bytes(room)),
        .touched = pages_reserve(place_bytes(room)),
        .named = sparse->puts_off ? pages_reserve(place_bytes(room + 1)) : NULL,
        .room = room,
        .puts_off = sparse->puts_off,
    };
    if (grown.place == NULL || grown.rows == NULL || grown.touched == NULL ||
        (grown.puts_off && grown.named == NULL)) {
        sparse_finish(&grown);
        return STATUS_NO_MEMORY;
    }
    sparse_finish(sparse);
    *sparse = grown;
    return STATUS_OK;
}

void sparse_finish(struct sparse *sparse)
{
    pages_give(sparse->place, place_bytes(sparse->room));
    pages_return(sparse->rows, rows_bytes(sparse->room));
    pages_return(sparse->touched, place_bytes(sparse->room));
    pages_return(sparse->named, place_bytes(sparse->room + 1));
    *sparse = (struct sparse){.puts_off = sparse->puts_off};
}

void sparse_clear(struct sparse *sparse)
{
    for (uint32_t n = 0; n < sparse->touched_count; n++)
        sparse->place[sparse->touched[n]] = 0;
    if (sparse->touched_count > 0)
        memset(sparse->rows + SPARSE_ROW, 0,
               (size_t)sparse->touched_count * SPARSE_ROW * sizeof(float));
    sparse->touched_count = 0;
    sparse->runs = sparse->run_entries = 0;
}

/* The item's row, new if need be. Whether it is new is a toss-up that no processor guesses: so
 * nothing branches on it. */
static inline float *touch(struct sparse *sparse, uint32_t item)
{
    uint32_t known = sparse->place[item], fresh = known == 0;
    uint32_t place = known | ((sparse->touched_count + 1) & (0 - fresh));
    sparse->touched_count += fresh;
    sparse->place[item] = place;
    sparse->touched[place - 1] = item;
    return sparse->rows + (size_t)place * SPARSE_ROW;
}

void sparse_add(struct sparse *sparse, uint32_t item, enum feature feature, float value)
{
    touch(sparse, item)[feature - FEATURES_DENSE] += value;
}

static inline float value_of(const struct sparse_run *run, uint32_t n)
{
    float value = run->values == NULL ? 1.0f : run->values[n];
    return run->scale * (run->by_item == NULL ? value : value * run->by_item[run->items[n]]);
}

static void walk(struct sparse *sparse, const struct sparse_run *run)
{
    struct sparse_run all = *run; /* or else every value written might change it */
    uint32_t feature = all.feature - FEATURES_DENSE, also = all.also - FEATURES_DENSE;
    for (uint32_t n = 0; n < all.count; n++) {
        float value = value_of(&all, n), *row = touch(sparse, all.items[n]);
        row[feature] += value;
        if (also != feature)
            row[also] += value;
    }
}

void sparse_add_run(struct sparse *sparse, const struct sparse_run *run)
{
    if (!sparse->puts_off || sparse->runs == RUNS_MOST) {
        walk(sparse, run);
        return;
    }
    for (uint32_t n = 0; n < run->count; n += 64 / sizeof *run->items)
        __builtin_prefetch(&run->items[n]);
    for (uint32_t n = 0; run->values != NULL && n < run->count; n += 64 / sizeof *run->values)
        __builtin_prefetch(&run->values[n]);
    sparse->run[sparse->runs++] = *run;
    sparse->run_entries += run->count;
}

void sparse_pick(const struct sparse *sparse, const uint32_t *entries, uint32_t count,
                 uint32_t *items)
{
    const struct sparse_run *next = sparse->run;
    const uint32_t *from = sparse->touched;
    uint32_t first = 0, end = sparse->touched_count;
    for (uint32_t n = 0; n < count; n++) {
        for (; entries[n] >= end; next++) {
            first = end;
            from = next->items;
            end += next->count;
        }
        items[n] = from[entries[n] - first];
    }
}

enum { WALKED_TOGETHER = 256 };

/* Adds to the rows of the items that are marked. Some of those have none, and whether one has would
 * be a branch that no processor guesses: theirs is row 0 meanwhile. All pointers are copies, or
 * else every value written might change them. */
static void walk_marked(struct sparse *sparse, const uint32_t *marks, const struct sparse_run *run)
{
    struct sparse_run rest = *run;
    const uint32_t *place = sparse->place;
    float *rows = sparse->rows;
    uint32_t *named = sparse->named, found[WALKED_TOGETHER + KERNELS_FOUND_MORE];
    uint32_t feature = rest.feature - FEATURES_DENSE, also = rest.also - FEATURES_DENSE;
    for (uint32_t count; rest.count > 0; rest.count -= count) {
        count = rest.count < WALKED_TOGETHER ? rest.count : WALKED_TOGETHER;
        uint32_t size = kernels->marked(marks, rest.items, count, found);
        for (uint32_t n = 0; n < size; n++) {
            uint32_t at = place[rest.items[found[n]]];
            float value = value_of(&rest, found[n]), *row = rows + (size_t)at * SPARSE_ROW;
            row[feature] += value;
            if (also != feature)
                row[also] += value;
            named[at]++;
        }
        rest.items += count;
        if (rest.values != NULL)
            rest.values += count;
    }
}

static void walk_all_marked(struct sparse *sparse, const uint32_t *marks)
{
    for (uint32_t n = 0; n < sparse->runs; n++)
        walk_marked(sparse, marks, &sparse->run[n]);
    memset(sparse->rows, 0, SPARSE_ROW * sizeof *sparse->rows);
    sparse->named[0] = 0;
}

/* Rows for the items, too; gives how many there are then. */
static uint32_t touch_all(const struct sparse *sparse, const uint32_t *items, uint32_t count,
                          uint32_t *place)
{
    uint32_t *place_of = sparse->place, *touched = sparse->touched, size = sparse->touched_count;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = items[n], known = place_of[item], fresh = known == 0;
        place[n] = known | ((size + 1) & (0 - fresh));
        size += fresh;
        place_of[item] = place[n];
        touched[place[n] - 1] = item;
    }
    return size;
}

void sparse_focus(struct sparse *sparse, const uint32_t *items, uint32_t count, uint32_t *place)
{
    uint32_t *place_of = sparse->place, *named = sparse->named, known = sparse->touched_count;
    uint32_t marks[KERNELS_MARKS] = {0};
    sparse->touched_count = touch_all(sparse, items, count, place);
    for (uint32_t at = 1; at <= sparse->touched_count; at++)
        named[at] = at <= known;
    for (uint32_t n = 0; n < count; n++)
        kernels_mark(marks, items[n]);
    walk_all_marked(sparse, marks);
    for (uint32_t n = 0; n < count; n++)
        place[n] = named[place[n]] > 0 ? place[n] : 0;
    for (uint32_t n = 0; n < count; n++)
        place_of[items[n]] = place[n];
    sparse->runs = sparse->run_entries = 0;
}
