#include "model/popularity.h"

#include "model/array.h"
#include "model/feature.h"
#include "model/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_EVER = POPULARITY_SPANS, LOG_AGE, LOGS }; /* what a logarithm is taken of */

/* Items brought up to date at an event: its own, and others in turn. */
enum { REFRESHED = 3, FADED_ROOM = 16 };

_Static_assert(REFRESHED *POPULARITY_SPANS <= FADED_ROOM, "fade() takes whole vectors");

#define SMALLEST_COUNT 0.1f
#define AGE_UNIT 1000.0f /* events */
#define AGE_SCALE 0.5f
#define COSINE_SHRINK 5.0f
#define LN2 0.6931471805599453

/* By the half-lives. */
static const float fading[POPULARITY_SPANS] = {(float)(-LN2 / 100.0), (float)(-LN2 / 500.0),
                                               (float)(-LN2 / 2500.0), (float)(-LN2 / 10000.0)};

void popularity_init(struct popularity *popularity, bool keeps_roots)
{
    *popularity = (struct popularity){.keeps_roots = keeps_roots};
    table_init(&popularity->items, sizeof(struct popular_item));
}

void popularity_finish(struct popularity *popularity)
{
    table_finish(&popularity->items);
    free(popularity->inverse_root);
    free(popularity->wanted_items);
    popularity_init(popularity, popularity->keeps_roots);
}

static enum status grow_roots(struct popularity *popularity, uint32_t bound)
{
    return popularity->keeps_roots ? array_grow(&popularity->inverse_root, &popularity->root_room,
                                                bound, sizeof *popularity->inverse_root)
                                   : STATUS_OK;
}

static void set_root(struct popularity *popularity, uint32_t item, uint64_t wanted)
{
    if (popularity->keeps_roots)
        popularity->inverse_root[item] =
            wanted == 0 ? 0.0f : 1.0f / sqrtf((float)wanted + COSINE_SHRINK);
}

enum status popularity_grow(struct popularity *popularity, uint32_t bound)
{
    enum status status = table_grow(&popularity->items, bound);
    return status == STATUS_OK ? grow_roots(popularity, bound) : status;
}

/* Decays the items' counts to now; an item may be named twice. */
static void fade(struct popularity *popularity, const uint32_t slots[REFRESHED], uint64_t now)
{
    _Alignas(64) float kept[FADED_ROOM] = {0};
    for (int n = 0; n < REFRESHED; n++) {
        float passed = (float)(int64_t)(now - popularity_of(popularity, slots[n])->at);
        for (int span = 0; span < POPULARITY_SPANS; span++)
            kept[n * POPULARITY_SPANS + span] = passed * fading[span];
    }
    kernels->exp(kept, FADED_ROOM);
    for (int n = 0; n < REFRESHED; n++) {
        struct popular_item *item = popularity_of(popularity, slots[n]);
        for (int span = 0; span < POPULARITY_SPANS && item->at < now; span++)
            item->count[span] *= kept[n * POPULARITY_SPANS + span];
        item->at = now;
    }
}

/* The columns of up to REFRESHED items, all logarithms at once: the compiler makes vectors of it.
 */
static void write_columns(const struct popularity *popularity, struct factors *factors,
                          const uint32_t *slots, uint32_t count)
{
    float at[REFRESHED * LOGS], *to = at;
    for (uint32_t n = 0; n < count; n++, to += LOGS) {
        const struct popular_item *item = popularity_of(popularity, slots[n]);
        for (int span = 0; span < POPULARITY_SPANS; span++)
            to[span] = 1.0f + item->count[span] / SMALLEST_COUNT;
        to[LOG_EVER] = 1.0f + (float)item->wanted;
        to[LOG_AGE] = 1.0f + (item->wanted > 0 ? (float)(item->at - item->first) : 0.0f) / AGE_UNIT;
    }
    for (uint32_t n = 0; n < count * LOGS; n++)
        at[n] = real_logf(at[n]);
    to = at;
    for (uint32_t n = 0; n < count; n++, to += LOGS) {
        float *columns = factors_change_columns(factors, slots[n]);
        memcpy(columns + COLUMN_POPULAR_NOW, to, POPULARITY_SPANS * sizeof *to);
        columns[COLUMN_POPULAR_EVER] = to[LOG_EVER];
        columns[COLUMN_AGE] = AGE_SCALE * to[LOG_AGE];
    }
}

static enum status add_wanted(struct popularity *popularity, uint32_t slot)
{
    if (popularity->wanted_count == popularity->wanted_room) {
        uint32_t room = popularity->wanted_room == 0 ? 1024 : 2 * popularity->wanted_room;
        uint32_t *grown = realloc(popularity->wanted_items, room * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        popularity->wanted_items = grown;
        popularity->wanted_room = room;
    }
    popularity->wanted_items[popularity->wanted_count++] = slot;
    return STATUS_OK;
}

enum status popularity_want(struct popularity *popularity, struct factors *factors, uint32_t item,
                            uint64_t now)
{
    struct popular_item *record = table_row(&popularity->items, item);
    set_root(popularity, item, ++record->wanted);
    if (record->wanted > 1)
        return STATUS_OK;
    record->at = record->first = now;
    factors_change_columns(factors, item)[COLUMN_CLOSED] = 0.0f;
    return add_wanted(popularity, item);
}

/* Those whose turn it is at the next event. */
static void fetch_next(const struct popularity *popularity, const struct factors *factors)
{
    for (uint32_t n = 1; n < REFRESHED; n++) {
        uint32_t turn = (popularity->turn + n) % popularity->wanted_count;
        uint32_t slot = popularity->wanted_items[turn];
        table_fetch_ends(&popularity->items, slot);
        fetch_line(factors_columns(factors, slot));
    }
}

void popularity_learn(struct popularity *popularity, struct factors *factors, uint32_t item,
                      uint64_t now)
{
    struct popular_item *record = table_row(&popularity->items, item);
    uint32_t slots[REFRESHED] = {item};
    for (int n = 1; n < REFRESHED; n++) {
        popularity->turn = (popularity->turn + 1) % popularity->wanted_count;
        slots[n] = popularity->wanted_items[popularity->turn];
    }
    fade(popularity, slots, now);
    for (int span = 0; span < POPULARITY_SPANS; span++)
        record->count[span] += 1.0f;
    write_columns(popularity, factors, slots, REFRESHED);
    fetch_next(popularity, factors);
}

void popularity_suppose(struct popularity *popularity, struct factors *factors, uint32_t item,
                        const float count[POPULARITY_SPANS], uint64_t now)
{
    struct popular_item *record = popularity_of(popularity, item);
    memcpy(record->count, count, sizeof record->count);
    record->at = now;
    write_columns(popularity, factors, &item, 1);
}

void popularity_refresh(struct popularity *popularity, struct factors *factors, uint32_t item,
                        uint64_t now)
{
    uint32_t slots[REFRESHED];
    for (int n = 0; n < REFRESHED; n++)
        slots[n] = item;
    fade(popularity, slots, now);
    write_columns(popularity, factors, &item, 1);
}

void popularity_drop(struct popularity *popularity, const bool *gone)
{
    uint32_t kept = 0;
    for (uint32_t n = 0; n < popularity->wanted_count; n++) {
        uint32_t slot = popularity->wanted_items[n];
        if (!gone[slot])
            popularity->wanted_items[kept++] = slot;
    }
    popularity->wanted_count = kept;
    popularity->turn = 0;
    for (uint32_t slot = 0; slot < popularity->items.rows; slot++)
        if (gone[slot]) {
            *popularity_of(popularity, slot) = (struct popular_item){0};
            set_root(popularity, slot, 0);
        }
}

size_t popularity_bytes(const struct popularity *popularity)
{
    return table_bytes(&popularity->items) + popularity->wanted_room * sizeof(uint32_t) +
           popularity->root_room * sizeof(float);
}

enum status popularity_save(const struct popularity *popularity, uint32_t bound,
                            struct state_writer *writer)
{
    uint32_t head[2] = {popularity->wanted_count, popularity->turn};
    enum status status = writer->write(writer, head, sizeof head);
    if (status == STATUS_OK && head[0] > 0)
        status = writer->write(writer, popularity->wanted_items, head[0] * sizeof(uint32_t));
    if (status == STATUS_OK)
        status = table_save(&popularity->items, bound, writer);
    return status;
}

/* Whether the list is of whoever was wanted, each once, in their order: negatives are drawn from it
 * without a look at whether there are any. */
static bool list_holds(const struct popularity *popularity, uint32_t bound)
{
    uint32_t wanted = 0, wrong = 0;
    for (uint32_t slot = 0; slot < bound; slot++)
        wanted += popularity_of(popularity, slot)->wanted > 0;
    const struct popular_item *before = NULL;
    for (uint32_t n = 0; n < popularity->wanted_count; n++) {
        const struct popular_item *item = popularity_of(popularity, popularity->wanted_items[n]);
        wrong |= item->wanted == 0 || (before != NULL && item->first <= before->first);
        before = item;
    }
    return wrong == 0 && wanted == popularity->wanted_count;
}

enum status popularity_load(struct popularity *popularity, uint32_t bound,
                            struct state_reader *reader)
{
    uint32_t head[2];
    enum status status = reader->read(reader, head, sizeof head);
    for (uint32_t n = 0; status == STATUS_OK && n < head[0]; n++) {
        uint32_t slot;
        status = reader->read(reader, &slot, sizeof slot);
        if (status == STATUS_OK)
            status = slot < bound ? add_wanted(popularity, slot) : STATUS_BAD_DATA;
    }
    if (status == STATUS_OK && head[0] > 0 && head[1] >= head[0])
        status = STATUS_BAD_DATA;
    popularity->turn = head[1];
    if (status == STATUS_OK)
        status = table_load(&popularity->items, bound, reader);
    if (status == STATUS_OK && !list_holds(popularity, bound))
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = grow_roots(popularity, bound);
    for (uint32_t slot = 0; status == STATUS_OK && slot < bound; slot++)
        set_root(popularity, slot, popularity_of(popularity, slot)->wanted);
    return status;
}
