#include "transport/float_text.h"

#include "transport/digits.h"

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

/* From 10^DECADE_LEAST on. */
static const double decades[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5};
enum { DECADE_LEAST = -5 };

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

/* Copies 16 bytes whatever is needed of them, which is one instruction: what is too much is
 * overwritten, and out has room for it. */
static size_t write_plain(struct decimal decimal, char *out)
{
    char digits[10 + 16] = {0};
    const char *first = write_digits(decimal.digits, digits + 10);
    int count = (int)(digits + 10 - first);
    int whole = count - decimal.scale; /* digits before the point, at most 6 */
    if (whole <= 0) {
        memcpy(out, "0.0000", sizeof "0.0000");
        int lead = 2 - whole;
        memcpy(out + lead, first, 16);
        return (size_t)lead + (size_t)count;
    }
    memcpy(out, first, 16);
    if (decimal.scale == 0)
        return (size_t)whole;
    out[whole] = '.';
    memcpy(out + whole + 1, first + whole, 16);
    return (size_t)count + 1;
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

/* How far a decimal may be from a float to be read as it, and no other: somewhat less than half the
 * distance to the next; half of that at a power of two, where the one below is nearer. */
static double reach_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t power = (uint64_t)((bits >> 23) + 1023 - 127 - 24 - ((bits & 0x7fffff) == 0)) << 52;
    double reach;
    memcpy(&reach, &power, sizeof reach);
    return reach * (1 - 1e-6);
}

/* The power of ten at or below a value from 1e-5 to 1e6; of one a bit below, -5 too. By branches:
 * the scores of a list are near each other, so they are foreseen, and nothing waits for them. */
static int decade_of(double exact)
{
    int decade = 5;
    while (decade > DECADE_LEAST && exact < decades[decade - DECADE_LEAST])
        decade--;
    return decade;
}

/* For 1e-5 <= value < 1e6. The products are off by a few units in a double's last place, far less
 * than what the reach leaves out. Nine digits always do. */
static struct decimal shortest_plain(float value)
{
    double exact = (double)value, reach = reach_of(value);
    int scale = 6 - decade_of(exact);
    for (int count = 7; count < 9; count++, scale++) {
        double scaled = exact * powers[scale];
        uint32_t digits = (uint32_t)(scaled + .5);
        if (fabs(digits - scaled) < reach * powers[scale])
            return (struct decimal){digits, scale};
    }
    return (struct decimal){(uint32_t)(exact * powers[scale] + .5), scale};
}

/* The same as text, in the common case that seven or eight digits do; 0: not so. Writes up to 16
 * bytes. */
static size_t write_short(float value, char *out)
{
    const int decade = decade_of((double)value), scale = 7 - decade;
    const double scaled = (double)value * powers[scale], reach = reach_of(value) * powers[scale];
    /* Seven digits do for every other value: nothing branches on that. */
    const uint32_t seven = 10 * (uint32_t)(scaled * .1 + .5), eight = (uint32_t)(scaled + .5);
    const uint32_t suffice = -(uint32_t)(fabs(seven - scaled) < reach);
    const uint32_t number = (seven & suffice) | (eight & ~suffice);
    if (!(fabs(number - scaled) < reach) || number >= 100000000)
        return 0;
    const uint64_t digits = eight_digits(number);
    const size_t count = 8 - (size_t)__builtin_clzll(digits) / 8; /* without zeros at the end */
    if (decade < 0) {
        memcpy(out, "0.00000", 8);
        put_digits(out + 1 - decade, digits);
        return (size_t)(1 - decade) + count;
    }
    const size_t whole = (size_t)decade + 1;
    put_digits(out, digits);
    out[whole] = '.';
    put_digits(out + whole + 1, digits >> 8 * whole);
    return count > whole ? count + 1 : whole;
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

/* Any value; not inlined, so that the common case saves no registers for it. */
static size_t __attribute__((noinline)) write_any(float value, char *out)
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

size_t float_text(float value, char out[FLOAT_TEXT_MAX])
{
    size_t used = value < 0;
    float magnitude = fabsf(value);
    if (magnitude >= 1e-5F && magnitude < 1e6F) { /* as no infinity is, and nothing else strange */
        out[0] = '-';
        size_t size = write_short(magnitude, out + used);
        if (size > 0)
            return used + size;
    }
    return write_any(value, out);
}
