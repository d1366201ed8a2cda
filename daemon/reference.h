/* The settings written out for people, from the table of options. */
#ifndef DAEMON_REFERENCE_H
#define DAEMON_REFERENCE_H

#include "daemon/settings.h"

#include <stdio.h>

/* Every option with its help, range and default, as comments: a file that changes nothing. */
void reference_print_sample(FILE *out);
/* What is in effect, and where it comes from; secrets masked; what tasted sets on librdkafka. */
void reference_print_effective(FILE *out, const struct settings *settings);

#endif
