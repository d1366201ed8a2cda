/* Time, behind an interface, so that a simulated world can have its own. */
#ifndef TRANSPORT_CLOCK_H
#define TRANSPORT_CLOCK_H

#include <stdint.h>

struct clock_source {
    int64_t (*wall_ms)(struct clock_source *self);      /* ms since 1970 */
    int64_t (*monotonic_ns)(struct clock_source *self); /* never goes back */
};

/* The machine's own clocks. Static; any thread. */
struct clock_source *clock_of_machine(void);

#endif
