/*
 * Similar users: who wanted lately what this user wanted lately, and what they wanted then
 * (user-based nearest neighbours, Resnick et al. 1994; by sessions, Ludewig & Jannach 2018,
 * "Evaluation of session-based recommendation algorithms", section 3.2.2, V-SKNN: newer common
 * items and rarer ones count for more).
 *
 *     w_v = sum over the common items i_j of .8^j .95^k / sqrt(n_i + 5)   k: place in i's ring
 *
 *     the feature of item i = root of the share of w among the nearest users who have i
 *
 * Each item keeps its last 12 users, in one cache line; the ten nearest of those under the user's
 * last six items are asked. Off by default, for what it gives beside the rest is little for .9 us
 * an event: Recall@10/NDCG@10 without -> with, demo .434/.294 -> .437/.295, yoochoose .507/.345 ->
 * .509/.345, ml-100k-any .232/.121 -> .233/.122, ml-1m-fives .265/.148 -> .266/.149, retail
 * .429/.294 -> .430/.294. Alone it reaches .392/.273 on yoochoose (popularity: .079/.039). What
 * they wanted after the common item, as a feature of its own, gave nothing more.
 */
#include "model/recommender_parts.h"

#include <stdlib.h>

enum { RING = 12, ITEMS_ASKED = 6, PEERS_MOST = 10, ITEMS_TOLD = 32, SEEKERS = 128 };

#define NEARER 0.8f /* of each item further back */
#define OLDER 0.95f /* of each place further back in an item's ring */
#define DOUBT 0.3f  /* weight of users unseen, that all are held against */

/* The last users who wanted one item: slot + 1, 0: nobody. */
struct ring {
    uint32_t user[RING];
    uint32_t next;
    uint32_t spare[3];
};

_Static_assert(sizeof(struct ring) == 64, "one cache line");

struct peers {
    struct table rings; /* struct ring (items) */
};

static enum status create(const struct recommender_settings *settings, void **self)
{
    (void)settings;
    struct peers *peers = calloc(1, sizeof *peers);
    *self = peers;
    if (peers == NULL)
        return STATUS_NO_MEMORY;
    table_init(&peers->rings, sizeof(struct ring));
    return STATUS_OK;
}

static void destroy(void *self)
{
    table_finish(&((struct peers *)self)->rings);
    free(self);
}

static enum status grow(void *self, uint32_t users, uint32_t items)
{
    (void)users;
    return table_grow(&((struct peers *)self)->rings, items);
}

/* ---- who is near ---- */

struct near {
    uint32_t count, user[SEEKERS];
    float weight[SEEKERS];
};

_Static_assert(RING *ITEMS_ASKED <= SEEKERS, "all that may be found");

static void add_near(struct near *near, uint32_t user, float weight)
{
    uint32_t n = kernels->find(near->user, near->count, user);
    if (n == near->count) {
        near->user[near->count++] = user;
        near->weight[n] = 0.0f;
    }
    near->weight[n] += weight;
}

static void look_around(const struct peers *peers, const struct recommender *model,
                        const struct query *query, struct near *near)
{
    const struct taste *taste = &query->taste;
    float nearness = 1.0f;
    near->count = 0;
    for (uint32_t age = 0; age < ITEMS_ASKED && age < taste->size; age++, nearness *= NEARER) {
        if (kernels->find(taste->item, age, taste->item[age]) < age)
            continue;
        const struct ring *ring = table_row(&peers->rings, taste->item[age]);
        float weight = nearness * popularity_inverse_root(&model->popularity, taste->item[age]);
        for (uint32_t k = 0; k < RING; k++, weight *= OLDER) {
            uint32_t user = ring->user[(ring->next + RING - 1u - k) % RING];
            if (user != 0 && user - 1 != query->user)
                add_near(near, user, weight);
        }
    }
}

/* Takes the nearest out; the first of equals. */
static uint32_t take_nearest(struct near *near, float *weight)
{
    uint32_t best = 0;
    for (uint32_t n = 1; n < near->count; n++)
        if (near->weight[n] > near->weight[best])
            best = n;
    uint32_t user = near->user[best] - 1;
    *weight = near->weight[best];
    near->count--;
    memmove(near->user + best, near->user + best + 1, (near->count - best) * sizeof *near->user);
    memmove(near->weight + best, near->weight + best + 1,
            (near->count - best) * sizeof *near->weight);
    return user;
}

static void propose_of(const struct user *peer, struct query *query, float share)
{
    uint32_t told = 0, visits = user_visit_count(peer);
    for (uint32_t age = 0; age < visits && told < ITEMS_TOLD; age++) {
        uint32_t item = user_visit(peer, age)->item;
        if (item == VISIT_GONE)
            continue;
        sparse_add(&query->sparse, item, FEATURE_PEERS, share);
        told++;
    }
}

static void propose(const void *self, const struct recommender *model, struct query *query)
{
    struct near near;
    uint32_t user[PEERS_MOST], size = 0;
    float weight[PEERS_MOST], total = DOUBT;
    look_around(self, model, query, &near);
    for (; size < PEERS_MOST && near.count > 0; size++) {
        user[size] = take_nearest(&near, &weight[size]);
        total += weight[size];
    }
    for (uint32_t n = 0; n < size; n++)
        propose_of(recommender_user(model, user[n]), query, weight[n] / total);
}

/* ---- keeping up ---- */

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    (void)model;
    struct ring *ring = table_row(&((struct peers *)self)->rings, step->item);
    if (step->action->weight <= 0.0f || kernels->find(ring->user, RING, step->user + 1) < RING)
        return STATUS_OK;
    ring->user[ring->next] = step->user + 1;
    ring->next = (ring->next + 1) % RING;
    return STATUS_OK;
}

static void forget(void *self, uint32_t user)
{
    struct peers *peers = self;
    for (uint32_t item = 0; item < peers->rings.rows; item++) {
        struct ring *ring = table_row(&peers->rings, item);
        uint32_t n = kernels->find(ring->user, RING, user + 1);
        if (n < RING)
            ring->user[n] = 0;
    }
}

static void drop_items(void *self, const bool *gone, uint32_t items)
{
    struct peers *peers = self;
    for (uint32_t item = 0; item < items; item++)
        if (gone[item])
            memset(table_row(&peers->rings, item), 0, sizeof(struct ring));
}

static size_t bytes(const void *self, uint32_t items)
{
    (void)self;
    return sizeof(struct peers) + items * sizeof(struct ring);
}

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    (void)users;
    return table_save(&((const struct peers *)self)->rings, items, writer);
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    struct peers *peers = self;
    enum status status = table_load(&peers->rings, items, reader);
    for (uint32_t item = 0; item < items && status == STATUS_OK; item++) {
        const struct ring *ring = table_row(&peers->rings, item);
        for (uint32_t n = 0; n < RING; n++)
            if (ring->user[n] > users)
                status = STATUS_BAD_DATA;
        if (ring->next >= RING)
            status = STATUS_BAD_DATA;
    }
    return status;
}

const struct part part_peers = {
    .name = "peers",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .propose = propose,
    .learn = learn,
    .forget = forget,
    .drop_items = drop_items,
    .bytes = bytes,
    .save = save,
    .load = load,
};
