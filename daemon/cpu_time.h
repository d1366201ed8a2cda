/* What a thread has computed, whatever else the machine did meanwhile. A system call. */
#ifndef DAEMON_CPU_TIME_H
#define DAEMON_CPU_TIME_H

#include <stdint.h>
#include <time.h>

static inline int64_t cpu_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
