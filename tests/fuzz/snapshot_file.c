/*
 * The snapshot's reader against any file. Each input is tried as it is, and once more with its
 * frame and sums put right, so that what lies behind them is reached too.
 */
#include "transport/snapshot_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) /* also where assert() is compiled out */
{
    if (!holds)
        abort();
}

/* Every section of a file that opens can be read, in pieces, to its end and no further. */
static void read_all(struct snapshot_reader *reader)
{
    char bytes[97];
    for (uint32_t i = 0; i < snapshot_count(reader); i++) {
        struct snapshot_part part = snapshot_part_at(reader, i);
        struct state_reader *from = snapshot_find(reader, part.tag);
        must(from != NULL);
        for (uint64_t left = snapshot_left(reader); left > 0; left = snapshot_left(reader)) {
            enum status status = from->read(from, bytes, left < 97 ? (size_t)left : 97);
            must(status == STATUS_OK);
        }
        must(from->read(from, bytes, 1) == STATUS_BAD_DATA);
    }
}

static void try_file(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("snapshot", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort();
    struct snapshot_reader *reader = NULL;
    struct error error = {.status = STATUS_OK};
    enum status status = snapshot_open(path, &reader, &error);
    must(status == error.status);
    if (status == STATUS_OK)
        read_all(reader);
    else
        must(reader == NULL && status == STATUS_BAD_DATA && error.text[0] != '\0');
    snapshot_close(reader);
}

static void put_sums_right(uint8_t *data, size_t size, XXH3_state_t *hasher)
{
    struct snapshot_header header = {.byte_order = SNAPSHOT_BYTE_ORDER, .format = SNAPSHOT_FORMAT};
    struct snapshot_end end;
    struct snapshot_entry table[SNAPSHOT_SECTIONS_MAX];
    memcpy(header.magic, SNAPSHOT_MAGIC, sizeof header.magic);
    memcpy(data, &header, sizeof header);
    memcpy(&end, data + size - sizeof end, sizeof end);
    memcpy(end.magic, SNAPSHOT_END_MAGIC, sizeof end.magic);
    end.bytes = size;
    end.count %= 4; /* few enough to fit */
    size_t table_bytes = end.count * sizeof table[0];
    if (table_bytes > size - sizeof header - sizeof end)
        return;
    uint8_t *at = data + size - sizeof end - table_bytes;
    memcpy(table, at, table_bytes);
    uint64_t offset = sizeof header;
    for (uint64_t i = 0; i < end.count; i++) {
        struct snapshot_entry *entry = &table[i];
        if (entry->zero % 4 != 3) /* the places too, but not always */
            entry->offset = offset;
        if (entry->zero % 8 < 6 && i + 1 == end.count)
            entry->bytes = (uint64_t)(at - data) - offset;
        if (entry->offset > size || entry->bytes > size - entry->offset)
            continue;
        XXH128_hash_t sum = XXH3_128bits(data + entry->offset, (size_t)entry->bytes);
        entry->sum = (struct snapshot_sum){sum.low64, sum.high64};
        offset = entry->offset + entry->bytes;
    }
    memcpy(at, table, table_bytes);
    end.sum = snapshot_frame_sum(hasher, &header, table, &end);
    memcpy(data + size - sizeof end, &end, sizeof end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(data, size);
    if (size < sizeof(struct snapshot_header) + sizeof(struct snapshot_end))
        return 0;
    uint8_t *copy = malloc(size);
    XXH3_state_t *hasher = XXH3_createState();
    if (copy == NULL || hasher == NULL)
        abort();
    memcpy(copy, data, size);
    put_sums_right(copy, size, hasher);
    try_file(copy, size);
    XXH3_freeState(hasher);
    free(copy);
    return 0;
}
