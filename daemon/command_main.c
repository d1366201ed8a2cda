/* From the words of the command line to the command: common options, help, version. */
#include "daemon/command.h"

#include "daemon/nearest.h"
#include "daemon/paragraph.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the common options say; the other words are left in `words`. */
struct command_line {
    const char *file;
    const char **sets;
    uint32_t set_count;
    bool help, version;
    int count;
    char **words;
};

static int misuse(const char *what, const char *word)
{
    fprintf(stderr, "tasted: %s%s\nTry 'tasted --help'.\n", word, what);
    return EXIT_USAGE;
}

/* Is `word` the option `name`, with its value attached or in the next word? Moves `*at` past it. */
static bool take(int argc, char **argv, int *at, const char *name, const char **value)
{
    const char *word = argv[*at];
    size_t size = strlen(name);
    *value = NULL;
    if (strncmp(word, name, size) != 0)
        return false;
    if (word[size] == '\0')
        *value = *at + 1 < argc ? argv[++*at] : NULL;
    else if (name[1] != '-')
        *value = word + size;
    else if (word[size] == '=')
        *value = word + size + 1;
    else
        return false;
    return true;
}

/* The common options may stand anywhere before a "--". Returns 0 or an exit code. */
static int read_command_line(int argc, char **argv, struct command_line *line)
{
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        const char *word = argv[at], *value;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            line->help = true;
        else if (strcmp(word, "--version") == 0)
            line->version = true;
        else if (take(argc, argv, &at, "--set", &value)) {
            if (!value)
                return misuse(" needs a value: SECTION.KEY=VALUE", word);
            line->sets[line->set_count++] = value;
        } else if (take(argc, argv, &at, "-c", &value) ||
                   take(argc, argv, &at, "--config", &value)) {
            if (!value)
                return misuse(" needs a value: FILE", word);
            line->file = value;
        } else
            line->words[line->count++] = argv[at];
    }
    for (; at < argc; at++)
        line->words[line->count++] = argv[at];
    return 0;
}

static void print_option(FILE *out, const struct command_option *option)
{
    char left[80];
    snprintf(left, sizeof left, "%s%s%s", option->name, option->value ? " " : "",
             option->value ? option->value : "");
    int room = 22 - paragraph_columns(left);
    if (room >= 2)
        fprintf(out, "  %s%*s", left, room, "");
    else
        fprintf(out, "  %s\n%24s", left, "");
    paragraph_print(out, option->help, 24, 24, 80);
}

static void print_options(FILE *out, const char *title, const struct command_option *option)
{
    if (!option || !option->name)
        return;
    fprintf(out, "\n%s:\n", title);
    for (; option->name; option++)
        print_option(out, option);
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: tasted [-c FILE] [--set SECTION.KEY=VALUE] COMMAND …\n\n");
    paragraph_print(out,
                    "Consumes what people did with items from Kafka, learns from every event as it "
                    "arrives, and keeps every user's top-N list fresh in Redis.",
                    0, 0, 80);
    fprintf(out, "\nCommands:\n");
    for (const struct command *command = commands; command->name; command++)
        if (command->help)
            fprintf(out, "  %-11s %s\n", command->name, command->help);
    print_options(out, "Everywhere", common_options);
    fprintf(out, "\n'tasted COMMAND --help' tells more; the manual is tasted(1), the settings are\n"
                 "in tasted.conf(5) and in 'tasted config defaults'.\n");
}

static void print_command_help(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: tasted %s%s%s%s\n\n", command->name,
            command->options && command->options->name ? " [OPTION…]" : "",
            command->arguments[0] ? " " : "", command->arguments);
    paragraph_print(out, command->about, 0, 0, 80);
    print_options(out, "Options", command->options);
    print_options(out, "Everywhere", common_options);
}

static int unknown_command(const char *name)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (const struct command *command = commands; command->name; command++)
        if (command->help)
            nearest_offer(&nearest, command->name);
    if (name[0] == '-')
        fprintf(stderr, "tasted: unknown option %s before a command", name);
    else
        fprintf(stderr, "tasted: unknown command %s", name);
    if (nearest.name[0])
        fprintf(stderr, "; did you mean %s?", nearest.name);
    fprintf(stderr, "\nTry 'tasted --help'.\n");
    return EXIT_USAGE;
}

static int dispatch(const char *program, const struct command_line *line, char *const *environment)
{
    if (line->version) {
        printf("tasted %s\n", TASTED_VERSION);
        return EXIT_FINE;
    }
    bool asks = line->count > 0 && strcmp(line->words[0], "help") == 0;
    int first = asks ? 1 : 0;
    if (line->count <= first) {
        bool wanted = line->help || asks;
        print_help(wanted ? stdout : stderr);
        return wanted ? EXIT_FINE : EXIT_USAGE;
    }
    const struct command *command = command_named(line->words[first]);
    if (!command)
        return unknown_command(line->words[first]);
    if (line->help || asks) {
        print_command_help(stdout, command);
        return EXIT_FINE;
    }
    struct invocation invocation = {
        .program = program,
        .settings = {line->file, line->sets, line->set_count, environment, NULL},
        .argc = line->count - 1,
        .argv = line->words + 1,
    };
    return command->run(&invocation);
}

/* A full disk or a closed pipe must not look like success. */
static int check_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "tasted: cannot write to standard output: %s\n", strerror(errno));
    return code == EXIT_FINE ? EXIT_CANNOT_WRITE : code;
}

int command_main(int argc, char **argv, char *const *environment)
{
    int code = EXIT_INTERNAL;
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is then an error with a name */
    size_t room = (size_t)argc + 1;
    struct command_line line = {.sets = calloc(room, sizeof *line.sets),
                                .words = calloc(room, sizeof *line.words)};
    if (!line.sets || !line.words) {
        fprintf(stderr, "tasted: out of memory\n");
        goto out;
    }
    code = read_command_line(argc, argv, &line);
    if (code == 0)
        code = check_output(dispatch(argc ? argv[0] : "tasted", &line, environment));
out:
    free(line.words);
    free(line.sets);
    return code;
}
