/* A header of columns, and lines under it. Private to event_file.c. */
#ifndef TRANSPORT_EVENT_TSV_H
#define TRANSPORT_EVENT_TSV_H

#include "model/event.h"
#include "model/status.h"

enum tsv_column { TSV_TIMESTAMP, TSV_USER, TSV_ITEM, TSV_EVENT, TSV_VALUE, TSV_COLUMNS };
enum { TSV_WIDTH_MAX = 256 };

struct event_tsv {
    uint32_t width;
    uint8_t column[TSV_WIDTH_MAX]; /* enum tsv_column; TSV_COLUMNS: one that is not read */
};

/* STATUS_BAD_DATA: says which column is missing or named twice; or there are too many. */
enum status event_tsv_header(struct event_tsv *tsv, struct text line, const char *name,
                             struct error *error);
/* The event points into the line. The verdict is that of event_check without a bound on the time;
 * a timestamp that is none is bad_ts, a line with too many columns undecodable. */
enum verdict event_tsv_read(const struct event_tsv *tsv, struct text line, struct event *event);

#endif
