#include "model/sparse.h"

#include <stdlib.h>
#include <string.h>

enum status sparse_grow(struct sparse *sparse, uint32_t bound)
{
    if (bound <= sparse->room)
        return STATUS_OK;
    uint32_t room = sparse->room == 0 ? 4096 : sparse->room;
    while (room < bound)
        room *= 2;
    float *rows = aligned_alloc(64, (size_t)room * SPARSE_ROW * sizeof *rows);
    uint32_t *touched = malloc(room * sizeof *touched);
    if (rows == NULL || touched == NULL) {
        free(rows);
        free(touched);
        return STATUS_NO_MEMORY;
    }
    memset(rows, 0, (size_t)room * SPARSE_ROW * sizeof *rows);
    sparse_finish(sparse);
    *sparse = (struct sparse){.rows = rows, .touched = touched, .room = room};
    return STATUS_OK;
}

void sparse_finish(struct sparse *sparse)
{
    free(sparse->rows);
    free(sparse->touched);
    *sparse = (struct sparse){0};
}

void sparse_clear(struct sparse *sparse)
{
    for (uint32_t n = 0; n < sparse->touched_count; n++)
        memset(sparse_row(sparse, sparse->touched[n]), 0, SPARSE_ROW * sizeof(float));
    sparse->touched_count = 0;
}
