#include "transport/float_text.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Each exact in a double. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const double decades[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5};

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* A decimal number: digits / 10^scale. */
struct decimal {
    uint32_t digits;
    int scale;
};

static void drop_zeros(struct decimal *decimal, int least_scale)
{
    while (decimal->digits % 10 == 0 && decimal->scale > least_scale) {
        decimal->digits /= 10;
        decimal->scale--;
    }
}

/* Writes the digits right-aligned before `end`; returns where they begin. */
static char *write_digits(uint32_t digits, char *end)
{
    while (digits >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (digits % 100), 2);
        digits /= 100;
    }
    if (digits >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * digits, 2);
        return end;
    }
    *--end = (char)('0' + digits);
    return end;
}

static size_t write_plain(struct decimal decimal, char *out)
{
    char digits[10];
    char *first = write_digits(decimal.digits, digits + sizeof digits);
    int count = (int)(digits + sizeof digits - first);
    int whole = count - decimal.scale; /* digits before the point */
    char *at = out;
    if (whole <= 0) {
        memcpy(at, "0.00000000", 10);
        at += 2 - whole;
        memcpy(at, first, (size_t)count);
        return (size_t)(at + count - out);
    }
    memcpy(at, first, (size_t)whole);
    at += whole;
    if (decimal.scale > 0) {
        *at++ = '.';
        memcpy(at, first + whole, (size_t)decimal.scale);
        at += decimal.scale;
    }
    return (size_t)(at - out);
}

/* d.ddde[-]dd */
static size_t write_exponent(struct decimal decimal, char *out)
{
    char digits[10];
    char *first = write_digits(decimal.digits, digits + sizeof digits);
    size_t count = (size_t)(digits + sizeof digits - first);
    int exponent = (int)count - 1 - decimal.scale;
    char *at = out;
    *at++ = *first;
    if (count > 1) {
        *at++ = '.';
        memcpy(at, first + 1, count - 1);
        at += count - 1;
    }
    *at++ = 'e';
    if (exponent < 0) {
        *at++ = '-';
        exponent = -exponent;
    }
    char number[4];
    char *start = write_digits((uint32_t)exponent, number + sizeof number);
    memcpy(at, start, (size_t)(number + sizeof number - start));
    return (size_t)(at + (number + sizeof number - start) - out);
}

/* For 1e-5 <= value < 1e6. A quotient of two exact doubles is correctly rounded, so that what is
 * checked here is what a reader gets. Nine digits always do. */
static struct decimal shortest_plain(float value)
{
    double exact = (double)value;
    int decade = 10;
    while (decade > 0 && exact < decades[decade])
        decade--;
    int whole = decade - 4; /* digits before the point; negative: zeros after it */
    for (int count = 7; count < 9; count++) {
        struct decimal tried = {0, count - whole};
        tried.digits = (uint32_t)(exact * powers[tried.scale] + .5);
        if ((float)(tried.digits / powers[tried.scale]) == value)
            return tried;
    }
    return (struct decimal){(uint32_t)(exact * powers[9 - whole] + .5), 9 - whole};
}

/* digits / 10^scale, with an error of a few units in the last place of a double */
static double value_of(struct decimal decimal)
{
    double value = decimal.digits;
    int scale = decimal.scale;
    for (; scale > 22; scale -= 22)
        value /= 1e22;
    for (; scale < -22; scale += 22)
        value *= 1e22;
    return scale >= 0 ? value / powers[scale] : value * powers[-scale];
}

/* The first nine digits of any value above 0. */
static struct decimal nine_digits(double exact)
{
    struct decimal decimal = {0, 0};
    for (; exact < 1e8; decimal.scale++)
        exact *= 10;
    for (; exact >= 1e9; decimal.scale--)
        exact /= 10;
    decimal.digits = (uint32_t)(exact + .5);
    return decimal;
}

static bool reads_back(struct decimal decimal, float value)
{
    double read = value_of(decimal);
    double doubt = read * 32 * DBL_EPSILON;
    return (float)(read - doubt) == value && (float)(read + doubt) == value;
}

/* Rare: very small or very large. */
static struct decimal shortest_of_all(float value)
{
    struct decimal nine = nine_digits((double)value);
    struct decimal eight = {(nine.digits + 5) / 10, nine.scale - 1};
    struct decimal seven = {(nine.digits + 50) / 100, nine.scale - 2};
    if (reads_back(seven, value))
        return seven;
    return reads_back(eight, value) ? eight : nine;
}

size_t float_text(float value, char out[FLOAT_TEXT_MAX])
{
    if (value == 0 || isnan(value)) {
        out[0] = '0';
        return 1;
    }
    size_t used = 0;
    if (value < 0) {
        out[used++] = '-';
        value = -value;
    }
    if (value > FLT_MAX)
        value = FLT_MAX;
    bool plain = value >= 1e-5F && value < 1e6F;
    struct decimal decimal = plain ? shortest_plain(value) : shortest_of_all(value);
    drop_zeros(&decimal, plain ? 0 : INT_MIN);
    if (plain)
        return used + write_plain(decimal, out + used);
    return used + write_exponent(decimal, out + used);
}
