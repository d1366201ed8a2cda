#include "daemon/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Smallest first: printing takes the last that divides. */
static const struct unit size_units[] = {
    {"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40}, {NULL, 0},
};
static const struct unit duration_units[] = {
    {"ms", 1},      {"s", 1000},     {"m", 60000},     {"min", 60000},
    {"h", 3600000}, {"d", 86400000}, {"w", 604800000}, {NULL, 0},
};

/* Reads digits; `*end` is where they stop. */
static bool read_digits(const char *text, const char **end, uint64_t *out)
{
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    char *stop;
    *out = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

bool quantity_parse_count(const char *text, uint64_t *out)
{
    const char *end;
    return read_digits(text, &end, out) && *end == '\0';
}

bool quantity_parse_number(const char *text, double *out)
{
    if (!*text || isspace((unsigned char)*text))
        return false;
    char *end;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool scale(uint64_t number, uint64_t factor, uint64_t limit, uint64_t *out)
{
    if (factor != 0 && number > limit / factor)
        return false;
    *out = number * factor;
    return true;
}

bool quantity_parse_size(const char *text, uint64_t *bytes)
{
    uint64_t number;
    const char *at;
    if (!read_digits(text, &at, &number))
        return false;
    while (*at == ' ')
        at++;
    for (const struct unit *unit = size_units; unit->name; unit++) {
        size_t length = strlen(unit->name);
        if (strncasecmp(at, unit->name, length) != 0)
            continue;
        const char *rest = at + length;
        if (*rest == '\0' || strcasecmp(rest, "b") == 0 ||
            (length > 0 && strcasecmp(rest, "ib") == 0))
            return scale(number, unit->factor, UINT64_MAX, bytes);
    }
    return false;
}

bool quantity_parse_duration(const char *text, int64_t bare_ms, int64_t *ms)
{
    uint64_t number, product;
    const char *at;
    if (!read_digits(text, &at, &number))
        return false;
    while (*at == ' ')
        at++;
    uint64_t factor = *at == '\0' ? (uint64_t)bare_ms : 0;
    for (const struct unit *unit = duration_units; unit->name && !factor; unit++)
        if (strcmp(at, unit->name) == 0)
            factor = unit->factor;
    if (!factor || !scale(number, factor, INT64_MAX, &product))
        return false;
    *ms = (int64_t)product;
    return true;
}

static void print_in_units(uint64_t number, const struct unit *units, char *out)
{
    const struct unit *best = units;
    for (const struct unit *unit = units; unit->name; unit++)
        if (number % unit->factor == 0 && unit->factor > best->factor)
            best = unit;
    if (number == 0)
        best = units;
    snprintf(out, QUANTITY_TEXT, "%" PRIu64 "%s", number / best->factor, best->name);
}

void quantity_print_size(uint64_t bytes, char out[QUANTITY_TEXT])
{
    print_in_units(bytes, size_units, out);
}

void quantity_print_duration(int64_t ms, char out[QUANTITY_TEXT])
{
    if (ms == 0) {
        snprintf(out, QUANTITY_TEXT, "0");
        return;
    }
    print_in_units((uint64_t)ms, duration_units, out);
}

void quantity_print_time(int64_t ms, char out[QUANTITY_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char date[24] = "?";
    if (gmtime_r(&seconds, &tm))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    if (ms % 1000)
        snprintf(out, QUANTITY_TEXT, "%s.%03dZ", date, (int)(ms % 1000));
    else
        snprintf(out, QUANTITY_TEXT, "%sZ", date);
}
