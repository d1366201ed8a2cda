/* Points in time as people write them. */
#ifndef TRANSPORT_TIME_TEXT_H
#define TRANSPORT_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970 as digits, or RFC 3339: "2026-11-23T16:00:00Z", "…+01:00". False:
 * neither, or before 1970. */
bool time_text_parse(const char *text, int64_t *ms);

#endif
