/* The best of many scores, exactly: by score descending, then slot ascending. */
#ifndef MODEL_TOP_H
#define MODEL_TOP_H

#include "model/list.h"

#include <string.h>

/* A heap of the best so far, the worst of them at its root. A score and a slot are one number, so
 * that comparing two is one instruction: the greater one is the better. */
struct top {
    uint32_t size, most; /* most: at most LIST_SIZE_MAX */
    float floor;         /* nothing at or below it gets in; when full, the worst score */
    uint64_t key[LIST_SIZE_MAX];
};

/* `most` is cut to LIST_SIZE_MAX; scores at or below `floor` are not wanted. */
void top_begin(struct top *top, uint32_t most, float floor);
/* NaN does not get in. A slot is to be pushed once. */
void top_push(struct top *top, uint32_t slot, float score);
/* Into `list`, best first: slots and scores; the heap is spent. */
void top_end(struct top *top, struct list *list);

/* Whether a score as high as that might get in: below it nothing does. */
static inline bool top_may_take(const struct top *top, float score)
{
    return top->size < top->most ? score > top->floor : score >= top->floor;
}

/* The `size` best of scores[0..count-1] above `floor`. O(count + size log size log count). */
void top_select(const float *scores, uint32_t count, float floor, uint32_t size, struct list *list);

#endif
