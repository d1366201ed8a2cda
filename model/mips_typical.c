/* Vectors for mips_index.c: what of them lies along the users' mean, and the rest as codes. */
#include "model/kernels.h"
#include "model/mips_parts.h"

#include <math.h>
#include <string.h>

/* Without signs floats are in the order of their bits; NaN is above all. */
static float largest(const float *vector, uint32_t dim)
{
    int32_t most = 0;
    for (uint32_t d = 0; d < dim; d++) {
        int32_t bits;
        memcpy(&bits, vector + d, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    float value;
    memcpy(&value, &most, sizeof value);
    return value;
}

/* Below this norm, squares may underflow. */
#define NORM_LEAST 1e-12f

/* A vector that cannot be coded gets zeros: all of it is left out. One with infinities or NaN in it
 * is longer than any, so that it is always judged. */
static void encode(const float *vector, uint32_t dim, struct coded *coded)
{
    const float to_integer = 0x1.8p23f; /* added, the sum's last bits are the rounded number */
    float most = largest(vector, dim), left[MIPS_DIM_MAX] __attribute__((aligned(64)));
    coded->norm = sqrtf(kernels->dot(vector, vector, dim));
    coded->scale = most / CODE_MOST;
    float inverse = CODE_MOST / most;
    if (!isfinite(coded->norm) || coded->norm < NORM_LEAST) {
        memset(coded->code, 0, dim);
        coded->scale = 0.0f;
        coded->residual = isfinite(coded->norm) ? most * sqrtf((float)dim) : INFINITY;
        coded->norm = coded->residual;
        return;
    }
    for (uint32_t d = 0; d < dim; d++) {
        float rounded = vector[d] * inverse + to_integer;
        int32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        coded->code[d] = (int8_t)bits;
        left[d] = vector[d] - coded->scale * (rounded - to_integer);
    }
    coded->residual = sqrtf(kernels->dot(left, left, dim));
}

/* The rest of a vector, and how far it went along the axis. */
float mips_part(const struct mips_index *index, const float *vector, struct coded *rest)
{
    float left[MIPS_DIM_MAX] __attribute__((aligned(64)));
    float along = kernels->dot(vector, index->typical.axis, index->dim);
    memcpy(left, vector, index->dim * sizeof *left);
    kernels->add_scaled(-along, index->typical.axis, left, index->dim);
    encode(left, index->dim, rest);
    return along;
}

/* ---- what is typical ---- */

float mips_appeal(const struct mips_index *index, const float *columns, float along)
{
    const float *weight = index->typical.weight;
    float appeal = weight[index->columns - 1] * along;
    for (uint32_t c = 0; c + 1 < index->columns; c++)
        appeal += weight[c] * columns[c];
    return appeal;
}

static void find_axis(struct mips_index *index, const struct mips_sample *sample)
{
    struct typical *typical = &index->typical;
    uint32_t dim = index->dim, own = index->columns - 1;
    float share = 1.0f / (float)sample->users_count;
    for (uint32_t n = 0; n < sample->users_count; n++) {
        kernels->add_scaled(share, sample->users[n], typical->axis, dim);
        for (uint32_t c = 0; c < own; c++)
            typical->weight[c] += share * sample->users[n][dim + c];
    }
    float length = sqrtf(kernels->dot(typical->axis, typical->axis, dim));
    bool usable = isfinite(length) && length > NORM_LEAST;
    typical->weight[own] = usable ? length : 0.0f;
    for (uint32_t d = 0; d < dim; d++)
        typical->axis[d] = usable ? typical->axis[d] / length : 0.0f;
    for (uint32_t c = 0; c < own; c++)
        typical->weight[c] = isfinite(typical->weight[c]) ? typical->weight[c] : 0.0f;
}

static void find_bands(struct mips_index *index, const struct mips_sample *sample)
{
    struct typical *typical = &index->typical;
    struct coded rest;
    float low = INFINITY, high = -INFINITY;
    for (uint32_t n = 0; n < sample->items_count; n++) {
        float along = mips_part(index, sample->items[n], &rest);
        float key =
            mips_appeal(index, sample->items[n] + index->dim, along) + typical->length * rest.norm;
        low = less(key, low);
        high = more(key, high);
    }
    bool usable = isfinite(low) && isfinite(high) && high > low;
    uint32_t spread = index->bands - index->bands / 8;
    typical->low = usable ? low : 0.0f;
    typical->scale = usable ? (float)spread / (high - low) : 1.0f;
}

void mips_find_typical(struct mips_index *index, const struct mips_sample *sample)
{
    struct coded rest;
    float length = 0.0f;
    if (sample->users_count > 0)
        find_axis(index, sample);
    for (uint32_t n = 0; n < sample->users_count; n++) {
        mips_part(index, sample->users[n], &rest);
        length += rest.norm / (float)sample->users_count;
    }
    index->typical.length = isfinite(length) && length > NORM_LEAST ? length : 1.0f;
    find_bands(index, sample);
}
