#include "model/had.h"

#include <stdlib.h>

void had_finish(struct had *had)
{
    free(had->at);
    *had = (struct had){0};
}

static uint32_t home_of(uint32_t item, uint32_t room)
{
    return (item * 0x9e3779b1u >> 16) & (room - 1); /* room is at most 2^13 */
}

static struct had_entry *cell_of(const struct had *had, uint32_t item)
{
    uint32_t cell = home_of(item, had->room);
    while (had->at[cell].item != 0 && had->at[cell].item != item + 1)
        cell = (cell + 1) & (had->room - 1u);
    return &had->at[cell];
}

struct had_entry *had_find(const struct had *had, uint32_t item)
{
    if (had->room == 0)
        return NULL;
    struct had_entry *entry = cell_of(had, item);
    return entry->item == 0 ? NULL : entry;
}

/* Moves the entries not touched before `since` into a table of `room` cells. */
static enum status rebuild(struct had *had, uint32_t room, uint32_t since)
{
    struct had fresh = {.at = calloc(room, sizeof *fresh.at), .room = (uint16_t)room};
    if (fresh.at == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t cell = 0; cell < had->room; cell++) {
        const struct had_entry *entry = &had->at[cell];
        if (entry->item == 0 || entry->last_n < since)
            continue;
        *cell_of(&fresh, entry->item - 1) = *entry;
        fresh.size++;
    }
    free(had->at);
    *had = fresh;
    return STATUS_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The user's event count at the boundary of the oldest quarter. */
static uint32_t quarter_mark(const struct had *had)
{
    uint32_t *ages = malloc(had->size * sizeof *ages);
    if (ages == NULL)
        return 0;
    uint32_t count = 0;
    for (uint32_t cell = 0; cell < had->room; cell++)
        if (had->at[cell].item != 0)
            ages[count++] = had->at[cell].last_n;
    qsort(ages, count, sizeof *ages, compare_numbers);
    uint32_t mark = ages[count / 4];
    free(ages);
    return mark;
}

struct had_entry *had_touch(struct had *had, uint32_t item)
{
    struct had_entry *entry = had_find(had, item);
    if (entry != NULL)
        return entry;
    if (had->size >= HAD_MAX && rebuild(had, had->room, quarter_mark(had)) != STATUS_OK)
        return NULL;
    if (4u * had->size >= 3u * had->room) {
        uint32_t room = had->room == 0 ? 8 : 2u * had->room;
        if (rebuild(had, room, 0) != STATUS_OK)
            return NULL;
    }
    entry = cell_of(had, item);
    *entry = (struct had_entry){.item = item + 1};
    had->size++;
    return entry;
}

void had_remove(struct had *had, uint32_t item)
{
    struct had_entry *entry = had_find(had, item);
    if (entry == NULL)
        return;
    uint32_t mask = had->room - 1u, gap = (uint32_t)(entry - had->at);
    for (uint32_t cell = (gap + 1) & mask; had->at[cell].item != 0; cell = (cell + 1) & mask) {
        uint32_t home = home_of(had->at[cell].item - 1, had->room);
        if (((cell - home) & mask) >= ((cell - gap) & mask)) {
            had->at[gap] = had->at[cell];
            gap = cell;
        }
    }
    had->at[gap] = (struct had_entry){0};
    had->size--;
}

/* The cells as they stand: a restart must not change later layouts. */
enum status had_save(const struct had *had, struct state_writer *writer)
{
    uint16_t head[2] = {had->size, had->room};
    enum status status = writer->write(writer, head, sizeof head);
    if (status == STATUS_OK && had->room > 0)
        status = writer->write(writer, had->at, had->room * sizeof *had->at);
    return status;
}

enum status had_load(struct had *had, struct state_reader *reader)
{
    uint16_t head[2];
    *had = (struct had){0};
    enum status status = reader->read(reader, head, sizeof head);
    if (status != STATUS_OK || head[1] == 0)
        return status;
    if ((head[1] & (head[1] - 1)) != 0 || head[1] > 2 * HAD_MAX || head[0] >= head[1])
        return STATUS_BAD_DATA;
    had->at = malloc(head[1] * sizeof *had->at);
    if (had->at == NULL)
        return STATUS_NO_MEMORY;
    had->size = head[0];
    had->room = head[1];
    return reader->read(reader, had->at, had->room * sizeof *had->at);
}
