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

/* Two numbers below 10^8 as text, eight bytes each; gives how many of each one's digits are zeros
 * in front. */
struct zeros {
    unsigned first, second;
};

static inline struct zeros put_two_numbers_plain(char to[16], uint32_t first, uint32_t second)
{
    const uint64_t digits = eight_digits(first), others = eight_digits(second);
    put_digits(to, digits);
    put_digits(to + 8, others);
    return (struct zeros){leading_zeros(digits), leading_zeros(others)};
}

#if defined(__SSE2__)

#include <emmintrin.h>

/* The steps of eight_digits(), for both numbers at once. */
static inline struct zeros put_two_numbers(char to[16], uint32_t first, uint32_t second)
{
    const __m128i numbers =
        _mm_unpacklo_epi64(_mm_cvtsi32_si128((int)first), _mm_cvtsi32_si128((int)second));
    const __m128i high =
        _mm_srli_epi64(_mm_mul_epu32(numbers, _mm_set1_epi64x(INT64_C(0xD1B71759))), 45);
    const __m128i low = _mm_sub_epi32(numbers, _mm_mul_epu32(high, _mm_set1_epi64x(10000)));
    const __m128i fours = _mm_or_si128(high, _mm_slli_epi64(low, 32));
    const __m128i hundreds = _mm_srli_epi16(_mm_mulhi_epu16(fours, _mm_set1_epi16(5243)), 3);
    const __m128i twos = _mm_or_si128(
        hundreds,
        _mm_slli_epi32(_mm_sub_epi16(fours, _mm_mullo_epi16(hundreds, _mm_set1_epi16(100))), 16));
    const __m128i tens = _mm_mulhi_epu16(twos, _mm_set1_epi16(6554));
    const __m128i ones = _mm_sub_epi16(twos, _mm_mullo_epi16(tens, _mm_set1_epi16(10)));
    const __m128i digits = _mm_or_si128(tens, _mm_slli_epi16(ones, 8));
    const int others = _mm_movemask_epi8(_mm_cmpgt_epi8(digits, _mm_setzero_si128()));
    _mm_storeu_si128((void *)to, _mm_or_si128(digits, _mm_set1_epi8('0')));
    return (struct zeros){(unsigned)__builtin_ctz((unsigned)others | 1U << 7),
                          (unsigned)__builtin_ctz((unsigned)others >> 8 | 1U << 7)};
}

#else

static inline struct zeros put_two_numbers(char to[16], uint32_t first, uint32_t second)
{
    return put_two_numbers_plain(to, first, second);
}

#endif

#endif
