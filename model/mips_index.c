#include "model/mips_parts.h"
#include "model/pages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct limits no_limits; /* of nobody; see clear_limits() */

static void clear_limits(struct limits *limits)
{
    *limits = no_limits;
    for (int k = 0; k < DIRECTIONS; k++)
        limits->reach[k] = -INFINITY;
    for (int c = 0; c < SIFT_COLUMNS; c++) {
        limits->most[c] = -INFINITY;
        limits->least[c] = INFINITY;
    }
}

enum status mips_create(uint32_t dim, uint32_t columns, const struct mips_sample *sample,
                        struct mips_index **out)
{
    size_t bytes = (sizeof(struct mips_index) + 63) / 64 * 64;
    struct mips_index *index = aligned_alloc(64, bytes);
    *out = index;
    if (index == NULL)
        return STATUS_NO_MEMORY;
    memset(index, 0, bytes);
    index->dim = dim;
    index->columns = columns + 1;
    for (int k = 0; k < DIRECTIONS; k++) {
        index->along[k] = (float)cos(TURN * k);
        index->across[k] = (float)sin(TURN * k);
    }
    index->expected = sample->items_expected;
    index->bands = index->expected / ITEMS_A_BAND;
    index->bands = index->bands < BANDS_LEAST ? BANDS_LEAST : index->bands;
    index->bands = index->bands > BANDS_MOST ? BANDS_MOST : index->bands;
    mips_find_typical(index, sample);
    index->chunk_bytes =
        sizeof(struct chunk) + SIFT_ITEMS * ((size_t)index->columns * sizeof(float) + dim);
    index->spare = NONE;
    for (int b = 0; b < BANDS_MOST; b++) {
        index->band[b].first = NONE;
        clear_limits(&index->band[b].limits);
    }
    return STATUS_OK;
}

void mips_destroy(struct mips_index *index)
{
    if (index == NULL)
        return;
    for (uint32_t n = 0; n < index->extents; n++)
        pages_give(index->extent[n].at, index->extent[n].bytes);
    free(index->chunk);
    free(index->stale);
    free(index->place);
    free(index);
}

uint32_t mips_count(const struct mips_index *index)
{
    return index->count;
}

size_t mips_bytes(const struct mips_index *index)
{
    return sizeof *index + index->reserved * index->chunk_bytes +
           index->chunk_room * (sizeof(struct chunk *) + sizeof *index->stale) +
           index->slots * sizeof *index->place;
}

/* ---- chunks ---- */

struct item {
    uint32_t slot;
    float along, appeal;
    const float *columns; /* the owner's */
    struct coded rest;
};

/* One with infinities or NaN anywhere is longer than any. */
static void describe(const struct mips_index *index, uint32_t slot, const float *row,
                     struct item *item)
{
    item->slot = slot;
    item->columns = row + index->dim;
    item->along = mips_part(index, row, &item->rest);
    item->appeal = mips_appeal(index, item->columns, item->along);
    bool usable = isfinite(item->appeal);
    for (uint32_t c = 0; c + 1 < index->columns; c++)
        usable &= isfinite(item->columns[c]) != 0;
    if (!usable)
        item->rest.norm = item->rest.residual = INFINITY;
}

/* Whatever is no number is in the last one. */
static uint32_t band_of(const struct mips_index *index, float key)
{
    const struct typical *typical = &index->typical;
    float band = typical->scale * (key - typical->low);
    if (band < 0.0f)
        return 0;
    return band < (float)index->bands ? (uint32_t)band : index->bands - 1;
}

static void mark_stale(struct mips_index *index, uint32_t id)
{
    struct chunk *chunk = index->chunk[id];
    if (!chunk->stale)
        index->stale[index->stale_count++] = id;
    chunk->stale = true;
}

static bool grow_chunks(struct mips_index *index)
{
    uint32_t room = index->chunk_room == 0 ? 64 : 2 * index->chunk_room;
    struct chunk **chunk = realloc(index->chunk, room * sizeof(struct chunk *));
    if (chunk == NULL)
        return false;
    index->chunk = chunk;
    uint32_t *stale = realloc(index->stale, room * sizeof *stale);
    if (stale == NULL)
        return false;
    index->stale = stale;
    index->chunk_room = room;
    return true;
}

static bool add_extent(struct mips_index *index)
{
    uint32_t chunks = index->reserved == 0 ? FIRST_CHUNKS : index->reserved;
    size_t bytes = chunks * index->chunk_bytes;
    unsigned char *at = index->extents == EXTENTS_MOST ? NULL : pages_take(bytes);
    if (at == NULL)
        return false;
    index->extent[index->extents++] = (struct extent){at, bytes};
    index->reserved += chunks;
    return true;
}

/* A chunk of nobody; NONE: no memory. */
static uint32_t new_chunk(struct mips_index *index)
{
    uint32_t id = index->spare;
    if (id != NONE) {
        index->spare = index->chunk[id]->next;
        return id;
    }
    if (index->chunks == index->chunk_room && !grow_chunks(index))
        return NONE;
    if (index->chunks == index->reserved && !add_extent(index))
        return NONE;
    const struct extent *extent = &index->extent[index->extents - 1];
    size_t left = (index->reserved - index->chunks) * index->chunk_bytes;
    index->chunk[index->chunks] = (void *)(extent->at + extent->bytes - left);
    return index->chunks++;
}

/* A place at the end of a band; NONE: no memory. */
static uint32_t new_place(struct mips_index *index, uint32_t band)
{
    uint32_t id = index->band[band].first;
    if (id == NONE || index->chunk[id]->count == SIFT_ITEMS) {
        id = new_chunk(index);
        if (id == NONE)
            return NONE;
        struct chunk *chunk = index->chunk[id];
        chunk->band = band;
        chunk->next = index->band[band].first;
        chunk->count = 0;
        index->band[band].first = id;
    }
    return id * SIFT_ITEMS + index->chunk[id]->count++;
}

static void copy_codes(const struct mips_index *index, struct chunk *from, uint32_t from_lane,
                       struct chunk *to, uint32_t to_lane)
{
    size_t group = (size_t)index->dim * SIFT_LANES;
    const uint8_t *source =
        codes_of(index, from) + from_lane / SIFT_LANES * group + from_lane % SIFT_LANES * 4;
    uint8_t *target = codes_of(index, to) + to_lane / SIFT_LANES * group + to_lane % SIFT_LANES * 4;
    for (uint32_t d = 0; d < index->dim; d += 4, source += 4 * SIFT_LANES, target += 4 * SIFT_LANES)
        memcpy(target, source, 4);
}

static void move_item(struct mips_index *index, uint32_t from_place, uint32_t to_place)
{
    struct chunk *from = index->chunk[from_place / SIFT_ITEMS];
    struct chunk *to = index->chunk[to_place / SIFT_ITEMS];
    uint32_t from_lane = from_place % SIFT_ITEMS, to_lane = to_place % SIFT_ITEMS;
    to->slot[to_lane] = from->slot[from_lane];
    to->norm[to_lane] = from->norm[from_lane];
    to->residual[to_lane] = from->residual[from_lane];
    to->appeal[to_lane] = from->appeal[from_lane];
    to->scale[to_lane] = from->scale[from_lane];
    for (uint32_t c = 0; c < index->columns; c++)
        to->column[c * SIFT_ITEMS + to_lane] = from->column[c * SIFT_ITEMS + from_lane];
    copy_codes(index, from, from_lane, to, to_lane);
    index->place[to->slot[to_lane]] = to_place;
}

static void write_columns(struct mips_index *index, struct chunk *chunk, uint32_t lane,
                          const struct item *item)
{
    uint32_t own = index->columns - 1;
    for (uint32_t c = 0; c <= own; c++) {
        float value = c < own ? item->columns[c] : item->along;
        chunk->column[c * SIFT_ITEMS + lane] = value;
        if (isfinite(value))
            index->magnitude[c] = more(index->magnitude[c], fabsf(value));
    }
}

static void write_codes(struct mips_index *index, struct chunk *chunk, uint32_t lane,
                        const int8_t *code)
{
    size_t group = (size_t)index->dim * SIFT_LANES;
    uint8_t *codes = codes_of(index, chunk) + lane / SIFT_LANES * group + lane % SIFT_LANES * 4;
    for (uint32_t d = 0; d < index->dim; d += 4, codes += 4 * SIFT_LANES)
        for (uint32_t n = 0; n < 4; n++)
            codes[n] = (uint8_t)(code[d + n] + CODE_ADDED);
}

static void write_item(struct mips_index *index, uint32_t place, const struct item *item)
{
    struct chunk *chunk = index->chunk[place / SIFT_ITEMS];
    uint32_t lane = place % SIFT_ITEMS;
    chunk->slot[lane] = item->slot;
    chunk->norm[lane] = item->rest.norm;
    chunk->residual[lane] = item->rest.residual;
    chunk->scale[lane] = item->rest.scale;
    chunk->appeal[lane] = item->appeal;
    if (isfinite(item->rest.norm)) {
        index->norm = more(index->norm, item->rest.norm);
        index->appeal = more(index->appeal, fabsf(item->appeal));
    }
    write_columns(index, chunk, lane, item);
    write_codes(index, chunk, lane, item->rest.code);
    index->place[item->slot] = place;
    mark_stale(index, place / SIFT_ITEMS);
}

static bool grow_slots(struct mips_index *index, uint32_t slot)
{
    if (slot < index->slots)
        return true;
    uint32_t slots = index->slots == 0 ? 1024 : index->slots;
    while (slots <= slot)
        slots *= 2;
    uint32_t *place = realloc(index->place, slots * sizeof *place);
    if (place == NULL)
        return false;
    memset(place + index->slots, 0xff, (slots - index->slots) * sizeof *place);
    index->place = place;
    index->slots = slots;
    return true;
}

void mips_remove(struct mips_index *index, uint32_t slot)
{
    uint32_t hole = slot < index->slots ? index->place[slot] : NONE;
    if (hole == NONE)
        return;
    struct band *band = &index->band[index->chunk[hole / SIFT_ITEMS]->band];
    struct chunk *first = index->chunk[band->first];
    uint32_t last = band->first * SIFT_ITEMS + first->count - 1;
    if (last != hole)
        move_item(index, last, hole);
    mark_stale(index, hole / SIFT_ITEMS);
    mark_stale(index, band->first);
    index->place[slot] = NONE;
    index->count--;
    if (--first->count > 0)
        return;
    uint32_t id = band->first;
    band->first = first->next;
    first->next = index->spare;
    index->spare = id;
}

enum status mips_set(struct mips_index *index, uint32_t slot, const float *row)
{
    struct item item;
    if (!grow_slots(index, slot))
        return STATUS_NO_MEMORY;
    describe(index, slot, row, &item);
    uint32_t place = index->place[slot];
    uint32_t band = band_of(index, item.appeal + index->typical.length * item.rest.norm);
    if (place != NONE && index->chunk[place / SIFT_ITEMS]->band != band) {
        mips_remove(index, slot);
        place = NONE;
    }
    if (place == NONE) {
        place = new_place(index, band);
        if (place == NONE)
            return STATUS_NO_MEMORY;
        index->count++;
    }
    write_item(index, place, &item);
    return STATUS_OK;
}

/* ---- limits ---- */

static void set_limits(struct limits *limits, float value)
{
    limits->norm = limits->residual = value;
    for (int k = 0; k < DIRECTIONS; k++)
        limits->reach[k] = value;
}

static void find_limits(const struct mips_index *index, struct chunk *chunk)
{
    struct limits *limits = &chunk->limits;
    clear_limits(limits);
    for (uint32_t n = 0; n < chunk->count; n++) {
        limits->norm = more(limits->norm, chunk->norm[n]);
        limits->residual = more(limits->residual, chunk->residual[n]);
    }
    for (int k = 0; k < DIRECTIONS; k++) {
        float along = index->along[k], across = index->across[k] * index->typical.length;
        for (uint32_t n = 0; n < chunk->count; n++)
            limits->reach[k] =
                more(limits->reach[k], along * chunk->appeal[n] + across * chunk->norm[n]);
    }
    for (uint32_t c = 0; c < index->columns; c++) {
        const float *column = chunk->column + (size_t)c * SIFT_ITEMS;
        for (uint32_t n = 0; n < chunk->count; n++) {
            limits->most[c] = more(limits->most[c], column[n]);
            limits->least[c] = less(limits->least[c], column[n]);
        }
    }
    if (!isfinite(limits->norm))
        set_limits(limits, INFINITY);
}

static void widen(struct limits *limits, const struct limits *by)
{
    limits->norm = more(limits->norm, by->norm);
    limits->residual = more(limits->residual, by->residual);
    for (int k = 0; k < DIRECTIONS; k++)
        limits->reach[k] = more(limits->reach[k], by->reach[k]);
    for (uint32_t c = 0; c < SIFT_COLUMNS; c++) {
        limits->most[c] = more(limits->most[c], by->most[c]);
        limits->least[c] = less(limits->least[c], by->least[c]);
    }
}

/* Bands only get wider with their chunks; so one of them is looked through at each turn. */
static void narrow_next(struct mips_index *index)
{
    for (uint32_t tries = 0; tries < index->bands; tries++) {
        struct band *band = &index->band[index->turn++ % index->bands];
        if (band->first == NONE)
            continue;
        clear_limits(&band->limits);
        for (uint32_t id = band->first; id != NONE; id = index->chunk[id]->next)
            widen(&band->limits, &index->chunk[id]->limits);
        return;
    }
}

void mips_settle(struct mips_index *index)
{
    for (uint32_t n = 0; n < index->stale_count; n++) {
        struct chunk *chunk = index->chunk[index->stale[n]];
        chunk->stale = false;
        find_limits(index, chunk);
        widen(&index->band[chunk->band].limits, &chunk->limits);
    }
    index->stale_count = 0;
    narrow_next(index);
}

bool mips_is_worn(const struct mips_index *index)
{
    uint32_t beyond = 0;
    for (uint32_t id = index->band[index->bands - 1].first; id != NONE; id = index->chunk[id]->next)
        beyond += index->chunk[id]->count;
    return (beyond > WORN_LEAST && beyond > index->count / index->bands * WORN_TIMES) ||
           index->count / WORN_TIMES > index->expected;
}
