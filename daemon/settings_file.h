/* Reads an INI file (inih), and tells of every line by its number. */
#ifndef DAEMON_SETTINGS_FILE_H
#define DAEMON_SETTINGS_FILE_H

#include "model/status.h"

/* The strings hold for the time of the call. */
struct settings_file_reader {
    void *context;
    void (*pair)(void *context, int line, const char *section, const char *key, const char *value);
    void (*bad_line)(void *context, int line, const char *why);
    void (*empty_section)(void *context, int line, const char *section); /* no pair follows */
};

/* STATUS_NOT_FOUND: there is no such file; STATUS_BAD_CONFIG: it cannot be read. Bad lines are
 * told to the reader and are no failure of this. */
enum status settings_file_read(const char *path, const struct settings_file_reader *reader,
                               struct error *error);
/* A secret's file: all of it but the newlines at its end, malloc'd; NULL with `error`, also where
 * nothing is left. */
char *settings_secret_read(const char *path, struct error *error);

#endif
