#include "model/mips_index.h"

#include "model/kernels.h"
#include "model/pages.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Eight bands an octave of the norm, from 2^-24 to 2^8; those beyond are in the last ones. */
enum { BANDS = 256, BAND_SHIFT = 20, BAND_FIRST = (127 - 24) << 3 };
enum { NONE = UINT32_MAX, FIRST_CHUNKS = 8, EXTENTS_MOST = 32 };
enum { CODE_MOST = 127, CODE_ADDED = 128 };

/* More than all rounding of sums of MIPS_DIM_MAX products, theirs and ours, relative to what is
 * summed up. */
#define ROUNDING 0x1p-17f

/* What no item of a chunk, or of a band, goes beyond. */
struct limits {
    float norm, residual;
    float most[MIPS_COLUMNS_MAX], least[MIPS_COLUMNS_MAX];
};

struct chunk {
    uint32_t count, band, next;
    bool stale; /* the limits may be wider than need be, or too narrow */
    struct limits limits;
    float norm[SIFT_ITEMS], residual[SIFT_ITEMS]; /* what the limits are found from */
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
    uint32_t dim, columns, count;
    size_t chunk_bytes;
    uint32_t chunks, chunk_room, spare; /* spare: a chain of chunks of no band */
    struct chunk **chunk;
    uint32_t reserved, extents; /* chunks in all extents */
    struct extent extent[EXTENTS_MOST];
    uint32_t slots;
    uint32_t *place; /* (slots) chunk * SIFT_ITEMS + lane; NONE */
    uint32_t stale_count;
    uint32_t *stale;                   /* (chunk_room) chunks whose limits are to be found anew */
    uint32_t turn;                     /* the band whose limits are narrowed next */
    float magnitude[MIPS_COLUMNS_MAX]; /* the largest that a column ever was, without its sign */
    struct band band[BANDS];
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
    for (int c = 0; c < MIPS_COLUMNS_MAX; c++) {
        limits->most[c] = -INFINITY;
        limits->least[c] = INFINITY;
    }
}

enum status mips_create(uint32_t dim, uint32_t columns, struct mips_index **out)
{
    struct mips_index *index = calloc(1, sizeof *index);
    *out = index;
    if (index == NULL)
        return STATUS_NO_MEMORY;
    index->dim = dim;
    index->columns = columns;
    index->chunk_bytes =
        sizeof(struct chunk) + SIFT_ITEMS * ((size_t)columns * sizeof(float) + dim);
    index->spare = NONE;
    for (int b = 0; b < BANDS; b++) {
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

/* ---- one vector, a byte a dimension ---- */

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

/* ---- chunks ---- */

static uint32_t band_of(float norm)
{
    uint32_t bits;
    memcpy(&bits, &norm, sizeof bits);
    bits >>= BAND_SHIFT;
    if (bits < BAND_FIRST)
        return 0;
    return bits - BAND_FIRST < BANDS ? bits - BAND_FIRST : BANDS - 1;
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
    to->scale[to_lane] = from->scale[from_lane];
    for (uint32_t c = 0; c < index->columns; c++)
        to->column[c * SIFT_ITEMS + to_lane] = from->column[c * SIFT_ITEMS + from_lane];
    copy_codes(index, from, from_lane, to, to_lane);
    index->place[to->slot[to_lane]] = to_place;
}

static void write_item(struct mips_index *index, uint32_t place, uint32_t slot, const float *row,
                       const struct coded *coded)
{
    struct chunk *chunk = index->chunk[place / SIFT_ITEMS];
    uint32_t lane = place % SIFT_ITEMS, dim = index->dim;
    chunk->slot[lane] = slot;
    chunk->norm[lane] = coded->norm;
    chunk->residual[lane] = coded->residual;
    chunk->scale[lane] = coded->scale;
    for (uint32_t c = 0; c < index->columns; c++) {
        float value = row[dim + c];
        chunk->column[c * SIFT_ITEMS + lane] = value;
        if (isfinite(value))
            index->magnitude[c] = more(index->magnitude[c], fabsf(value));
    }
    uint8_t *codes = codes_of(index, chunk) + (size_t)(lane / SIFT_LANES) * dim * SIFT_LANES +
                     lane % SIFT_LANES * 4;
    for (uint32_t d = 0; d < dim; d += 4, codes += 4 * SIFT_LANES)
        for (uint32_t n = 0; n < 4; n++)
            codes[n] = (uint8_t)(coded->code[d + n] + CODE_ADDED);
    index->place[slot] = place;
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
    struct coded coded;
    if (!grow_slots(index, slot))
        return STATUS_NO_MEMORY;
    encode(row, index->dim, &coded);
    for (uint32_t c = 0; c < index->columns; c++)
        if (!isfinite(row[index->dim + c]))
            coded.norm = coded.residual = INFINITY;
    uint32_t band = band_of(coded.norm), place = index->place[slot];
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
    write_item(index, place, slot, row, &coded);
    return STATUS_OK;
}

/* ---- limits ---- */

static void find_limits(const struct mips_index *index, struct chunk *chunk)
{
    struct limits *limits = &chunk->limits;
    clear_limits(limits);
    for (uint32_t n = 0; n < chunk->count; n++) {
        limits->norm = more(limits->norm, chunk->norm[n]);
        limits->residual = more(limits->residual, chunk->residual[n]);
    }
    for (uint32_t c = 0; c < index->columns; c++) {
        const float *column = chunk->column + (size_t)c * SIFT_ITEMS;
        for (uint32_t n = 0; n < chunk->count; n++) {
            limits->most[c] = more(limits->most[c], column[n]);
            limits->least[c] = less(limits->least[c], column[n]);
        }
    }
}

static void widen(struct limits *limits, const struct limits *by)
{
    limits->norm = more(limits->norm, by->norm);
    limits->residual = more(limits->residual, by->residual);
    for (uint32_t c = 0; c < MIPS_COLUMNS_MAX; c++) {
        limits->most[c] = more(limits->most[c], by->most[c]);
        limits->least[c] = less(limits->least[c], by->least[c]);
    }
}

/* Bands only get wider with their chunks; so one of them is looked through at each turn. */
static void narrow_next(struct mips_index *index)
{
    for (int tries = 0; tries < BANDS; tries++) {
        struct band *band = &index->band[index->turn++ % BANDS];
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

/* ---- searching ---- */

/* The users of a search side by side, as far as chunks are ruled out by it. */
struct pass {
    const struct mips_index *index;
    struct mips_query *const *queries;
    uint32_t count, columns;
    uint32_t column[MIPS_COLUMNS_MAX]; /* those that anybody has a weight for */
    float norm[MIPS_USERS], slack[MIPS_USERS], floor[MIPS_USERS];
    float above[MIPS_COLUMNS_MAX][MIPS_USERS], below[MIPS_COLUMNS_MAX][MIPS_USERS]; /* by sign */
};

static void prepare_query(const struct mips_index *index, struct mips_query *query)
{
    struct coded coded;
    encode(query->vector, index->dim, &coded);
    memcpy(query->codes, coded.code, index->dim);
    query->norm = coded.norm;
    query->residual = coded.residual;
    query->slack = 0.0f;
    for (uint32_t c = 0; c < index->columns; c++)
        query->slack += ROUNDING * fabsf(query->vector[index->dim + c]) * index->magnitude[c];
    int32_t sum = 0;
    for (uint32_t d = 0; d < index->dim; d++)
        sum += coded.code[d];
    query->side =
        (struct sift_user){.codes = query->codes, .offset = -CODE_ADDED * sum, .unit = coded.scale};
    query->count = 0;
}

static void note_floor(struct pass *pass, uint32_t n)
{
    pass->floor[n] = pass->queries[n]->top->floor;
}

static void begin(struct pass *pass)
{
    const struct mips_index *index = pass->index;
    pass->columns = 0;
    for (uint32_t n = 0; n < pass->count; n++) {
        struct mips_query *query = pass->queries[n];
        prepare_query(index, query);
        pass->norm[n] = query->norm * (1.0f + ROUNDING);
        pass->slack[n] = query->slack;
        note_floor(pass, n);
    }
    for (uint32_t c = 0; c < index->columns; c++) {
        bool used = false;
        for (uint32_t n = 0; n < pass->count; n++)
            used |= pass->queries[n]->vector[index->dim + c] != 0.0f;
        if (used)
            pass->column[pass->columns++] = c;
    }
    for (uint32_t k = 0; k < pass->columns; k++) {
        for (uint32_t n = 0; n < pass->count; n++) {
            float weight = pass->queries[n]->vector[index->dim + pass->column[k]];
            pass->queries[n]->side.weight[k] = weight;
            pass->above[k][n] = weight > 0.0f ? weight : 0.0f;
            pass->below[k][n] = weight > 0.0f ? 0.0f : weight;
        }
    }
}

/* Users, as bits, for whom something within the limits may get in. */
static unsigned who_may(const struct pass *pass, const struct limits *limits)
{
    float bound[MIPS_USERS];
    for (uint32_t n = 0; n < MIPS_USERS; n++)
        bound[n] = pass->norm[n] * limits->norm + pass->slack[n];
    for (uint32_t k = 0; k < pass->columns; k++) {
        float most = limits->most[pass->column[k]], least = limits->least[pass->column[k]];
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

/* What a search will soon read of a chunk, but for the codes. */
static void fetch_chunk(const struct pass *pass, const struct chunk *chunk)
{
    fetch(chunk, offsetof(struct chunk, norm));
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
                       chunk->limits.norm * (query->residual + ROUNDING * query->norm) +
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

void mips_search(const struct mips_index *index, struct mips_query *const *queries, uint32_t count)
{
    struct pass pass = {.index = index, .queries = queries, .count = count};
    begin(&pass);
    for (uint32_t b = BANDS; b-- > 0;) {
        uint32_t id = index->band[b].first;
        if (id == NONE || who_may(&pass, &index->band[b].limits) == 0)
            continue;
        while (id != NONE) {
            struct chunk *chunk = index->chunk[id];
            id = chunk->next;
            struct chunk *next = id == NONE ? chunk : index->chunk[id];
            fetch_chunk(&pass, next);
            unsigned users = who_may(&pass, &chunk->limits);
            if (users != 0)
                search_chunk(&pass, chunk, next, users);
        }
    }
    for (uint32_t n = 0; n < count; n++)
        judge_all(queries[n]);
}
