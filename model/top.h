/* The best of many scores, exactly. */
#ifndef MODEL_TOP_H
#define MODEL_TOP_H

#include "model/list.h"

/* The `size` (at most LIST_SIZE_MAX) best of scores[0..count-1] above `floor`, by score descending,
 * then place ascending; fills slot and score. O(count + size log size log count). */
void top_select(const float *scores, uint32_t count, float floor, uint32_t size, struct list *list);

#endif
