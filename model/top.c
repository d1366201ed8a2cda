#include "model/top.h"

#include <stdlib.h>

/* Whether a comes after b in the list. */
static bool is_worse(const struct list_entry *a, const struct list_entry *b)
{
    return a->score < b->score || (a->score == b->score && a->slot > b->slot);
}

/* A heap with the worst entry at the top; sinks what stands at `place`. */
static void sink(struct list *heap, uint32_t place)
{
    struct list_entry moving = heap->at[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= heap->size)
            break;
        if (child + 1 < heap->size && is_worse(&heap->at[child + 1], &heap->at[child]))
            child++;
        if (!is_worse(&heap->at[child], &moving))
            break;
        heap->at[place] = heap->at[child];
        place = child;
    }
    heap->at[place] = moving;
}

static int compare_best_first(const void *a, const void *b)
{
    return is_worse(a, b) ? 1 : -1;
}

void top_select(const float *scores, uint32_t count, float floor, uint32_t size, struct list *list)
{
    list->size = 0;
    size = size < LIST_SIZE_MAX ? size : LIST_SIZE_MAX;
    if (size == 0)
        return;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (!(scores[slot] > floor)) /* NaN does not pass either */
            continue;
        struct list_entry entry = {.slot = slot, .score = scores[slot]};
        if (list->size < size) {
            list->at[list->size++] = entry;
            if (list->size < size)
                continue;
            for (uint32_t place = size / 2; place-- > 0;)
                sink(list, place);
            floor = size > 1 || list->at[0].score > floor ? list->at[0].score : floor;
        } else {
            list->at[0] = entry; /* above the worst: later slots lose ties */
            sink(list, 0);
            floor = list->at[0].score;
        }
    }
    qsort(list->at, list->size, sizeof list->at[0], compare_best_first);
}
