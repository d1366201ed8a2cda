/* Numbers as text. Private to transport/. */
#ifndef TRANSPORT_DECODE_NUMBER_H
#define TRANSPORT_DECODE_NUMBER_H

#include "model/event.h"
#include "transport/digits.h"

/* A number that is made of digits; each cursor scans its own grammar and fills it. */
struct decimal {
    bool negative;
    uint64_t digits;  /* the first 19 significant ones */
    uint32_t size;    /* how many significant digits there are */
    int32_t exponent; /* of ten, after all of `size` digits; saturates at a million */
    struct text text; /* as it stands: [-]digits[.digits][e[+-]digits] */
};

enum { DECIMAL_DIGITS_MAX = 19, DECIMAL_TEXT_MAX = 400 };

/* The nearest double; infinite when too large. NaN when it takes more than DECIMAL_TEXT_MAX bytes
 * to say: nobody measures that. */
double decimal_to_double(const struct decimal *decimal);

/* Takes one digit into `digits` and `size`; leading zeros do not count. */
static inline void decimal_digit(struct decimal *decimal, char digit)
{
    if (decimal->size < DECIMAL_DIGITS_MAX)
        decimal->digits = decimal->digits * 10 + (uint64_t)(digit - '0');
    decimal->size += decimal->size > 0 || digit != '0';
}

/* Scans [-]digits[.digits][e[+-]digits], with the grammar of JSON: no leading zeros or '+', digits
 * on both sides of the point. Returns the end, or NULL. `integral`: neither point nor exponent. */
const char *decimal_scan(const char *at, const char *end, struct decimal *decimal, bool *integral);

enum { INTEGER_TEXT_MAX = 24 }; /* of use are 20, written eight at a time */
struct text long_integer_to_text(bool negative, uint64_t magnitude, char room[INTEGER_TEXT_MAX]);

/* The text stands somewhere in `room`. */
static inline struct text integer_to_text(bool negative, uint64_t magnitude,
                                          char room[INTEGER_TEXT_MAX])
{
    if (negative || magnitude >= 100000000)
        return long_integer_to_text(negative, magnitude, room);
    const uint64_t digits = eight_digits((uint32_t)magnitude);
    put_digits(room, digits);
    const unsigned zeros = leading_zeros(digits);
    return (struct text){room + zeros, 8 - zeros};
}

#endif
