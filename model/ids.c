#include "model/ids.h"

#include "model/fetch.h"
#include "model/pages.h"
#include "model/random.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_AT_FIRST = 1024, MOVED_AT_A_TIME = 32, MOVED_BESIDES = 8, KEY_BATCH = 256 };
enum { INDEXED_AT_A_TIME = 64 };

#define CELLS_MOST ((uint64_t)1 << 31)

static uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static uint32_t half_at(const char *at)
{
    uint32_t half;
    memcpy(&half, at, sizeof half);
    return half;
}

static uint64_t pair_at(const char *at)
{
    uint16_t pair;
    memcpy(&pair, at, sizeof pair);
    return pair;
}

/* The last up to seven bytes of an id, by two parts that overlap: to copy them together and read
 * that as one word would have to wait for the copy, and more branches would go wrong as sizes
 * change. */
static uint64_t rest_at(const char *at, uint32_t size)
{
    if (size >= 4)
        return half_at(at) | (uint64_t)half_at(at + size - 4) << 8 * (size - 4);
    if (size >= 2)
        return pair_at(at) | pair_at(at + size - 2) << 8 * (size - 2);
    return size == 0 ? 0 : (unsigned char)at[0];
}

static uint32_t hash_of(const struct ids *ids, struct text id)
{
    uint64_t h = ids->seed ^ id.size;
    uint32_t at = 0;
    for (; at + 8 <= id.size; at += 8)
        h = random_mix(h ^ word_at(id.at + at));
    return (uint32_t)random_mix(h ^ rest_at(id.at + at, id.size - at));
}

/* hash_of() again for short ones, all of whose bytes are in two words. */
static void seek_short(const struct ids *ids, struct text id, struct ids_sought *sought)
{
    uint64_t first, rest = 0, h = ids->seed ^ id.size;
    if (id.size < 8) {
        first = rest_at(id.at, id.size);
    } else {
        first = word_at(id.at);
        rest = word_at(id.at + id.size - 8) >> 8 * (15 - id.size) >> 8;
        h = random_mix(h ^ first);
    }
    sought->hash = (uint32_t)random_mix(h ^ (id.size < 8 ? first : rest));
    sought->key[0] = first << 8 | id.size;
    sought->key[1] = rest << 8 | first >> 56;
}

void ids_seek(const struct ids *ids, struct text id, struct ids_sought *sought)
{
    if (id.size <= ID_BYTES_SHORT)
        seek_short(ids, id, sought);
    else
        sought->hash = hash_of(ids, id);
    fetch_line(&ids->cells.at[sought->hash & ids->cells.mask]);
}

/* ---- cells ---- */

static enum status cells_init(struct ids_cells *cells, uint32_t count)
{
    cells->at = pages_take(count * sizeof *cells->at);
    cells->mask = count - 1;
    return cells->at == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static void cells_finish(struct ids_cells *cells)
{
    pages_give(cells->at, ((size_t)cells->mask + 1) * sizeof *cells->at);
    *cells = (struct ids_cells){0};
}

static uint64_t cell_with(uint32_t hash, uint32_t slot)
{
    return (uint64_t)hash << 32 | (slot + 1);
}

static uint32_t slot_in(uint64_t cell)
{
    return (uint32_t)cell - 1;
}

static uint32_t hash_in(uint64_t cell)
{
    return (uint32_t)(cell >> 32);
}

static void put(const struct ids_cells *cells, uint64_t cell)
{
    uint32_t at = hash_in(cell) & cells->mask;
    while (cells->at[at] != 0)
        at = (at + 1) & cells->mask;
    cells->at[at] = cell;
}

/* Most ids are short: two overlapping words each, instead of a call. */
static bool is_equal(struct text a, struct text b)
{
    if (a.size != b.size)
        return false;
    if (a.size > 16)
        return memcmp(a.at, b.at, a.size) == 0;
    if (a.size >= 8)
        return ((word_at(a.at) ^ word_at(b.at)) |
                (word_at(a.at + a.size - 8) ^ word_at(b.at + a.size - 8))) == 0;
    if (a.size >= 4)
        return ((half_at(a.at) ^ half_at(b.at)) |
                (half_at(a.at + a.size - 4) ^ half_at(b.at + a.size - 4))) == 0;
    for (uint32_t n = 0; n < a.size; n++)
        if (a.at[n] != b.at[n])
            return false;
    return true;
}

/* The place of the id's cell, or UINT32_MAX. */
static uint32_t place_of(const struct ids *ids, const struct ids_cells *cells, struct text id,
                         uint32_t hash)
{
    for (uint32_t at = hash & cells->mask;; at = (at + 1) & cells->mask) {
        uint64_t cell = cells->at[at];
        if (cell == 0)
            return UINT32_MAX;
        if (hash_in(cell) == hash && is_equal(ids_text(ids, slot_in(cell)), id))
            return at;
    }
}

/* Takes the next of the old cells along. They stay where they are as well, and are right until a
 * slot is released: so that waits until all have moved. */
static void move_some(struct ids *ids, uint32_t count)
{
    for (; count > 0 && ids->old.at != NULL; count--) {
        uint64_t cell = ids->old.at[ids->moved];
        if (cell != 0)
            put(&ids->cells, cell);
        if (ids->moved++ == ids->old.mask)
            cells_finish(&ids->old);
    }
}

void ids_move(struct ids *ids)
{
    move_some(ids, MOVED_BESIDES);
}

static enum status make_room(struct ids *ids)
{
    uint64_t room = (uint64_t)ids->cells.mask + 1;
    if (4 * ((uint64_t)ids_count(ids) + 1) <= 3 * room)
        return STATUS_OK;
    move_some(ids, UINT32_MAX);
    struct ids_cells grown;
    if (room >= CELLS_MOST || cells_init(&grown, (uint32_t)(2 * room)) != STATUS_OK)
        return STATUS_NO_MEMORY;
    ids->old = ids->cells;
    ids->cells = grown;
    ids->moved = 0;
    return STATUS_OK;
}

/* ---- keys ---- */

static struct ids_key *key_of(const struct ids *ids, uint32_t slot)
{
    return table_row(&ids->keys, slot);
}

struct text ids_text(const struct ids *ids, uint32_t slot)
{
    if (slot >= ids->bound)
        return (struct text){NULL, 0};
    const struct ids_key *key = key_of(ids, slot);
    return (struct text){key->size <= ID_BYTES_SHORT ? key->text : key->far, key->size};
}

static enum status set_key(struct ids *ids, uint32_t slot, struct text id)
{
    struct ids_key *key = key_of(ids, slot);
    char *to = key->text;
    if (id.size > ID_BYTES_SHORT) {
        to = arena_take(&ids->arena, id.size);
        if (to == NULL)
            return STATUS_NO_MEMORY;
        key->far = to;
        ids->far_bytes += arena_size(id.size);
    }
    memcpy(to, id.at, id.size);
    key->size = (uint8_t)id.size;
    return STATUS_OK;
}

static void clear_key(struct ids *ids, uint32_t slot)
{
    struct ids_key *key = key_of(ids, slot);
    if (key->size > ID_BYTES_SHORT) {
        arena_give(&ids->arena, key->far, key->size);
        ids->far_bytes -= arena_size(key->size);
    }
    memset(key, 0, sizeof *key);
}

/* ---- the whole ---- */

enum status ids_init(struct ids *ids, uint64_t seed)
{
    *ids = (struct ids){.seed = seed};
    table_init(&ids->keys, sizeof(struct ids_key));
    return cells_init(&ids->cells, CELLS_AT_FIRST);
}

void ids_finish(struct ids *ids)
{
    cells_finish(&ids->cells);
    cells_finish(&ids->old);
    table_finish(&ids->keys);
    free(ids->released);
    arena_finish(&ids->arena);
    *ids = (struct ids){0};
}

uint32_t ids_count(const struct ids *ids)
{
    return ids->bound - ids->released_count;
}

static uint32_t find(const struct ids *ids, struct text id, uint32_t hash)
{
    uint32_t at = place_of(ids, &ids->cells, id, hash);
    if (at != UINT32_MAX)
        return slot_in(ids->cells.at[at]);
    if (ids->old.at == NULL)
        return SLOT_NONE;
    at = place_of(ids, &ids->old, id, hash);
    return at == UINT32_MAX ? SLOT_NONE : slot_in(ids->old.at[at]);
}

uint32_t ids_find(const struct ids *ids, struct text id)
{
    return id.size == 0 ? SLOT_NONE : find(ids, id, hash_of(ids, id));
}

/* 0 where a search for the hash ends, else 1. */
static uint32_t goes_on(const struct ids_cells *cells, uint32_t at, uint32_t hash)
{
    uint64_t cell = cells->at[at & cells->mask];
    return (uint32_t)((cell != 0) & (hash_in(cell) != hash));
}

/* Most are in the first cell or the next one; which, no branch can tell beforehand. */
uint32_t ids_guess(const struct ids *ids, uint32_t hash)
{
    const struct ids_cells *cells = &ids->cells;
    uint32_t at = hash + goes_on(cells, hash, hash);
    while (goes_on(cells, at, hash) != 0)
        at++;
    return slot_in(cells->at[at & cells->mask]); /* SLOT_NONE of an empty one */
}

uint32_t ids_find_unguessed(const struct ids *ids, struct text id, uint32_t hash)
{
    return id.size == 0 ? SLOT_NONE : find(ids, id, hash);
}

uint32_t ids_intern(struct ids *ids, struct text id, bool *added)
{
    uint32_t hash = hash_of(ids, id);
    uint32_t slot = find(ids, id, hash);
    *added = slot == SLOT_NONE;
    if (!*added)
        return slot;
    if (make_room(ids) != STATUS_OK)
        return SLOT_NONE;
    move_some(ids, MOVED_AT_A_TIME);
    slot = ids->released_count > 0 ? ids->released[ids->released_count - 1] : ids->bound;
    if (table_grow(&ids->keys, slot + 1) != STATUS_OK || set_key(ids, slot, id) != STATUS_OK)
        return SLOT_NONE;
    if (ids->released_count > 0)
        ids->released_count--;
    else
        ids->bound++;
    put(&ids->cells, cell_with(hash, slot));
    return slot;
}

/* Closes the gap that an emptied cell leaves in its run (Knuth vol. 3, 6.4, algorithm R). */
static void close_gap(const struct ids *ids, uint32_t gap)
{
    const struct ids_cells *cells = &ids->cells;
    for (uint32_t at = (gap + 1) & cells->mask; cells->at[at] != 0; at = (at + 1) & cells->mask) {
        uint32_t home = hash_in(cells->at[at]) & cells->mask;
        if (((at - home) & cells->mask) >= ((at - gap) & cells->mask)) {
            cells->at[gap] = cells->at[at];
            gap = at;
        }
    }
    cells->at[gap] = 0;
}

static bool push_released(struct ids *ids, uint32_t slot)
{
    if (ids->released_count == ids->released_room) {
        uint32_t room = ids->released_room == 0 ? 64 : 2 * ids->released_room;
        uint32_t *grown = realloc(ids->released, room * sizeof *grown);
        if (grown == NULL)
            return false;
        ids->released = grown;
        ids->released_room = room;
    }
    ids->released[ids->released_count++] = slot;
    return true;
}

void ids_release(struct ids *ids, uint32_t slot)
{
    struct text id = ids_text(ids, slot);
    move_some(ids, UINT32_MAX);
    close_gap(ids, place_of(ids, &ids->cells, id, hash_of(ids, id)));
    clear_key(ids, slot);
    push_released(ids, slot); /* without memory the slot is lost, and nothing else */
}

size_t ids_bytes(const struct ids *ids)
{
    enum { CELLS_EACH = 2 * sizeof(uint64_t) }; /* between 4/3 and 8/3 */
    return ids_count(ids) * (sizeof(struct ids_key) + CELLS_EACH) + ids->far_bytes;
}

/* ---- keeping: the keys, those of long ids without the pointer; the long ids; the released ---- */

static enum status save_keys(const struct ids *ids, struct state_writer *writer)
{
    struct ids_key keys[KEY_BATCH];
    enum status status = STATUS_OK;
    for (uint32_t first = 0; first < ids->bound && status == STATUS_OK; first += KEY_BATCH) {
        uint32_t left = ids->bound - first, count = left < KEY_BATCH ? left : KEY_BATCH;
        for (uint32_t n = 0; n < count; n++) {
            keys[n] = *key_of(ids, first + n);
            if (keys[n].size > ID_BYTES_SHORT)
                memset(keys[n].text, 0, sizeof keys[n].text);
        }
        status = writer->write(writer, keys, count * sizeof *keys);
    }
    return status;
}

static enum status save_long(const struct ids *ids, struct state_writer *writer)
{
    enum status status = STATUS_OK;
    for (uint32_t slot = 0; slot < ids->bound && status == STATUS_OK; slot++) {
        struct text id = ids_text(ids, slot);
        if (id.size > ID_BYTES_SHORT)
            status = writer->write(writer, id.at, id.size);
    }
    return status;
}

enum status ids_save(const struct ids *ids, struct state_writer *writer)
{
    uint32_t head[2] = {ids->bound, ids->released_count};
    enum status status = writer->write(writer, head, sizeof head);
    if (status == STATUS_OK)
        status = save_keys(ids, writer);
    if (status == STATUS_OK)
        status = save_long(ids, writer);
    if (status == STATUS_OK && ids->released_count > 0)
        status = writer->write(writer, ids->released, ids->released_count * sizeof *ids->released);
    return status;
}

static enum status load_long(struct ids *ids, struct state_reader *reader)
{
    enum status status = STATUS_OK;
    for (uint32_t slot = 0; slot < ids->bound && status == STATUS_OK; slot++) {
        char id[ID_BYTES_MAX];
        uint32_t size = key_of(ids, slot)->size;
        if (size <= ID_BYTES_SHORT)
            continue;
        status = reader->read(reader, id, size);
        if (status == STATUS_OK)
            status = set_key(ids, slot, (struct text){id, size});
    }
    return status;
}

/* Slots without an id, each once: they are marked as long as this takes. */
static enum status load_released(struct ids *ids, uint32_t count, struct state_reader *reader)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; status == STATUS_OK && n < count; n++) {
        uint32_t slot;
        status = reader->read(reader, &slot, sizeof slot);
        if (status == STATUS_OK &&
            (slot >= ids->bound || key_of(ids, slot)->size != 0 || key_of(ids, slot)->text[0] != 0))
            status = STATUS_BAD_DATA;
        if (status == STATUS_OK && !push_released(ids, slot))
            status = STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            key_of(ids, slot)->text[0] = 1;
    }
    for (uint32_t n = 0; n < ids->released_count; n++)
        key_of(ids, ids->released[n])->text[0] = 0;
    return status;
}

enum status ids_load(struct ids *ids, struct state_reader *reader)
{
    uint32_t head[2];
    enum status status = reader->read(reader, head, sizeof head);
    if (status == STATUS_OK)
        status = table_load(&ids->keys, head[0], reader);
    if (status != STATUS_OK)
        return status;
    ids->bound = head[0];
    status = load_long(ids, reader);
    return status == STATUS_OK ? load_released(ids, head[1], reader) : status;
}

/* hash_of() again for the short id of a key, whose bytes after the id are zero: else it is false,
 * and so it is for one with no bytes at all. */
static bool hash_key(const struct ids *ids, const struct ids_key *key, uint32_t *hash)
{
    uint64_t low = word_at((const char *)key), high = word_at((const char *)key + 8);
    uint32_t size = key->size, bits = 8 * (size & 7);
    uint64_t first = low >> 8 | high << 56, rest = high >> 8;
    uint64_t after = size < 8 ? first >> bits | high : rest >> bits;
    uint64_t h = random_mix(ids->seed ^ size ^ first);
    *hash = (uint32_t)(size < 8 ? h : random_mix(h ^ rest));
    return size - 1 < ID_BYTES_SHORT && after == 0;
}

/* False: the id is there already. */
static bool put_new(const struct ids *ids, uint32_t hash, uint32_t slot)
{
    const struct ids_cells *cells = &ids->cells;
    uint32_t at = hash & cells->mask;
    for (uint64_t cell; (cell = cells->at[at]) != 0; at = (at + 1) & cells->mask)
        if (hash_in(cell) == hash && is_equal(ids_text(ids, slot_in(cell)), ids_text(ids, slot)))
            return false;
    cells->at[at] = cell_with(hash, slot);
    return true;
}

/* Of the ids from `first` on. */
static enum status index_some(const struct ids *ids, uint32_t first, uint32_t count)
{
    uint32_t hash[INDEXED_AT_A_TIME];
    for (uint32_t n = 0; n < count; n++) {
        const struct ids_key *key = key_of(ids, first + n);
        if (!hash_key(ids, key, &hash[n])) {
            if (key->size > 0 && key->size <= ID_BYTES_SHORT)
                return STATUS_BAD_DATA;
            hash[n] = hash_of(ids, ids_text(ids, first + n));
        }
        fetch_line(&ids->cells.at[hash[n] & ids->cells.mask]);
    }
    for (uint32_t n = 0; n < count; n++)
        if (key_of(ids, first + n)->size > 0 && !put_new(ids, hash[n], first + n))
            return STATUS_BAD_DATA;
    return STATUS_OK;
}

/* All cells at once, each fetched some ids before it is filled; no id may be there twice. */
enum status ids_index(struct ids *ids)
{
    uint64_t room = CELLS_AT_FIRST;
    while (4 * ((uint64_t)ids->bound + 1) > 3 * room)
        room *= 2;
    cells_finish(&ids->cells);
    if (room > CELLS_MOST || cells_init(&ids->cells, (uint32_t)room) != STATUS_OK)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    for (uint32_t first = 0, count; first < ids->bound && status == STATUS_OK; first += count) {
        uint32_t left = ids->bound - first;
        count = left < INDEXED_AT_A_TIME ? left : INDEXED_AT_A_TIME;
        status = index_some(ids, first, count);
    }
    return status;
}
