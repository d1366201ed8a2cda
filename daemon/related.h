/*
 * For each item its neighbours as they were found last, and when to look again: when the item has
 * had an eighth more events, or else, whatever had any, in the next round over all.
 *
 *     touch() ─► an eighth more: queue ─────────────┐
 *          └───► anything: marked ─► begin_round() ─┴─► next() ─► search ─► put()
 *
 * So new items are searched for at once, and the work an event makes gets less the more is known.
 * Items are the model's slots. Because the model gives slots away again, a row keeps a tag of the
 * item's id: to another item its neighbours are unknown. One thread.
 */
#ifndef DAEMON_RELATED_H
#define DAEMON_RELATED_H

#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum { RELATED_MAX = 100 };

#define RELATED_NONE UINT32_MAX

struct related; /* opaque; memory: 12 + 4 `most` bytes an item, and 4 for each that waits */

/* `most` neighbours of each, at most RELATED_MAX. */
enum status related_create(uint32_t most, struct related **out);
void related_destroy(struct related *related); /* NULL is legal */

/* The item had an event. STATUS_NO_MEMORY: it is not searched for until another one. */
enum status related_touch(struct related *related, uint32_t item);
/* Brings near what that will change. */
void related_fetch(const struct related *related, uint32_t item);
/* The item is to be searched for in the next round. */
enum status related_mark(struct related *related, uint32_t item);
/* From now on next() gives what is marked, too, each once, when nothing more pressing waits. */
void related_begin_round(struct related *related);
/* An item to be searched for, whose list counts all events up to now; `slice` is how many marks it
 * may look at, and goes down by that. RELATED_NONE: nothing waits, or the slice is over. */
uint32_t related_next(struct related *related, uint32_t *slice);
/* Something waits for next(), or may. */
bool related_waits(const struct related *related);
uint64_t related_queued(const struct related *related);

/* What was found; `wanted` is how many events it rests on. Owed for each next(): with nothing, if
 * the item is gone. */
enum status related_put(struct related *related, uint32_t item, uint32_t tag, uint32_t wanted,
                        const uint32_t *slots, uint32_t size);
/* NULL: not searched for yet. Holds until the next put(). */
const uint32_t *related_of(const struct related *related, uint32_t item, uint32_t tag,
                           uint32_t *size);
/* Items below this may have neighbours. */
uint32_t related_bound(const struct related *related);
/* Whether the neighbours of a slot's item, whoever it is, include one of `slots`. */
bool related_has(const struct related *related, uint32_t item, const uint32_t *slots,
                 uint32_t count);
/* Whether fewer neighbours were found than were wanted. */
bool related_is_short(const struct related *related, uint32_t item);

enum status related_save(const struct related *related, struct state_writer *writer);
/* Into an empty one; `most` may have been another. STATUS_BAD_DATA: a slot not below `items`. */
enum status related_load(struct related *related, struct state_reader *reader, uint32_t items);

#endif
