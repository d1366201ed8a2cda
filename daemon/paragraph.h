/* Text for people, broken into lines of a terminal's width. */
#ifndef DAEMON_PARAGRAPH_H
#define DAEMON_PARAGRAPH_H

#include <stdio.h>

/* Prints `text` and a newline. `column` is where the cursor stands, further lines are indented by
 * `indent`, none is longer than `width` columns (but for a longer word). A newline in the text
 * begins a new line; two, a paragraph. */
void paragraph_print(FILE *out, const char *text, int column, int indent, int width);

/* The same with `prefix` ("# ") at the start of every line, that of the first too. */
void paragraph_print_prefixed(FILE *out, const char *prefix, const char *text, int width);

/* Columns that UTF-8 text takes on a terminal. */
int paragraph_columns(const char *text);

#endif
