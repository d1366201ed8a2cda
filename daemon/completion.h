/* Completions for shells, from the tables of commands and options. */
#ifndef DAEMON_COMPLETION_H
#define DAEMON_COMPLETION_H

#include <stdio.h>

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

#endif
