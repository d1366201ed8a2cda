#include "model/mips_index.h"

#include "model/kernels.h"
#include "model/pages.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* By the key of their items; those beyond what was expected are in the first and the last. So many
 * that each has some chunks. */
enum { BANDS_LEAST = 8, BANDS_MOST = 256, ITEMS_A_BAND = 2 * SIFT_ITEMS };
/* Directions from 0 to 90 degrees in which chunks are measured. */
enum { DIRECTIONS = 7 };
#define TURN 0.2617993877991494 /* from one to the next: 15 degrees */
enum { NONE = UINT32_MAX, FIRST_CHUNKS = 8, EXTENTS_MOST = 32 };
/* An index is worn when the last band, or all of it, holds so many times what was expected. */
enum { WORN_LEAST = 256, WORN_TIMES = 4 };
enum { CODE_MOST = 127, CODE_ADDED = 128 };

/* More than all rounding of sums of MIPS_DIM_MAX products, theirs and ours, relative to what is
 * summed up. */
#define ROUNDING 0x1p-17f

/*
 * What users are on average like. Of a vector, user's or item's, the part along `axis` becomes one
 * more column, behind the owner's; `weight` are the columns' weights. An item's appeal is what the
 * columns are worth to such a user, its reach what its remaining vector may add: |rest| * length.
 */
struct typical {
    float axis[MIPS_DIM_MAX] __attribute__((aligned(64))); /* of length 1, or zero */
    float weight[SIFT_COLUMNS];
    float length;     /* of a user's remaining vector */
    float low, scale; /* band of a key: scale (key - low); the key: appeal + reach */
};

/* What no item of a chunk, or of a band, goes beyond. */
struct limits {
    float norm, residual;
    float reach[DIRECTIONS]; /* of appeal and reach, as a vector, in each direction */
    float most[SIFT_COLUMNS], least[SIFT_COLUMNS];
};

struct chunk {
    uint32_t count, band, next;
    bool stale; /* the limits may be wider than need be, or too narrow */
    struct limits limits;
    /* What the limits are found from: */
    float norm[SIFT_ITEMS], residual[SIFT_ITEMS], appeal[SIFT_ITEMS];
    uint32_t slot[SIFT_ITEMS] __attribute__((aligned(64)));
    float scale[SIFT_ITEMS];
    float column[]; /* (columns, SIFT_ITEMS), then the codes as sift.h has them */
};

/* As many chunks as there were already, so that they need few of them. */
struct extent {
    unsigned char *at;
    size_t bytes;
};

/* A chain of chunks, full but for the first one. */
struct band {
    uint32_t first;
    struct limits limits; /* settled: of its chunks, or wider */
};

struct mips_index {
    uint32_t dim, columns, count; /* columns: the owner's, and the one of the axis */
    uint32_t bands, expected;     /* expected: items */
    struct typical typical;
    float along[DIRECTIONS], across[DIRECTIONS]; /* cosines and sines of the directions */
    size_t chunk_bytes;
    uint32_t chunks, chunk_room, spare; /* spare: a chain of chunks of no band */
    struct chunk **chunk;
    uint32_t reserved, extents; /* chunks in all extents */
    struct extent extent[EXTENTS_MOST];
    uint32_t slots;
    uint32_t *place; /* (slots) chunk * SIFT_ITEMS + lane; NONE */
    uint32_t stale_count;
    uint32_t *stale; /* (chunk_room) chunks whose limits are to be found anew */
    uint32_t turn;   /* the band whose limits are narrowed next */
    /* The largest that there ever were, without their signs: */
    float magnitude[SIFT_COLUMNS], norm, appeal;
    struct band band[BANDS_MOST];
};

static float more(float a, float b)
{
    return a > b ? a : b;
}

static float less(float a, float b)
{
    return a < b ? a : b;
}

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

/* ---- vectors: along the axis, and the rest of them in a byte a dimension ---- */

struct coded {
    float norm, residual, scale;
    int8_t code[MIPS_DIM_MAX];
};

/* Without signs floats are in the order of their bits; NaN is above all. */
static float largest(const float *vector, uint32_t dim)
{
    int32_t most = 0;
    for (uint32_t d = 0; d < dim; d++) {
        int32_t bits;
        memcpy(&bits, vector + d, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    float value;
    memcpy(&value, &most, sizeof value);
    return value;
}

/* Below this norm, squares may underflow. */
#define NORM_LEAST 1e-12f

/* A vector that cannot be coded gets zeros: all of it is left out. One with infinities or NaN in it
 * is longer than any, so that it is always judged. */
static void encode(const float *vector, uint32_t dim, struct coded *coded)
{
    const float to_integer = 0x1.8p23f; /* added, the sum's last bits are the rounded number */
    float most = largest(vector, dim), left[MIPS_DIM_MAX] __attribute__((aligned(64)));
    coded->norm = sqrtf(kernels->dot(vector, vector, dim));
    coded->scale = most / CODE_MOST;
    float inverse = CODE_MOST / most;
    if (!isfinite(coded->norm) || coded->norm < NORM_LEAST) {
        memset(coded->code, 0, dim);
        coded->scale = 0.0f;
        coded->residual = isfinite(coded->norm) ? most * sqrtf((float)dim) : INFINITY;
        coded->norm = coded->residual;
        return;
    }
    for (uint32_t d = 0; d < dim; d++) {
        float rounded = vector[d] * inverse + to_integer;
        int32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        coded->code[d] = (int8_t)bits;
        left[d] = vector[d] - coded->scale * (rounded - to_integer);
    }
    coded->residual = sqrtf(kernels->dot(left, left, dim));
}

/* The rest of a vector, and how far it went along the axis. */
static float part(const struct mips_index *index, const float *vector, struct coded *rest)
{
    float left[MIPS_DIM_MAX] __attribute__((aligned(64)));
    float along = kernels->dot(vector, index->typical.axis, index->dim);
    memcpy(left, vector, index->dim * sizeof *left);
    kernels->add_scaled(-along, index->typical.axis, left, index->dim);
    encode(left, index->dim, rest);
    return along;
}

/* ---- what is typical ---- */

static float appeal_of(const struct mips_index *index, const float *columns, float along)
{
    const float *weight = index->typical.weight;
    float appeal = weight[index->columns - 1] * along;
    for (uint32_t c = 0; c + 1 < index->columns; c++)
        appeal += weight[c] * columns[c];
    return appeal;
}

static void find_axis(struct mips_index *index, const struct mips_sample *sample)
{
    struct typical *typical = &index->typical;
    uint32_t dim = index->dim, own = index->columns - 1;
    float share = 1.0f / (float)sample->users_count;
    for (uint32_t n = 0; n < sample->users_count; n++) {
        kernels->add_scaled(share, sample->users[n], typical->axis, dim);
        for (uint32_t c = 0; c < own; c++)
            typical->weight[c] += share * sample->users[n][dim + c];
    }
    float length = sqrtf(kernels->dot(typical->axis, typical->axis, dim));
    bool usable = isfinite(length) && length > NORM_LEAST;
    typical->weight[own] = usable ? length : 0.0f;
    for (uint32_t d = 0; d < dim; d++)
        typical->axis[d] = usable ? typical->axis[d] / length : 0.0f;
    for (uint32_t c = 0; c < own; c++)
        typical->weight[c] = isfinite(typical->weight[c]) ? typical->weight[c] : 0.0f;
}

static void find_bands(struct mips_index *index, const struct mips_sample *sample)
{
    struct typical *typical = &index->typical;
    struct coded rest;
    float low = INFINITY, high = -INFINITY;
    for (uint32_t n = 0; n < sample->items_count; n++) {
        float along = part(index, sample->items[n], &rest);
        float key =
            appeal_of(index, sample->items[n] + index->dim, along) + typical->length * rest.norm;
        low = less(key, low);
        high = more(key, high);
    }
    bool usable = isfinite(low) && isfinite(high) && high > low;
    typical->low = usable ? low : 0.0f;
    typical->scale = usable ? (float)(index->bands - index->bands / 8) / (high - low) : 1.0f;
}

static void find_typical(struct mips_index *index, const struct mips_sample *sample)
{
    struct coded rest;
    float length = 0.0f;
    if (sample->users_count > 0)
        find_axis(index, sample);
    for (uint32_t n = 0; n < sample->users_count; n++) {
        part(index, sample->users[n], &rest);
        length += rest.norm / (float)sample->users_count;
    }
    index->typical.length = isfinite(length) && length > NORM_LEAST ? length : 1.0f;
    find_bands(index, sample);
}

/* ---- */

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
    find_typical(index, sample);
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
           index->chunk_room * (sizeof *index->chunk + sizeof *index->stale) +
           index->slots * sizeof *index->place;
}

static uint8_t *codes_of(const struct mips_index *index, struct chunk *chunk)
{
    return (uint8_t *)(chunk->column + (size_t)index->columns * SIFT_ITEMS);
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
    item->along = part(index, row, &item->rest);
    item->appeal = appeal_of(index, item->columns, item->along);
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
    struct chunk **chunk = realloc(index->chunk, room * sizeof *chunk);
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

/* ---- searching ---- */

/* The users of a search side by side, as far as chunks are ruled out by it. */
struct pass {
    const struct mips_index *index;
    struct mips_query *const *queries;
    uint32_t count, columns, odd;
    uint32_t column[SIFT_COLUMNS];     /* those that anybody has a weight for */
    uint32_t odd_column[SIFT_COLUMNS]; /* … another one than is typical */
    float slack[MIPS_USERS], floor[MIPS_USERS];
    float reach[DIRECTIONS][MIPS_USERS]; /* weights of limits->reach */
    float above[SIFT_COLUMNS][MIPS_USERS], below[SIFT_COLUMNS][MIPS_USERS]; /* odd, by sign */
};

static float weight_of(const struct mips_index *index, const struct mips_query *query, uint32_t c)
{
    return c + 1 < index->columns ? query->vector[index->dim + c] : query->along;
}

/* How many typical users the user's weights are worth, as they come nearest. */
static float share_of_typical(const struct mips_index *index, const struct mips_query *query)
{
    float both = 0.0f, square = 0.0f;
    for (uint32_t c = 0; c < index->columns; c++) {
        float size = index->magnitude[c], typical = size * index->typical.weight[c];
        both += size * weight_of(index, query, c) * typical;
        square += typical * typical;
    }
    return both > 0.0f && both / square < 1e6f ? both / square : 0.0f;
}

static void prepare_query(const struct mips_index *index, struct mips_query *query)
{
    struct coded rest;
    query->along = part(index, query->vector, &rest);
    memcpy(query->codes, rest.code, index->dim);
    query->norm = rest.norm;
    query->residual = rest.residual;
    query->size = rest.norm + fabsf(query->along);
    query->slack = ROUNDING * query->size * index->magnitude[index->columns - 1];
    for (uint32_t c = 0; c < index->columns; c++)
        query->slack += ROUNDING * fabsf(weight_of(index, query, c)) * index->magnitude[c];
    int32_t sum = 0;
    for (uint32_t d = 0; d < index->dim; d++)
        sum += rest.code[d];
    query->side =
        (struct sift_user){.codes = query->codes, .offset = -CODE_ADDED * sum, .unit = rest.scale};
    query->count = 0;
}

/* A user's share of the typical one and their remaining length are a vector between two directions:
 * what it makes of appeal and reach is no more than those two together do. */
static void set_reach(struct pass *pass, uint32_t n, float share)
{
    const struct mips_index *index = pass->index;
    const struct mips_query *query = pass->queries[n];
    float length = query->norm / index->typical.length;
    double angle = atan2((double)length, (double)share);
    int k = 0;
    while (k < DIRECTIONS - 2 && angle >= TURN * (k + 1))
        k++;
    float sine = index->across[1];
    float first = (share * index->across[k + 1] - length * index->along[k + 1]) / sine;
    float second = (length * index->along[k] - share * index->across[k]) / sine;
    pass->reach[k][n] = first < 0.0f ? 0.0f : first;
    pass->reach[k + 1][n] = second < 0.0f ? 0.0f : second;
    pass->slack[n] = query->slack + ROUNDING * (share + length) *
                                        (index->appeal + index->typical.length * index->norm);
    for (uint32_t c = 0; c < index->columns; c++)
        pass->slack[n] += ROUNDING * share * fabsf(index->typical.weight[c]) * index->magnitude[c];
}

static void note_floor(struct pass *pass, uint32_t n)
{
    pass->floor[n] = pass->queries[n]->top->floor;
}

/* The columns in which somebody is not as is typical. */
static void set_odd(struct pass *pass, const float share[MIPS_USERS])
{
    const struct mips_index *index = pass->index;
    for (uint32_t c = 0; c < index->columns; c++) {
        bool odd = false;
        for (uint32_t n = 0; n < pass->count; n++) {
            float weight = weight_of(index, pass->queries[n], c);
            weight -= share[n] * index->typical.weight[c];
            odd |= weight != 0.0f;
            pass->above[pass->odd][n] = weight > 0.0f ? weight : 0.0f;
            pass->below[pass->odd][n] = weight > 0.0f ? 0.0f : weight;
        }
        if (odd)
            pass->odd_column[pass->odd++] = c;
    }
}

static void begin(struct pass *pass)
{
    const struct mips_index *index = pass->index;
    float share[MIPS_USERS];
    for (uint32_t n = 0; n < pass->count; n++) {
        struct mips_query *query = pass->queries[n];
        prepare_query(index, query);
        share[n] = share_of_typical(index, query);
        set_reach(pass, n, share[n]);
        note_floor(pass, n);
    }
    for (uint32_t c = 0; c < index->columns; c++) {
        bool used = false;
        for (uint32_t n = 0; n < pass->count; n++) {
            float weight = weight_of(index, pass->queries[n], c);
            pass->queries[n]->side.weight[pass->columns] = weight;
            used |= weight != 0.0f;
        }
        if (used)
            pass->column[pass->columns++] = c;
    }
    set_odd(pass, share);
}

/* Users, as bits, for whom something within the limits may get in. */
static unsigned who_may(const struct pass *pass, const struct limits *limits)
{
    float bound[MIPS_USERS];
    memcpy(bound, pass->slack, sizeof bound);
    for (int k = 0; k < DIRECTIONS; k++)
        for (uint32_t n = 0; n < MIPS_USERS; n++)
            bound[n] += pass->reach[k][n] * limits->reach[k];
    for (uint32_t k = 0; k < pass->odd; k++) {
        float most = limits->most[pass->odd_column[k]], least = limits->least[pass->odd_column[k]];
        for (uint32_t n = 0; n < MIPS_USERS; n++)
            bound[n] += pass->above[k][n] * most + pass->below[k][n] * least;
    }
    unsigned users = 0;
    for (uint32_t n = 0; n < pass->count; n++)
        users |= (unsigned)!(bound[n] < pass->floor[n]) << n;
    return users;
}

static void judge_some(struct mips_query *query, const uint32_t *slots, uint32_t count)
{
    float scores[MIPS_JUDGED];
    if (count == 0)
        return;
    query->judge(query->context, slots, count, scores);
    query->judged += count;
    for (uint32_t n = 0; n < count; n++)
        if (top_may_take(query->top, scores[n]))
            top_push(query->top, slots[n], scores[n]);
}

static void fetch(const void *from, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += 64)
        __builtin_prefetch((const char *)from + n);
}

/* What a search will soon read of a chunk, but for the codes, which sift() fetches. */
static void fetch_chunk(const struct pass *pass, const struct chunk *chunk)
{
    fetch(chunk->slot, sizeof chunk->slot + sizeof chunk->scale);
    for (uint32_t k = 0; k < pass->columns; k++)
        fetch(chunk->column + (size_t)pass->column[k] * SIFT_ITEMS, SIFT_ITEMS * sizeof(float));
}

/* Those with a bound from the floor up to `level`, or above it. */
static void judge_those(struct mips_query *query, float level, bool above)
{
    uint32_t slots[MIPS_JUDGED], filled = 0;
    for (uint32_t n = 0; n < query->count; n++) {
        float bound = query->bound[n];
        if ((bound > level) != above || bound < query->top->floor)
            continue;
        slots[filled++] = query->slot[n];
        if (filled == MIPS_JUDGED) {
            judge_some(query, slots, filled);
            filled = 0;
        }
    }
    judge_some(query, slots, filled);
}

/* The most promising ones first: they raise the floor for the others. */
static void judge_all(struct mips_query *query)
{
    float level = INFINITY;
    if (query->count > query->top->most) {
        level = top_level(query->bound, query->count, query->top->most);
        judge_those(query, level, true);
    }
    judge_those(query, level, false);
    query->count = 0;
}

static void collect(struct mips_query *query, const struct chunk *chunk,
                    const struct sifted *sifted, float error)
{
    uint32_t count = query->count;
    for (uint32_t first = 0; first < chunk->count; first += SIFT_LANES) {
        unsigned passed = sifted->passed[first / SIFT_LANES];
        if (chunk->count - first < SIFT_LANES)
            passed &= (1u << (chunk->count - first)) - 1;
        for (; passed != 0; passed &= passed - 1, count++) {
            uint32_t n = first + (uint32_t)__builtin_ctz(passed);
            query->slot[count] = chunk->slot[n];
            query->bound[count] = sifted->approximate[n] + error;
        }
    }
    query->count = count;
}

static void search_chunk(struct pass *pass, struct chunk *chunk, struct chunk *next, unsigned users)
{
    const struct mips_index *index = pass->index;
    const struct sift_user *side[MIPS_USERS];
    struct sifted sifted[MIPS_USERS];
    float error[MIPS_USERS];
    uint32_t who[MIPS_USERS], count = 0;
    for (; users != 0; users &= users - 1, count++) {
        uint32_t n = who[count] = (uint32_t)__builtin_ctz(users);
        struct mips_query *query = pass->queries[n];
        error[count] = chunk->limits.residual * (query->norm + query->residual) +
                       chunk->limits.norm * (query->residual + ROUNDING * query->size) +
                       query->slack;
        query->side.floor = pass->floor[n] - error[count];
        side[count] = &query->side;
    }
    struct sift_items items = {.codes = codes_of(index, chunk),
                               .next = codes_of(index, next),
                               .scale = chunk->scale,
                               .groups = (chunk->count + SIFT_LANES - 1) / SIFT_LANES,
                               .dim = index->dim,
                               .columns = pass->columns};
    for (uint32_t k = 0; k < pass->columns; k++)
        items.column[k] = chunk->column + (size_t)pass->column[k] * SIFT_ITEMS;
    fetch_chunk(pass, next);
    kernels->sift(&items, side, count, sifted);
    for (uint32_t k = 0; k < count; k++) {
        struct mips_query *query = pass->queries[who[k]];
        collect(query, chunk, &sifted[k], error[k]);
        if (query->count <= MIPS_CANDIDATES - SIFT_ITEMS)
            continue;
        judge_all(query);
        note_floor(pass, who[k]);
    }
}

/* Each chunk that is searched is known before the one before it is, so that it can be fetched. */
void mips_search(const struct mips_index *index, struct mips_query *const *queries, uint32_t count)
{
    struct pass pass = {.index = index, .queries = queries, .count = count};
    struct chunk *waiting = NULL;
    unsigned waiting_users = 0;
    begin(&pass);
    for (uint32_t b = index->bands; b-- > 0;) {
        uint32_t id = index->band[b].first;
        if (id == NONE || who_may(&pass, &index->band[b].limits) == 0)
            continue;
        for (; id != NONE; id = index->chunk[id]->next) {
            struct chunk *chunk = index->chunk[id];
            unsigned users = who_may(&pass, &chunk->limits);
            if (users == 0)
                continue;
            if (waiting != NULL)
                search_chunk(&pass, waiting, chunk, waiting_users);
            waiting = chunk;
            waiting_users = users;
        }
    }
    if (waiting != NULL)
        search_chunk(&pass, waiting, waiting, waiting_users);
    for (uint32_t n = 0; n < count; n++)
        judge_all(queries[n]);
}
