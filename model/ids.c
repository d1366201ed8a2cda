#include "model/ids.h"

#include "model/random.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_AT_FIRST = 1024 };

static uint32_t hash_of(const struct ids *ids, struct text id)
{
    uint64_t h = ids->seed ^ id.size;
    uint32_t at = 0;
    for (; at + 8 <= id.size; at += 8) {
        uint64_t word;
        memcpy(&word, id.at + at, 8);
        h = random_mix(h ^ word);
    }
    uint64_t rest = 0;
    memcpy(&rest, id.at + at, id.size - at);
    return (uint32_t)random_mix(h ^ rest);
}

enum status ids_init(struct ids *ids, uint64_t seed)
{
    *ids = (struct ids){.seed = seed, .cell_mask = CELLS_AT_FIRST - 1};
    ids->cells = calloc(CELLS_AT_FIRST, sizeof *ids->cells);
    return ids->cells == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void ids_finish(struct ids *ids)
{
    free(ids->cells);
    free(ids->keys);
    free(ids->released);
    free(ids->arena);
    *ids = (struct ids){0};
}

struct text ids_text(const struct ids *ids, uint32_t slot)
{
    if (slot >= ids->bound || ids->keys[slot].size == 0)
        return (struct text){NULL, 0};
    return (struct text){ids->arena + ids->keys[slot].offset, ids->keys[slot].size};
}

/* The cell that holds the id, or the empty one where it would go. */
static uint32_t cell_of(const struct ids *ids, struct text id, uint32_t hash)
{
    uint32_t cell = hash & ids->cell_mask;
    for (;; cell = (cell + 1) & ids->cell_mask) {
        uint32_t held = ids->cells[cell];
        if (held == 0 ||
            (ids->keys[held - 1].hash == hash && text_equal(ids_text(ids, held - 1), id)))
            return cell;
    }
}

uint32_t ids_find(const struct ids *ids, struct text id)
{
    return ids->cells[cell_of(ids, id, hash_of(ids, id))] - 1; /* 0 - 1 is SLOT_NONE */
}

uint32_t ids_count(const struct ids *ids)
{
    return ids->bound - ids->released_count;
}

static enum status rehash(struct ids *ids, uint32_t cells)
{
    uint32_t *fresh = calloc(cells, sizeof *fresh);
    if (fresh == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t slot = 0; slot < ids->bound; slot++) {
        if (ids->keys[slot].size == 0)
            continue;
        uint32_t cell = ids->keys[slot].hash & (cells - 1);
        while (fresh[cell] != 0)
            cell = (cell + 1) & (cells - 1);
        fresh[cell] = slot + 1;
    }
    free(ids->cells);
    ids->cells = fresh;
    ids->cell_mask = cells - 1;
    return STATUS_OK;
}

static enum status room_for_keys(struct ids *ids, uint32_t count)
{
    if (count <= ids->key_room)
        return STATUS_OK;
    uint32_t room = ids->key_room == 0 ? 1024 : ids->key_room;
    while (room < count)
        room += room / 2;
    struct ids_key *grown = realloc(ids->keys, room * sizeof *grown);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    ids->keys = grown;
    ids->key_room = room;
    return STATUS_OK;
}

static enum status room_in_arena(struct ids *ids, uint64_t bytes)
{
    uint64_t room = ids->arena_room == 0 ? 16384 : ids->arena_room;
    while (room < ids->arena_used + bytes)
        room += room / 2;
    if (room == ids->arena_room)
        return STATUS_OK;
    char *grown = realloc(ids->arena, room);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    ids->arena = grown;
    ids->arena_room = room;
    return STATUS_OK;
}

/* Drops the wiped keys once they are more than half of the arena. */
static void compact_arena(struct ids *ids)
{
    if (ids->arena_wasted < 65536 || ids->arena_wasted < ids->arena_used / 2)
        return;
    char *fresh = malloc(ids->arena_room);
    if (fresh == NULL)
        return; /* only costs memory */
    uint64_t used = 0;
    for (uint32_t slot = 0; slot < ids->bound; slot++) {
        struct ids_key *key = &ids->keys[slot];
        if (key->size > 0)
            memcpy(fresh + used, ids->arena + key->offset, key->size);
        key->offset = used;
        used += key->size;
    }
    free(ids->arena);
    ids->arena = fresh;
    ids->arena_used = used;
    ids->arena_wasted = 0;
}

uint32_t ids_intern(struct ids *ids, struct text id, bool *added)
{
    uint32_t hash = hash_of(ids, id);
    uint32_t cell = cell_of(ids, id, hash);
    *added = ids->cells[cell] == 0;
    if (!*added)
        return ids->cells[cell] - 1;
    if (ids_count(ids) >= ids->cell_mask / 2) {
        if (rehash(ids, 2 * (ids->cell_mask + 1)) != STATUS_OK)
            return SLOT_NONE;
        cell = cell_of(ids, id, hash);
    }
    if (room_for_keys(ids, ids->bound + 1) != STATUS_OK || room_in_arena(ids, id.size) != STATUS_OK)
        return SLOT_NONE;
    uint32_t slot = ids->released_count > 0 ? ids->released[--ids->released_count] : ids->bound++;
    memcpy(ids->arena + ids->arena_used, id.at, id.size);
    ids->keys[slot] =
        (struct ids_key){.offset = ids->arena_used, .hash = hash, .size = (uint8_t)id.size};
    ids->arena_used += id.size;
    ids->cells[cell] = slot + 1;
    return slot;
}

/* Closes the gap that an emptied cell leaves in its run (Knuth vol. 3, 6.4, algorithm R). */
static void close_gap(struct ids *ids, uint32_t gap)
{
    for (uint32_t cell = (gap + 1) & ids->cell_mask; ids->cells[cell] != 0;
         cell = (cell + 1) & ids->cell_mask) {
        uint32_t home = ids->keys[ids->cells[cell] - 1].hash & ids->cell_mask;
        if (((cell - home) & ids->cell_mask) >= ((cell - gap) & ids->cell_mask)) {
            ids->cells[gap] = ids->cells[cell];
            gap = cell;
        }
    }
    ids->cells[gap] = 0;
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
    struct ids_key *key = &ids->keys[slot];
    close_gap(ids, cell_of(ids, ids_text(ids, slot), key->hash));
    memset(ids->arena + key->offset, 0, key->size);
    ids->arena_wasted += key->size;
    *key = (struct ids_key){0};
    push_released(ids, slot); /* without memory the slot is lost, and nothing else */
    compact_arena(ids);
}

size_t ids_bytes(const struct ids *ids)
{
    return ((size_t)ids->cell_mask + 1) * sizeof *ids->cells + ids->key_room * sizeof *ids->keys +
           ids->released_room * sizeof *ids->released + ids->arena_room;
}

enum status ids_save(const struct ids *ids, struct state_writer *writer)
{
    uint32_t head[2] = {ids->bound, ids->released_count};
    enum status status = writer->write(writer, head, sizeof head);
    for (uint32_t slot = 0; slot < ids->bound && status == STATUS_OK; slot++) {
        struct text id = ids_text(ids, slot);
        char bytes[1 + ID_BYTES_MAX];
        bytes[0] = (char)id.size;
        if (id.size > 0)
            memcpy(bytes + 1, id.at, id.size);
        status = writer->write(writer, bytes, 1 + id.size);
    }
    if (status == STATUS_OK && ids->released_count > 0)
        status = writer->write(writer, ids->released, ids->released_count * sizeof *ids->released);
    return status;
}

/* One slot's key, placed as ids_intern() would. */
static enum status load_key(struct ids *ids, uint32_t slot, struct state_reader *reader)
{
    uint8_t size;
    char bytes[ID_BYTES_MAX];
    enum status status = reader->read(reader, &size, 1);
    if (status == STATUS_OK && size > 0)
        status = reader->read(reader, bytes, size);
    if (status == STATUS_OK)
        status = room_for_keys(ids, slot + 1);
    if (status == STATUS_OK)
        status = room_in_arena(ids, size);
    if (status != STATUS_OK)
        return status;
    struct text id = {bytes, size};
    ids->keys[slot] = (struct ids_key){.offset = ids->arena_used, .size = size};
    ids->keys[slot].hash = size > 0 ? hash_of(ids, id) : 0;
    if (size > 0)
        memcpy(ids->arena + ids->arena_used, bytes, size);
    ids->arena_used += size;
    ids->bound = slot + 1;
    return STATUS_OK;
}

enum status ids_load(struct ids *ids, struct state_reader *reader)
{
    uint32_t head[2];
    enum status status = reader->read(reader, head, sizeof head);
    for (uint32_t slot = 0; status == STATUS_OK && slot < head[0]; slot++)
        status = load_key(ids, slot, reader);
    for (uint32_t n = 0; status == STATUS_OK && n < head[1]; n++) {
        uint32_t slot;
        status = reader->read(reader, &slot, sizeof slot);
        if (status == STATUS_OK && (slot >= ids->bound || ids->keys[slot].size != 0))
            status = STATUS_BAD_DATA;
        if (status == STATUS_OK && !push_released(ids, slot))
            status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK)
        return status;
    uint32_t cells = CELLS_AT_FIRST;
    while (ids_count(ids) >= (cells - 1) / 2)
        cells *= 2;
    return rehash(ids, cells);
}
