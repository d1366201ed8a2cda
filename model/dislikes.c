/*
 * What the user disliked or rated low, as evidence in the ranking: explicit negative feedback as
 * features beside the positive (Zhao et al. 2018, "Recommendations with negative feedback via
 * pairwise deep reinforcement learning", section 3, for why it is to be kept apart; here in a
 * linear model). The item itself is a sparse feature, and so are the items that go with what was
 * disliked last (neighbours.c), decayed; the blend learns what each is worth, whichever its sign.
 *
 *     like_disliked(u, i) = sum_a 0.8^a cos(d_a, i)     d_a: what u disliked, newest first, a < 3
 *
 * Lists hide what was disliked anyway (is_unwanted()); that is a rule, not a score. Until the first
 * dislike of a stream there is no table, and nothing is proposed.
 */
#include "model/pairs.h"
#include "model/recommender_parts.h"

#include <stdlib.h>

enum { HELD = 32, LIKE_ASKED = 3 };

#define NEARER 0.8f

struct disliker {
    uint32_t size;       /* of what was disliked, ever; stays below 2 HELD */
    uint32_t item[HELD]; /* a ring of slots */
};

struct dislikes {
    uint64_t count;        /* of all users, ever */
    uint32_t users;        /* bound */
    struct table disliker; /* struct disliker (users); empty until somebody dislikes */
};

static enum status create(const struct recommender_settings *settings, void **self)
{
    (void)settings;
    struct dislikes *dislikes = calloc(1, sizeof *dislikes);
    *self = dislikes;
    if (dislikes == NULL)
        return STATUS_NO_MEMORY;
    table_init(&dislikes->disliker, sizeof(struct disliker));
    return STATUS_OK;
}

static void destroy(void *self)
{
    table_finish(&((struct dislikes *)self)->disliker);
    free(self);
}

static enum status grow(void *self, uint32_t users, uint32_t items)
{
    (void)items;
    struct dislikes *dislikes = self;
    dislikes->users = users;
    return dislikes->count == 0 ? STATUS_OK : table_grow(&dislikes->disliker, users);
}

static uint32_t held(const struct disliker *disliker)
{
    return disliker->size < HELD ? disliker->size : HELD;
}

static uint32_t disliked_at(const struct disliker *disliker, uint32_t age)
{
    return disliker->item[(disliker->size - 1 - age) % HELD];
}

static void propose_like(const struct recommender *model, struct query *query, uint32_t item,
                         float nearness)
{
    struct sparse_run run = neighbours_run(model, item, nearness);
    run.feature = run.also = FEATURE_LIKE_DISLIKED;
    sparse_add_run(&query->sparse, &run);
}

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    const struct dislikes *dislikes = self;
    const struct user *user = recommender_user(model, query->user);
    if (user == NULL || dislikes->count == 0)
        return;
    const struct disliker *disliker = table_row(&dislikes->disliker, query->user);
    float nearness = 1.0f;
    for (uint32_t age = 0; age < held(disliker); age++, nearness *= NEARER) {
        uint32_t item = disliked_at(disliker, age);
        const struct had_entry *entry = had_find(&user->had, item);
        if (entry == NULL || (entry->flags & HAD_DISLIKED) == 0 ||
            sparse_row(&query->sparse, item)[FEATURE_DISLIKED - FEATURES_DENSE] > 0.0f)
            continue;
        sparse_add(&query->sparse, item, FEATURE_DISLIKED, 1.0f);
        if (age < LIKE_ASKED && has_part(model, PART_NEIGHBOURS))
            propose_like(model, query, item, nearness);
    }
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    (void)model;
    struct dislikes *dislikes = self;
    if (step->action->weight >= 0.0f || step->action->skipped)
        return STATUS_OK;
    dislikes->count++;
    enum status status = grow(dislikes, dislikes->users, 0);
    if (status != STATUS_OK)
        return status;
    struct disliker *disliker = table_row(&dislikes->disliker, step->user);
    disliker->item[disliker->size++ % HELD] = step->item;
    if (disliker->size == 2 * HELD)
        disliker->size = HELD;
    return STATUS_OK;
}

static void forget(void *self, uint32_t user)
{
    struct dislikes *dislikes = self;
    if (user < dislikes->disliker.rows)
        memset(table_row(&dislikes->disliker, user), 0, sizeof(struct disliker));
}

/* The ring without the items that are gone. */
static void drop_disliked(struct disliker *disliker, const bool *gone)
{
    struct disliker kept = {0};
    for (uint32_t age = held(disliker); age-- > 0;)
        if (!gone[disliked_at(disliker, age)])
            kept.item[kept.size++] = disliked_at(disliker, age);
    *disliker = kept;
}

static void drop_items(void *self, const bool *gone, uint32_t items)
{
    (void)items;
    struct dislikes *dislikes = self;
    for (uint32_t user = 0; user < dislikes->disliker.rows; user++)
        drop_disliked(table_row(&dislikes->disliker, user), gone);
}

static size_t bytes(const void *self, uint32_t items)
{
    (void)self;
    (void)items;
    return sizeof(struct dislikes);
}

static size_t user_bytes(const void *self)
{
    return ((const struct dislikes *)self)->disliker.rows * sizeof(struct disliker);
}

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    (void)items;
    const struct dislikes *dislikes = self;
    enum status status = writer->write(writer, &dislikes->count, sizeof dislikes->count);
    if (status != STATUS_OK || dislikes->count == 0)
        return status;
    return table_save(&dislikes->disliker, users, writer);
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    struct dislikes *dislikes = self;
    enum status status = reader->read(reader, &dislikes->count, sizeof dislikes->count);
    dislikes->users = users;
    if (status != STATUS_OK || dislikes->count == 0)
        return status;
    status = table_load(&dislikes->disliker, users, reader);
    for (uint32_t user = 0; user < users && status == STATUS_OK; user++) {
        const struct disliker *disliker = table_row(&dislikes->disliker, user);
        if (disliker->size >= 2 * HELD)
            status = STATUS_BAD_DATA;
        for (uint32_t n = 0; n < HELD && status == STATUS_OK; n++)
            status = disliker->item[n] < items || n >= disliker->size ? STATUS_OK : STATUS_BAD_DATA;
    }
    return status;
}

const struct part part_dislikes = {
    .name = "dislikes",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .propose = propose,
    .learn = learn,
    .forget = forget,
    .drop_items = drop_items,
    .bytes = bytes,
    .user_bytes = user_bytes,
    .save = save,
    .load = load,
};
