/* Plain arrays that grow while they are used; what is new in them is zeroed. For small elements:
 * rows that must not move are kept in a table.h. */
#ifndef MODEL_ARRAY_H
#define MODEL_ARRAY_H

#include "model/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `array` is the address of the owner's pointer, on the heap or NULL, to `from` elements of `size`
 * bytes; then there are `to`. STATUS_NO_MEMORY: it is as before. */
static inline enum status array_extend(void *array, uint32_t from, uint32_t to, size_t size)
{
    void **place = array;
    char *grown = realloc(*place, to * size);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    memset(grown + from * size, 0, (to - from) * size);
    *place = grown;
    return STATUS_OK;
}

/* Room for `bound` elements where there is room for `*room`, and for half as many more. */
static inline enum status array_grow(void *array, uint32_t *room, uint32_t bound, size_t size)
{
    enum { LEAST = 1024 };
    if (bound <= *room)
        return STATUS_OK;
    uint32_t more = bound + bound / 2 + LEAST;
    enum status status = array_extend(array, *room, more, size);
    if (status == STATUS_OK)
        *room = more;
    return status;
}

#endif
