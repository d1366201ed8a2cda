#include "transport/decode_number.h"

#include <math.h>
#include <stdlib.h>

enum { EXPONENT_MAX = 1000000 };

static inline bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Powers of ten that a double holds exactly. */
static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWER_MAX = 22 };

static double convert_slowly(struct text text)
{
    char terminated[DECIMAL_TEXT_MAX + 1];
    if (text.size > DECIMAL_TEXT_MAX)
        return (double)NAN;
    memcpy(terminated, text.at, text.size);
    terminated[text.size] = 0;
    return strtod(terminated, NULL); /* the process stays in the "C" locale for numbers */
}

/* With digits and power of ten both exact, IEEE division or multiplication rounds once: exact
 * (W. D. Clinger, "How to read floating point numbers accurately", 1990). */
double decimal_to_double(const struct decimal *decimal)
{
    if (decimal->size > DECIMAL_DIGITS_MAX || decimal->digits > (uint64_t)1 << 53 ||
        decimal->exponent > POWER_MAX || decimal->exponent < -POWER_MAX)
        return convert_slowly(decimal->text);
    double number = (double)decimal->digits;
    if (decimal->exponent < 0)
        number /= powers_of_ten[-decimal->exponent];
    else
        number *= powers_of_ten[decimal->exponent];
    return decimal->negative ? -number : number;
}

static const char *scan_fraction(const char *at, const char *end, struct decimal *decimal)
{
    const char *first = at;
    for (; at < end && is_digit(*at); at++)
        decimal_digit(decimal, *at);
    decimal->exponent -= (int32_t)(at - first);
    return at == first ? NULL : at;
}

static const char *scan_exponent(const char *at, const char *end, struct decimal *decimal)
{
    bool negative = false;
    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    const char *first = at;
    int32_t exponent = 0;
    for (; at < end && is_digit(*at); at++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    decimal->exponent += negative ? -exponent : exponent;
    return at == first ? NULL : at;
}

const char *decimal_scan(const char *at, const char *end, struct decimal *decimal, bool *integral)
{
    const char *first = at;
    *decimal = (struct decimal){0};
    *integral = true;
    if (at < end && *at == '-') {
        decimal->negative = true;
        at++;
    }
    if (at == end || !is_digit(*at))
        return NULL;
    if (*at == '0')
        at++;
    else
        for (; at < end && is_digit(*at); at++)
            decimal_digit(decimal, *at);
    if (at < end && *at == '.') {
        *integral = false;
        at = scan_fraction(at + 1, end, decimal);
    }
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        *integral = false;
        at = scan_exponent(at + 1, end, decimal);
    }
    if (at != NULL)
        decimal->text = (struct text){first, (uint32_t)(at - first)};
    return at;
}

struct text long_integer_to_text(bool negative, uint64_t magnitude, char room[INTEGER_TEXT_MAX])
{
    const uint64_t hundred_millions = 100000000;
    char *end = room + INTEGER_TEXT_MAX, *first = end;
    for (; magnitude >= hundred_millions; magnitude /= hundred_millions)
        put_digits(first -= 8, eight_digits((uint32_t)(magnitude % hundred_millions)));
    const uint64_t digits = eight_digits((uint32_t)magnitude);
    put_digits(first - 8, digits);
    first -= 8 - leading_zeros(digits);
    if (negative)
        *--first = '-';
    return (struct text){first, (uint32_t)(end - first)};
}
