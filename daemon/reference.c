#include "daemon/reference.h"

#include "daemon/paragraph.h"
#include "daemon/settings_record.h"

#include <string.h>

enum { WIDTH = 80 };

static const char *flag_note(const struct option *option)
{
    if (option->flags & OPTION_SHAPES)
        return " A snapshot made with another value is refused.";
    if (option->flags & OPTION_LIVE)
        return " SIGHUP changes it.";
    return "";
}

static void print_sample_option(FILE *out, const struct option *option)
{
    char allowed[OPTION_ALLOWED], text[1024];
    option->type->allowed(option, allowed);
    snprintf(text, sizeof text, "%s Allowed: %s.%s", option->help, allowed, flag_note(option));
    fputc('\n', out);
    paragraph_print_prefixed(out, "# ", text, WIDTH);
    if (option_is_wildcard(option))
        fprintf(out, "#%s\n",
                option->type == &type_kafka ? "security.protocol = SASL_SSL" : "finish = 1.5");
    else
        fprintf(out, "#%s =%s%s\n", option->key, option->initial[0] ? " " : "", option->initial);
}

void reference_print_sample(FILE *out)
{
    fprintf(out, "# Settings of tasted " TASTED_VERSION
                 ", with their defaults; see tasted.conf(5).\n#\n");
    paragraph_print_prefixed(
        out, "# ",
        "The environment (TASTED_SECTION_KEY, dots as underscores) wins over this file, and "
        "--set SECTION.KEY=VALUE over both. A key that is not known is an error in all three. Any "
        "value may be @/path: it is then read from that "
        "file. A comment stands on a line of its own, or after a value and \" ;\".",
        WIDTH);
    for (const struct option_section *section = option_sections; section->name; section++) {
        fprintf(out, "\n# %s\n[%s]\n", section->help, section->name);
        for (const struct option *option = options; option->section; option++)
            if (strcmp(option->section, section->name) == 0)
                print_sample_option(out, option);
    }
}

static void print_setting(FILE *out, const struct settings *settings, const struct setting *setting)
{
    char scratch[OPTION_SCRATCH], where[300];
    const char *value = setting->origin.reference ? setting->origin.reference
                                                  : option_show(settings, setting->slot, scratch);
    int used = fprintf(out, "%s =%s%s", setting->slot.key, value[0] ? " " : "", value);
    if (setting->origin.kind != ORIGIN_DEFAULT) {
        origin_text(&setting->origin, where, sizeof where);
        fprintf(out, "%*s ; %s", used < 32 ? 32 - used : 0, "", where);
    }
    fputc('\n', out);
}

static bool is_set(const struct settings *settings, const char *key)
{
    for (uint32_t i = 0; i < settings->kafka_size; i++)
        if (strcmp(settings->kafka[i].key, key) == 0)
            return true;
    return false;
}

static void print_own(FILE *out, const struct settings *settings, const char *title,
                      const struct kafka_reserved *at)
{
    fputc('\n', out);
    paragraph_print_prefixed(out, "# ", title, WIDTH);
    for (; at->key; at++) {
        char text[400];
        if (is_set(settings, at->key))
            continue;
        if (at->value)
            snprintf(text, sizeof text, "%s = %s: %s", at->key, at->value, at->why);
        else
            snprintf(text, sizeof text, "%s: %s", at->key, at->why);
        paragraph_print_prefixed(out, "#   ", text, WIDTH);
    }
}

static void print_own_kafka(FILE *out, const struct settings *settings)
{
    print_own(out, settings,
              "Set by tasted on librdkafka, unless this section does:", kafka_defaults());
    print_own(out, settings,
              "Set by tasted on librdkafka, and refused in this section, because learning every "
              "event exactly once rests on it:",
              kafka_reserved());
}

void reference_print_effective(FILE *out, const struct settings *settings)
{
    for (const struct option_section *section = option_sections; section->name; section++) {
        fprintf(out, "%s[%s]\n", section == option_sections ? "" : "\n", section->name);
        const struct setting *setting = settings->record->first;
        for (; setting; setting = setting->next)
            if (strcmp(setting->slot.option->section, section->name) == 0)
                print_setting(out, settings, setting);
        if (strcmp(section->name, "kafka") == 0)
            print_own_kafka(out, settings);
    }
}
