/* The subcommands: one table (command.c), from which help, manual pages and completions come. */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include "daemon/settings.h"

/* What every command is given: the common options are read, the settings are not loaded yet. */
struct invocation {
    const char *program;
    struct settings_source settings;
    int argc; /* what stands after the command's name, common options taken out */
    char **argv;
};

/* One option of a command, for help, manual and completion. */
struct command_option {
    const char *name;  /* "--report" */
    const char *value; /* "FILE.json"; NULL: a flag */
    const char *help;
};

struct command {
    const char *name;
    const char *arguments;                     /* "USER [-n N] [--json]" */
    const char *help;                          /* one line */
    const char *about;                         /* a paragraph for the manual */
    const struct command_option *options;      /* NULL-name terminated */
    int (*run)(struct invocation *invocation); /* the exit code */
};

extern const struct command commands[]; /* NULL-name terminated */

/* Each in a file of its own: run.c, demo.c, load.c, replay.c, top.c, snapshot.c, config.c. */
int command_run(struct invocation *invocation);
int command_demo(struct invocation *invocation);
int command_load(struct invocation *invocation);
int command_replay(struct invocation *invocation);
int command_top(struct invocation *invocation);
int command_snapshot(struct invocation *invocation);
int command_config(struct invocation *invocation);

/* Exit codes (sysexits.h's numbers). */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_USAGE = 64,
    EXIT_BAD_DATA = 65,
    EXIT_UNREACHABLE = 69,
    EXIT_INTERNAL = 70,
    EXIT_CANNOT_WRITE = 73,
    EXIT_IO = 74,
    EXIT_BAD_CONFIG = 78,
};
int exit_code_of(enum status status);
/* Prints "tasted: text" to stderr and returns the code. */
int fail(const struct error *error);

/*
 * Reads the options of a command by its table. Gives the next option or argument each time:
 * `*value` is the option's value or the argument itself. Returns the option's entry, or NULL with
 * `*value` set for an argument, or NULL with NULL at the end; on misuse prints what is wrong and
 * how to get help, and exits with 64.
 */
const struct command_option *command_next(struct invocation *invocation,
                                          const struct command *command, const char **value);
const struct command *command_named(const char *name);

#endif
