/*
 * Where plain text ends: at an odd byte, which is a quote, a backslash, a control character, or not
 * ASCII. Found for 64 bytes at a time, before anybody knows where in them a text begins: to read a
 * text and be told its size, before the next one can be read, is what takes the time (Langdale and
 * Lemire 2019, "Parsing gigabytes of JSON per second"). Private to decode_json.c.
 */
#ifndef TRANSPORT_ODD_BYTES_H
#define TRANSPORT_ODD_BYTES_H

#include "transport/utf8.h"

/* Bit 7 of each byte that is odd. The lowest set bit is exact; those above it may be an echo of it.
 */
static inline uint64_t find_odd(uint64_t word)
{
    const uint64_t ones = EACH_BYTE(1), high = EACH_BYTE(0x80);
    const uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
    const uint64_t is_quote = (quote - ones) & ~quote;
    const uint64_t is_backslash = (backslash - ones) & ~backslash;
    const uint64_t is_control = (word - EACH_BYTE(0x20)) & ~word;
    return (is_quote | is_backslash | is_control | word) & high;
}

/* The first odd byte, or the end. */
static inline const char *skip_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        const uint64_t odd = find_odd(load_8_in_order(at));
        if (odd != 0)
            return at + (__builtin_ctzll(odd) >> 3);
    }
    for (; at < end; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20 || *at & 0x80)
            break;
    return at;
}

struct odd_bytes {
    const char *first, *end; /* of the message, which has ODD_BYTES_LEAST bytes at least */
    const char *from;        /* bit n of `bits`: whether from[n] is odd, or behind the end */
    uint64_t bits;
};

enum { ODD_BYTES_LEAST = 16 };

#if defined(__SSE2__)

/* A quote is the one byte that flipping its bit 1 makes a space: so it is found by the same step as
 * what is below a space, which, signed, is what is not ASCII, too. */
static inline uint64_t odd_of_16(const char *at)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    const __m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8('"' ^ ' '));
    const __m128i odd = _mm_or_si128(_mm_cmplt_epi8(flipped, _mm_set1_epi8(' ' + 1)),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(odd);
}

static inline uint64_t odd_of_64(const char *at)
{
    return odd_of_16(at) | odd_of_16(at + 16) << 16 | odd_of_16(at + 32) << 32 |
           odd_of_16(at + 48) << 48;
}

/* Before the end. Near it the last bytes that there are are loaded, and those before `at` dropped.
 */
static inline void odd_bytes_look(struct odd_bytes *odd, const char *at)
{
    const size_t left = (size_t)(odd->end - at);
    odd->from = at;
    if (left >= 64) {
        odd->bits = odd_of_64(at);
        return;
    }
    odd->bits = UINT64_MAX << left;
    if (odd->end - odd->first >= 64) {
        odd->bits |= odd_of_64(odd->end - 64) >> (64 - left);
        return;
    }
    for (size_t n = 0; n < left; n += 16) {
        const size_t over = left - n < 16 ? 16 - (left - n) : 0;
        odd->bits |= odd_of_16(at + n - over) >> over << n;
    }
}

/* The first odd byte from `at` (which is before the end) on, or the end; or, so many bytes later,
 * one that is maybe plain. */
static inline const char *odd_bytes_next(struct odd_bytes *odd, const char *at)
{
    uint64_t bits = at - odd->from < 64 ? odd->bits >> (at - odd->from) : 0;
    if (bits == 0) {
        odd_bytes_look(odd, at);
        bits = odd->bits;
    }
    return at + (bits == 0 ? 64 : __builtin_ctzll(bits));
}

#else

static inline void odd_bytes_look(struct odd_bytes *odd, const char *at)
{
    odd->from = at;
}

static inline const char *odd_bytes_next(struct odd_bytes *odd, const char *at)
{
    return skip_plain(at, odd->end);
}

#endif

#endif
