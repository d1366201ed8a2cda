#include "model/table.h"

#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, size_t row_bytes)
{
    *table = (struct table){.row_bytes = row_bytes};
}

void table_finish(struct table *table)
{
    for (uint32_t b = 0; b < table->blocks; b++)
        free(table->block[b]);
    free(table->block);
    table_init(table, table->row_bytes);
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
    size_t bytes = (TABLE_BLOCK_ROWS * table->row_bytes + 63) / 64 * 64;
    unsigned char *block = aligned_alloc(64, bytes);
    if (block == NULL)
        return STATUS_NO_MEMORY;
    memset(block, 0, bytes);
    table->block[table->blocks++] = block;
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

static uint32_t rows_in_block(uint32_t first, uint32_t rows)
{
    return rows - first < TABLE_BLOCK_ROWS ? rows - first : TABLE_BLOCK_ROWS;
}

enum status table_save(const struct table *table, uint32_t rows, struct state_writer *writer)
{
    for (uint32_t first = 0; first < rows; first += TABLE_BLOCK_ROWS) {
        enum status status = writer->write(writer, table_row(table, first),
                                           rows_in_block(first, rows) * table->row_bytes);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status table_load(struct table *table, uint32_t rows, struct state_reader *reader)
{
    for (uint32_t first = 0; first < rows; first += TABLE_BLOCK_ROWS) {
        uint32_t count = rows_in_block(first, rows);
        enum status status = table_grow(table, first + count);
        if (status == STATUS_OK)
            status = reader->read(reader, table_row(table, first), count * table->row_bytes);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
