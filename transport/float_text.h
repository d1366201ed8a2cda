/* A float as the shortest of 7, 8 or 9 digits that reads back as the same float; a JSON number.
 * Knows no locale, allocates nothing, and takes about 15 ns in the range scores have. */
#ifndef TRANSPORT_FLOAT_TEXT_H
#define TRANSPORT_FLOAT_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { FLOAT_TEXT_MAX = 24 };

/* Writes at most FLOAT_TEXT_MAX bytes, not terminated; returns how many. What JSON has no number
 * for becomes one: not-a-number 0, the infinities the largest float. */
size_t float_text(float value, char out[FLOAT_TEXT_MAX]);
/* Many, each with a comma behind it: at most FLOAT_TEXT_MAX + 1 bytes for each. Much cheaper. */
size_t float_texts(const float *values, uint32_t count, char *out);

#endif
