#include "model/table.h"

#include "model/pages.h"
#include "model/plausible.h"

#include <stdlib.h>

/* A table takes single blocks until it has so many bytes, from then on as much again each time. */
#define SMALL_TABLE ((size_t)1 << 20)
#define EXTENT_MOST ((size_t)1 << 28)

void table_init(struct table *table, size_t row_bytes)
{
    *table = (struct table){.row_bytes = row_bytes};
}

void table_finish(struct table *table)
{
    for (uint32_t n = 0; n < table->extents; n++)
        pages_give(table->extent[n].at, table->extent[n].bytes);
    free(table->extent);
    free(table->block);
    table_init(table, table->row_bytes);
}

static size_t block_bytes(const struct table *table)
{
    return (TABLE_BLOCK_ROWS * table->row_bytes + 63) / 64 * 64;
}

static size_t extent_bytes(const struct table *table)
{
    size_t block = block_bytes(table), there = table->reserved * block;
    if (there + block <= SMALL_TABLE)
        return block;
    size_t bytes = there < PAGES_HUGE ? PAGES_HUGE : there < EXTENT_MOST ? there : EXTENT_MOST;
    bytes = bytes < block ? block : bytes;
    return (bytes + PAGES_HUGE - 1) / PAGES_HUGE * PAGES_HUGE;
}

static enum status add_extent(struct table *table, size_t bytes)
{
    if (table->extents == table->extent_room) {
        uint32_t room = table->extent_room == 0 ? 4 : 2 * table->extent_room;
        struct table_extent *grown = realloc(table->extent, room * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        table->extent = grown;
        table->extent_room = room;
    }
    unsigned char *at = pages_take(bytes);
    if (at == NULL)
        return STATUS_NO_MEMORY;
    table->extent[table->extents++] = (struct table_extent){at, bytes};
    table->reserved += (uint32_t)(bytes / block_bytes(table));
    return STATUS_OK;
}

static enum status add_block(struct table *table)
{
    if (table->blocks == table->block_room) {
        uint32_t room = table->block_room == 0 ? 16 : 2 * table->block_room;
        unsigned char **grown = realloc(table->block, room * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        table->block = grown;
        table->block_room = room;
    }
    if (table->blocks == table->reserved && add_extent(table, extent_bytes(table)) != STATUS_OK)
        return STATUS_NO_MEMORY;
    const struct table_extent *last = &table->extent[table->extents - 1];
    size_t block = block_bytes(table), left = table->reserved - table->blocks;
    unsigned char *at = last->at + (last->bytes / block - left) * block;
    table->block[table->blocks++] = at;
    pages_advance(at, at + block, last->at + last->bytes);
    return STATUS_OK;
}

enum status table_grow(struct table *table, uint32_t rows)
{
    while ((uint64_t)table->blocks * TABLE_BLOCK_ROWS < rows) {
        enum status status = add_block(table);
        if (status != STATUS_OK)
            return status;
    }
    if (rows > table->rows)
        table->rows = rows;
    return STATUS_OK;
}

size_t table_bytes(const struct table *table)
{
    return (size_t)table->blocks * TABLE_BLOCK_ROWS * table->row_bytes +
           table->block_room * sizeof *table->block;
}

/* The end of the rows that follow `first` without a gap, at most `rows`. */
static uint32_t end_of_run(const struct table *table, uint32_t first, uint32_t rows)
{
    uint32_t block = first / TABLE_BLOCK_ROWS;
    uint64_t end = ((uint64_t)block + 1) * TABLE_BLOCK_ROWS;
    while (end < rows && table->block[block + 1] == table->block[block] + block_bytes(table)) {
        end += TABLE_BLOCK_ROWS;
        block++;
    }
    return end < rows ? (uint32_t)end : rows;
}

enum status table_save(const struct table *table, uint32_t rows, struct state_writer *writer)
{
    enum status status = STATUS_OK;
    for (uint32_t first = 0, end; first < rows && status == STATUS_OK; first = end) {
        end = end_of_run(table, first, rows);
        status = writer->write(writer, table_row(table, first), (end - first) * table->row_bytes);
    }
    return status;
}

/* Into an empty table all rows come as one run, which the reader brings straight to its place. */
enum status table_expect(struct table *table, uint32_t rows, struct state_reader *reader)
{
    size_t blocks = ((size_t)rows + TABLE_BLOCK_ROWS - 1) / TABLE_BLOCK_ROWS;
    if (rows * table->row_bytes > reader->left(reader))
        return STATUS_BAD_DATA;
    if (table->blocks == 0 && blocks > 0 &&
        add_extent(table, blocks * block_bytes(table)) != STATUS_OK)
        return STATUS_NO_MEMORY;
    enum status status = table_grow(table, rows);
    for (uint32_t first = 0, end; first < rows && status == STATUS_OK; first = end) {
        end = end_of_run(table, first, rows);
        status = state_expect(reader, table_row(table, first), (end - first) * table->row_bytes);
    }
    return status;
}

enum status table_load(struct table *table, uint32_t rows, struct state_reader *reader)
{
    enum status status = table->rows < rows ? table_expect(table, rows, reader) : STATUS_OK;
    for (uint32_t first = 0, end; first < rows && status == STATUS_OK; first = end) {
        end = end_of_run(table, first, rows);
        status = reader->read(reader, table_row(table, first), (end - first) * table->row_bytes);
    }
    return status;
}

/* These lie one after the other: they were loaded in one run. */
bool table_floats_can_be(const struct table *table, uint32_t first, uint32_t end)
{
    return floats_can_be(table_floats(table, first),
                         (end - first) * table->row_bytes / sizeof(float));
}

/* While they are in the cache, and the reader fetches the next ones. */
enum status table_load_checked(struct table *table, uint32_t rows, struct state_reader *reader,
                               table_can_be *can_be)
{
    const uint32_t at_a_time = (uint32_t)(((size_t)1 << 20) / table->row_bytes) + 1;
    enum status status = table->rows < rows ? table_expect(table, rows, reader) : STATUS_OK;
    for (uint32_t first = 0, end; first < rows && status == STATUS_OK; first = end) {
        uint32_t left = rows - first;
        end = end_of_run(table, first, first + (left < at_a_time ? left : at_a_time));
        status = reader->read(reader, table_row(table, first), (end - first) * table->row_bytes);
        if (status == STATUS_OK && !can_be(table, first, end))
            status = STATUS_BAD_DATA;
    }
    return status;
}
