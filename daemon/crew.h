/*
 * A few threads for short work: fork, join, the caller taking part, and nothing in between. The
 * shares are handed out one by one to whoever is free, so what is computed must not depend on who
 * does it. Idle threads spin for a moment before they sleep: the next work often follows at once.
 */
#ifndef DAEMON_CREW_H
#define DAEMON_CREW_H

#include "model/status.h"

#include <stdint.h>

struct crew; /* opaque; NULL: the caller alone */

/* `threads` in all, the caller's included; with 1 the crew is NULL. Threads that the machine does
 * not give are done without. STATUS_NO_MEMORY. */
enum status crew_create(uint32_t threads, struct crew **out);
void crew_destroy(struct crew *crew);
uint32_t crew_threads(const struct crew *crew);
/* Calls work(context, n) for n = 0..count-1, each once, the low ones first. Returns when all are
 * done. Not from within work(). */
void crew_run(struct crew *crew, uint32_t count, void (*work)(void *context, uint32_t n),
              void *context);

#endif
