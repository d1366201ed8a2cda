#include "model/rating_baselines.h"

#include "model/random.h"
#include "model/table.h"

#include <stdlib.h>

#define RATE 0.07f
#define REGULARIZATION 0.02f
#define FIRST_VECTOR 0.1f
#define UNITS 4.5f /* of the scale: rates do not depend on how wide it is */

enum { FACTORS = 32, PURPOSE_USER = 1, PURPOSE_ITEM = 2 };

const char *const rating_baseline_names[RATING_BASELINES] = {"mean", "biased_mf"};

struct row {
    bool begun;
    float bias, vector[FACTORS];
};

struct rating_baselines {
    float low, high, unit;
    uint64_t count;
    double mean; /* in units */
    struct table users, items;
};

enum status rating_baselines_create(const struct signals *signals, struct rating_baselines **out)
{
    struct rating_baselines *baselines = *out = calloc(1, sizeof **out);
    if (baselines == NULL)
        return STATUS_NO_MEMORY;
    baselines->low = signals->scale_low;
    baselines->high = signals->scale_high;
    baselines->unit = (signals->scale_high - signals->scale_low) / UNITS;
    baselines->mean = 0.5 * (double)UNITS;
    table_init(&baselines->users, sizeof(struct row));
    table_init(&baselines->items, sizeof(struct row));
    return STATUS_OK;
}

void rating_baselines_destroy(struct rating_baselines *baselines)
{
    if (baselines == NULL)
        return;
    table_finish(&baselines->users);
    table_finish(&baselines->items);
    free(baselines);
}

/* NULL: not known. */
static struct row *row_of(const struct table *table, uint32_t slot)
{
    struct row *row = slot < table->rows ? table_row(table, slot) : NULL;
    return row != NULL && row->begun ? row : NULL;
}

/* In units. */
static float predict(const struct rating_baselines *baselines, const struct row *user,
                     const struct row *item)
{
    float sum = (float)baselines->mean;
    sum += user != NULL ? user->bias : 0.0f;
    sum += item != NULL ? item->bias : 0.0f;
    for (int n = 0; user != NULL && item != NULL && n < FACTORS; n++)
        sum += user->vector[n] * item->vector[n];
    return sum > 0.0f ? sum < UNITS ? sum : UNITS : 0.0f;
}

void rating_baselines_predict(const struct rating_baselines *baselines, uint32_t user,
                              uint32_t item, float rating[RATING_BASELINES])
{
    float sum =
        predict(baselines, row_of(&baselines->users, user), row_of(&baselines->items, item));
    rating[RATING_MEAN] = baselines->low + (float)baselines->mean * baselines->unit;
    rating[RATING_BIASED_MF] = baselines->low + sum * baselines->unit;
}

static struct row *begin_row(struct table *table, uint32_t slot, uint64_t purpose)
{
    if (table_grow(table, slot + 1) != STATUS_OK)
        return NULL;
    struct row *row = table_row(table, slot);
    for (uint64_t n = 0; !row->begun && n < FACTORS; n++)
        row->vector[n] =
            FIRST_VECTOR * random_signed((uint32_t)random_at(random_key(0, slot, purpose), n));
    row->begun = true;
    return row;
}

enum status rating_baselines_learn(struct rating_baselines *baselines, uint32_t user, uint32_t item,
                                   float rating)
{
    struct row *u = begin_row(&baselines->users, user, PURPOSE_USER);
    struct row *i = begin_row(&baselines->items, item, PURPOSE_ITEM);
    if (u == NULL || i == NULL)
        return STATUS_NO_MEMORY;
    float value = (rating - baselines->low) / baselines->unit;
    baselines->count++;
    float error = value - predict(baselines, u, i);
    baselines->mean += ((double)value - baselines->mean) / (double)baselines->count;
    u->bias += RATE * (error - REGULARIZATION * u->bias);
    i->bias += RATE * (error - REGULARIZATION * i->bias);
    for (int n = 0; n < FACTORS; n++) {
        float before = u->vector[n];
        u->vector[n] += RATE * (error * i->vector[n] - REGULARIZATION * before);
        i->vector[n] += RATE * (error * before - REGULARIZATION * i->vector[n]);
    }
    return STATUS_OK;
}

void rating_baselines_forget(struct rating_baselines *baselines, uint32_t user)
{
    struct row *row = row_of(&baselines->users, user);
    if (row != NULL)
        *row = (struct row){0};
}
