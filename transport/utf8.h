/* Bytes looked at eight at a time: UTF-8, and comparing short texts without a call. */
#ifndef TRANSPORT_UTF8_H
#define TRANSPORT_UTF8_H

#include "model/event.h"

#include <endian.h>
#include <stddef.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define EACH_BYTE(byte) (0x0101010101010101U * (uint64_t)(byte))

static inline uint64_t load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t load_4(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The first byte of memory in the lowest bits, on any machine. */
static inline uint64_t load_8_in_order(const char *at)
{
    return le64toh(load_8(at));
}

/* The ends overlap in the middle: two loads serve a range of sizes. */
static inline bool bytes_equal(const char *a, const char *b, size_t size)
{
    if (size > 16)
        return memcmp(a, b, size) == 0;
    if (size >= 8)
        return load_8(a) == load_8(b) && load_8(a + size - 8) == load_8(b + size - 8);
    if (size >= 4)
        return load_4(a) == load_4(b) && load_4(a + size - 4) == load_4(b + size - 4);
    return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

/* Length of the sequence at `at` (which is before `end`), or 0 when it is none: overlong,
 * surrogate, above U+10FFFF, or cut off. */
size_t utf8_sequence(const char *at, const char *end);

/* Bit 7 of a byte is set where a byte is 0 or not ASCII; other bits, and bytes above such a one,
 * mean nothing. */
static inline uint64_t find_unplain(uint64_t word)
{
    return ((word - EACH_BYTE(1)) | word) & EACH_BYTE(0x80);
}

/* Fewer than eight bytes as one word; what is left of it is filled with some of them again. */
static inline uint64_t load_short(const char *at, size_t size)
{
    if (size >= 4)
        return (uint64_t)load_4(at) << 32 | load_4(at + size - 4);
    const uint64_t three = (uint64_t)(unsigned char)at[0] << 16 |
                           (uint64_t)(unsigned char)at[size / 2] << 8 | (unsigned char)at[size - 1];
    return three | EACH_BYTE(' ') << 24;
}

/* True: ASCII without NUL. */
static inline bool text_is_plain(struct text text)
{
    if (text.size < 8)
        return text.size == 0 || find_unplain(load_short(text.at, text.size)) == 0;
    const char *at = text.at, *end = text.at + text.size;
    uint64_t unplain = find_unplain(load_8(end - 8));
    for (; end - at > 8; at += 8)
        unplain |= find_unplain(load_8(at));
    return unplain == 0;
}

/* The same of up to 16 bytes, when there are 16 to look at. */
static inline bool text_is_plain_16(const char *at, uint32_t size)
{
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    /* Signed: 0 and what is not ASCII are those that are not above 0. */
    const unsigned plain = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(bytes, _mm_setzero_si128()));
    return (~plain & ((1U << size) - 1)) == 0;
#else
    const uint32_t first = size < 8 ? size : 8;
    const uint64_t low = find_unplain(le64toh(load_8(at)));
    const uint64_t high = find_unplain(le64toh(load_8(at + 8)));
    /* What is behind the end is shifted out, in two steps: a shift by 64 at once would be none. */
    const uint32_t half = 4 * (8 - first), high_half = 4 * (8 - (size - first));
    return ((low << half << half) | (high << high_half << high_half)) == 0;
#endif
}

/* NUL is valid here. */
bool utf8_is_valid(struct text text);

#endif
