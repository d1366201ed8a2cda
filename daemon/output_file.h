/* Care for files that are written: an output that is an input would destroy it, one that was not
 * finished would be taken for whole. */
#ifndef DAEMON_OUTPUT_FILE_H
#define DAEMON_OUTPUT_FILE_H

#include <stdbool.h>

/* One plain file, by whatever names; or none yet, and it would be one. Devices, pipes and what
 * cannot be looked at are not. */
bool same_file(const char *one, const char *other);
/* Removes what could not be written to its end, if it is a plain file. */
void remove_unfinished(const char *path);

#endif
