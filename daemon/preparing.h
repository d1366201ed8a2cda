/*
 * Memory that the loop is about to fill is made ready by a thread (model/pages.h), so that the loop
 * does not wait while the kernel, or a virtual machine's host, finds and clears it.
 */
#ifndef DAEMON_PREPARING_H
#define DAEMON_PREPARING_H

/* One for the process. Without a thread to be had, memory is made ready as it is touched. */
void preparing_begin(void);
/* Waits for the thread; nothing happens when none was begun. */
void preparing_finish(void);

#endif
