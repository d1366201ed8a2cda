/* Ids in the columns of a table for people. */
#ifndef DAEMON_CELL_H
#define DAEMON_CELL_H

#include "model/event.h"

/* Columns a terminal takes for UTF-8, most scripts. */
int cell_columns(struct text text);
/* To standard output, filled up to `width` columns or cut there, the last one then being "…";
 * control characters are printed as one "?". Width 0: as it is. */
void cell_print(struct text text, int width);

#endif
