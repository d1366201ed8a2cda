#include "model/dedupe.h"

#include "model/random.h"

#include <stdlib.h>

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

enum status dedupe_init(struct dedupe *dedupe, uint32_t size)
{
    *dedupe = (struct dedupe){.size = size};
    if (size == 0)
        return STATUS_OK;
    uint32_t cells = 16;
    while (cells < 2 * size)
        cells *= 2;
    dedupe->cell_mask = cells - 1;
    dedupe->ring = calloc(size, sizeof *dedupe->ring);
    dedupe->cells = calloc(cells, sizeof *dedupe->cells);
    if (dedupe->ring != NULL && dedupe->cells != NULL)
        return STATUS_OK;
    dedupe_finish(dedupe);
    return STATUS_NO_MEMORY;
}

void dedupe_finish(struct dedupe *dedupe)
{
    free(dedupe->ring);
    free(dedupe->cells);
    *dedupe = (struct dedupe){0};
}

static uint32_t cell_of(const struct dedupe *dedupe, uint64_t hash)
{
    uint32_t cell = (uint32_t)hash & dedupe->cell_mask;
    while (dedupe->cells[cell] != 0 && dedupe->cells[cell] != hash)
        cell = (cell + 1) & dedupe->cell_mask;
    return cell;
}

bool dedupe_knows(const struct dedupe *dedupe, struct text id)
{
    return dedupe->size > 0 && dedupe->cells[cell_of(dedupe, hash_of(id))] != 0;
}

static void drop(struct dedupe *dedupe, uint64_t hash)
{
    uint32_t mask = dedupe->cell_mask, gap = cell_of(dedupe, hash);
    for (uint32_t cell = (gap + 1) & mask; dedupe->cells[cell] != 0; cell = (cell + 1) & mask) {
        uint32_t home = (uint32_t)dedupe->cells[cell] & mask;
        if (((cell - home) & mask) >= ((cell - gap) & mask)) {
            dedupe->cells[gap] = dedupe->cells[cell];
            gap = cell;
        }
    }
    dedupe->cells[gap] = 0;
}

static void push_hash(struct dedupe *dedupe, uint64_t hash)
{
    uint64_t *place = &dedupe->ring[dedupe->pushed % dedupe->size];
    if (*place != 0)
        drop(dedupe, *place);
    *place = hash;
    dedupe->cells[cell_of(dedupe, hash)] = hash;
    dedupe->pushed++;
}

void dedupe_push(struct dedupe *dedupe, struct text id)
{
    if (dedupe->size > 0 && !dedupe_knows(dedupe, id))
        push_hash(dedupe, hash_of(id));
}

size_t dedupe_bytes(const struct dedupe *dedupe)
{
    return dedupe->size * sizeof *dedupe->ring +
           (dedupe->size > 0 ? (dedupe->cell_mask + 1u) * sizeof *dedupe->cells : 0);
}

enum status dedupe_save(const struct dedupe *dedupe, struct state_writer *writer)
{
    enum status status = writer->write(writer, &dedupe->pushed, sizeof dedupe->pushed);
    uint64_t held = dedupe->pushed < dedupe->size ? dedupe->pushed : dedupe->size;
    for (uint64_t n = dedupe->pushed - held; status == STATUS_OK && n < dedupe->pushed; n++)
        status = writer->write(writer, &dedupe->ring[n % dedupe->size], sizeof *dedupe->ring);
    return status;
}

enum status dedupe_load(struct dedupe *dedupe, struct state_reader *reader)
{
    uint64_t pushed;
    enum status status = reader->read(reader, &pushed, sizeof pushed);
    if (status != STATUS_OK)
        return status;
    uint64_t held = pushed < dedupe->size ? pushed : dedupe->size;
    dedupe->pushed = pushed - held;
    for (uint64_t n = 0; n < held && status == STATUS_OK; n++) {
        uint64_t hash;
        status = reader->read(reader, &hash, sizeof hash);
        if (status == STATUS_OK)
            push_hash(dedupe, hash);
    }
    return status;
}
