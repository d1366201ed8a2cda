/*
 * From what was given to struct settings, value by value:
 *
 *     section.key ─► row of the table ─► @/path read ─► parsed into its field ─► origin noted
 *
 * Every mistake is told, each with where it was made; the first one decides the status.
 */
#include "daemon/settings.h"

#include "daemon/nearest.h"
#include "daemon/settings_environment.h"
#include "daemon/settings_file.h"
#include "daemon/settings_record.h"
#include "transport/kafka_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct settings *settings;
    const struct settings_source *source;
    const char *file;
    void (*report)(void *context, const struct error *error);
    void *context;
    enum status status; /* of the first problem */
};

static void problem(struct loader *loader, enum status status, const struct origin *origin,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

static void problem(struct loader *loader, enum status status, const struct origin *origin,
                    const char *format, ...)
{
    char where[300] = "", what[512];
    if (origin && origin->kind != ORIGIN_DEFAULT)
        origin_text(origin, where, sizeof where);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    struct error error;
    error_set(&error, status, "%s%s%s", where, where[0] ? ": " : "", what);
    if (loader->status == STATUS_OK)
        loader->status = status;
    loader->report(loader->context, &error);
}

/* ---- one value ---- */

/* `key` NULL: it is empty. */
static void unknown_section(struct loader *loader, const char *section, const char *key,
                            const struct origin *origin)
{
    struct nearest nearest;
    nearest_init(&nearest, section);
    for (const struct option_section *known = option_sections; known->name; known++)
        nearest_offer(&nearest, known->name);
    const char *with = key ? " with the key " : "";
    key = key ? key : "";
    if (nearest.name[0])
        problem(loader, STATUS_BAD_CONFIG, origin, "unknown section [%s]%s%s; did you mean [%s]?",
                section, with, key, nearest.name);
    else
        problem(loader, STATUS_BAD_CONFIG, origin,
                "unknown section [%s]%s%s; 'tasted config defaults' shows all there are", section,
                with, key);
}

static void unknown_key(struct loader *loader, const char *section, const char *key,
                        const struct origin *origin)
{
    char near[OPTION_NAME];
    option_nearest(section, key, near);
    if (near[0])
        problem(loader, STATUS_BAD_CONFIG, origin, "unknown key %s.%s; did you mean %s?", section,
                key, near);
    else if (!option_section_known(section))
        unknown_section(loader, section, key, origin);
    else
        problem(loader, STATUS_BAD_CONFIG, origin,
                "unknown key %s.%s; 'tasted config defaults' shows all there are", section, key);
}

/* In the words of who read it; they may begin with the key or not. */
static void tell_reason(struct loader *loader, struct option_slot slot, const struct origin *origin,
                        const struct error *why)
{
    char name[OPTION_NAME];
    snprintf(name, sizeof name, "%s.%s", slot.option->section, slot.key);
    if (strncmp(why->text, name, strlen(name)) == 0)
        problem(loader, why->status, origin, "%s", why->text);
    else
        problem(loader, why->status, origin, "%s: %s", name, why->text);
}

/* What is wrong with a value; the value itself only where it is no secret. */
static void bad_value(struct loader *loader, struct option_slot slot, const char *text,
                      const struct origin *origin, const struct error *why)
{
    char allowed[OPTION_ALLOWED];
    const struct option *option = slot.option;
    if (why->text[0]) {
        tell_reason(loader, slot, origin, why);
        return;
    }
    option->type->allowed(option, allowed);
    bool hidden = option_is_secret(slot) || origin->reference;
    const char *comment = strstr(text, " #");
    problem(loader, why->status, origin, "%s.%s = %.60s%s: must be %s%s", option->section, slot.key,
            !hidden             ? text
            : origin->reference ? origin->reference
                                : "********",
            !hidden && strlen(text) > 60 ? "..." : "", allowed,
            !hidden && comment ? "; a comment after a value begins with \" ;\"" : "");
}

static void parse_value(struct loader *loader, struct option_slot slot, const char *text,
                        const struct origin *origin)
{
    struct error error = {STATUS_OK, ""};
    if (strlen(text) > OPTION_VALUE_MAX) {
        problem(loader, STATUS_BAD_CONFIG, origin, "%s.%s: longer than 64 KiB",
                slot.option->section, slot.key);
        return;
    }
    if (slot.option->type->parse(loader->settings, slot, text, &error) != STATUS_OK) {
        bad_value(loader, slot, text, origin, &error);
        return;
    }
    if (!settings_note(loader->settings, slot, origin))
        problem(loader, STATUS_NO_MEMORY, origin, "no memory for the settings");
}

static void assign(struct loader *loader, const char *section, const char *name, const char *text,
                   struct origin origin)
{
    const char *key = option_key(section, name);
    const struct option *option = option_find(section, key);
    if (!option) {
        unknown_key(loader, section, key, &origin);
        return;
    }
    const struct setting *before = settings_find(loader->settings, section, key);
    if (before && origin.kind == ORIGIN_FILE && before->origin.kind == ORIGIN_FILE) {
        problem(loader, STATUS_BAD_CONFIG, &origin,
                "%s.%s is set a second time, it was set on line %d; remove one of the two", section,
                key, before->origin.line);
        return;
    }
    struct option_slot slot = {option, key};
    if (strncmp(text, "@/", 2) != 0) {
        parse_value(loader, slot, text, &origin);
        return;
    }
    struct error error;
    char *secret = settings_secret_read(text + 1, &error);
    if (!secret) {
        problem(loader, error.status, &origin, "%s.%s: %s", section, key, error.text);
        return;
    }
    origin.reference = text;
    parse_value(loader, slot, secret, &origin);
    explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* ---- the four layers ---- */

static void load_defaults(struct loader *loader)
{
    for (const struct option *option = options; option->section; option++)
        if (!option_is_wildcard(option))
            assign(loader, option->section, option->key, option->initial,
                   (struct origin){.kind = ORIGIN_DEFAULT});
}

static struct origin line_origin(const struct loader *loader, int line)
{
    return (struct origin){.kind = ORIGIN_FILE, .name = loader->file, .line = line};
}

static void take_pair(void *context, int line, const char *section, const char *key,
                      const char *value)
{
    struct loader *loader = context;
    struct origin origin = line_origin(loader, line);
    if (section[0])
        assign(loader, section, key, value, origin);
    else
        problem(loader, STATUS_BAD_CONFIG, &origin, "the key %s stands before any [section]", key);
}

static void take_bad_line(void *context, int line, const char *why)
{
    struct loader *loader = context;
    struct origin origin = line_origin(loader, line);
    problem(loader, STATUS_BAD_CONFIG, &origin, "this line %s", why);
}

static void take_empty_section(void *context, int line, const char *section)
{
    struct loader *loader = context;
    struct origin origin = line_origin(loader, line);
    if (!option_section_known(section))
        unknown_section(loader, section, NULL, &origin);
}

static void load_file(struct loader *loader)
{
    struct settings_file_reader reader = {loader, take_pair, take_bad_line, take_empty_section};
    struct error error;
    bool by_default = !loader->source->file;
    loader->file = by_default ? SETTINGS_FILE : loader->source->file;
    enum status status = settings_file_read(loader->file, &reader, &error);
    if (status == STATUS_OK || (status == STATUS_NOT_FOUND && by_default))
        return;
    problem(loader, status == STATUS_NO_MEMORY ? status : STATUS_BAD_CONFIG, NULL, "%s",
            error.text);
}

static void warn(const struct loader *loader, const char *line)
{
    if (loader->source->warn)
        loader->source->warn(line);
    else
        fprintf(stderr, "tasted: %s\n", line);
}

static void unknown_variable(struct loader *loader, const struct origin *origin)
{
    char near[OPTION_NAME];
    settings_variable_nearest(origin->name, near);
    if (near[0])
        problem(loader, STATUS_BAD_CONFIG, origin, "unknown variable; did you mean %s?", near);
    else
        problem(loader, STATUS_BAD_CONFIG, origin,
                "unknown variable; 'tasted config defaults' shows all keys there are");
}

static void load_variable(struct loader *loader, const char *name, const char *value)
{
    char section[OPTION_NAME], key[OPTION_NAME], line[400];
    struct origin origin = {.kind = ORIGIN_ENVIRONMENT, .name = name};
    if (settings_variable_key(loader->settings, name, section, key)) {
        assign(loader, section, key, value, origin);
        return;
    }
    if (settings_variable_has_section(name) && !settings_variable_of_service(name, value)) {
        unknown_variable(loader, &origin);
        return;
    }
    snprintf(line, sizeof line,
             "warning: the environment variable %.200s matches no setting; ignoring it", name);
    warn(loader, line);
}

static void load_environment(struct loader *loader)
{
    for (char *const *at = loader->source->environment; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals || strncmp(*at, "TASTED_", 7) != 0)
            continue;
        char *name = strndup(*at, (size_t)(equals - *at));
        if (name)
            load_variable(loader, name, equals + 1);
        else
            problem(loader, STATUS_NO_MEMORY, NULL, "no memory for the settings");
        free(name);
    }
}

/* "section.key=value": the section ends at the first dot, the key at the first '='. */
static void load_set(struct loader *loader, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *dot = equals ? memchr(text, '.', (size_t)(equals - text)) : NULL;
    if (!dot || dot == text || dot + 1 == equals || equals - text >= OPTION_NAME) {
        problem(loader, STATUS_INVALID, NULL,
                "--set %.60s: give it as SECTION.KEY=VALUE, for example --set model.dim=128", text);
        return;
    }
    char section[OPTION_NAME], key[OPTION_NAME], name[2 * OPTION_NAME];
    snprintf(section, sizeof section, "%.*s", (int)(dot - text), text);
    snprintf(key, sizeof key, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    assign(loader, section, key, equals + 1, (struct origin){.kind = ORIGIN_SET, .name = name});
}

/* ---- what several values say together ---- */

static int compare_signals(const void *a, const void *b)
{
    return strcmp(((const struct signal *)a)->name, ((const struct signal *)b)->name);
}

/* The model numbers its signals. Where and in what order they were given must not matter: those
 * that were added stand by name behind the `own` ones of the model. */
static void sort_signals(struct loader *loader, uint32_t own)
{
    struct signals *signals = &loader->settings->model.signals;
    qsort(signals->at + own, signals->size - own, sizeof signals->at[0], compare_signals);
}

static const struct origin *origin_of(const struct loader *loader, const char *section,
                                      const char *key)
{
    const struct setting *setting = settings_find(loader->settings, section, key);
    return setting ? &setting->origin : NULL;
}

/* Where the first of two keys was set; else where the second was. */
static const struct origin *origin_of_either(const struct loader *loader, const char *section,
                                             const char *key, const char *other)
{
    const struct origin *origin = origin_of(loader, section, key);
    bool is_set = origin && origin->kind != ORIGIN_DEFAULT;
    return is_set ? origin : origin_of(loader, section, other);
}

static void check_ratings(struct loader *loader)
{
    const struct signals *signals = &loader->settings->model.signals;
    bool too_high = signals->rating_positive > signals->scale_high;
    if (!(signals->rating_negative < signals->rating_positive))
        problem(loader, STATUS_BAD_CONFIG,
                origin_of_either(loader, "signals", "rating_negative", "rating_positive"),
                "signals.rating_negative (%g) must be less than signals.rating_positive (%g)",
                (double)signals->rating_negative, (double)signals->rating_positive);
    if (too_high || signals->rating_negative < signals->scale_low)
        problem(loader, STATUS_BAD_CONFIG,
                origin_of_either(loader, "signals", "rating_scale",
                                 too_high ? "rating_positive" : "rating_negative"),
                "signals.rating_positive (%g) and signals.rating_negative (%g) must lie on "
                "signals.rating_scale (%g..%g)",
                (double)signals->rating_positive, (double)signals->rating_negative,
                (double)signals->scale_low, (double)signals->scale_high);
}

static bool is_among(const char *topics, const char *topic)
{
    size_t size = strlen(topic);
    for (const char *at = topics; size > 0 && *at; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (strncmp(at, topic, size) == 0 && strchr(", ", at[size]))
            return true;
    }
    return false;
}

static void check_topics(struct loader *loader)
{
    const struct input_settings *input = &loader->settings->input;
    if (is_among(input->topic, input->dead_letter_topic))
        problem(loader, STATUS_BAD_CONFIG,
                origin_of_either(loader, "input", "dead_letter_topic", "topic"),
                "input.dead_letter_topic (%s) must be none of input.topic: dead letters would come "
                "back for ever",
                input->dead_letter_topic);
    if (is_among(input->topic, input->catalogue_topic) ||
        is_among(input->dead_letter_topic, input->catalogue_topic))
        problem(loader, STATUS_BAD_CONFIG, origin_of(loader, "input", "catalogue_topic"),
                "input.catalogue_topic (%s) must be a topic of its own: it holds no events and no "
                "dead letters",
                input->catalogue_topic);
}

static void bad_pair(struct loader *loader, const struct setting *setting,
                     const struct error *error)
{
    char near[OPTION_NAME];
    if (kafka_key_known(setting->slot.key)) {
        problem(loader, error->status, &setting->origin, "%s", error->text);
        return;
    }
    option_nearest("kafka", setting->slot.key, near);
    problem(loader, error->status, &setting->origin, "unknown key kafka.%s%s%s%s",
            setting->slot.key, near[0] ? "; did you mean " : ": librdkafka has no such property",
            near, near[0] ? "?" : "");
}

/* librdkafka judges its own keys; one by one, so that each can be told with its place. */
static void check_kafka(struct loader *loader)
{
    const struct setting *setting = loader->settings->record->first;
    for (; setting; setting = setting->next) {
        if (setting->slot.option->type != &type_kafka)
            continue;
        char scratch[OPTION_SCRATCH];
        struct error error;
        const char *value =
            setting->slot.option->type->print(loader->settings, setting->slot, scratch);
        struct kafka_pair pair = {setting->slot.key, value};
        if (kafka_key_check(&pair, &error) != STATUS_OK)
            bad_pair(loader, setting, &error);
    }
}

/* ---- outside ---- */

enum status settings_check(const struct settings_source *source,
                           void (*report)(void *context, const struct error *error), void *context,
                           struct settings **out)
{
    struct loader loader = {
        .settings = settings_create(), .source = source, .report = report, .context = context};
    if (!loader.settings) {
        problem(&loader, STATUS_NO_MEMORY, NULL, "no memory for the settings");
        return STATUS_NO_MEMORY;
    }
    uint32_t own_signals = loader.settings->model.signals.size;
    load_defaults(&loader);
    load_file(&loader);
    load_environment(&loader);
    for (uint32_t i = 0; i < source->set_count; i++)
        load_set(&loader, source->sets[i]);
    sort_signals(&loader, own_signals);
    check_ratings(&loader);
    check_topics(&loader);
    check_kafka(&loader);
    if (loader.status == STATUS_OK && out)
        *out = loader.settings;
    else
        settings_free(loader.settings);
    return loader.status;
}

enum status settings_choose_kernel(const struct settings *settings, struct error *error)
{
    if (kernels_choose(settings->kernel))
        return STATUS_OK;
    return error_set(error, STATUS_BAD_CONFIG,
                     "model.kernel: this machine does not have it; auto takes the best it has");
}

struct first_error {
    struct error *error;
    uint32_t count;
};

static void keep_first(void *context, const struct error *error)
{
    struct first_error *first = context;
    if (first->count++ == 0 && first->error)
        *first->error = *error;
}

enum status settings_load(const struct settings_source *source, struct settings **out,
                          struct error *error)
{
    struct first_error first = {error, 0};
    enum status status = settings_check(source, keep_first, &first, out);
    if (first.count > 1 && error) {
        size_t used = strlen(error->text);
        snprintf(error->text + used, sizeof error->text - used,
                 "\n(and %u more; 'tasted config check' tells all)", first.count - 1);
    }
    return status;
}
