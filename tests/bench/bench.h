/* What the measuring programs share: clocks, and memory in huge pages. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static inline uint64_t bench_clock_ns(clockid_t id)
{
    struct timespec at;
    clock_gettime(id, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static inline uint64_t bench_now_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

/* Of this thread: what others take of the core does not count. */
static inline uint64_t bench_cpu_ns(void)
{
    return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Zeroed and touched, aligned to 2 MiB, in huge pages where the kernel gives them. Never freed. */
static inline void *bench_huge(size_t size)
{
    enum { HUGE_PAGE = 2 << 20 };
    size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *at = aligned_alloc(HUGE_PAGE, size);
    if (!at) {
        perror("bench");
        exit(70);
    }
    madvise(at, size, MADV_HUGEPAGE);
    memset(at, 0, size);
    return at;
}

/* Has so much memory found, and gives it back: where the host of a virtual machine has to find it,
 * a huge page takes thirty times as long as the next time. */
static inline void bench_find_memory(size_t size)
{
    free(bench_huge(size));
}

/* The number after `name` on the command line, or `otherwise`. */
static inline double bench_number(int argc, char **argv, const char *name, double otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtod(argv[i + 1], NULL);
        }
    }
    return otherwise;
}

/* The word after `name`, or `otherwise`. */
static inline const char *bench_word(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return otherwise;
}

#endif
