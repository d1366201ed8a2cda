#include "daemon/prequential.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const uint32_t prequential_cuts[PREQUENTIAL_CUTS] = {1, 10, 50, 100};

/* 32 bits of an item's hash are enough: a hundred of them meet by chance once in 40 million. */
struct shown {
    uint32_t user, tag;
    uint32_t size; /* 0: nothing known */
    uint32_t item[PREQUENTIAL_DEPTH];
};

struct tally {
    double events;
    double hits[PREQUENTIAL_CUTS];
};

struct prequential {
    struct shown popular;
    struct tally lists, of_popular;
    double keep; /* what is left of a count after one event */
    struct shown users[PREQUENTIAL_USERS];
};

enum status prequential_create(struct prequential **out)
{
    struct prequential *prequential = calloc(1, sizeof *prequential);
    if (prequential == NULL)
        return STATUS_NO_MEMORY;
    prequential->keep = exp2(-1.0 / PREQUENTIAL_HALF_LIFE);
    *out = prequential;
    return STATUS_OK;
}

void prequential_destroy(struct prequential *prequential)
{
    free(prequential);
}

uint64_t prequential_item(struct text item)
{
    return XXH3_64bits(item.at, item.size);
}

static void remember(struct shown *shown, const uint64_t *items, uint32_t size)
{
    shown->size = size < PREQUENTIAL_DEPTH ? size : PREQUENTIAL_DEPTH;
    for (uint32_t i = 0; i < shown->size; i++)
        shown->item[i] = (uint32_t)items[i];
}

void prequential_show(struct prequential *prequential, uint32_t user, uint32_t tag,
                      const uint64_t *items, uint32_t size)
{
    struct shown *shown = &prequential->users[user % PREQUENTIAL_USERS];
    shown->user = user;
    shown->tag = tag;
    remember(shown, items, size);
}

void prequential_show_popular(struct prequential *prequential, const uint64_t *items, uint32_t size)
{
    remember(&prequential->popular, items, size);
}

void prequential_forget(struct prequential *prequential, uint32_t user)
{
    struct shown *shown = &prequential->users[user % PREQUENTIAL_USERS];
    if (shown->user == user)
        shown->size = 0;
}

bool prequential_has_shown(const struct prequential *prequential)
{
    return prequential->popular.size > 0;
}

static uint32_t rank_of(const struct shown *shown, uint32_t item)
{
    for (uint32_t i = 0; i < shown->size; i++)
        if (shown->item[i] == item)
            return i + 1;
    return UINT32_MAX;
}

static void enter(struct tally *tally, double keep, uint32_t rank)
{
    tally->events = tally->events * keep + 1;
    for (uint32_t i = 0; i < PREQUENTIAL_CUTS; i++)
        tally->hits[i] = tally->hits[i] * keep + (rank <= prequential_cuts[i]);
}

void prequential_observe(struct prequential *prequential, uint32_t user, uint32_t tag, bool listed,
                         struct text item)
{
    const struct shown *shown = &prequential->popular;
    if (!prequential_has_shown(prequential))
        return;
    if (listed) {
        shown = &prequential->users[user % PREQUENTIAL_USERS];
        if (shown->user != user || shown->tag != tag || shown->size == 0)
            return;
    }
    uint32_t hash = (uint32_t)prequential_item(item);
    enter(&prequential->lists, prequential->keep, rank_of(shown, hash));
    enter(&prequential->of_popular, prequential->keep, rank_of(&prequential->popular, hash));
}

double prequential_recall(const struct prequential *prequential, uint32_t cut)
{
    const struct tally *lists = &prequential->lists;
    return lists->events > 0 ? lists->hits[cut] / lists->events : (double)NAN;
}

double prequential_lift(const struct prequential *prequential, uint32_t cut)
{
    double popular = prequential->of_popular.hits[cut];
    return popular > 0 ? prequential->lists.hits[cut] / popular : (double)NAN;
}
