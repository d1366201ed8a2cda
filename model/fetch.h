/* Bringing memory near before its turn comes. */
#ifndef MODEL_FETCH_H
#define MODEL_FETCH_H

#include <stddef.h>
#include <stdint.h>

/* The cache line at `at`, soon read or written. GCC takes functions that do nothing else for ones
 * without an effect, and leaves out their calls; the empty statement is an effect. */
static inline void fetch_line(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("");
}

/* All that `bytes` bytes from `at` on lie in. */
static inline void fetch_lines(const void *at, size_t bytes)
{
    const char *line = (const char *)at - (uintptr_t)at % 64, *end = (const char *)at + bytes;
    for (; end - line > 192; line += 256) {
        fetch_line(line);
        fetch_line(line + 64);
        fetch_line(line + 128);
        fetch_line(line + 192);
    }
    for (; line < end; line += 64)
        fetch_line(line);
}

#endif
