#include "model/ratings.h"

#include "model/ids.h"
#include "model/kernels.h"
#include "model/random.h"
#include "model/real.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <stdlib.h>

/* Variances before anything is known, and what time adds to them with each rating; in units of the
 * noise. Tuned on the first 30 % of one stream of films. */
#define MEAN_FIRST 2.0f
#define MEAN_DRIFT 1e-6f
#define USER_BIAS_FIRST 0.23f
#define USER_BIAS_DRIFT 0.002f
#define MOOD_FIRST 0.18f
#define MOOD_SECONDS 60.0
#define STRETCH_FIRST 0.2f
#define CROWD_FIRST 0.02f
#define USER_VECTOR_FIRST 1.05f
#define USER_VECTOR_DRIFT 0.0006f
#define ITEM_BIAS_FIRST 0.6f
#define ITEM_BIAS_DRIFT 0.0003f
#define ITEM_VECTOR_FIRST 0.1f
#define ITEM_VECTOR_SIZE 0.043f /* of the first random numbers: something to tell them apart by */
#define BOTH_UNSURE 0.3f        /* how much the product of two uncertainties counts */

#define NOISE 0.75f /* of a rating, in units^2, as the trust assumes it */
#define UNITS 4.5f
#define CODES 254 /* steps of the byte that keeps a rating */

enum { PURPOSE_RATED = 41 };

static enum status create(const struct recommender_settings *settings, void **self)
{
    struct ratings *ratings = calloc(1, sizeof *ratings);
    *self = ratings;
    if (ratings == NULL)
        return STATUS_NO_MEMORY;
    const struct signals *signals = &settings->signals;
    ratings->seed = settings->seed;
    ratings->low = signals->scale_low;
    ratings->high = signals->scale_high;
    ratings->unit = (signals->scale_high - signals->scale_low) / UNITS;
    ratings->head.mean = 0.5f * UNITS;
    ratings->head.mean_variance = MEAN_FIRST;
    trust_init(&ratings->head.trust);
    table_init(&ratings->rater, sizeof(struct rater *));
    table_init(&ratings->pool, sizeof(struct rater));
    table_init(&ratings->rated, sizeof(struct rated));
    return STATUS_OK;
}

static struct rater **rater_cell(const struct ratings *ratings, uint32_t user)
{
    return table_row(&ratings->rater, user);
}

/* NULL: somebody who never rated. */
static struct rater *rater_of(const struct ratings *ratings, uint32_t user)
{
    return user < ratings->rater.rows ? *rater_cell(ratings, user) : NULL;
}

static struct rated *rated_of(const struct ratings *ratings, uint32_t item)
{
    return item < ratings->rated.rows ? table_row(&ratings->rated, item) : NULL;
}

static void drop_rater(struct ratings *ratings, uint32_t user)
{
    if (rater_of(ratings, user) == NULL)
        return;
    struct rater *rater = *rater_cell(ratings, user);
    memset(rater, 0, sizeof *rater);
    void *next = ratings->free;
    memcpy(rater, &next, sizeof next);
    ratings->free = rater;
    *rater_cell(ratings, user) = NULL;
    ratings->raters--;
}

static void destroy(void *self)
{
    struct ratings *ratings = self;
    table_finish(&ratings->rater);
    table_finish(&ratings->pool);
    table_finish(&ratings->rated);
    free(ratings);
}

/* Only the bounds, until somebody rates. */
static enum status grow(void *self, uint32_t users, uint32_t items)
{
    struct ratings *ratings = self;
    ratings->users = users;
    ratings->items = items;
    if (ratings->head.count == 0)
        return STATUS_OK;
    enum status status = table_grow(&ratings->rater, users);
    return status == STATUS_OK ? table_grow(&ratings->rated, items) : status;
}

/* A zeroed one; NULL: no memory. */
static struct rater *take_rater(struct ratings *ratings)
{
    struct rater *rater = ratings->free;
    if (rater == NULL) {
        uint32_t row = ratings->pool.rows;
        return table_grow(&ratings->pool, row + 1) == STATUS_OK ? table_row(&ratings->pool, row)
                                                                : NULL;
    }
    void *next;
    memcpy(&next, rater, sizeof next);
    ratings->free = next;
    memset(rater, 0, sizeof(void *));
    return rater;
}

static enum status add_rater(struct ratings *ratings, uint32_t user, struct rater **out)
{
    struct rater *rater = take_rater(ratings);
    if (rater == NULL)
        return STATUS_NO_MEMORY;
    rater->covariance[RATINGS_BIAS][RATINGS_BIAS] = USER_BIAS_FIRST;
    rater->covariance[RATINGS_MOOD][RATINGS_MOOD] = MOOD_FIRST;
    rater->covariance[RATINGS_STRETCH][RATINGS_STRETCH] = STRETCH_FIRST;
    rater->covariance[RATINGS_CROWD][RATINGS_CROWD] = CROWD_FIRST;
    for (int n = RATINGS_VECTOR; n < RATINGS_WIDTH; n++)
        rater->covariance[n][n] = USER_VECTOR_FIRST;
    *rater_cell(ratings, user) = *out = rater;
    ratings->raters++;
    return STATUS_OK;
}

static void add_rated(struct ratings *ratings, struct rated *rated, uint64_t now)
{
    uint64_t key = random_key(ratings->seed, now, PURPOSE_RATED);
    ratings->head.items++;
    rated->variance[RATINGS_BIAS] = ITEM_BIAS_FIRST;
    for (int n = RATINGS_VECTOR; n < RATINGS_WIDTH; n++) {
        rated->variance[n] = ITEM_VECTOR_FIRST;
        rated->mean[n] = ITEM_VECTOR_SIZE * random_signed((uint32_t)random_at(key, (uint64_t)n));
    }
}

/* What is left of a mood. */
static float mood_left(const struct rater *rater, uint32_t second)
{
    uint32_t gap = second > rater->last_second ? second - rater->last_second : 0;
    return (float)real_exp(-(double)gap / MOOD_SECONDS);
}

/* How much more often than the mean the item was rated: the logarithm, with one rating more each.
 */
static float crowd(const struct ratings_head *head, const struct rated *rated)
{
    double mean = (double)head->kept / (double)(head->items > 0 ? head->items : 1);
    return (float)real_log((1.0 + (double)rated->count) / (1.0 + mean));
}

/* How the prediction depends on the user's numbers: its derivatives by them. */
static void by_user(const struct ratings_head *head, const struct rated *rated,
                    float h[RATINGS_WIDTH])
{
    memcpy(h, rated->mean, sizeof rated->mean);
    h[RATINGS_BIAS] = h[RATINGS_MOOD] = 1.0f;
    h[RATINGS_STRETCH] = rated->mean[RATINGS_BIAS];
    h[RATINGS_CROWD] = crowd(head, rated);
}

/* Likewise by the item's. */
static void by_item(const struct rater *rater, float f[RATINGS_WIDTH])
{
    memcpy(f, rater->mean, sizeof rater->mean);
    f[RATINGS_BIAS] = 1.0f + rater->mean[RATINGS_STRETCH];
    f[RATINGS_MOOD] = f[RATINGS_STRETCH] = f[RATINGS_CROWD] = 0.0f;
}

/* The terms of the sum, but for the mean; `rater` NULL: somebody who never rated. */
static void terms_of(const struct rater *rater, const struct rated *rated,
                     const float h[RATINGS_WIDTH], float mood, float term[TRUST_TERMS])
{
    memset(term, 0, TRUST_TERMS * sizeof *term);
    term[0] = rated->mean[RATINGS_BIAS];
    if (rater == NULL)
        return;
    float vector[RATINGS_WIDTH] __attribute__((aligned(64)));
    memcpy(vector, h, sizeof vector);
    for (int n = 0; n < RATINGS_VECTOR; n++)
        vector[n] = 0.0f;
    term[1] = rater->mean[RATINGS_BIAS];
    term[2] = rater->mean[RATINGS_MOOD] * mood;
    term[3] = rater->mean[RATINGS_STRETCH] * h[RATINGS_STRETCH];
    term[4] = rater->mean[RATINGS_CROWD] * h[RATINGS_CROWD];
    term[5] = kernels->dot(rater->mean, vector, RATINGS_WIDTH);
}

/* What of the prediction is the user's own taste, in units: for items that other parts proposed. */
static void complete(const void *self, const struct recommender *model, struct query *query)
{
    const struct ratings *ratings = self;
    const struct rater *rater = rater_of(ratings, query->user);
    if (rater == NULL)
        return;
    const struct ratings_head *head = &ratings->head;
    float vector[RATINGS_WIDTH] __attribute__((aligned(64)));
    memcpy(vector, rater->mean, sizeof vector);
    for (int n = 0; n < RATINGS_VECTOR; n++)
        vector[n] = 0.0f;
    float mean = real_logf(1.0f + (float)head->kept / (float)(head->items > 0 ? head->items : 1));
    for (uint32_t n = 0; n < query->sparse.touched_count; n++) {
        uint32_t item = query->sparse.touched[n];
        const struct rated *rated = rated_of(ratings, item);
        float often = factors_columns(&model->factors, item)[COLUMN_RATED_OFTEN];
        if (rated == NULL || rated->count == 0 || !sparse_is_touched(&query->sparse, item))
            continue;
        float own[RATINGS_WIDTH] __attribute__((aligned(64)));
        memcpy(own, rated->mean, sizeof own);
        float term[TRUST_TERMS] = {
            [3] = rater->mean[RATINGS_STRETCH] * rated->mean[RATINGS_BIAS],
            [4] = rater->mean[RATINGS_CROWD] * (often - mean),
            [5] = kernels->dot(vector, own, RATINGS_WIDTH),
        };
        sparse_add(&query->sparse, item, FEATURE_PREDICTED, trust_sum(&head->trust, term));
    }
}

bool ratings_predict(const struct ratings *ratings, uint32_t user, uint32_t item, uint32_t second,
                     float *rating)
{
    static const struct rated unrated;
    const struct ratings_head *head = &ratings->head;
    if (head->count == 0)
        return false;
    const struct rater *rater = rater_of(ratings, user);
    const struct rated *rated = rated_of(ratings, item);
    if (rated == NULL)
        rated = &unrated;
    float h[RATINGS_WIDTH], term[TRUST_TERMS];
    by_user(head, rated, h);
    terms_of(rater, rated, h, rater == NULL ? 0.0f : mood_left(rater, second), term);
    float sum = ratings->low + (head->mean + trust_sum(&head->trust, term)) * ratings->unit;
    *rating = sum > ratings->low ? sum < ratings->high ? sum : ratings->high : ratings->low;
    return true;
}

/* ---- learning ---- */

/* Time makes everything less certain, up to what it was at first. */
static void drift(float *variance, float by, float first)
{
    if (*variance < first)
        *variance += by;
}

static void pass_time(struct rater *rater, struct rated *rated, uint32_t second)
{
    float left = mood_left(rater, second);
    rater->last_second = second > rater->last_second ? second : rater->last_second;
    rater->mean[RATINGS_MOOD] *= left;
    for (int n = 0; n < RATINGS_WIDTH; n++) {
        rater->covariance[RATINGS_MOOD][n] *= left;
        rater->covariance[n][RATINGS_MOOD] *= left;
    }
    rater->covariance[RATINGS_MOOD][RATINGS_MOOD] += MOOD_FIRST * (1.0f - left * left);
    drift(&rater->covariance[RATINGS_BIAS][RATINGS_BIAS], USER_BIAS_DRIFT, USER_BIAS_FIRST);
    for (int n = RATINGS_VECTOR; n < RATINGS_WIDTH; n++)
        drift(&rater->covariance[n][n], USER_VECTOR_DRIFT, USER_VECTOR_FIRST);
    drift(&rated->variance[RATINGS_BIAS], ITEM_BIAS_DRIFT, ITEM_BIAS_FIRST);
}

/* One rating's arithmetic: where it comes from, and what it says. */
struct observation {
    float h[RATINGS_WIDTH] __attribute__((aligned(64))); /* by the user's numbers */
    float f[RATINGS_WIDTH] __attribute__((aligned(64))); /* by the item's */
    float g[RATINGS_WIDTH] __attribute__((aligned(64))); /* covariance times h */
    float error, variance;                               /* of the prediction */
};

/* The prediction's variance: the noise (1), the mean's, the user's, the item's, and of products. */
static float weigh(const struct ratings *ratings, const struct rater *rater,
                   const struct rated *rated, struct observation *seen)
{
    float item = 0.0f, both = 0.0f;
    kernels->scan(seen->h, rater->covariance[0], RATINGS_WIDTH, RATINGS_WIDTH, RATINGS_WIDTH,
                  seen->g);
    for (int n = 0; n < RATINGS_WIDTH; n++) {
        item += rated->variance[n] * seen->f[n] * seen->f[n];
    }
    for (int n = RATINGS_VECTOR; n < RATINGS_WIDTH; n++)
        both += rated->variance[n] * rater->covariance[n][n];
    float user = kernels->dot(seen->g, seen->h, RATINGS_WIDTH);
    return 1.0f + ratings->head.mean_variance + (user > 0.0f ? user : 0.0f) + item +
           BOTH_UNSURE * both;
}

static void learn_user(struct rater *rater, const struct observation *seen)
{
    float scaled[RATINGS_WIDTH] __attribute__((aligned(64)));
    float root = 1.0f / sqrtf(seen->variance);
    kernels->add_scaled(seen->error / seen->variance, seen->g, rater->mean, RATINGS_WIDTH);
    for (int n = 0; n < RATINGS_WIDTH; n++)
        scaled[n] = root * seen->g[n];
    for (int n = 0; n < RATINGS_WIDTH; n++)
        kernels->add_scaled(-scaled[n], scaled, rater->covariance[n], RATINGS_WIDTH);
}

static void learn_item(struct rated *rated, const struct observation *seen)
{
    for (int n = 0; n < RATINGS_WIDTH; n++) {
        float g = rated->variance[n] * seen->f[n];
        rated->mean[n] += g * (seen->error / seen->variance);
        rated->variance[n] -= g * (g / seen->variance);
    }
}

static void learn_head(struct ratings_head *head, const struct observation *seen)
{
    float gain = head->mean_variance / seen->variance;
    head->mean += gain * seen->error;
    head->mean_variance -= gain * head->mean_variance;
    head->mean_variance += MEAN_DRIFT;
}

/* `value` in units. The filter goes by the terms as they are; only what is told is weighed. */
static void observe(struct ratings *ratings, struct rater *rater, struct rated *rated, float value)
{
    struct ratings_head *head = &ratings->head;
    struct observation seen;
    float term[TRUST_TERMS];
    by_user(head, rated, seen.h);
    by_item(rater, seen.f);
    terms_of(rater, rated, seen.h, 1.0f, term);
    trust_learn(&head->trust, term, value - head->mean, NOISE);
    seen.error = value - head->mean;
    for (int n = 0; n < TRUST_TERMS; n++)
        seen.error -= term[n];
    seen.variance = weigh(ratings, rater, rated, &seen);
    learn_user(rater, &seen);
    learn_item(rated, &seen);
    learn_head(head, &seen);
    rated->count++;
    head->kept++;
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    struct ratings *ratings = self;
    if (step->action->kind != SIGNAL_RATING)
        return STATUS_OK;
    ratings->head.count++;
    enum status status = grow(ratings, ratings->users, ratings->items);
    if (status != STATUS_OK)
        return status;
    struct rater *rater = rater_of(ratings, step->user);
    struct rated *rated = rated_of(ratings, step->item);
    if (rater == NULL && add_rater(ratings, step->user, &rater) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (rated->count == 0)
        add_rated(ratings, rated, step->now);
    pass_time(rater, rated, step->second);
    observe(ratings, rater, rated, (step->action->rating - ratings->low) / ratings->unit);
    float *columns = factors_change_columns(&model->factors, step->item);
    columns[COLUMN_RATED] = rated->mean[RATINGS_BIAS];
    columns[COLUMN_RATED_OFTEN] = real_logf(1.0f + (float)rated->count);
    return STATUS_OK;
}

static void forget(void *self, uint32_t user)
{
    drop_rater(self, user);
}

static void drop_rated(struct ratings *ratings, struct rated *rated)
{
    ratings->head.items -= rated->count > 0;
    ratings->head.kept -= rated->count;
    *rated = (struct rated){0};
}

/* An item that comes back begins anew. */
static void drop_items(void *self, const bool *gone, uint32_t items)
{
    struct ratings *ratings = self;
    for (uint32_t item = 0; item < items; item++)
        if (gone[item] && rated_of(ratings, item) != NULL)
            drop_rated(ratings, rated_of(ratings, item));
}

static size_t bytes(const void *self, uint32_t items)
{
    const struct ratings *ratings = self;
    return sizeof *ratings + (ratings->head.count == 0 ? 0 : items * sizeof(struct rated));
}

static size_t user_bytes(const void *self)
{
    const struct ratings *ratings = self;
    return ratings->raters * (sizeof(struct rater) + sizeof(struct rater *));
}

/* ---- keeping ---- */

static enum status save_raters(const struct ratings *ratings, uint32_t users,
                               struct state_writer *writer)
{
    enum status status = STATUS_OK;
    for (uint32_t user = 0; user < users && status == STATUS_OK; user++) {
        const struct rater *rater = rater_of(ratings, user);
        uint8_t there = rater != NULL;
        status = writer->write(writer, &there, sizeof there);
        if (status == STATUS_OK && rater != NULL)
            status = writer->write(writer, rater, sizeof *rater);
    }
    return status;
}

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    const struct ratings *ratings = self;
    enum status status = writer->write(writer, &ratings->head, sizeof ratings->head);
    if (ratings->head.count == 0 || status != STATUS_OK)
        return status;
    status = save_raters(ratings, users, writer);
    return status == STATUS_OK ? table_save(&ratings->rated, items, writer) : status;
}

static enum status load_raters(struct ratings *ratings, uint32_t users, struct state_reader *reader)
{
    enum status status = STATUS_OK;
    for (uint32_t user = 0; user < users && status == STATUS_OK; user++) {
        struct rater *rater;
        uint8_t there;
        status = reader->read(reader, &there, sizeof there);
        if (status != STATUS_OK || there == 0)
            continue;
        status = add_rater(ratings, user, &rater);
        if (status == STATUS_OK)
            status = reader->read(reader, rater, sizeof *rater);
    }
    return status;
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    struct ratings *ratings = self;
    enum status status = reader->read(reader, &ratings->head, sizeof ratings->head);
    ratings->users = users;
    ratings->items = items;
    if (status != STATUS_OK || ratings->head.count == 0)
        return status;
    status = table_grow(&ratings->rater, users);
    if (status == STATUS_OK)
        status = load_raters(ratings, users, reader);
    return status == STATUS_OK ? table_load(&ratings->rated, items, reader) : status;
}

const struct part part_ratings = {
    .name = "ratings",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .complete = complete,
    .learn = learn,
    .forget = forget,
    .drop_items = drop_items,
    .bytes = bytes,
    .user_bytes = user_bytes,
    .save = save,
    .load = load,
};

/* ---- the byte of a rating ---- */

uint8_t rating_code(const struct signals *signals, float rating)
{
    float place = (rating - signals->scale_low) / (signals->scale_high - signals->scale_low);
    return (uint8_t)(1 + (int)(place * CODES + 0.5f));
}

float rating_decode(const struct signals *signals, uint8_t code)
{
    float place = (float)(code - 1) / CODES;
    return signals->scale_low + place * (signals->scale_high - signals->scale_low);
}
