/* Whether two paths lead to one file: an output that is an input would destroy it. */
#ifndef DAEMON_SAME_FILE_H
#define DAEMON_SAME_FILE_H

#include <stdbool.h>

/* One plain file, by whatever names; or none yet, and it would be one. Devices, pipes and what
 * cannot be looked at are not. */
bool same_file(const char *one, const char *other);

#endif
