/*
 * Rows of equal size that grow without moving: a row's address holds for the life of the table.
 * Blocks of TABLE_BLOCK_ROWS rows, each aligned to 64 bytes and zeroed; a big table takes many
 * blocks at a time, in huge pages (pages.h), and has them touched only as its rows are.
 */
#ifndef MODEL_TABLE_H
#define MODEL_TABLE_H

#include "model/fetch.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum { TABLE_BLOCK_ROWS = 1024 };

struct table_extent {
    unsigned char *at;
    size_t bytes;
};

struct table {
    size_t row_bytes; /* a multiple of 4 */
    uint32_t rows, blocks, block_room;
    uint32_t reserved; /* blocks in all extents; the rest of the last one is for growing */
    unsigned char **block;
    uint32_t extents, extent_room;
    struct table_extent *extent;
};

void table_init(struct table *table, size_t row_bytes);
void table_finish(struct table *table);
/* Makes sure that rows 0..rows-1 exist; new ones are zero. */
enum status table_grow(struct table *table, uint32_t rows);
size_t table_bytes(const struct table *table);
enum status table_save(const struct table *table, uint32_t rows, struct state_writer *writer);
/* Best into an empty table, whose rows then come in one piece. No memory is taken for more rows
 * than the reader has left. */
enum status table_load(struct table *table, uint32_t rows, struct state_reader *reader);
/* The same, with rows first..end-1 looked at as they come, by which they may be STATUS_BAD_DATA. */
typedef bool table_can_be(const struct table *table, uint32_t first, uint32_t end);
enum status table_load_checked(struct table *table, uint32_t rows, struct state_reader *reader,
                               table_can_be *can_be);
/* For rows of floats, by plausible.h. */
bool table_floats_can_be(const struct table *table, uint32_t first, uint32_t end);
/* Before table_load(): takes the memory, and has the reader begin with it. */
enum status table_expect(struct table *table, uint32_t rows, struct state_reader *reader);

static inline void *table_row(const struct table *table, uint32_t row)
{
    return table->block[row / TABLE_BLOCK_ROWS] +
           (size_t)(row % TABLE_BLOCK_ROWS) * table->row_bytes;
}

/* Brings a row near that is soon worked on: one that is in a single cache line. */
static inline void table_fetch_line(const struct table *table, uint32_t row)
{
    fetch_line(table_row(table, row));
}

/* One of at most 64 bytes that may lie in two lines: no branch tells beforehand which do. */
static inline void table_fetch_ends(const struct table *table, uint32_t row)
{
    const char *at = table_row(table, row);
    fetch_line(at);
    fetch_line(at + table->row_bytes - 1);
}

/* Any row: its first 512 bytes, if it has so many. */
static inline void table_fetch_at(const struct table *table, const void *row)
{
    fetch_lines(row, table->row_bytes < 512 ? table->row_bytes : 512);
}

static inline void table_fetch(const struct table *table, uint32_t row)
{
    table_fetch_at(table, table_row(table, row));
}

static inline float *table_floats(const struct table *table, uint32_t row)
{
    return table_row(table, row);
}

#endif
