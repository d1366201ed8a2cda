/* What `tasted replay` was asked to do: its command line, read. */
#ifndef DAEMON_REPLAY_PLAN_H
#define DAEMON_REPLAY_PLAN_H

#include "daemon/command.h"
#include "daemon/replay_try.h"

/* A file a day for some years; a process may usually have 1024 open. */
enum { REPLAY_FILES_MAX = 1000, REPLAY_THREADS_MAX = 256 };

struct replay_plan {
    const char *paths[REPLAY_FILES_MAX];
    uint32_t path_count;
    const char *topics, *from, *to; /* from, to: NULL if not given */
    bool evaluate, publish;
    double warmup;
    uint64_t every;
    const char *of_evaluation; /* an option that was given and is for it alone; NULL: none */
    const char *tries[TRIES_MAX];
    uint32_t try_count;
    uint32_t threads;
    const char *items, *report, *html, *snapshot, *from_snapshot;
};

/* EXIT_FINE, or EXIT_USAGE: it has been told why. */
int replay_plan_read(struct invocation *invocation, struct replay_plan *plan);

#endif
