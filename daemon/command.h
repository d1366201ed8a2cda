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
    bool only_arguments; /* "--" was seen: what follows are no options */
};

/* One option of a command, for help, manual and completion. */
struct command_option {
    const char *name;  /* "--report", "-n" */
    const char *value; /* "FILE.json"; NULL: a flag */
    const char *help;
};

struct command {
    const char *name;                          /* NULL ends the table */
    const char *arguments;                     /* "USER"; "" : none */
    const char *help;                          /* one line; NULL: hidden */
    const char *about;                         /* paragraphs for the manual and --help */
    const struct command_option *options;      /* ends with name NULL; NULL: none */
    int (*run)(struct invocation *invocation); /* the exit code */
};

extern const struct command commands[];
extern const struct command_option common_options[]; /* -c, --set, --help, --version */

/* Each in a file of its own: run.c, demo.c, load.c, replay.c, top.c, explain.c, predict.c,
 * snapshot.c, config.c. */
int command_run(struct invocation *invocation);
int command_demo(struct invocation *invocation);
int command_load(struct invocation *invocation);
int command_replay(struct invocation *invocation);
int command_top(struct invocation *invocation);
int command_predict(struct invocation *invocation);
int command_snapshot(struct invocation *invocation);
int command_similar(struct invocation *invocation);
int command_explain(struct invocation *invocation);
int command_config(struct invocation *invocation);
int command_generate(struct invocation *invocation); /* hidden: manual pages, completions */
extern const struct command_option run_options[];
extern const struct command_option demo_options[];
extern const struct command_option load_options[];
extern const struct command_option replay_options[];
extern const struct command_option top_options[];
extern const struct command_option predict_options[];
extern const struct command_option snapshot_options[];
extern const struct command_option similar_options[];
extern const struct command_option explain_options[];
extern const struct command_option config_options[];

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
 * `*value` is the option's value (NULL for a flag) or the argument itself. Returns the option's
 * entry, or NULL with `*value` set for an argument, or NULL with NULL at the end; on misuse prints
 * what is wrong and how to get help, and exits with 64.
 *
 *     while ((option = command_next(invocation, command, &value)) || value)
 *         if (!option) …argument… else if (command_is(option, "--report")) …
 */
const struct command_option *command_next(struct invocation *invocation,
                                          const struct command *command, const char **value);
bool command_is(const struct command_option *option, const char *name);
const struct command *command_named(const char *name); /* NULL: there is none */
/* Prints "tasted COMMAND: message" and how to get help to stderr; returns EXIT_USAGE. */
int command_misuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All of main() but its name, for the tests. */
int command_main(int argc, char **argv, char *const *environment);

#endif
