/*
 * Whether a piece of work that comes again and again is better shared by threads or done alone:
 * that depends on its size, and on what else the machine does. So both are timed, the better one is
 * taken, and the other one tried now and then. Only the time depends on it.
 */
#ifndef DAEMON_SHARING_H
#define DAEMON_SHARING_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARING_TRIED_EACH = 32 };

#define SHARING_FORGETS 0.1 /* how much the latest time counts */

struct sharing {
    double ns[2]; /* alone, shared: a running mean; 0: not known yet */
    uint32_t turn;
};

static inline bool sharing_choose(struct sharing *sharing)
{
    bool better = sharing->ns[1] < sharing->ns[0];
    return ++sharing->turn % SHARING_TRIED_EACH == 0 ? !better : better;
}

static inline void sharing_learn(struct sharing *sharing, bool shared, int64_t ns)
{
    double *mean = &sharing->ns[shared];
    *mean = *mean == 0.0 ? (double)ns : *mean + SHARING_FORGETS * ((double)ns - *mean);
}

#endif
