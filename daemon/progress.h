/* Progress of a long job on stderr: a bar with rate and ETA on a terminal of any width, else a line
 * every few seconds. Costs nothing between two updates. */
#ifndef DAEMON_PROGRESS_H
#define DAEMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "learning" */
    const char *unit; /* "events" */
    bool terminal;
    int64_t started_ns, shown_ns;
};

void progress_init(struct progress *progress, const char *what, const char *unit);
/* `fraction` 0..1 of the whole, or negative: unknown. Cheap: looks at the clock only every 1024th
 * count. */
void progress_update(struct progress *progress, uint64_t count, double fraction);
void progress_finish(struct progress *progress, uint64_t count);

#endif
