/*
 * What is like an item: the cosine of the neighbours' counts (neighbours.c), which is the better
 * one where there is enough to count, blended with the cosine of the item vectors:
 *
 *     similarity = c counted + (1 - c) max(vectors, 0),  c = wanted / (wanted + 30)
 *
 * of the item asked about. The best are searched for exactly, for several items at once and in
 * steps, so that nobody has to wait until all of a big catalogue is compared; the model may learn
 * in between, and then some were compared as they were before.
 *
 *     similar_begin ─► similar_step … false ─► similar_take, for each
 */
#ifndef MODEL_SIMILAR_H
#define MODEL_SIMILAR_H

#include "model/recommender.h"

enum { SIMILAR_TOGETHER = 16, SIMILAR_STEP = 64 };

struct similar; /* opaque */

enum status similar_create(struct similar **out);
void similar_destroy(struct similar *similar); /* NULL is legal */

/* The best `size` for each of items[0..count-1], at most SIMILAR_TOGETHER known ones. */
void similar_begin(struct similar *similar, const uint32_t *items, uint32_t count, uint32_t size);
/* Compares them with the next SIMILAR_STEP items; false: all are compared. */
bool similar_step(struct similar *similar, const struct recommender *model);
/* The list of items[n], which must still be the same one: of those that may be recommended at
 * `ts_ms`, with similarities as they are now. Once for each n. */
void similar_take(struct similar *similar, const struct recommender *model, uint32_t n,
                  int64_t ts_ms, struct list *list);

/* A list of known neighbours in their order of now; what may not be recommended at `ts_ms`, or is
 * not like the item any more, is left out. At most LIST_SIZE_MAX, no two alike. */
void similar_rank(const struct recommender *model, uint32_t item, const uint32_t *others,
                  uint32_t count, int64_t ts_ms, struct list *list);

/* All at once, at the time of the latest event. STATUS_NO_MEMORY. */
enum status recommender_similar(const struct recommender *model, uint32_t item, uint32_t size,
                                struct list *list);

#endif
