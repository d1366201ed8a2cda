#include "transport/event_tsv.h"

#include "transport/decode.h"
#include "transport/decode_number.h"

#include <math.h>

static const char *const names[TSV_COLUMNS] = {"timestamp", "user", "item", "event", "value"};

/* Takes the column before the next tab off the line; false: that was the last one. */
static inline bool take_column(struct text *line, struct text *column)
{
    const char *tab = line->size == 0 ? NULL : memchr(line->at, '\t', line->size);
    column->at = line->at;
    column->size = tab == NULL ? line->size : (uint32_t)(tab - line->at);
    if (tab == NULL)
        return false;
    line->size -= column->size + 1;
    line->at = tab + 1;
    return true;
}

static uint8_t find_column(struct text name)
{
    uint8_t column = 0;
    while (column < TSV_COLUMNS && !text_equal(name, text_of(names[column])))
        column++;
    return column;
}

enum status event_tsv_header(struct event_tsv *tsv, struct text line, const char *name,
                             struct error *error)
{
    bool seen[TSV_COLUMNS + 1] = {false};
    bool more = true;
    for (tsv->width = 0; more; tsv->width++) {
        struct text text;
        if (tsv->width == TSV_WIDTH_MAX)
            return error_set(error, STATUS_BAD_DATA, "%s: more than %d columns in line 1", name,
                             (int)TSV_WIDTH_MAX);
        more = take_column(&line, &text);
        const uint8_t column = find_column(text);
        if (column != TSV_COLUMNS && seen[column])
            return error_set(error, STATUS_BAD_DATA, "%s: line 1 names the column %s twice", name,
                             names[column]);
        seen[column] = true;
        tsv->column[tsv->width] = column;
    }
    for (int column = 0; column < TSV_VALUE; column++)
        if (!seen[column])
            return error_set(error, STATUS_BAD_DATA,
                             "%s: no column %s; line 1 of a TSV file must name its columns: "
                             "timestamp user item event, and value where there is one, "
                             "separated by tabs",
                             name, names[column]);
    return STATUS_OK;
}

static inline bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits with an optional fraction, to ms since 1970; -1: anything else. */
static int64_t read_time(struct text text)
{
    const int64_t seconds_max = 100000000000; /* 1e11: above it the number is in ms */
    if (text.size == 0 || !is_digit(text.at[0]))
        return -1;
    const char *at = text.at, *end = text.at + text.size;
    int64_t whole = 0, ms = 0;
    for (; at < end && is_digit(*at); at++)
        if (whole > INT64_MAX / 10 - 1)
            return -1;
        else
            whole = whole * 10 + (*at - '0');
    if (at < end && *at == '.') {
        at++;
        for (int64_t unit = 100; at < end && is_digit(*at); at++, unit /= 10)
            ms += unit * (*at - '0');
    }
    if (at != end)
        return -1;
    return whole > seconds_max ? whole : whole * 1000 + ms;
}

static double read_number(struct text text)
{
    struct decimal decimal;
    bool integral;
    const char *end = text.at + text.size;
    if (decimal_scan(text.at, end, &decimal, &integral) != end)
        return (double)NAN;
    const double number = decimal_to_double(&decimal);
    return isfinite(number) ? number : (double)NAN;
}

enum verdict event_tsv_read(const struct event_tsv *tsv, struct text line, struct event *event)
{
    const struct text absent = {NULL, 0};
    struct text texts[TSV_COLUMNS + 1] = {absent, absent, absent, absent, absent, absent};
    bool more = true;
    for (uint32_t i = 0; more; i++) {
        if (i == tsv->width)
            return VERDICT_UNDECODABLE;
        more = take_column(&line, &texts[tsv->column[i]]);
    }
    event->user = texts[TSV_USER];
    event->item = texts[TSV_ITEM];
    event->name = texts[TSV_EVENT];
    event->id = event->device = absent;
    event->ts_ms = read_time(texts[TSV_TIMESTAMP]);
    event->has_value = texts[TSV_VALUE].size != 0;
    event->value = event->has_value ? read_number(texts[TSV_VALUE]) : 0;
    return event_check(event, event->ts_ms);
}
