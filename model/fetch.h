/* Bringing memory near before its turn comes. */
#ifndef MODEL_FETCH_H
#define MODEL_FETCH_H

/* The cache line at `at`, soon read or written. GCC takes functions that do nothing else for ones
 * without an effect, and leaves out their calls; the empty statement is an effect. */
static inline void fetch_line(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("");
}

#endif
