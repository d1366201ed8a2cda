#include "model/vectors.h"

#include "model/recommender_parts.h"

#include <math.h>

const float *recommender_item_vector(const struct recommender *model, uint32_t item, float *bias)
{
    if (bias != NULL)
        *bias = factors_columns(&model->factors, item)[COLUMN_BIAS];
    return factors_candidate(&model->factors, item);
}

const float *recommender_user_vector(const struct query *query)
{
    return query->taste.x;
}

float vectors_cosine(const float *a, const float *b, uint32_t dim)
{
    float squares = kernels->dot(a, a, dim) * kernels->dot(b, b, dim);
    return squares > 0.0f ? kernels->dot(a, b, dim) / sqrtf(squares) : 0.0f;
}
