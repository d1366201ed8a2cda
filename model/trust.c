#include "model/trust.h"

#include <string.h>

#define FIRST 0.01f /* variance of a weight at first, and at most */
#define DRIFT 1e-6f /* what each observation adds: what holds may change */

void trust_init(struct trust *trust)
{
    memset(trust, 0, sizeof *trust);
    for (int n = 0; n < TRUST_TERMS; n++) {
        trust->weight[n] = 1.0f;
        trust->covariance[n][n] = FIRST;
    }
}

float trust_sum(const struct trust *trust, const float term[TRUST_TERMS])
{
    float sum = 0.0f;
    for (int n = 0; n < TRUST_TERMS; n++)
        sum += trust->weight[n] * term[n];
    return sum;
}

void trust_learn(struct trust *trust, const float term[TRUST_TERMS], float truth, float noise)
{
    float along[TRUST_TERMS] = {0}; /* covariance times term */
    float error = truth - trust_sum(trust, term), variance = noise;
    for (int n = 0; n < TRUST_TERMS; n++) {
        for (int m = 0; m < TRUST_TERMS; m++)
            along[n] += trust->covariance[n][m] * term[m];
        variance += along[n] * term[n];
    }
    if (!(variance > noise))
        return;
    for (int n = 0; n < TRUST_TERMS; n++) {
        trust->weight[n] += along[n] * (error / variance);
        for (int m = 0; m < TRUST_TERMS; m++)
            trust->covariance[n][m] -= along[n] * along[m] / variance;
        if (trust->covariance[n][n] < FIRST)
            trust->covariance[n][n] += DRIFT;
    }
}
