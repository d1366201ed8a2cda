#include "model/factors.h"

#include "model/adagrad.h"
#include "model/factors_rates.h"
#include "model/feature.h"
#include "model/plausible.h"
#include "model/random.h"
#include "model/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_VECTOR 0.0125f
#define HISTORY_NORM 0.3
#define PLACE_FIRST (-0.1625) /* log .85: what a step back in the history is worth at first */

enum { PURPOSE_CANDIDATE = 11, PURPOSE_HISTORY = 12 };

void factors_init(struct factors *factors, uint64_t seed, uint32_t dim,
                  const struct factor_weights *weights)
{
    *factors = (struct factors){.seed = seed, .dim = dim, .weights = *weights};
    table_init(&factors->user_rows, dim * sizeof(float));
    table_init(&factors->candidate_rows, (dim + COLUMNS) * sizeof(float));
    table_init(&factors->history_rows, dim * sizeof(float));
    table_init(&factors->last_rows, dim * sizeof(float));
    table_init(&factors->sums, sizeof(struct item_sums));
    for (uint32_t n = 0; n < HISTORY_SIZE; n++) {
        factors->history_weights.place[n] = (float)(PLACE_FIRST * n);
        factors->history_weights.place_sum[n] = 1.0f;
    }
    for (uint32_t n = 0; n < GAP_BUCKETS; n++) { /* -t / 1 h at first, not below -3 */
        double seconds = real_exp(0.34657359027997264 * n);
        factors->history_weights.gap[n] = (float)(seconds < 3 * 3600.0 ? -seconds / 3600.0 : -3.0);
        factors->history_weights.gap_sum[n] = 1.0f;
    }
}

void factors_finish(struct factors *factors)
{
    table_finish(&factors->user_rows);
    table_finish(&factors->candidate_rows);
    table_finish(&factors->history_rows);
    table_finish(&factors->last_rows);
    table_finish(&factors->sums);
    free(factors->changes.bits);
    factors->changes = (struct changes){0};
}

enum status factors_grow_users(struct factors *factors, uint32_t bound)
{
    return factors->weights.own > 0.0f ? table_grow(&factors->user_rows, bound) : STATUS_OK;
}

/* New ones are marked: nobody has seen them yet. */
static enum status grow_changes(struct changes *changes, uint32_t bound)
{
    if (bound <= changes->room)
        return STATUS_OK;
    uint32_t room = changes->room == 0 ? 1024 : changes->room;
    while (room < bound)
        room *= 2;
    uint64_t *bits = realloc(changes->bits, room / 64 * sizeof *bits);
    if (bits == NULL)
        return STATUS_NO_MEMORY;
    memset(bits + changes->room / 64, 0xff, (room - changes->room) / 64 * sizeof *bits);
    *changes = (struct changes){bits, room, true};
    return STATUS_OK;
}

void factors_mark_all(struct factors *factors)
{
    struct changes *changes = &factors->changes;
    memset(changes->bits, 0xff, changes->room / 64 * sizeof *changes->bits);
    changes->any = true;
}

enum status factors_grow_items(struct factors *factors, uint32_t bound)
{
    enum status status = grow_changes(&factors->changes, bound);
    if (status == STATUS_OK)
        status = table_grow(&factors->candidate_rows, bound);
    if (status == STATUS_OK && factors->weights.history > 0.0f)
        status = table_grow(&factors->history_rows, bound);
    if (status == STATUS_OK && factors->weights.last > 0.0f)
        status = table_grow(&factors->last_rows, bound);
    return status == STATUS_OK ? table_grow(&factors->sums, bound) : status;
}

static void random_vector(float *row, uint32_t dim, uint64_t key)
{
    for (uint32_t n = 0; n < dim; n++)
        row[n] = FIRST_VECTOR * random_signed((uint32_t)random_at(key, n));
}

void factors_add_item(struct factors *factors, uint32_t item, uint64_t now)
{
    float *candidate = factors_change(factors, item);
    random_vector(candidate, factors->dim, random_key(factors->seed, now, PURPOSE_CANDIDATE));
    memset(candidate + factors->dim, 0, COLUMNS * sizeof(float));
    candidate[factors->dim + COLUMN_CLOSED] = CLOSED_SCORE;
    if (factors->weights.history > 0.0f)
        random_vector(table_floats(&factors->history_rows, item), factors->dim,
                      random_key(factors->seed, now, PURPOSE_HISTORY));
    if (factors->weights.last > 0.0f)
        memset(table_row(&factors->last_rows, item), 0, factors->dim * sizeof(float));
    memset(table_row(&factors->sums, item), 0, sizeof(struct item_sums));
}

void factors_add_user(struct factors *factors, uint32_t user)
{
    if (factors->weights.own > 0.0f)
        memset(table_row(&factors->user_rows, user), 0, factors->dim * sizeof(float));
}

static struct item_sums *item_sums(const struct factors *factors, uint32_t item)
{
    return table_row(&factors->sums, item);
}

/* What was wanted twice counts once, where it was wanted last. Most streams have no repeats, and
 * habits tell of them. */
static bool is_in(const struct taste *taste, uint32_t size, const struct user *user, uint32_t item)
{
    return user->habit > 0 && kernels->find(taste->item, size, item) < size;
}

/* The items in use, and when they were wanted; gives how many. Whether one counts is added up, not
 * branched upon. */
static uint32_t line_up_visits(const struct factors *factors, const struct user *user,
                               struct taste *taste, uint32_t second[HISTORY_SIZE])
{
    uint32_t visits = user == NULL ? 0 : user_visit_count(user), size = 0;
    for (uint32_t age = 0; age < visits && size < factors->weights.visits; age++) {
        const struct visit *visit = user_visit(user, age);
        bool in = is_in(taste, size, user, visit->item);
        taste->item[size] = visit->item;
        second[size] = visit->second;
        size += (visit->item != VISIT_GONE) & !in;
    }
    return size;
}

/* Two buckets an octave of seconds, 0 for less than one. All places at once, in vectors. */
static void find_buckets(uint32_t now, const uint32_t then[HISTORY_SIZE],
                         uint8_t bucket[HISTORY_SIZE])
{
    for (uint32_t n = 0; n < HISTORY_SIZE; n++) {
        uint32_t gap = now > then[n] ? now - then[n] : 0;
        float seconds = (float)(int32_t)(gap < INT32_MAX ? gap : INT32_MAX);
        int32_t bits;
        memcpy(&bits, &seconds, sizeof bits);
        int32_t found = (bits >> 22) - (127 << 1); /* below INT32_MAX rounded: GAP_BUCKETS - 2 */
        bucket[n] = (uint8_t)(found > 0 ? found : 0);
    }
}

_Static_assert(GAP_BUCKETS > 2 * 31, "a gap of any 32 bits");

static void look_back(const struct factors *factors, const struct user *user, uint32_t second,
                      struct taste *taste)
{
    uint32_t then[HISTORY_SIZE] = {0};
    taste->size = line_up_visits(factors, user, taste, then);
    find_buckets(second, then, taste->bucket);
    if (taste->size == 0)
        taste->bucket[0] = 0;
}

/* x^by */
static float power(float x, float by)
{
    float all[16] __attribute__((aligned(64))) = {by * real_logf(x)};
    kernels->exp(all, 16);
    return all[0];
}

static void weigh_history(const struct factors *factors, struct taste *taste)
{
    memset(taste->weight, 0, sizeof taste->weight);
    for (uint32_t n = 0; n < taste->size; n++)
        taste->weight[n] =
            factors->history_weights.place[n] + factors->history_weights.gap[taste->bucket[n]];
    kernels->exp(taste->weight, HISTORY_SIZE);
    taste->weight_total = 0.0f;
    for (uint32_t n = 0; n < taste->size; n++)
        taste->weight_total += taste->weight[n];
    taste->scale = 0.0f;
    if (taste->weight_total > 0.0f)
        taste->scale = factors->weights.history * power(taste->weight_total, -(float)HISTORY_NORM);
}

static void add_history(const struct factors *factors, struct taste *taste)
{
    const float *row[HISTORY_SIZE];
    weigh_history(factors, taste);
    for (uint32_t n = 0; n < taste->size; n++)
        row[n] = table_floats(&factors->history_rows, taste->item[n]);
    kernels->mix(taste->weight, row, taste->size, factors->dim, taste->history);
    kernels->add_scaled(taste->scale, taste->history, taste->x, factors->dim);
}

void factors_taste(const struct factors *factors, const struct user *user, uint32_t slot,
                   uint32_t second, struct taste *taste)
{
    uint32_t dim = factors->dim;
    const struct factor_weights *weights = &factors->weights;
    look_back(factors, user, second, taste);
    memset(taste->x, 0, dim * sizeof(float));
    if (user != NULL && weights->own > 0.0f)
        kernels->add_scaled(weights->own, table_floats(&factors->user_rows, slot), taste->x, dim);
    if (taste->size > 0 && weights->history > 0.0f)
        add_history(factors, taste);
    if (taste->size > 0 && weights->last > 0.0f)
        kernels->add_scaled(weights->last, table_floats(&factors->last_rows, taste->item[0]),
                            taste->x, dim);
}

void factors_score_samples(const struct factors *factors, const struct taste *taste,
                           struct samples *samples)
{
    kernels->dots(taste->x, (const float *const *)samples->row, samples->size, factors->dim,
                  samples->factor_score);
    for (uint32_t n = 0; n < samples->size; n++)
        samples->factor_score[n] += samples->row[n][factors->dim + COLUMN_BIAS];
}

/* The candidates with a gradient, side by side: many steps are then worked out at once. */
struct descent {
    uint32_t size, item[SAMPLES_ROOM];
    float *row[SAMPLES_ROOM];
    float gradient[SAMPLES_ROOM], square[SAMPLES_ROOM];
    float sum[SAMPLES_ROOM], bias_sum[SAMPLES_ROOM];
    float step[SAMPLES_ROOM], bias_step[SAMPLES_ROOM];
};

static void line_up(struct factors *factors, const struct samples *samples, float rate,
                    struct descent *descent)
{
    uint32_t size = 0, of = samples->size, dim = factors->dim;
    for (uint32_t n = 0; n < of; n++) {
        bool moves = samples->gradient[n] != 0.0f;
        descent->item[size] = samples->item[n];
        descent->row[size] = samples->row[n];
        descent->gradient[size] = rate * samples->gradient[n];
        size += moves;
    }
    descent->size = size;
    factors_mark_many(factors, descent->item, size);
    for (uint32_t n = 0; n < size; n++) {
        const float *columns = descent->row[n] + dim;
        descent->sum[n] = columns[COLUMN_SUM];
        descent->bias_sum[n] = columns[COLUMN_BIAS_SUM];
    }
    for (uint32_t n = 0; n < size; n++)
        descent->square[n] = descent->gradient[n] * descent->gradient[n];
}

/* Everything of a row but its vector, for which descent->step becomes what x is to be taken by. */
static void step_columns(const struct factors *factors, struct descent *descent)
{
    for (uint32_t n = 0; n < descent->size; n++)
        descent->step[n] *= descent->gradient[n];
    for (uint32_t n = 0; n < descent->size; n++)
        descent->bias_step[n] *= descent->gradient[n];
    for (uint32_t n = 0; n < descent->size; n++) {
        float *columns = descent->row[n] + factors->dim;
        columns[COLUMN_BIAS] += descent->bias_step[n];
        columns[COLUMN_BIAS_SUM] = descent->bias_sum[n];
        columns[COLUMN_SUM] = descent->sum[n];
    }
}

/* Candidates: their rows and biases; gives the loss' gradient by x. What was drawn twice steps
 * twice, from the same accumulator. */
static void learn_candidates(struct factors *factors, const struct taste *taste,
                             const struct samples *samples, float rate, float *by_x)
{
    struct descent descent;
    uint32_t dim = factors->dim;
    float mean_square = kernels->dot(taste->x, taste->x, dim) / (float)dim;
    line_up(factors, samples, rate, &descent);
    kernels->mix(descent.gradient, (const float *const *)descent.row, descent.size, dim, by_x);
    kernels->adagrad(descent.bias_sum, descent.square, descent.size, RATE_BIAS, SUM_FLOOR_BIAS,
                     descent.bias_step);
    for (uint32_t n = 0; n < descent.size; n++)
        descent.square[n] *= mean_square;
    kernels->adagrad(descent.sum, descent.square, descent.size, RATE_CANDIDATE, SUM_FLOOR,
                     descent.step);
    step_columns(factors, &descent);
    kernels->spread(descent.step, taste->x, descent.row, descent.size, dim);
}

/* d x / d weight_n = scale (W_n - 0.3 history / total), and weight = exp(place + gap). */
static void learn_weights(struct factors *factors, const struct taste *taste,
                          const float *const *rows, const float *by_x)
{
    float along[HISTORY_SIZE];
    kernels->dots(by_x, rows, taste->size, factors->dim, along);
    float mean = (float)HISTORY_NORM * kernels->dot(by_x, taste->history, factors->dim) /
                 taste->weight_total;
    float gradient[HISTORY_SIZE], square[HISTORY_SIZE], step[HISTORY_SIZE];
    for (uint32_t n = 0; n < taste->size; n++) {
        gradient[n] = taste->scale * taste->weight[n] * (along[n] - mean);
        square[n] = gradient[n] * gradient[n];
    }
    kernels->adagrad(factors->history_weights.place_sum, square, taste->size, RATE_WEIGHTS, 0.0f,
                     step);
    for (uint32_t n = 0; n < taste->size; n++)
        factors->history_weights.place[n] += step[n] * gradient[n];
    for (uint32_t n = 0; n < taste->size; n++) {
        uint8_t gap = taste->bucket[n]; /* may be there twice */
        factors->history_weights.gap[gap] +=
            gradient[n] *
            adagrad_step(&factors->history_weights.gap_sum[gap], square[n], RATE_WEIGHTS, 0.0f);
    }
}

static void learn_history(const struct factors *factors, const struct taste *taste,
                          float *const *rows, const float *by_x, float mean_square)
{
    float sum[HISTORY_SIZE], square[HISTORY_SIZE], step[HISTORY_SIZE], c[HISTORY_SIZE];
    for (uint32_t n = 0; n < taste->size; n++) {
        sum[n] = item_sums(factors, taste->item[n])->history;
        c[n] = taste->weight[n] * taste->scale;
        square[n] = c[n] * c[n] * mean_square;
    }
    kernels->adagrad(sum, square, taste->size, RATE_HISTORY, SUM_FLOOR, step);
    for (uint32_t n = 0; n < taste->size; n++) {
        item_sums(factors, taste->item[n])->history = sum[n];
        step[n] *= c[n];
    }
    kernels->spread(step, by_x, rows, taste->size, factors->dim);
}

static void learn_last(const struct factors *factors, const struct taste *taste, const float *by_x,
                       float mean_square)
{
    struct item_sums *sums = item_sums(factors, taste->item[0]);
    float c = factors->weights.last;
    float step = adagrad_step(&sums->last, c * c * mean_square, RATE_LAST, SUM_FLOOR);
    kernels->add_scaled(step * c, by_x, table_floats(&factors->last_rows, taste->item[0]),
                        factors->dim);
}

static void learn_own(const struct factors *factors, struct user *user, uint32_t slot,
                      const float *by_x, float mean_square)
{
    float c = factors->weights.own;
    float step = adagrad_step(&user->gradient_sum, c * c * mean_square, RATE_USER, SUM_FLOOR);
    kernels->add_scaled(step * c, by_x, table_floats(&factors->user_rows, slot), factors->dim);
}

void factors_learn(struct factors *factors, struct user *user, uint32_t slot, struct taste *taste,
                   struct samples *samples, float rate, float *by_x)
{
    const struct factor_weights *weights = &factors->weights;
    learn_candidates(factors, taste, samples, rate, by_x);
    float mean_square = kernels->dot(by_x, by_x, factors->dim) / (float)factors->dim;
    if (taste->size > 0 && weights->history > 0.0f) {
        float *rows[HISTORY_SIZE];
        for (uint32_t n = 0; n < taste->size; n++)
            rows[n] = table_floats(&factors->history_rows, taste->item[n]);
        learn_weights(factors, taste, (const float *const *)rows, by_x);
        learn_history(factors, taste, rows, by_x, mean_square);
    }
    if (taste->size > 0 && weights->last > 0.0f)
        learn_last(factors, taste, by_x, mean_square);
    if (weights->own > 0.0f)
        learn_own(factors, user, slot, by_x, mean_square);
}

size_t factors_bytes(const struct factors *factors)
{
    return table_bytes(&factors->user_rows) + table_bytes(&factors->candidate_rows) +
           table_bytes(&factors->history_rows) + table_bytes(&factors->last_rows) +
           table_bytes(&factors->sums);
}

/* What is switched off has no rows. */
static uint32_t kept(uint32_t rows, float weight)
{
    return weight > 0.0f ? rows : 0;
}

size_t factors_user_bytes(const struct factors *factors)
{
    return kept(1, factors->weights.own) * factors->user_rows.row_bytes;
}

size_t factors_item_bytes(const struct factors *factors)
{
    return factors->candidate_rows.row_bytes + factors->sums.row_bytes +
           kept(1, factors->weights.history) * factors->history_rows.row_bytes +
           kept(1, factors->weights.last) * factors->last_rows.row_bytes;
}

enum status factors_save(const struct factors *factors, uint32_t users, uint32_t items,
                         struct state_writer *writer)
{
    const struct factor_weights *weights = &factors->weights;
    enum status status =
        writer->write(writer, &factors->history_weights, sizeof factors->history_weights);
    if (status == STATUS_OK)
        status = table_save(&factors->user_rows, kept(users, weights->own), writer);
    if (status == STATUS_OK)
        status = table_save(&factors->candidate_rows, items, writer);
    if (status == STATUS_OK)
        status = table_save(&factors->history_rows, kept(items, weights->history), writer);
    if (status == STATUS_OK)
        status = table_save(&factors->last_rows, kept(items, weights->last), writer);
    return status == STATUS_OK ? table_save(&factors->sums, items, writer) : status;
}

/* Logarithms of weights. */
static bool logs_can_be(const float *at, uint32_t count)
{
    enum { MOST = 20 };
    bool right = floats_can_be(at, count);
    for (uint32_t n = 0; n < count; n++)
        right &= at[n] <= MOST;
    return right;
}

static bool weights_can_be(const struct history_weights *weights)
{
    return logs_can_be(weights->place, HISTORY_SIZE) &&
           sums_can_be(weights->place_sum, HISTORY_SIZE) &&
           logs_can_be(weights->gap, GAP_BUCKETS) && sums_can_be(weights->gap_sum, GAP_BUCKETS);
}

/* In the order of factors_load(). Together they fit what is left, or no room is taken. */
enum status factors_expect(struct factors *factors, uint32_t users, uint32_t items,
                           struct state_reader *reader)
{
    const struct factor_weights *weights = &factors->weights;
    uint64_t bytes = users * factors_user_bytes(factors) + items * factors_item_bytes(factors);
    if (bytes > reader->left(reader))
        return STATUS_BAD_DATA;
    enum status status = grow_changes(&factors->changes, items);
    if (status == STATUS_OK)
        status = state_expect(reader, &factors->history_weights, sizeof factors->history_weights);
    if (status == STATUS_OK)
        status = table_expect(&factors->user_rows, kept(users, weights->own), reader);
    if (status == STATUS_OK)
        status = table_expect(&factors->candidate_rows, items, reader);
    if (status == STATUS_OK)
        status = table_expect(&factors->history_rows, kept(items, weights->history), reader);
    if (status == STATUS_OK)
        status = table_expect(&factors->last_rows, kept(items, weights->last), reader);
    return status == STATUS_OK ? table_expect(&factors->sums, items, reader) : status;
}

static bool candidates_can_be(const struct table *table, uint32_t first, uint32_t end)
{
    uint32_t dim = (uint32_t)(table->row_bytes / sizeof(float)) - COLUMNS;
    bool wrong = false;
    for (uint32_t item = first; item < end; item++) {
        const float *row = table_floats(table, item), *column = row + dim;
        wrong |= !floats_can_be(row, dim + COLUMN_CLOSED) || !sums_can_be(column + COLUMN_SUM, 2) ||
                 (column[COLUMN_CLOSED] != 0.0f && column[COLUMN_CLOSED] != CLOSED_SCORE);
    }
    return !wrong;
}

static bool item_sums_can_be(const struct table *table, uint32_t first, uint32_t end)
{
    return sums_can_be(table_floats(table, first), 2 * (size_t)(end - first));
}

enum status factors_load(struct factors *factors, uint32_t users, uint32_t items,
                         struct state_reader *reader)
{
    const struct factor_weights *weights = &factors->weights;
    enum status status =
        reader->read(reader, &factors->history_weights, sizeof factors->history_weights);
    if (status == STATUS_OK && !weights_can_be(&factors->history_weights))
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = table_load_checked(&factors->user_rows, kept(users, weights->own), reader,
                                    table_floats_can_be);
    if (status == STATUS_OK)
        status = table_load_checked(&factors->candidate_rows, items, reader, candidates_can_be);
    if (status == STATUS_OK)
        status = table_load_checked(&factors->history_rows, kept(items, weights->history), reader,
                                    table_floats_can_be);
    if (status == STATUS_OK)
        status = table_load_checked(&factors->last_rows, kept(items, weights->last), reader,
                                    table_floats_can_be);
    return status == STATUS_OK ? table_load_checked(&factors->sums, items, reader, item_sums_can_be)
                               : status;
}
