/* Which setting an environment variable names: TASTED_SECTION_KEY, dots as underscores. */
#ifndef DAEMON_SETTINGS_ENVIRONMENT_H
#define DAEMON_SETTINGS_ENVIRONMENT_H

#include "daemon/options.h"

/*
 * Keys of the table first, then those that the file has set, then what a wildcard section allows:
 * in [kafka] an underscore is a dot and librdkafka must know the key (a service named tasted-kafka
 * makes Kubernetes set TASTED_KAFKA_PORT); in [signals] it stays.
 * `name` begins with "TASTED_". False: it matches nothing.
 */
bool settings_variable_key(const struct settings *settings, const char *name,
                           char section[OPTION_NAME], char key[OPTION_NAME]);
/* The variable of a key. */
void settings_variable_name(const char *section, const char *key, char out[OPTION_NAME]);

#endif
