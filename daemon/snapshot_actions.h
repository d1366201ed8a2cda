/* The larger things that `tasted snapshot` does, each in a file of its own. */
#ifndef DAEMON_SNAPSHOT_ACTIONS_H
#define DAEMON_SNAPSHOT_ACTIONS_H

#include <stdbool.h>

struct snapshot_request {
    const char *file, *other; /* other: the second one of diff, or where export writes to */
    const char *vectors;      /* likewise where export writes to */
    bool json;
};

/* Each returns the exit code. */
int snapshot_diff(const struct snapshot_request *request);
int snapshot_export(const struct snapshot_request *request);

#endif
