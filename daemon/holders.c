#include "daemon/holders.h"

#include <stdlib.h>
#include <string.h>

enum { PROBES = 3, BITS_PER_ITEM = 8, WORDS_MIN = 2 };

struct holders {
    uint32_t words; /* of 64 bits for each user, a power of two */
    uint32_t users; /* how many have a filter */
    uint64_t *filters;
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
    return STATUS_OK;
}

void holders_destroy(struct holders *holders)
{
    if (holders == NULL)
        return;
    free(holders->filters);
    free(holders);
}

/* All ones: anything may be in it. */
static bool grow(struct holders *holders, uint32_t users)
{
    if (users <= holders->users)
        return true;
    uint32_t room = users + users / 2 + 64;
    size_t bytes = (size_t)holders->words * sizeof *holders->filters;
    uint64_t *grown = realloc(holders->filters, room * bytes);
    if (grown == NULL)
        return false;
    memset(grown + (size_t)holders->users * holders->words, 0xff, (room - holders->users) * bytes);
    holders->filters = grown;
    holders->users = room;
    return true;
}

/* The n-th of the item's bits; the hash has bits enough for all. */
static uint32_t bit_of(const struct holders *holders, uint64_t item, int n)
{
    return (uint32_t)(item >> (20 * n)) & (holders->words * 64 - 1);
}

void holders_note(struct holders *holders, uint32_t user, const uint64_t *items, uint32_t size)
{
    if (!grow(holders, user + 1))
        return;
    uint64_t *filter = holders->filters + (size_t)user * holders->words;
    memset(filter, 0, holders->words * sizeof *filter);
    for (uint32_t i = 0; i < size; i++)
        for (int n = 0; n < PROBES; n++) {
            uint32_t bit = bit_of(holders, items[i], n);
            filter[bit / 64] |= UINT64_C(1) << bit % 64;
        }
}

bool holders_know(const struct holders *holders, uint32_t user)
{
    if (user >= holders->users)
        return false;
    const uint64_t *filter = holders->filters + (size_t)user * holders->words;
    return filter[0] != UINT64_MAX || filter[1] != UINT64_MAX;
}

bool holders_may_hold(const struct holders *holders, uint32_t user, uint64_t item)
{
    if (user >= holders->users)
        return true;
    const uint64_t *filter = holders->filters + (size_t)user * holders->words;
    for (int n = 0; n < PROBES; n++) {
        uint32_t bit = bit_of(holders, item, n);
        if ((filter[bit / 64] >> bit % 64 & 1) == 0)
            return false;
    }
    return true;
}
