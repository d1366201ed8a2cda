/* Numbers with units as people write them in settings and options: sizes, durations, times. */
#ifndef DAEMON_QUANTITY_H
#define DAEMON_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUANTITY_TEXT = 40 }; /* room for any of them in print */

/* Decimal digits and nothing else. False: not that, or above UINT64_MAX. */
bool quantity_parse_count(const char *text, uint64_t *out);
/* A finite number in the C locale's notation, and nothing after it. */
bool quantity_parse_number(const char *text, double *out);
/* Whole numbers in powers of 1024: "512", "64K", "8G", "8 GiB". */
bool quantity_parse_size(const char *text, uint64_t *bytes);
/* "100ms", "60 s", "5m", "12h", "30d", "2w". A number alone is in units of `bare_ms`. */
bool quantity_parse_duration(const char *text, int64_t bare_ms, int64_t *ms);

/* In the largest unit that divides it; what the parser reads back as the same. */
void quantity_print_size(uint64_t bytes, char out[QUANTITY_TEXT]);
void quantity_print_duration(int64_t ms, char out[QUANTITY_TEXT]);
void quantity_print_time(int64_t ms,
                         char out[QUANTITY_TEXT]); /* RFC 3339 in UTC; see time_text.h */

#endif
