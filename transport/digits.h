/* Eight decimal digits at a time, as the bytes of a word. */
#ifndef TRANSPORT_DIGITS_H
#define TRANSPORT_DIGITS_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Of a number below 10^8: eight bytes of 0 to 9, the first digit lowest. Halves, quarters and
 * single digits are taken apart in lanes of one word, by multiplying instead of dividing: each
 * step leaves a quotient q where a number n was, and n - d q in the lane above it, which together
 * is n << lane less q ((d << lane) - 1). */
static inline uint64_t eight_digits(uint32_t number)
{
    const uint64_t high = (uint64_t)number / 10000;
    const uint64_t fours = ((uint64_t)number << 32) - high * ((UINT64_C(10000) << 32) - 1);
    const uint64_t hundreds = fours * 10486 >> 20 & UINT64_C(0x7F0000007F);
    const uint64_t twos = (fours << 16) - hundreds * ((100 << 16) - 1);
    const uint64_t tens = twos * 103 >> 10 & UINT64_C(0x000F000F000F000F);
    return (twos << 8) - tens * ((10 << 8) - 1);
}

/* How many of its digits come before the first that is not 0; of 0 itself all but one. */
static inline unsigned leading_zeros(uint64_t digits)
{
    return (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
}

/* The number that its first `count` (0 to 8) bytes of text, digits all, make behind `number`. The
 * first digit is lowest. Lanes as above, put together instead of taken apart. */
static inline uint64_t append_digits(uint64_t number, uint64_t text, unsigned count)
{
    static const uint32_t powers[] = {1,      10,      100,      1000,     10000,
                                      100000, 1000000, 10000000, 100000000};
    const uint64_t ones = text << (32 - 4 * count) << (32 - 4 * count); /* in two: 64 is none */
    const uint64_t digits = ones & UINT64_C(0x0F0F0F0F0F0F0F0F);
    const uint64_t twos = (digits * 10 + (digits >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    const uint64_t fours = (twos * 100 + (twos >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    return number * powers[count] + ((fours * 10000 + (fours >> 32)) & UINT64_C(0xFFFFFFFF));
}

/* As text, eight bytes of it. */
static inline void put_digits(char *to, uint64_t digits)
{
    const uint64_t text = htole64(digits | UINT64_C(0x3030303030303030));
    memcpy(to, &text, sizeof text);
}

#endif
