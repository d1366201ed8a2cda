#include "daemon/holders.h"

#include "model/table.h"

#include <stdlib.h>
#include <string.h>

enum { PROBES = 3, BITS_PER_ITEM = 8, WORDS_MIN = 2 };

/* The first bit of a filter: that there is one. It may be an item's as well. */
#define KNOWN UINT64_C(1)

struct holders {
    uint32_t words;       /* of 64 bits for each user, a power of two */
    struct table filters; /* (users) of so many words */
};

enum status holders_create(uint32_t list_size, struct holders **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return STATUS_NO_MEMORY;
    uint32_t words = WORDS_MIN;
    while (words * 64 < list_size * BITS_PER_ITEM)
        words *= 2;
    (*out)->words = words;
    table_init(&(*out)->filters, words * sizeof(uint64_t));
    return STATUS_OK;
}

void holders_destroy(struct holders *holders)
{
    if (holders == NULL)
        return;
    table_finish(&holders->filters);
    free(holders);
}

static uint64_t *filter_of(const struct holders *holders, uint32_t user)
{
    return user < holders->filters.rows ? table_row(&holders->filters, user) : NULL;
}

/* The n-th of the item's bits; the hash has bits enough for all. */
static uint32_t bit_of(const struct holders *holders, uint64_t item, int n)
{
    return (uint32_t)(item >> (20 * n)) & (holders->words * 64 - 1);
}

void holders_note(struct holders *holders, uint32_t user, const uint64_t *items, uint32_t size)
{
    if (user >= holders->filters.rows && table_grow(&holders->filters, user + 1) != STATUS_OK)
        return;
    uint64_t *filter = filter_of(holders, user);
    memset(filter, 0, holders->filters.row_bytes);
    filter[0] = KNOWN;
    for (uint32_t i = 0; i < size; i++)
        for (int n = 0; n < PROBES; n++) {
            uint32_t bit = bit_of(holders, items[i], n);
            filter[bit / 64] |= UINT64_C(1) << bit % 64;
        }
}

void holders_forget(struct holders *holders, uint32_t user)
{
    uint64_t *filter = filter_of(holders, user);
    if (filter != NULL)
        memset(filter, 0, holders->filters.row_bytes);
}

bool holders_know(const struct holders *holders, uint32_t user)
{
    const uint64_t *filter = filter_of(holders, user);
    return filter != NULL && (filter[0] & KNOWN) != 0;
}

bool holders_may_hold(const struct holders *holders, uint32_t user, uint64_t item)
{
    if (!holders_know(holders, user))
        return true;
    const uint64_t *filter = filter_of(holders, user);
    for (int n = 0; n < PROBES; n++) {
        uint32_t bit = bit_of(holders, item, n);
        if ((filter[bit / 64] >> bit % 64 & 1) == 0)
            return false;
    }
    return true;
}

/* ---- keeping ---- */

enum status holders_save(const struct holders *holders, struct state_writer *writer)
{
    const uint32_t head[2] = {holders->words, holders->filters.rows};
    enum status status = writer->write(writer, head, sizeof head);
    return status == STATUS_OK ? table_save(&holders->filters, head[1], writer) : status;
}

enum status holders_load(struct holders *holders, struct state_reader *reader, uint32_t users)
{
    uint32_t head[2] = {0};
    enum status status = reader->read(reader, head, sizeof head);
    if (status != STATUS_OK || head[0] != holders->words || head[1] > users)
        return status;
    return table_load(&holders->filters, head[1], reader);
}
