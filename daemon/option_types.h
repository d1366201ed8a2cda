/* What the option types share among themselves. */
#ifndef DAEMON_OPTION_TYPES_H
#define DAEMON_OPTION_TYPES_H

#include "daemon/options.h"

/* A word that stands for a value; lists of them end with name NULL. */
struct option_word {
    const char *name;
    int value;
};
const struct option_word *option_word_named(const struct option_word *words, const char *text);

/* "Not what allowed() says." */
enum status option_refuse(struct error *error);
bool option_is_none(const struct option *option, const char *text);
/* As few digits as read back the same. */
void option_print_float(float number, char *out, size_t size);
enum status option_keep_text(struct settings *settings, const struct option *option,
                             const char *text, struct error *error);
const char *option_print_text(const struct settings *settings, struct option_slot slot,
                              char scratch[OPTION_SCRATCH]);

static inline void *option_field(struct settings *settings, const struct option *option)
{
    return (char *)settings + option->offset;
}

static inline const void *option_field_of(const struct settings *settings,
                                          const struct option *option)
{
    return (const char *)settings + option->offset;
}

#endif
