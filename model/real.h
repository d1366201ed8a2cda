/*
 * exp and log of our own, for scalars: libm's differ in the last bit between versions, and the
 * digest must not. Only IEEE operations, in one order; relative error below 1e-14.
 */
#ifndef MODEL_REAL_H
#define MODEL_REAL_H

#include <stdint.h>
#include <string.h>

/* log(x) for finite x > 0: x = m 2^e, log m = 2 atanh((m-1)/(m+1)) as a series. */
static inline double real_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t e = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    double f = (m - 1.0) / (m + 1.0), f2 = f * f, sum = 0.0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * f2 + 1.0 / (double)k;
    return (double)e * 0.6931471805599453 + 2.0 * f * sum;
}

#define REAL_ROOT_2_FRACTION 0x3504f3u /* of the root of 2 as a float */

/* The same in single precision, error below 1e-6: four terms of the series. Without branches, so
 * that the compiler works out many at once. */
static inline float real_logf(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits >> 23) - 127;
    uint32_t fraction = bits & 0x007fffffu, above = fraction > REAL_ROOT_2_FRACTION;
    bits = fraction | (0x3f800000u - (above << 23)); /* m between 1 / sqrt 2 and sqrt 2 */
    e += (int32_t)above;
    float m;
    memcpy(&m, &bits, sizeof m);
    float f = (m - 1.0f) / (m + 1.0f), f2 = f * f;
    float sum = 1.0f + f2 * (1.0f / 3.0f + f2 * (1.0f / 5.0f + f2 * (1.0f / 7.0f)));
    return (float)e * 0.693147181f + 2.0f * f * sum;
}

/* exp(x); 0 below -700, capped above 700. */
static inline double real_exp(double x)
{
    if (!(x > -700.0))
        return 0.0;
    if (x > 700.0)
        x = 700.0;
    double scaled = x * 1.4426950408889634;
    int64_t k = (int64_t)(scaled + (scaled >= 0.0 ? 0.5 : -0.5));
    double r = (x - (double)k * 0.693147180369123816490) - (double)k * 1.90821492927058770002e-10;
    double p = 0.0, term = 1.0 / 6227020800.0; /* 1 / 13! */
    for (int n = 13; n >= 0; n--) {
        p = p * r + term;
        term *= n;
    }
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

static inline double real_sigmoid(double x)
{
    return 1.0 / (1.0 + real_exp(-x));
}

#endif
