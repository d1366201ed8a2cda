/* The manual pages in mdoc(7), from the tables of commands and options. */
#ifndef DAEMON_MANUAL_H
#define DAEMON_MANUAL_H

#include <stdio.h>

void manual_print_commands(FILE *out); /* tasted(1) */
void manual_print_settings(FILE *out); /* tasted.conf(5) */

#endif
