/* Progress of a long job on stderr: a bar with rate and ETA on a terminal of any width, else a line
 * every few seconds. Costs next to nothing between two updates. One thread. */
#ifndef DAEMON_PROGRESS_H
#define DAEMON_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what; /* "learning" */
    const char *unit; /* "events": an s makes it many */
    bool terminal;
    int64_t started_ns, shown_ns, looked_ns;
    uint64_t skip, skipped; /* calls between two looks at the clock; adapts to their pace */
};

void progress_init(struct progress *progress, const char *what, const char *unit);
/* `fraction` 0..1 of the whole, or negative: unknown. To be called for each count or few. */
void progress_update(struct progress *progress, uint64_t count, double fraction);
/* The last line: how much in what time. */
void progress_finish(struct progress *progress, uint64_t count);

/* ---- for the tests ---- */
/* One line of at most `columns` columns, without an end. `seconds`: since the start. */
void progress_text(const struct progress *progress, uint64_t count, double fraction, double seconds,
                   int columns, char *out, size_t size);
/* "1,234,567" */
const char *progress_count(uint64_t count, char out[32]);

#endif
