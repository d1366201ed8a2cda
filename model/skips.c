/*
 * Keep or skip: how likely the user keeps an item that is played to them. Logistic regression,
 * learned online from plays and skips (McMahan et al. 2013), on features f of the case:
 *
 *     log-odds(u, i, t) = general + b_u + b_i + sum over f of a_f value_f(u, i, t)
 *
 * The smoothed keep rates of the item, of the user and of the user's last plays; what the user did
 * with this item before; how near it is to what they kept and skipped lately, by vectors, by what
 * goes with what, and by what the catalogue says; what the factors and
 * the other parts say of it; and a bilinear term <x(u, t), S_i>, x the factors' side of the user
 * (read only). S is learned as if that term stood beside the rest at full weight, while its weight
 * in the sum is learned from values that S had before it knew the outcome: where it only learns
 * noise, it counts for little (stacking, Wolpert 1992). Adagrad for all of it, a row of S as one
 * (Duchi et al. 2011).
 *
 * It ranks, too: the log-odds of the item's own keep rate and how often it was kept are columns of
 * its row, and what the user skipped is a sparse feature, whose weights the blend learns.
 *
 * Until the first skip of a stream it neither learns nor says anything.
 */
#include "model/skips.h"
#include "model/pairs.h"
#include "model/real.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <stdlib.h>

#define RATE_VECTOR 0.015f
#define RATE_WEIGHT 0.05f
#define RATE_BIAS 0.05f
#define SUM_DECAY 0.9999f
#define SUM_FLOOR 1e-3f
#define COUNT_KEEP 0.998f /* of an item's or a user's counts, at each of their plays */
#define RECENT_KEEP 0.8f  /* of the user's recent keep rate */
#define KEPT_PLAYS 5000.0 /* until what was kept counts for 1/e */
#define DOUBT 4.0         /* plays at the general rate that a count is held against */
#define FADE 0.95f        /* of a skip's nearness, at each later skip */
#define PACE_OWN 0.05f    /* 1 / events until what the user did with an item is half as recent */
#define PACE_SKIPPED 0.02f
#define SQUARE_LEAST 1e-9f /* of a row, so that nothing is divided by 0 */

enum { SKIPS_HELD = 64, NEAR_MOST = 12, PAIRS_ASKED = 3 };

enum keep_feature {
    KEEP_ITEM_RATE,
    KEEP_USER_RATE,
    KEEP_RECENT_RATE,
    KEEP_LAST,
    KEEP_ALWAYS,
    KEEP_VECTORS,
    KEEP_FACTORS,
    KEEP_COSINE,
    KEEP_BIAS,
    KEEP_POPULAR,
    KEEP_NEXT,
    KEEP_NEXT_EARLIER,
    KEEP_NEIGHBOURS,
    KEEP_NEAR_SKIPPED,
    KEEP_NEAREST_SKIPPED,
    KEEP_NEAR_KEPT,
    KEEP_NEAREST_KEPT,
    KEEP_SKIPPED_NEXT,
    KEEP_SKIPPED_NEXT_MOST,
    KEEP_SKIPPED_NEIGHBOURS,
    KEEP_SKIPPED_NEIGHBOURS_MOST,
    KEEP_SKIPPED_BOTH,
    KEEP_SKIPPED_SHARED,
    KEEP_SKIPPED_SHARED_MOST,
    KEEP_SKIPPED_SHARED_MUCH,
    KEEP_OWN_COUNT,
    KEEP_OWN_ONCE,
    KEEP_OWN_TWICE,
    KEEP_OWN_RECENT,
    KEEP_OWN_SKIPPED,
    KEEP_OWN_SKIPPED_RECENT,
    KEEP_OWN_DISLIKED,
    KEEP_FEATURES
};

struct tally {
    float kept, skipped; /* decayed counts */
};

struct skips_item {
    struct tally tally;
    float bias, bias_sum, vector_sum;
    float kept;  /* how often, fading with all plays; as of play number `at` */
    uint32_t at; /* modulo 2^32 */
};

struct skips_user {
    struct tally tally;
    float bias, bias_sum;
    float recent;                 /* decayed rate of keeping */
    uint16_t last_kept;           /* of the last play */
    uint16_t size;                /* of what was skipped, ever; stays below 2 SKIPS_HELD */
    uint32_t skipped[SKIPS_HELD]; /* a ring of slots */
};

/* What there is of it for all together. */
struct skips_head {
    uint64_t plays, skips;
    uint64_t turn; /* the next item whose count is brought up to date */
    float weight[KEEP_FEATURES], weight_sum[KEEP_FEATURES];
};

/* The tables stay empty until there is something to tell apart. */
struct skips {
    struct skips_head head;
    uint32_t dim, users, items;
    struct table user;   /* struct skips_user (users) */
    struct table item;   /* struct skips_item (items) */
    struct table vector; /* S (items, dim) */
};

static enum status create(const struct recommender_settings *settings, void **self)
{
    struct skips *skips = calloc(1, sizeof *skips);
    if (skips == NULL)
        return STATUS_NO_MEMORY;
    skips->dim = settings->dim;
    table_init(&skips->user, sizeof(struct skips_user));
    table_init(&skips->item, sizeof(struct skips_item));
    table_init(&skips->vector, settings->dim * sizeof(float));
    for (int f = 0; f < KEEP_FEATURES; f++)
        skips->head.weight_sum[f] = 1.0f;
    skips->head.weight[KEEP_ITEM_RATE] = 0.8f;
    skips->head.weight[KEEP_USER_RATE] = 0.8f;
    skips->head.weight[KEEP_VECTORS] = 0.3f;
    *self = skips;
    return STATUS_OK;
}

static void destroy(void *self)
{
    struct skips *skips = self;
    table_finish(&skips->user);
    table_finish(&skips->item);
    table_finish(&skips->vector);
    free(skips);
}

/* There is something to tell apart. */
static bool is_awake(const struct skips *skips)
{
    return skips->head.skips > 0;
}

static enum status grow_tables(struct skips *skips)
{
    enum status status = table_grow(&skips->user, skips->users);
    if (status == STATUS_OK)
        status = table_grow(&skips->item, skips->items);
    return status == STATUS_OK ? table_grow(&skips->vector, skips->items) : status;
}

static enum status grow(void *self, uint32_t users, uint32_t items)
{
    struct skips *skips = self;
    skips->users = users;
    skips->items = items;
    return is_awake(skips) ? grow_tables(skips) : STATUS_OK;
}

/* ---- what is known of a case ---- */

/* Log-odds of a tally above the general rate's, held against DOUBT plays of that rate. */
static float tally_odds(const struct tally *tally, double rate)
{
    return (float)real_log(((double)tally->kept + DOUBT * rate) * (1.0 - rate) /
                           (((double)tally->skipped + DOUBT * (1.0 - rate)) * rate));
}

static double general_rate(const struct skips *skips)
{
    double skipped = (double)skips->head.skips + 1.0, all = (double)skips->head.plays + 2.0;
    return (all - skipped) / all;
}

/* What the user did with this very item. */
static void describe_own(const struct user *user, uint32_t item, float value[KEEP_FEATURES])
{
    const struct had_entry *entry = had_find(&user->had, item);
    if (entry == NULL)
        return;
    float recent = 1.0f / (1.0f + PACE_OWN * (float)(user->events - entry->last_n));
    bool skipped = (entry->flags & HAD_SKIPPED) != 0;
    value[KEEP_OWN_COUNT] = (float)real_log(1.0 + entry->count);
    value[KEEP_OWN_ONCE] = entry->count >= 1 ? 1.0f : 0.0f;
    value[KEEP_OWN_TWICE] = entry->count >= 2 ? 1.0f : 0.0f;
    value[KEEP_OWN_RECENT] = skipped ? 0.0f : recent;
    value[KEEP_OWN_SKIPPED] = skipped ? 1.0f : 0.0f;
    value[KEEP_OWN_SKIPPED_RECENT] = skipped ? recent : 0.0f;
    value[KEEP_OWN_DISLIKED] = (entry->flags & HAD_DISLIKED) != 0 ? 1.0f : 0.0f;
}

static uint32_t skipped_count(const struct skips_user *user, uint32_t most)
{
    return user->size < most ? user->size : most;
}

static uint32_t skipped_at(const struct skips_user *user, uint32_t age)
{
    return user->skipped[(user->size - 1u - age) % SKIPS_HELD];
}

/* What share of a list's weight an item has; roots, as a share of a tenth says a lot. */
static float share_of(const struct pair_list *list, uint32_t item)
{
    uint32_t place = kernels->find(list->item, list->size, item);
    return place == list->size ? 0.0f : sqrtf(pair_weights(list)[place] / (list->total + 1.0f));
}

/* How the item follows, or goes with, what the user last wanted. */
static void describe_pairs(const struct recommender *model, const struct taste *taste,
                           uint32_t item, float value[KEEP_FEATURES])
{
    const struct pairs *transitions = model->part[PART_TRANSITIONS];
    const struct pairs *neighbours = model->part[PART_NEIGHBOURS];
    for (uint32_t age = 0; age < PAIRS_ASKED && age < taste->size; age++) {
        enum keep_feature next = age == 0 ? KEEP_NEXT : KEEP_NEXT_EARLIER;
        if (transitions != NULL)
            value[next] += 4.0f * share_of(pairs_of(transitions, taste->item[age]), item);
        if (neighbours != NULL)
            value[KEEP_NEIGHBOURS] += 4.0f * share_of(pairs_of(neighbours, taste->item[age]), item);
    }
}

/* The cosines of the item with others, newest first: their faded sum, and the largest. */
static void describe_nearness(const struct factors *factors, uint32_t item, const uint32_t *others,
                              uint32_t count, float *sum, float *most)
{
    uint32_t dim = factors->dim;
    const float *row = factors_candidate(factors, item);
    float square = kernels->dot(row, row, dim) + SQUARE_LEAST, fade = 1.0f;
    for (uint32_t age = 0; age < count; age++, fade *= FADE) {
        if (others[age] == item)
            continue;
        const float *other = factors_candidate(factors, others[age]);
        float other_square = kernels->dot(other, other, dim) + SQUARE_LEAST;
        float near = fade * kernels->dot(row, other, dim) / sqrtf(square * other_square);
        *sum += near;
        *most = near > *most ? near : *most;
    }
}

/* How much one goes with the other, by what followed what, or by what was wanted together. */
static float kinship(const struct pairs *pairs, uint32_t one, uint32_t other)
{
    if (pairs == NULL)
        return 0.0f;
    return 4.0f * (share_of(pairs_of(pairs, one), other) + share_of(pairs_of(pairs, other), one));
}

/* The share of their features that both cards name; features are in ascending order. */
static float shared_features(const struct cards *cards, uint32_t one, uint32_t other)
{
    const struct card *a = cards_of(cards, one), *b = cards_of(cards, other);
    if (a == NULL || b == NULL || a->count == 0 || b->count == 0)
        return 0.0f;
    uint32_t shared = 0;
    for (uint32_t n = 0, m = 0; n < a->count && m < b->count;) {
        shared += a->feature[n] == b->feature[m];
        if (a->feature[n] < b->feature[m])
            n++;
        else
            m++;
    }
    return (float)shared / (float)(a->count > b->count ? a->count : b->count);
}

/* One of kin to what was skipped lately, or the same author's, is skipped sooner: whether any of
 * the skipped ones is near says more than how near they are together. */
static void describe_kinship(const struct recommender *model, uint32_t item,
                             const uint32_t *skipped, uint32_t count, float value[KEEP_FEATURES])
{
    float fade = 1.0f;
    for (uint32_t age = 0; age < count; age++, fade *= FADE) {
        if (skipped[age] == item)
            continue;
        float next = kinship(model->part[PART_TRANSITIONS], item, skipped[age]);
        float near = kinship(model->part[PART_NEIGHBOURS], item, skipped[age]);
        float shared = shared_features(&model->cards, item, skipped[age]);
        value[KEEP_SKIPPED_NEXT] += fade * next;
        value[KEEP_SKIPPED_NEXT_MOST] = fmaxf(value[KEEP_SKIPPED_NEXT_MOST], next);
        value[KEEP_SKIPPED_NEIGHBOURS] += fade * near;
        value[KEEP_SKIPPED_NEIGHBOURS_MOST] = fmaxf(value[KEEP_SKIPPED_NEIGHBOURS_MOST], near);
        if (next > 0.0f && near > 0.0f)
            value[KEEP_SKIPPED_BOTH] = 1.0f;
        value[KEEP_SKIPPED_SHARED] += shared;
        value[KEEP_SKIPPED_SHARED_MOST] = fmaxf(value[KEEP_SKIPPED_SHARED_MOST], shared);
    }
    if (value[KEEP_SKIPPED_SHARED_MOST] > 0.5f)
        value[KEEP_SKIPPED_SHARED_MUCH] = 1.0f;
}

static void describe_user(const struct skips *skips, const struct recommender *model,
                          const struct query *query, uint32_t item, float value[KEEP_FEATURES])
{
    const struct skips_user *user = table_row(&skips->user, query->user);
    const struct taste *taste = &query->taste;
    uint32_t skipped[NEAR_MOST], count = skipped_count(user, NEAR_MOST);
    for (uint32_t age = 0; age < count; age++)
        skipped[age] = skipped_at(user, age);
    value[KEEP_USER_RATE] = tally_odds(&user->tally, general_rate(skips));
    value[KEEP_RECENT_RATE] = user->recent;
    value[KEEP_LAST] = user->last_kept;
    describe_nearness(&model->factors, item, skipped, count, &value[KEEP_NEAR_SKIPPED],
                      &value[KEEP_NEAREST_SKIPPED]);
    describe_kinship(model, item, skipped, count, value);
    describe_nearness(&model->factors, item, taste->item,
                      taste->size < NEAR_MOST ? taste->size : NEAR_MOST, &value[KEEP_NEAR_KEPT],
                      &value[KEEP_NEAREST_KEPT]);
    describe_own(recommender_user(model, query->user), item, value);
}

/* What the factors make of the item for the user. */
static void describe_factors(const struct skips *skips, const struct recommender *model,
                             const float *x, uint32_t item, float value[KEEP_FEATURES])
{
    uint32_t dim = skips->dim;
    const float *row = factors_candidate(&model->factors, item), *columns = row + dim;
    float along = kernels->dot(x, row, dim);
    float squares =
        (kernels->dot(x, x, dim) + SQUARE_LEAST) * (kernels->dot(row, row, dim) + SQUARE_LEAST);
    value[KEEP_VECTORS] = kernels->dot(x, table_floats(&skips->vector, item), dim);
    value[KEEP_FACTORS] = 0.2f * (along + columns[COLUMN_BIAS]);
    value[KEEP_COSINE] = along / sqrtf(squares);
    value[KEEP_BIAS] = 0.2f * columns[COLUMN_BIAS];
    value[KEEP_POPULAR] = 0.2f * columns[COLUMN_POPULAR_SLOW];
}

static void describe(const struct skips *skips, const struct recommender *model,
                     const struct query *query, uint32_t item, float value[KEEP_FEATURES])
{
    const struct skips_item *record = table_row(&skips->item, item);
    memset(value, 0, KEEP_FEATURES * sizeof *value);
    value[KEEP_ALWAYS] = 1.0f;
    value[KEEP_ITEM_RATE] = tally_odds(&record->tally, general_rate(skips));
    describe_factors(skips, model, query->taste.x, item, value);
    describe_pairs(model, &query->taste, item, value);
    if (query->user != SLOT_NONE)
        describe_user(skips, model, query, item, value);
}

/* The log-odds that the item is kept, and the features behind them. */
static double judge(const struct skips *skips, const struct recommender *model,
                    const struct query *query, uint32_t item, float value[KEEP_FEATURES])
{
    const struct skips_item *record = table_row(&skips->item, item);
    double rate = general_rate(skips);
    double odds = real_log(rate / (1.0 - rate)) + (double)record->bias;
    if (query->user != SLOT_NONE)
        odds += (double)((const struct skips_user *)table_row(&skips->user, query->user))->bias;
    describe(skips, model, query, item, value);
    for (int f = 0; f < KEEP_FEATURES; f++)
        odds += (double)(skips->head.weight[f] * value[f]);
    return odds;
}

float skips_keep_probability(const void *self, const struct recommender *model,
                             const struct query *query, uint32_t item)
{
    const struct skips *skips = self;
    float value[KEEP_FEATURES];
    if (skips == NULL || !is_awake(skips) || item == SLOT_NONE)
        return 0.5f;
    return (float)real_sigmoid(judge(skips, model, query, item, value));
}

/* What the user skipped and has not kept since, the newer the more. */
static void propose(const void *self, const struct recommender *model, struct query *query)
{
    const struct skips *skips = self;
    const struct user *record = recommender_user(model, query->user);
    if (record == NULL || !is_awake(skips))
        return;
    const struct skips_user *user = table_row(&skips->user, query->user);
    uint32_t count = skipped_count(user, SKIPS_HELD);
    for (uint32_t age = 0; age < count; age++) {
        uint32_t item = skipped_at(user, age);
        const struct had_entry *entry = had_find(&record->had, item);
        if (entry == NULL || (entry->flags & HAD_SKIPPED) == 0 ||
            sparse_row(&query->sparse, item)[FEATURE_SKIPPED - FEATURES_DENSE] > 0.0f)
            continue;
        float since = (float)(record->events - entry->last_n);
        sparse_add(&query->sparse, item, FEATURE_SKIPPED, 1.0f / (1.0f + PACE_SKIPPED * since));
    }
}

/* ---- learning ---- */

static float adagrad(float *sum, float square, float rate)
{
    *sum = *sum * SUM_DECAY + square;
    return -rate / sqrtf(*sum + SUM_FLOOR);
}

/* S of the item, against what the rest of the sum leaves over. */
static void learn_vector(struct skips *skips, const struct step *step, double rest, float value)
{
    uint32_t dim = skips->dim;
    struct skips_item *record = table_row(&skips->item, step->item);
    const float *x = step->query->taste.x;
    float g = (float)real_sigmoid(rest + (double)value) - (step->action->skipped ? 0.0f : 1.0f);
    float square = g * g * kernels->dot(x, x, dim) / (float)dim;
    kernels->add_scaled(adagrad(&record->vector_sum, square, RATE_VECTOR) * g, x,
                        table_floats(&skips->vector, step->item), dim);
}

static void learn_outcome(struct skips *skips, const struct step *step, double odds,
                          const float value[KEEP_FEATURES])
{
    struct skips_item *item = table_row(&skips->item, step->item);
    struct skips_user *user = table_row(&skips->user, step->user);
    float *weight = skips->head.weight, *sum = skips->head.weight_sum;
    float vectors = value[KEEP_VECTORS];
    learn_vector(skips, step, odds - (double)(weight[KEEP_VECTORS] * vectors), vectors);
    float g = (float)real_sigmoid(odds) - (step->action->skipped ? 0.0f : 1.0f);
    item->bias += adagrad(&item->bias_sum, g * g, RATE_BIAS) * g;
    user->bias += adagrad(&user->bias_sum, g * g, RATE_BIAS) * g;
    for (int f = 0; f < KEEP_FEATURES; f++) {
        float slope = g * value[f];
        weight[f] += adagrad(&sum[f], slope * slope, RATE_WEIGHT) * slope;
    }
}

static void count(struct tally *tally, bool kept)
{
    tally->kept = tally->kept * COUNT_KEEP + (kept ? 1.0f : 0.0f);
    tally->skipped = tally->skipped * COUNT_KEEP + (kept ? 0.0f : 1.0f);
}

/* How often the item was kept lately, brought up to date, into its row. */
static void fade_kept(struct skips *skips, struct recommender *model, uint32_t slot, float more)
{
    struct skips_item *item = table_row(&skips->item, slot);
    uint32_t now = (uint32_t)skips->head.plays;
    if (item->kept + more == 0.0f)
        return;
    item->kept = item->kept * (float)real_exp(-(double)(now - item->at) / KEPT_PLAYS) + more;
    item->at = now;
    factors_change_columns(&model->factors, slot)[COLUMN_KEPT] = real_logf(1.0f + item->kept);
}

static void remember(struct skips_user *user, uint32_t item, bool kept)
{
    count(&user->tally, kept);
    user->recent = user->recent * RECENT_KEEP + (kept ? 1.0f - RECENT_KEEP : 0.0f);
    user->last_kept = kept;
    if (kept)
        return;
    user->skipped[user->size % SKIPS_HELD] = item;
    user->size++;
    if (user->size == 2 * SKIPS_HELD)
        user->size = SKIPS_HELD;
}

static enum status before(void *self, struct recommender *model, const struct step *step)
{
    struct skips *skips = self;
    const struct action *action = step->action;
    if (action->kind != SIGNAL_PLAY && action->kind != SIGNAL_SKIP)
        return STATUS_OK;
    bool was_awake = is_awake(skips);
    skips->head.skips += action->skipped;
    skips->head.plays++;
    if (!is_awake(skips))
        return STATUS_OK;
    if (!was_awake) {
        enum status status = grow_tables(skips);
        if (status != STATUS_OK)
            return status;
    }
    float value[KEEP_FEATURES];
    double odds = judge(skips, model, step->query, step->item, value);
    learn_outcome(skips, step, odds, value);
    return STATUS_OK;
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    struct skips *skips = self;
    const struct action *action = step->action;
    if (!is_awake(skips) || (action->kind != SIGNAL_PLAY && action->kind != SIGNAL_SKIP))
        return STATUS_OK;
    struct skips_item *record = table_row(&skips->item, step->item);
    count(&record->tally, !action->skipped);
    remember(table_row(&skips->user, step->user), step->item, !action->skipped);
    factors_change_columns(&model->factors, step->item)[COLUMN_KEEP] =
        tally_odds(&record->tally, general_rate(skips));
    fade_kept(skips, model, step->item, action->skipped ? 0.0f : 1.0f);
    skips->head.turn = (skips->head.turn + 1) % skips->items;
    fade_kept(skips, model, (uint32_t)skips->head.turn, 0.0f);
    return STATUS_OK;
}

static void forget(void *self, uint32_t user)
{
    struct skips *skips = self;
    if (user < skips->user.rows)
        memset(table_row(&skips->user, user), 0, sizeof(struct skips_user));
}

/* The ring without the items that are gone. */
static void drop_skipped(struct skips_user *user, const bool *gone)
{
    struct skips_user kept = *user;
    kept.size = 0;
    for (uint32_t age = skipped_count(user, SKIPS_HELD); age-- > 0;)
        if (!gone[skipped_at(user, age)])
            kept.skipped[kept.size++] = skipped_at(user, age);
    memset(kept.skipped + kept.size, 0, (SKIPS_HELD - kept.size) * sizeof *kept.skipped);
    *user = kept;
}

static void drop_items(void *self, const bool *gone, uint32_t items)
{
    struct skips *skips = self;
    for (uint32_t item = 0; is_awake(skips) && item < items; item++) {
        if (!gone[item])
            continue;
        memset(table_row(&skips->item, item), 0, sizeof(struct skips_item));
        memset(table_row(&skips->vector, item), 0, skips->dim * sizeof(float));
    }
    for (uint32_t user = 0; user < skips->user.rows; user++)
        drop_skipped(table_row(&skips->user, user), gone);
}

static size_t bytes(const void *self, uint32_t items)
{
    const struct skips *skips = self;
    size_t item = sizeof(struct skips_item) + skips->dim * sizeof(float);
    return sizeof *skips + (is_awake(skips) ? items * item : 0);
}

static size_t user_bytes(const void *self)
{
    return ((const struct skips *)self)->user.rows * sizeof(struct skips_user);
}

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    const struct skips *skips = self;
    enum status status = writer->write(writer, &skips->head, sizeof skips->head);
    if (status != STATUS_OK || !is_awake(skips))
        return status;
    status = table_save(&skips->user, users, writer);
    if (status == STATUS_OK)
        status = table_save(&skips->item, items, writer);
    return status == STATUS_OK ? table_save(&skips->vector, items, writer) : status;
}

static enum status check_users(const struct skips *skips, uint32_t users, uint32_t items)
{
    for (uint32_t slot = 0; slot < users; slot++) {
        const struct skips_user *user = table_row(&skips->user, slot);
        for (uint32_t age = 0; age < skipped_count(user, SKIPS_HELD); age++)
            if (user->size >= 2 * SKIPS_HELD || skipped_at(user, age) >= items)
                return STATUS_BAD_DATA;
    }
    return STATUS_OK;
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    struct skips *skips = self;
    enum status status = reader->read(reader, &skips->head, sizeof skips->head);
    skips->users = users;
    skips->items = items;
    if (status != STATUS_OK || !is_awake(skips))
        return status;
    status = table_load(&skips->user, users, reader);
    if (status == STATUS_OK)
        status = table_load(&skips->item, items, reader);
    if (status == STATUS_OK)
        status = table_load_checked(&skips->vector, items, reader, table_floats_can_be);
    return status == STATUS_OK ? check_users(skips, users, items) : status;
}

const struct part part_skips = {
    .name = "skips",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .propose = propose,
    .before = before,
    .learn = learn,
    .forget = forget,
    .drop_items = drop_items,
    .bytes = bytes,
    .user_bytes = user_bytes,
    .save = save,
    .load = load,
};
