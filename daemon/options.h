/*
 * THE table of options. Each row says what a setting is called, what it may be, what it is when
 * nobody says, and where in struct settings it goes. Parser, checks, `config show`, the sample
 * file, the manual page and the completions are all made from it: a new option is a new row.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "daemon/settings.h"

enum option_flags {
    OPTION_LIVE = 1,   /* SIGHUP may change it */
    OPTION_SHAPES = 2, /* shapes the model's state: a snapshot made with another is refused */
    OPTION_SECRET = 4, /* never printed */
};

enum {
    OPTION_VALUE_MAX = 64 * 1024, /* bytes of a value, also of one in a file */
    OPTION_SCRATCH = 256,         /* for the print of whatever is not a string */
    OPTION_ALLOWED = 200,
};

struct option;

/* How a kind of value is read, printed and described. `key` matters for wildcard rows only. */
struct option_type {
    const char *name; /* "duration", for the manual */
    /* STATUS_BAD_CONFIG with an empty text: not as option_allowed() says; with a text: what is
     * wrong. STATUS_NO_MEMORY. */
    enum status (*parse)(struct settings *settings, const struct option *option, const char *key,
                         const char *text, struct error *error);
    /* What parse() reads back as the same; a string of the settings, or `scratch`. */
    const char *(*print)(const struct settings *settings, const struct option *option,
                         const char *key, char scratch[OPTION_SCRATCH]);
    /* What is allowed, in words: "16 to 512, a multiple of 16". */
    void (*allowed)(const struct option *option, char out[OPTION_ALLOWED]);
};

struct option {
    const char *section;
    const char *key; /* "*": any other key of the section; `placeholder` is what the manual says */
    const struct option_type *type;
    size_t offset;       /* of the field in struct settings */
    const char *initial; /* the default, as text; NULL for a wildcard row */
    double low, high;    /* in units of the field; of use for numbers */
    double step;         /* a multiple of it; 0: any */
    const void *detail;  /* the type's own: choices, … */
    unsigned flags;
    const char *help;
};

extern const struct option options[]; /* ends with section NULL; a section's rows are together */
extern const uint32_t option_count;

/* One line about a section, or NULL if there is none of that name. */
const char *option_section_help(const char *section);

/* The row of a key: its own, else the wildcard of its section, else NULL. */
const struct option *option_find(const char *section, const char *key);
static inline bool option_is_wildcard(const struct option *option)
{
    return option->key[0] == '*';
}
/* False for a key of [kafka] too whose name says that it is a secret. */
bool option_is_secret(const struct option *option, const char *key);
void option_allowed(const struct option *option, char out[OPTION_ALLOWED]);
/* Appends to `error` nothing; fills `name` with the known "section.key" nearest to it, or "". */
void option_nearest(const char *section, const char *key, char *name, size_t size);

/* A copy that lives as long as the settings; NULL when there is no memory. */
const char *settings_keep(struct settings *settings, const char *text);

/* The types, for the table (option_types.c). */
extern const struct option_type type_text, type_topic, type_topics, type_path, type_url,
    type_listen, type_count, type_count64, type_fraction, type_switch, type_choice, type_size,
    type_milliseconds, type_seconds, type_start, type_field, type_days, type_scale, type_weight,
    type_kafka, type_threads;

#endif
