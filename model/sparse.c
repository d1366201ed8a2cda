#include "model/sparse.h"

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
        .room = room,
    };
    if (grown.place == NULL || grown.rows == NULL || grown.touched == NULL) {
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
    *sparse = (struct sparse){0};
}

void sparse_clear(struct sparse *sparse)
{
    for (uint32_t n = 0; n < sparse->touched_count; n++)
        sparse->place[sparse->touched[n]] = 0;
    if (sparse->touched_count > 0)
        memset(sparse->rows + SPARSE_ROW, 0,
               (size_t)sparse->touched_count * SPARSE_ROW * sizeof(float));
    sparse->touched_count = 0;
}

/* Whether an item is new here is a toss-up that no processor guesses: so nothing branches on it. */
void sparse_add_all(struct sparse *sparse, enum feature feature, const uint32_t *items,
                    const float *values, uint32_t count, float scale)
{
    uint32_t *places = sparse->place, *touched = sparse->touched, size = sparse->touched_count;
    float *rows = sparse->rows + (feature - FEATURES_DENSE);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = items[n], known = places[item], fresh = known == 0;
        uint32_t place = known | ((size + 1) & (0 - fresh));
        size += fresh;
        places[item] = place;
        touched[place - 1] = item;
        rows[(size_t)place * SPARSE_ROW] += values == NULL ? scale : scale * values[n];
    }
    sparse->touched_count = size;
}
