/* "Did you mean …?": the nearest of some known names to one that is not known. */
#ifndef DAEMON_NEAREST_H
#define DAEMON_NEAREST_H

#include <stdint.h>

enum { NEAREST_NAME_MAX = 96 }; /* longer names are never near */

/* Keeps the best of the names offered. */
struct nearest {
    const char *wanted;
    char name[NEAREST_NAME_MAX]; /* "" : nothing near enough */
    uint32_t distance;
};

void nearest_init(struct nearest *nearest, const char *wanted);
void nearest_offer(struct nearest *nearest, const char *name);

/* Edits to come from one to the other, the case of letters apart: a character more, less, other,
 * or two swapped. */
uint32_t edit_distance(const char *a, const char *b);

#endif
