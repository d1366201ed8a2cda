/* Which setting an environment variable names: TASTED_SECTION_KEY, dots as underscores. */
#ifndef DAEMON_SETTINGS_ENVIRONMENT_H
#define DAEMON_SETTINGS_ENVIRONMENT_H

#include "daemon/options.h"

/*
 * Keys of the table first, then those that the file has set, then what a wildcard section allows:
 * in [kafka] an underscore is a dot and librdkafka must know the key (a service named tasted-kafka
 * makes Kubernetes set TASTED_KAFKA_PORT); in [signals] it stays, and a name that is not all in
 * capitals keeps them: TASTED_SIGNALS_addToCart.
 * `name` begins with "TASTED_". False: it matches nothing.
 */
bool settings_variable_key(const struct settings *settings, const char *name,
                           char section[OPTION_NAME], char key[OPTION_NAME]);
/* Does it begin with TASTED_SECTION_, a section there is? */
bool settings_variable_has_section(const char *name);
/* Is it one that Kubernetes sets by itself, for a service named tasted-kafka or tasted-redis? */
bool settings_variable_of_service(const char *name, const char *value);
/* The nearest variable of a key there is; "": none is near. */
void settings_variable_nearest(const char *name, char near[OPTION_NAME]);
/* The variable of a key. */
void settings_variable_name(const char *section, const char *key, char out[OPTION_NAME]);

#endif
