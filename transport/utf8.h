/* Bytes looked at eight at a time: UTF-8, and comparing short texts without a call. */
#ifndef TRANSPORT_UTF8_H
#define TRANSPORT_UTF8_H

#include "model/event.h"

#include <endian.h>
#include <stddef.h>

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
bool utf8_is_valid_slowly(const char *at, const char *end);

/* NUL is valid here. */
static inline bool utf8_is_valid(struct text text)
{
    const char *at = text.at, *end = text.at + text.size;
    if (text.size >= 8) {
        for (; end - at > 8; at += 8)
            if (load_8(at) & EACH_BYTE(0x80))
                return utf8_is_valid_slowly(at, end);
        if ((load_8(end - 8) & EACH_BYTE(0x80)) == 0)
            return true;
        return utf8_is_valid_slowly(at, end);
    }
    for (; at < end; at++)
        if (*at & 0x80)
            return utf8_is_valid_slowly(at, end);
    return true;
}

#endif
