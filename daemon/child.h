/* A program started by this one, which ends with it: also when this one is killed. */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include "model/status.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid;        /* 0: none, or it has ended */
    const char *name; /* for messages; borrowed */
    int ended;        /* as waitpid() tells, once pid is 0 */
};

/* Starts `path` with `argv`, and `environment` (NULL: our own), its output appended to the file
 * `log`, its input empty, in a process group of its own, so that Ctrl-C reaches only us.
 * STATUS_NOT_FOUND: there is no such program; STATUS_INTERNAL. */
enum status child_start(struct child *child, const char *name, const char *path, char *const argv[],
                        char *const environment[], const char *log, struct error *error);
bool child_lives(struct child *child);
/* SIGTERM, and after `seconds` SIGKILL; returns when it has ended. */
void child_stop(struct child *child, double seconds);
/* "ended with status 3", "was ended by signal 9". */
void child_tell_end(const struct child *child, char *text, size_t size);

#endif
