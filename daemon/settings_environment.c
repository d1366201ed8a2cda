#include "daemon/settings_environment.h"

#include "daemon/settings_record.h"
#include "transport/kafka_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void settings_variable_name(const char *section, const char *key, char out[OPTION_NAME])
{
    snprintf(out, OPTION_NAME, "TASTED_%s_%s", section, key);
    for (char *at = out; *at; at++)
        *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
}

static bool names(const char *name, const char *section, const char *key)
{
    char variable[OPTION_NAME];
    settings_variable_name(section, key, variable);
    return strcmp(name, variable) == 0;
}

static bool take(const char *from_section, const char *from_key, char *section, char *key)
{
    snprintf(section, OPTION_NAME, "%s", from_section);
    snprintf(key, OPTION_NAME, "%s", from_key);
    return true;
}

/* What follows "TASTED_SECTION_", in small letters; NULL: another section, or nothing follows. */
static const char *rest_of(const char *name, const char *section, char underscore,
                           char out[OPTION_NAME])
{
    char prefix[OPTION_NAME];
    settings_variable_name(section, "", prefix);
    size_t size = strlen(prefix);
    if (strncmp(name, prefix, size) != 0 || !name[size] || strlen(name) >= OPTION_NAME)
        return NULL;
    snprintf(out, OPTION_NAME, "%s", name + size);
    for (char *at = out; *at; at++)
        *at = *at == '_' ? underscore : (char)tolower((unsigned char)*at);
    return out;
}

bool settings_variable_key(const struct settings *settings, const char *name,
                           char section[OPTION_NAME], char key[OPTION_NAME])
{
    for (const struct option *option = options; option->section; option++)
        if (!option_is_wildcard(option) && names(name, option->section, option->key))
            return take(option->section, option->key, section, key);
    for (const struct setting *known = settings->record->first; known; known = known->next)
        if (names(name, known->slot.option->section, known->slot.key))
            return take(known->slot.option->section, known->slot.key, section, key);
    char rest[OPTION_NAME];
    if (rest_of(name, "kafka", '.', rest) && kafka_key_known(rest))
        return take("kafka", rest, section, key);
    if (rest_of(name, "signals", '_', rest))
        return take("signals", rest, section, key);
    return false;
}
