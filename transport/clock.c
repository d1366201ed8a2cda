#include "transport/clock.h"

#include <time.h>

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t machine_wall_ms(struct clock_source *self)
{
    (void)self;
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t machine_monotonic_ns(struct clock_source *self)
{
    (void)self;
    return read_clock_ns(CLOCK_MONOTONIC);
}

struct clock_source *clock_of_machine(void)
{
    static struct clock_source machine = {machine_wall_ms, machine_monotonic_ns};
    return &machine;
}
