/* What the settings know about themselves: the memory of their strings, and for each value that
 * was given, where. Used by the loader and by `config show`. */
#ifndef DAEMON_SETTINGS_RECORD_H
#define DAEMON_SETTINGS_RECORD_H

#include "daemon/options.h"

enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_SET };

struct origin {
    enum origin_kind kind;
    const char *name;      /* the file, the variable, or what --set said */
    int line;              /* of the file */
    const char *reference; /* "@/path" as given; NULL: the value stood there itself */
};

/* A value that was given, or a default. */
struct setting {
    struct option_slot slot;
    struct origin origin;
    struct setting *next; /* in the order they were first given */
};

struct settings_record {
    struct setting *first, **last;
    struct chunk *strings;
};

/* Empty settings with their record; NULL when there is no memory. */
struct settings *settings_create(void);
/* The entry of a key, or NULL. */
struct setting *settings_find(const struct settings *settings, const char *section,
                              const char *key);
/* Finds or adds; NULL when there is no memory. Everything is copied. */
struct setting *settings_note(struct settings *settings, struct option_slot slot,
                              const struct origin *origin);
/* "tasted.conf:12", "TASTED_MODEL_DIM", "--set model.dim=3", "default" */
void origin_text(const struct origin *origin, char *out, size_t size);

#endif
