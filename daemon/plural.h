/* "1 event", "2 events". */
#ifndef DAEMON_PLURAL_H
#define DAEMON_PLURAL_H

#include <stdint.h>

/* What ends a noun after the count. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
