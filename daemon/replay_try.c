#include "daemon/replay_try.h"

#include "daemon/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KEY=V1,V2 of one --try, and which of the values is next. */
struct axis {
    const char *text;
    size_t key_size; /* with the "=" */
    uint32_t place;  /* of the value's first byte */
};

static void say_nothing(const char *line)
{
    (void)line; /* the settings as they stand have said it */
}

static enum status no_memory(struct error *error)
{
    return error_set(error, STATUS_NO_MEMORY, "no memory for the variants of --try");
}

/* Loads the settings with `sets` on top, and names the result. */
static enum status add_variant(const struct settings_source *source, const char *name,
                               char *const *sets, uint32_t set_count, struct variants *out,
                               struct error *error)
{
    if (out->size == VARIANTS_MAX)
        return error_set(error, STATUS_INVALID, "--try: more than %d variants", VARIANTS_MAX);
    struct settings_source with = *source;
    const char **all = calloc(source->set_count + set_count + 1, sizeof *all);
    struct variant_settings *variant = &out->at[out->size];
    *variant = (struct variant_settings){.name = strdup(name)};
    if (all == NULL || variant->name == NULL) {
        free(all);
        free(variant->name);
        return no_memory(error);
    }
    for (uint32_t n = 0; n < source->set_count; n++)
        all[n] = source->sets[n];
    for (uint32_t n = 0; n < set_count; n++)
        all[source->set_count + n] = sets[n];
    with.sets = all;
    with.set_count = source->set_count + set_count;
    with.warn = out->size == 0 ? source->warn : say_nothing;
    enum status status = settings_load(&with, &variant->settings, error);
    free(all);
    if (status == STATUS_OK)
        out->size++;
    else
        free(variant->name);
    return status;
}

/* Only what shapes the model can differ between models that learn from the same reading. */
static bool is_of_model(const char *key)
{
    char section[64];
    const char *dot = strchr(key, '.');
    const char *end = strchr(key, '=');
    if (dot == NULL || end == NULL || dot > end || (size_t)(dot - key) >= sizeof section)
        return true; /* for the settings to complain about */
    char name[64];
    snprintf(section, sizeof section, "%.*s", (int)(dot - key), key);
    snprintf(name, sizeof name, "%.*s", (int)(end - dot - 1), dot + 1);
    const struct option *option = option_find(section, name);
    return option == NULL || strcmp(section, "signals") == 0 ||
           (option->offset >= offsetof(struct settings, model) &&
            option->offset <
                offsetof(struct settings, model) + sizeof(struct recommender_settings));
}

static enum status read_axes(const char *text, struct axis axes[VARIANT_KEYS_MAX], uint32_t *size,
                             struct error *error)
{
    for (*size = 0; *(text += strspn(text, " ")) != '\0'; text += strcspn(text, " ")) {
        size_t length = strcspn(text, " "), key = strcspn(text, "=");
        if (key >= length || key + 1 == length)
            return error_set(error, STATUS_INVALID,
                             "--try %s: SECTION.KEY=VALUE,VALUE… is needed, or 'parts'", text);
        if (!is_of_model(text))
            return error_set(error, STATUS_INVALID,
                             "--try %.*s: only settings of the model can be tried (model, signals, "
                             "lists.exclude_seen, input.dedupe_ids)",
                             (int)key, text);
        if (*size == VARIANT_KEYS_MAX)
            return error_set(error, STATUS_INVALID, "--try: more than %d settings at once",
                             VARIANT_KEYS_MAX);
        axes[(*size)++] = (struct axis){text, key + 1, (uint32_t)key + 1};
    }
    if (*size == 0)
        return error_set(error, STATUS_INVALID, "--try: nothing to try");
    return STATUS_OK;
}

static size_t value_size(const struct axis *axis)
{
    return strcspn(axis->text + axis->place, ", ");
}

/* Goes on to the next value; false: starts over with the first. */
static bool advance(struct axis *axis)
{
    axis->place += (uint32_t)value_size(axis);
    if (axis->text[axis->place] == ',') {
        axis->place++;
        return true;
    }
    axis->place = (uint32_t)axis->key_size;
    return false;
}

static enum status add_combination(const struct settings_source *source, const struct axis *axes,
                                   uint32_t size, struct variants *out, struct error *error)
{
    char *sets[VARIANT_KEYS_MAX] = {0}, name[512];
    size_t used = 0;
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < size && status == STATUS_OK; n++) {
        const struct axis *axis = &axes[n];
        if (asprintf(&sets[n], "%.*s%.*s", (int)axis->key_size, axis->text, (int)value_size(axis),
                     axis->text + axis->place) < 0) {
            sets[n] = NULL;
            status = no_memory(error);
        } else if (used < sizeof name) {
            used += (size_t)snprintf(name + used, sizeof name - used, "%s%s", n > 0 ? " " : "",
                                     sets[n]);
        }
    }
    if (status == STATUS_OK)
        status = add_variant(source, name, sets, size, out, error);
    for (uint32_t n = 0; n < size; n++)
        free(sets[n]);
    return status;
}

/* All combinations, the last key's values changing fastest. */
static enum status add_combinations(const struct settings_source *source, const char *text,
                                    struct variants *out, struct error *error)
{
    struct axis axes[VARIANT_KEYS_MAX];
    uint32_t size, turn;
    enum status status = read_axes(text, axes, &size, error);
    do {
        if (status == STATUS_OK)
            status = add_combination(source, axes, size, out, error);
        for (turn = size; turn > 0 && !advance(&axes[turn - 1]); turn--)
            ;
    } while (status == STATUS_OK && turn > 0);
    return status;
}

/* ---- parts ---- */

/* All parts but one switched off; the one as it is set, 1 if that is off. */
static enum status add_alone(const struct settings_source *source, const struct settings *base,
                             int alone, struct variants *out, struct error *error)
{
    char sets[PARTS][OPTION_NAME], *all[PARTS], name[OPTION_NAME];
    for (int p = 0; p < PARTS; p++) {
        float weight = base->model.part[p] > 0.0f ? base->model.part[p] : 1.0f;
        snprintf(sets[p], sizeof sets[p], "model.%s=%g", model_parts[p]->name,
                 p == alone ? (double)weight : 0.0);
        all[p] = sets[p];
    }
    snprintf(name, sizeof name, "only %s", model_parts[alone]->name);
    return add_variant(source, name, all, PARTS, out, error);
}

/* A part that is on switched off, or the other way round. */
static enum status add_switched(const struct settings_source *source, const struct settings *base,
                                int part, struct variants *out, struct error *error)
{
    char set[OPTION_NAME], *sets[1] = {set}, name[OPTION_NAME];
    bool on = base->model.part[part] > 0.0f; // NOLINT: there is a base when nothing failed
    snprintf(set, sizeof set, "model.%s=%d", model_parts[part]->name, on ? 0 : 1);
    snprintf(name, sizeof name, "%s %s", on ? "without" : "with", model_parts[part]->name);
    return add_variant(source, name, sets, 1, out, error);
}

static enum status add_parts(const struct settings_source *source, struct variants *out,
                             struct error *error)
{
    const struct settings *base = out->at[0].settings;
    enum status status = STATUS_OK;
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        status = add_switched(source, base, p, out, error);
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        status = add_alone(source, base, p, out, error);
    return status;
}

/* ---- all of it ---- */

/* The settings as they stand need no row of their own if they were asked for by name. */
static void drop_base_if_named(struct variants *variants)
{
    struct variant_settings base = variants->at[0];
    for (uint32_t n = 1; n < variants->size; n++) {
        const struct settings *settings = variants->at[n].settings;
        // NOLINTNEXTLINE: both come zeroed and field by field from the same table
        if (memcmp(&settings->model, &base.settings->model, sizeof settings->model) != 0)
            continue;
        memmove(&variants->at[0], &variants->at[1], --variants->size * sizeof variants->at[0]);
        settings_free(base.settings);
        free(base.name);
        return;
    }
}

enum status variants_load(const struct settings_source *source, const char *const *tries,
                          uint32_t try_count, struct variants *out, struct error *error)
{
    out->size = 0;
    enum status status = add_variant(source, "as set", NULL, 0, out, error);
    for (uint32_t n = 0; n < try_count && status == STATUS_OK; n++)
        status = strcmp(tries[n], "parts") == 0 ? add_parts(source, out, error)
                                                : add_combinations(source, tries[n], out, error);
    if (status == STATUS_OK)
        drop_base_if_named(out);
    else
        variants_finish(out);
    return status;
}

void variants_finish(struct variants *variants)
{
    for (uint32_t n = 0; n < variants->size; n++) {
        settings_free(variants->at[n].settings);
        free(variants->at[n].name); // NOLINT: add_variant counts only what it completed
    }
    variants->size = 0;
}
