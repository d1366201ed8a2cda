#include "daemon/settings_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Strings are few and live as long as the settings: each is an allocation of its own, in a chain.
 */
struct chunk {
    struct chunk *next;
    size_t size;
    char bytes[];
};

struct settings *settings_create(void)
{
    struct settings *settings = calloc(1, sizeof *settings);
    struct settings_record *record = calloc(1, sizeof *record);
    if (!settings || !record) {
        free(settings);
        free(record);
        return NULL;
    }
    record->last = &record->first;
    settings->record = record;
    field_map_init(&settings->input.fields);
    recommender_settings_init(&settings->model);
    return settings;
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    while (settings->record->first) {
        struct setting *setting = settings->record->first;
        settings->record->first = setting->next;
        free(setting);
    }
    while (settings->record->strings) {
        struct chunk *chunk = settings->record->strings;
        settings->record->strings = chunk->next;
        explicit_bzero(chunk->bytes, chunk->size); /* it may be a password */
        free(chunk);
    }
    free(settings->record);
    free(settings);
}

const char *settings_keep(struct settings *settings, const char *text)
{
    size_t size = strlen(text) + 1;
    struct chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->next = settings->record->strings;
    chunk->size = size;
    memcpy(chunk->bytes, text, size);
    settings->record->strings = chunk;
    return chunk->bytes;
}

struct setting *settings_find(const struct settings *settings, const char *section, const char *key)
{
    for (struct setting *setting = settings->record->first; setting; setting = setting->next)
        if (strcmp(setting->slot.option->section, section) == 0 &&
            strcmp(setting->slot.key, key) == 0)
            return setting;
    return NULL;
}

static struct setting *add(struct settings *settings, struct option_slot slot)
{
    struct setting *setting = calloc(1, sizeof *setting);
    if (!setting)
        return NULL;
    setting->slot.option = slot.option;
    setting->slot.key = settings_keep(settings, slot.key);
    if (!setting->slot.key) {
        free(setting);
        return NULL;
    }
    *settings->record->last = setting;
    settings->record->last = &setting->next;
    return setting;
}

struct setting *settings_note(struct settings *settings, struct option_slot slot,
                              const struct origin *origin)
{
    struct setting *setting = settings_find(settings, slot.option->section, slot.key);
    if (!setting)
        setting = add(settings, slot);
    if (!setting)
        return NULL;
    setting->origin = *origin;
    setting->origin.name = settings_keep(settings, origin->name ? origin->name : "");
    if (origin->reference)
        setting->origin.reference = settings_keep(settings, origin->reference);
    return setting->origin.name && !setting->origin.reference == !origin->reference ? setting
                                                                                    : NULL;
}

void origin_text(const struct origin *origin, char *out, size_t size)
{
    switch (origin->kind) {
    case ORIGIN_DEFAULT:
        snprintf(out, size, "default");
        return;
    case ORIGIN_FILE:
        snprintf(out, size, "%s:%d", origin->name, origin->line);
        return;
    case ORIGIN_ENVIRONMENT:
        snprintf(out, size, "%s", origin->name);
        return;
    case ORIGIN_SET:
        snprintf(out, size, "--set %s", origin->name);
        return;
    }
}

struct kafka_pairs settings_kafka(const struct settings *settings)
{
    return (struct kafka_pairs){settings->kafka, settings->kafka_size};
}
