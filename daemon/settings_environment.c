#include "daemon/settings_environment.h"

#include "daemon/nearest.h"
#include "daemon/settings_record.h"
#include "transport/kafka_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "TASTED_"

void settings_variable_name(const char *section, const char *key, char out[OPTION_NAME])
{
    snprintf(out, OPTION_NAME, PREFIX "%s_%s", section, key);
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

/* What follows "TASTED_SECTION_"; NULL: another section. */
static const char *rest_of(const char *name, const char *section)
{
    char prefix[OPTION_NAME];
    settings_variable_name(section, "", prefix);
    size_t size = strlen(prefix);
    return strncmp(name, prefix, size) == 0 ? name + size : NULL;
}

static bool is_kafka(const char *name, char key[OPTION_NAME])
{
    const char *rest = rest_of(name, "kafka");
    if (!rest || strlen(rest) >= OPTION_NAME)
        return false;
    snprintf(key, OPTION_NAME, "%s", rest);
    for (char *at = key; *at; at++)
        *at = *at == '_' ? '.' : (char)tolower((unsigned char)*at);
    return kafka_key_known(key);
}

/* All in capitals is how variables are written, anything else how the event is. */
static bool is_signal(const char *name, char key[OPTION_NAME])
{
    const char *rest = rest_of(name, "signals");
    if (!rest || !*rest || strlen(rest) >= OPTION_NAME)
        return false;
    bool capitals = true;
    for (const char *at = rest; *at; at++)
        capitals &= !islower((unsigned char)*at);
    snprintf(key, OPTION_NAME, "%s", rest);
    for (char *at = key; *at && capitals; at++)
        *at = (char)tolower((unsigned char)*at);
    return true;
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
    if (is_kafka(name, rest))
        return take("kafka", rest, section, key);
    if (is_signal(name, rest))
        return take("signals", rest, section, key);
    return false;
}

bool settings_variable_has_section(const char *name)
{
    for (const struct option_section *section = option_sections; section->name; section++)
        if (rest_of(name, section->name))
            return true;
    return false;
}

/* TASTED_REDIS_SERVICE_HOST, TASTED_REDIS_PORT=tcp://10.0.0.7:6379, TASTED_REDIS_PORT_6379_TCP */
bool settings_variable_of_service(const char *name, const char *value)
{
    if (strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT"))
        return true;
    for (const char *at = name; (at = strstr(at, "_PORT")) != NULL;) {
        at += strlen("_PORT");
        if (*at == '\0' ? strstr(value, "://") != NULL
                        : *at == '_' && isdigit((unsigned char)at[1]))
            return true;
    }
    return false;
}

static void offer(struct nearest *nearest, const char *section, const char *key)
{
    char variable[OPTION_NAME];
    settings_variable_name(section, key, variable);
    nearest_offer(nearest, variable + strlen(PREFIX));
}

static void offer_kafka(void *nearest, const char *key)
{
    offer(nearest, "kafka", key);
}

void settings_variable_nearest(const char *name, char near[OPTION_NAME])
{
    struct nearest nearest;
    nearest_init(&nearest, name + strlen(PREFIX));
    for (const struct option *option = options; option->section; option++)
        if (!option_is_wildcard(option))
            offer(&nearest, option->section, option->key);
    if (rest_of(name, "kafka"))
        kafka_keys_each(offer_kafka, &nearest);
    snprintf(near, OPTION_NAME, "%s%s", nearest.name[0] ? PREFIX : "", nearest.name);
}
