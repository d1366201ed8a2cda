/*
 * THE table of options. Each row says what a setting is called, what it may be, what it is when
 * nobody says, and where in struct settings it goes. The parser, its errors, `config show`, the
 * sample file, the manual page and the completions are all made from it: a new option is a new row.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "daemon/settings.h"

enum option_flags {
    OPTION_LIVE = 1,   /* SIGHUP may change it */
    OPTION_SHAPES = 2, /* shapes the model's state: a snapshot made with another is refused */
};

enum {
    OPTION_VALUE_MAX = 64 * 1024, /* bytes of a value, also of one read from a file */
    OPTION_SCRATCH = 320,         /* for printing whatever is not a string */
    OPTION_ALLOWED = 200,
    OPTION_NAME = 300, /* "section.key" */
};

struct option;

/* One value of one option: what all functions of a type are about. `key` is the option's own, but
 * for wildcard rows. */
struct option_slot {
    const struct option *option;
    const char *key;
};

/* How a kind of value is read, printed and described. */
struct option_type {
    const char *name; /* "duration", for the manual */
    /* STATUS_BAD_CONFIG with an empty text: not what allowed() says; else the text says what is
     * wrong. STATUS_NO_MEMORY. */
    enum status (*parse)(struct settings *settings, struct option_slot slot, const char *text,
                         struct error *error);
    /* What parse() reads back as the same: a string of the settings, or `scratch`. */
    const char *(*print)(const struct settings *settings, struct option_slot slot,
                         char scratch[OPTION_SCRATCH]);
    /* In words: "a whole number from 16 to 512, a multiple of 16". */
    void (*allowed)(const struct option *option, char out[OPTION_ALLOWED]);
};

struct option {
    const char *section;
    const char *key; /* "*": any other key of the section */
    const struct option_type *type;
    size_t offset;       /* of the field in struct settings */
    const char *initial; /* the default, as text; NULL for a wildcard row */
    double low, high;    /* of numbers, in units of the field */
    double step;         /* a number is a multiple of it; 0: any */
    const char *none;    /* the word for 0 ("none"); NULL: there is no such word */
    unsigned flags;
    const char *help;
};

extern const struct option options[]; /* ends with section NULL; a section's rows are together */

struct option_section {
    const char *name;
    const char *help;
};
extern const struct option_section option_sections[]; /* in the table's order; ends with NULL */

/* The row of a key: its own, else the wildcard of its section, else NULL; which is also for what
 * seems a slip of a key in a section of any names (signals.skip_belw). */
const struct option *option_find(const char *section, const char *key);
/* The key's one name: librdkafka has another for the brokers. */
const char *option_key(const char *section, const char *key);
bool option_is_wildcard(const struct option *option);
bool option_section_known(const char *section);
/* Never to be printed: [kafka]'s passwords and keys. */
bool option_is_secret(struct option_slot slot);
/* Fills `name` with the known "section.key" that is nearest, or "". */
void option_nearest(const char *section, const char *key, char name[OPTION_NAME]);
/* The value as it may be shown: secrets and passwords masked. */
const char *option_show(const struct settings *settings, struct option_slot slot,
                        char scratch[OPTION_SCRATCH]);

/* A copy that lives as long as the settings; NULL when there is no memory (settings_record.c). */
const char *settings_keep(struct settings *settings, const char *text);

/* ---- the types (option_types*.c); the comment says what field they fill ---- */
extern const struct option_type type_text;        /* const char * */
extern const struct option_type type_topic;       /* const char *: one topic, or none */
extern const struct option_type type_topics;      /* const char *: one or several by comma */
extern const struct option_type type_features;    /* const char *: several by comma, or none */
extern const struct option_type type_path;        /* const char * */
extern const struct option_type type_redis_url;   /* const char * */
extern const struct option_type type_listen;      /* const char *: host:port, or off */
extern const struct option_type type_count;       /* uint32_t */
extern const struct option_type type_long_count;  /* uint64_t */
extern const struct option_type type_number;      /* float */
extern const struct option_type type_switch;      /* bool */
extern const struct option_type type_size;        /* uint64_t, bytes */
extern const struct option_type type_ms;          /* int64_t: a duration in milliseconds */
extern const struct option_type type_seconds;     /* int64_t: a duration in seconds */
extern const struct option_type type_list_format; /* enum list_format */
extern const struct option_type type_kernel;      /* enum kernel_choice */
extern const struct option_type type_loss;        /* enum loss_id */
extern const struct option_type type_log_level;   /* int: enum log_level */
extern const struct option_type type_threads;     /* uint32_t, or auto */
extern const struct option_type type_start;       /* struct input_settings: start, start_ms */
extern const struct option_type type_field;       /* struct field_path in input.fields */
extern const struct option_type type_exclude;     /* int32_t: exclude_days */
extern const struct option_type type_scale;       /* struct signals: scale_low, scale_high */
extern const struct option_type type_weight;      /* struct signals: the signal named by the key */
extern const struct option_type type_kafka;       /* the pair named by the key */

#endif
