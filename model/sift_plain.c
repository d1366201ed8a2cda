/* The reference: what the other variants must equal bit for bit. */
#include "model/sift.h"

#include <math.h>

static int32_t product(const struct sift_items *items, const struct sift_user *user, uint32_t item)
{
    uint32_t group = item / SIFT_LANES, lane = item % SIFT_LANES;
    const uint8_t *codes = items->codes + (size_t)group * items->dim * SIFT_LANES + 4 * lane;
    int32_t sum = user->offset;
    for (uint32_t d = 0; d < items->dim; d++)
        sum += codes[d / 4 * 4 * SIFT_LANES + d % 4] * user->codes[d];
    return sum;
}

static float approximate(const struct sift_items *items, const struct sift_user *user,
                         uint32_t item)
{
    float sum = 0.0f;
    for (uint32_t c = 0; c < items->columns; c++)
        sum = fmaf(user->weight[c], items->column[c][item], sum);
    return fmaf(user->unit, (float)product(items, user, item) * items->scale[item], sum);
}

void sift_plain(const struct sift_items *items, const struct sift_user *const *users,
                uint32_t count, struct sifted *out)
{
    for (uint32_t n = 0; n < count; n++) {
        for (uint32_t group = 0; group < items->groups; group++)
            out[n].passed[group] = 0;
        for (uint32_t item = 0; item < items->groups * SIFT_LANES; item++) {
            float score = approximate(items, users[n], item);
            unsigned bit = !(score < users[n]->floor);
            out[n].approximate[item] = score;
            out[n].passed[item / SIFT_LANES] |= (uint16_t)(bit << item % SIFT_LANES);
        }
    }
}
