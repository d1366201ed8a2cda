#include "model/sparse.h"

#include "model/pages.h"

#include <string.h>

static size_t rows_bytes(uint32_t room)
{
    return (size_t)room * SPARSE_ROW * sizeof(float);
}

enum status sparse_grow(struct sparse *sparse, uint32_t bound)
{
    if (bound <= sparse->room)
        return STATUS_OK;
    uint32_t room = sparse->room == 0 ? 4096 : sparse->room;
    while (room < bound)
        room *= 2;
    float *rows = pages_take(rows_bytes(room));
    uint32_t *touched = pages_take(room * sizeof *touched);
    if (rows == NULL || touched == NULL) {
        pages_give(rows, rows_bytes(room));
        pages_give(touched, room * sizeof *touched);
        return STATUS_NO_MEMORY;
    }
    sparse_finish(sparse);
    *sparse = (struct sparse){.rows = rows, .touched = touched, .room = room};
    return STATUS_OK;
}

void sparse_finish(struct sparse *sparse)
{
    pages_give(sparse->rows, rows_bytes(sparse->room));
    pages_give(sparse->touched, sparse->room * sizeof *sparse->touched);
    *sparse = (struct sparse){0};
}

void sparse_clear(struct sparse *sparse)
{
    for (uint32_t n = 0; n < sparse->touched_count; n++)
        memset(sparse_row(sparse, sparse->touched[n]), 0, SPARSE_ROW * sizeof(float));
    sparse->touched_count = 0;
}
