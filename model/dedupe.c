#include "model/dedupe.h"

#include "model/random.h"

#include <stdlib.h>

enum { ROOM_MIN = 16 };

static uint64_t hash_of(struct text id)
{
    uint64_t h = id.size;
    uint32_t at = 0;
    for (; at + 8 <= id.size; at += 8) {
        uint64_t word;
        memcpy(&word, id.at + at, 8);
        h = random_mix(h + word + 0x9e3779b97f4a7c15u);
    }
    uint64_t rest = 0;
    memcpy(&rest, id.at + at, id.size - at);
    h = random_mix(h ^ random_mix(rest + 0x2545f4914f6cdd1du));
    return h == 0 ? 1 : h;
}

void dedupe_init(struct dedupe *dedupe, uint32_t size)
{
    *dedupe = (struct dedupe){.size = size};
}

void dedupe_finish(struct dedupe *dedupe)
{
    free(dedupe->ring);
    free(dedupe->cells);
    *dedupe = (struct dedupe){0};
}

static uint32_t mask_of(const struct dedupe *dedupe)
{
    return 2 * dedupe->room - 1;
}

static uint32_t cell_of(const struct dedupe *dedupe, uint64_t hash)
{
    uint32_t mask = mask_of(dedupe), cell = (uint32_t)hash & mask;
    while (dedupe->cells[cell] != 0 && dedupe->cells[cell] != hash)
        cell = (cell + 1) & mask;
    return cell;
}

static bool holds(const struct dedupe *dedupe, uint64_t hash)
{
    return dedupe->room > 0 && dedupe->cells[cell_of(dedupe, hash)] != 0;
}

bool dedupe_knows(const struct dedupe *dedupe, struct text id)
{
    return holds(dedupe, hash_of(id));
}

static void drop(struct dedupe *dedupe, uint64_t hash)
{
    uint32_t mask = mask_of(dedupe), gap = cell_of(dedupe, hash);
    for (uint32_t cell = (gap + 1) & mask; dedupe->cells[cell] != 0; cell = (cell + 1) & mask) {
        uint32_t home = (uint32_t)dedupe->cells[cell] & mask;
        if (((cell - home) & mask) >= ((cell - gap) & mask)) {
            dedupe->cells[gap] = dedupe->cells[cell];
            gap = cell;
        }
    }
    dedupe->cells[gap] = 0;
}

/* The ring is full and in its first round: what it holds stays where it is. */
static enum status grow(struct dedupe *dedupe)
{
    uint32_t room = dedupe->room == 0 ? ROOM_MIN : 2 * dedupe->room;
    uint64_t *ring = realloc(dedupe->ring, room * sizeof *ring);
    if (ring == NULL)
        return STATUS_NO_MEMORY;
    dedupe->ring = ring;
    uint64_t *cells = calloc(2 * (size_t)room, sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    free(dedupe->cells);
    dedupe->cells = cells;
    dedupe->room = room;
    for (uint32_t n = 0; n < dedupe->held; n++)
        cells[cell_of(dedupe, ring[n])] = ring[n];
    return STATUS_OK;
}

static enum status push_hash(struct dedupe *dedupe, uint64_t hash)
{
    if (dedupe->held < dedupe->size) {
        if (dedupe->held == dedupe->room && grow(dedupe) != STATUS_OK)
            return STATUS_NO_MEMORY;
        dedupe->ring[dedupe->held++] = hash;
    } else {
        drop(dedupe, dedupe->ring[dedupe->next]);
        dedupe->ring[dedupe->next] = hash;
        dedupe->next = (dedupe->next + 1) % dedupe->size;
    }
    dedupe->cells[cell_of(dedupe, hash)] = hash;
    dedupe->pushed++;
    return STATUS_OK;
}

enum status dedupe_push(struct dedupe *dedupe, struct text id)
{
    uint64_t hash = hash_of(id);
    if (dedupe->size == 0 || holds(dedupe, hash))
        return STATUS_OK;
    return push_hash(dedupe, hash);
}

size_t dedupe_bytes(const struct dedupe *dedupe)
{
    size_t room = dedupe->size == 0 ? 0 : ROOM_MIN;
    while (room < dedupe->size)
        room *= 2;
    return 3 * room * sizeof(uint64_t);
}

enum status dedupe_save(const struct dedupe *dedupe, struct state_writer *writer)
{
    enum status status = writer->write(writer, &dedupe->pushed, sizeof dedupe->pushed);
    for (uint32_t n = 0; status == STATUS_OK && n < dedupe->held; n++) {
        uint32_t at = (uint32_t)(((uint64_t)dedupe->next + n) % dedupe->held);
        status = writer->write(writer, &dedupe->ring[at], sizeof *dedupe->ring);
    }
    return status;
}

enum status dedupe_load(struct dedupe *dedupe, struct state_reader *reader)
{
    uint64_t pushed;
    enum status status = reader->read(reader, &pushed, sizeof pushed);
    uint64_t held = status != STATUS_OK ? 0 : pushed < dedupe->size ? pushed : dedupe->size;
    for (uint64_t n = 0; n < held && status == STATUS_OK; n++) {
        uint64_t hash;
        status = reader->read(reader, &hash, sizeof hash);
        if (status == STATUS_OK && (hash == 0 || holds(dedupe, hash)))
            status = STATUS_BAD_DATA;
        if (status == STATUS_OK)
            status = push_hash(dedupe, hash);
    }
    if (status == STATUS_OK)
        dedupe->pushed = pushed;
    return status;
}
