/* tasted generate KIND: what deploy/ holds, from the tables; a test keeps the two equal. */
#include "daemon/command.h"
#include "daemon/completion.h"
#include "daemon/manual.h"
#include "daemon/reference.h"

#include <string.h>

static const struct {
    const char *kind;
    void (*print)(FILE *out);
} kinds[] = {
    {"man1", manual_print_commands},  {"man5", manual_print_settings},
    {"conf", reference_print_sample}, {"bash", completion_print_bash},
    {"zsh", completion_print_zsh},    {"fish", completion_print_fish},
};

int command_generate(struct invocation *invocation)
{
    const struct command *command = command_named("generate");
    const char *kind;
    command_next(invocation, command, &kind);
    for (size_t i = 0; kind && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, kind) == 0) {
            kinds[i].print(stdout);
            return EXIT_FINE;
        }
    return command_misuse(command, "one of man1, man5, conf, bash, zsh, fish");
}
