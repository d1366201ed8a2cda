/* The reference: what the other variants must equal bit for bit. */
#include "model/few_step.h"
#include "model/kernels_variants.h"
#include "model/pairwise_step.h"
#include "model/random.h"

#include <math.h>
#include <string.h>

static float tree(float lane[16])
{
    for (size_t apart = 8; apart > 0; apart /= 2)
        for (size_t l = 0; l < apart; l++)
            lane[l] += lane[l + apart];
    return lane[0];
}

static float dot(const float *a, const float *b, size_t size)
{
    float lane[16] = {0};
    for (size_t i = 0; i < size; i += 16)
        for (size_t l = 0; l < 16; l++)
            lane[l] = fmaf(a[i + l], b[i + l], lane[l]);
    return tree(lane);
}

static void dots(const float *x, const float *const *rows, size_t count, size_t size, float *out)
{
    for (size_t r = 0; r < count; r++)
        out[r] = dot(x, rows[r], size);
}

static void scan(const float *x, const float *base, size_t stride, size_t count, size_t size,
                 float *out)
{
    for (size_t r = 0; r < count; r++)
        out[r] = dot(x, base + r * stride, size);
}

static void add_scaled(float a, const float *x, float *y, size_t size)
{
    for (size_t i = 0; i < size; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

static void mix(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = 0.0f;
    for (size_t r = 0; r < count; r++)
        add_scaled(weights[r], rows[r], out, size);
}

static void spread(const float *steps, const float *x, float *const *rows, size_t count,
                   size_t size)
{
    for (size_t r = 0; r < count; r++)
        add_scaled(steps[r], x, rows[r], size);
}

static void multiply(const float *a, size_t row, size_t step, size_t count, size_t size,
                     const float *matrix, float *out)
{
    for (size_t r = 0; r < count; r++) {
        float sum[16] = {0};
        for (size_t k = 0; k < size; k++)
            add_scaled(a[r * row + k * step], matrix + 16 * k, sum, 16);
        memcpy(out + 16 * r, sum, sizeof sum);
    }
}

static void pair_dots(const float *x, const float *p, const float *q, size_t size,
                      struct pair_dots *out)
{
    float d[16] = {0};
    for (size_t i = 0; i < size; i += 16)
        for (size_t l = 0; l < 16; l++) {
            float apart = p[i + l] - q[i + l];
            d[l] = fmaf(apart, apart, d[l]);
        }
    *out = (struct pair_dots){dot(x, p, size), dot(x, q, size), dot(x, x, size), tree(d)};
}

static void pair_step(float *x, float *p, float *q, float x_step, float p_step, float q_step,
                      size_t size)
{
    for (size_t i = 0; i < size; i++) {
        float before = x[i];
        x[i] = fmaf(x_step, p[i] - q[i], before);
        p[i] = fmaf(p_step, before, p[i]);
        q[i] = fmaf(q_step, before, q[i]);
    }
}

static uint32_t find(const uint32_t *values, uint32_t count, uint32_t wanted)
{
    uint32_t n = 0;
    while (n < count && values[n] != wanted)
        n++;
    return n;
}

static void look_up(const uint32_t *cells, uint32_t mask, const uint32_t *items, uint32_t count,
                    uint32_t *place)
{
    for (uint32_t n = 0; n < count; n++) {
        uint32_t cell = kernels_home(items[n], mask);
        while (cells[4 * cell] != 0 && cells[4 * cell] != items[n] + 1)
            cell = (cell + 1) & mask;
        place[n] = cells[4 * cell] == 0 ? UINT32_MAX : cell;
    }
}

static bool count_cells(const uint32_t *cells, uint32_t fours, uint32_t most, uint32_t flags,
                        uint8_t *used)
{
    uint32_t wrong = 0;
    for (uint32_t n = 0; n < fours; n++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < 4; k++, cells += 4) {
            count += cells[0] != 0;
            wrong |= (cells[0] > most) | ((cells[0] == 0) & ((cells[3] & flags) != 0));
        }
        used[n] = (uint8_t)count;
    }
    return wrong == 0;
}

/* By their bits: the exponent of what is no number is the largest, and without the sign greater
 * floats are greater integers. */
static bool are_below(const float *values, size_t count, float limit)
{
    int32_t highest;
    uint32_t wrong = 0;
    memcpy(&highest, &limit, sizeof highest);
    for (size_t n = 0; n < count; n++) {
        int32_t bits;
        memcpy(&bits, &values[n], sizeof bits);
        wrong |= (bits & INT32_MAX) >= highest;
    }
    return wrong == 0;
}

static uint32_t marked(const uint32_t *marks, const uint32_t *items, uint32_t count,
                       uint32_t *found)
{
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n++) {
        found[size] = n;
        size += kernels_is_marked(marks, items[n]);
    }
    return size;
}

/* Nobody can tell beforehand which are kept: so nothing branches on it. */
uint32_t kernels_keep_plain(const struct sampling *sampling, const uint32_t *items,
                            const struct sampled *of, uint32_t count, uint32_t *kept,
                            float *expected)
{
    const struct sampling by = *sampling; /* or else every value written might change it */
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n++) {
        struct sampled known = of[n];
        uint32_t item = items[n];
        kept[size] = item;
        expected[size] =
            by.wanted + by.ring * (float)known.in_ring + by.hard * (float)known.how_hard;
        size += (known.stamp != by.stamp) & (item != by.positive);
    }
    return size;
}

void kernels_numbers_plain(uint64_t key, uint64_t first, uint32_t count, uint64_t *bits)
{
    for (uint32_t n = 0; n < count; n++)
        bits[n] = random_at(key, first + n);
}

static float least(const float *values, uint32_t count)
{
    float lowest = values[0];
    for (uint32_t n = 1; n < count; n++)
        lowest = values[n] < lowest ? values[n] : lowest;
    return lowest;
}

static uint32_t pick(const float *values, uint32_t count, float floor, float level, bool above,
                     uint32_t *found)
{
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n++) {
        found[size] = n;
        size += (uint32_t)(!(values[n] < floor) & ((values[n] > level) == above));
    }
    return size;
}

static uint32_t count_above(const float *values, uint32_t count, float level)
{
    uint32_t above = 0;
    for (uint32_t n = 0; n < count; n++)
        above += values[n] > level;
    return above;
}

static float level(const float *values, uint32_t count, uint32_t wanted)
{
    float low = values[0], high = values[0];
    for (uint32_t n = 1; n < count; n++) {
        low = values[n] < low ? values[n] : low;
        high = values[n] > high ? values[n] : high;
    }
    return kernels_level(values, count, wanted, low, high, count_above);
}

static void ranks(const uint64_t *keys, uint32_t count, uint32_t *rank)
{
    for (uint32_t n = 0; n < count; n++) {
        uint32_t above = 0;
        for (uint32_t other = 0; other < count; other++)
            above += keys[other] > keys[n];
        rank[n] = above;
    }
}

static float exp_one(float x)
{
    if (!(x >= EXP_LOWEST))
        return 0.0f;
    x = x > EXP_HIGHEST ? EXP_HIGHEST : x;
    float k = nearbyintf(x * EXP_LOG2E);
    float r = fmaf(k, -EXP_LN2_HIGH, x);
    r = fmaf(k, -EXP_LN2_LOW, r);
    float p = fmaf(EXP_C6, r, EXP_C5);
    p = fmaf(p, r, EXP_C4);
    p = fmaf(p, r, EXP_C3);
    p = fmaf(p, r, EXP_C2);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    int32_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += (int32_t)k * (1 << 23);
    memcpy(&p, &bits, sizeof bits);
    return p;
}

static bool score_rows(const float *x, const float *const *row, size_t count, size_t size,
                       const struct few_form *form, float *out)
{
    bool any = false;
    for (size_t n = 0; n < count; n++) {
        out[n] = dot(x, row[n], size) + row[n][size + COLUMN_BIAS];
        if (form->sigmoid)
            out[n] = 1.0f / (1.0f + exp_one(-out[n]));
        out[n] = form->rate * (n == 0 ? out[n] - form->aim : out[n]);
        any |= out[n] == 0.0f;
    }
    return any;
}

static void few_columns(float *const *rows, uint32_t count, const float *gradient,
                        float mean_square, size_t size, float *step)
{
    few_columns_each(rows, count, gradient, mean_square, size, step);
}

static uint32_t few_warp_usual(const struct few_rows *rows, const struct few_next *next,
                               const struct warp_form *form, float *score)
{
    return few_warp_of(rows, rows->count, next, form, FEW_USUAL, score);
}

static void exp_all(float *v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        v[i] = exp_one(v[i]);
}

static void softmax(float *v, const float *by, size_t size)
{
    float highest = v[0], lane[16] = {0};
    for (size_t i = 1; i < size; i++)
        highest = v[i] > highest ? v[i] : highest;
    for (size_t i = 0; i < size; i++)
        v[i] = exp_one(v[i] - highest) / by[i];
    for (size_t i = 0; i < size; i++)
        lane[i % 16] += v[i];
    float share = 1.0f / tree(lane);
    for (size_t i = 0; i < size; i++)
        v[i] *= share;
}

static void adagrad(float *sum, const float *square, uint32_t size, float rate, float floor,
                    float *step)
{
    adagrad_steps(sum, square, size, rate, floor, step);
}

const struct kernels kernels_plain =
    KERNELS_OF_THIS_FILE("plain", kernels_keep_plain, kernels_numbers_plain, sift_plain);
