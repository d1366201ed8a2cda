/*
 * Recorded events: NDJSON of the contract's events, or TSV with a header line naming at least
 * `timestamp user item event` (and `value`); plain, gzip or zstd; a path or "-" for standard input.
 * A file's order is kept; several are merged by time, ties in the order given. Memory is bounded:
 * a line is at most 64 KiB.
 */
#ifndef TRANSPORT_EVENT_FILE_H
#define TRANSPORT_EVENT_FILE_H

#include "model/event.h"
#include "model/status.h"
#include "transport/decode.h"

struct event_files; /* opaque */

enum event_files_result {
    EVENT_FILES_EVENT, /* `event` is filled */
    EVENT_FILES_BAD,   /* a line that is no event: `verdict` says why, `error` where */
    EVENT_FILES_END,
    EVENT_FILES_FAILED, /* cannot be read on: `error` */
};

struct event_files_turn {
    struct event event; /* valid until the next call */
    enum verdict verdict;
    struct error error;
};

/* Opens all. `map` is used for NDJSON and must outlive the files. STATUS_NOT_FOUND, STATUS_IO,
 * STATUS_BAD_DATA (no header that names the columns; says which is missing). */
enum status event_files_open(const char *const *paths, uint32_t size, const struct field_map *map,
                             struct event_files **out, struct error *error);
enum event_files_result event_files_next(struct event_files *files, struct event_files_turn *turn);
/* Compressed bytes read so far and in all (0 when unknown), for progress. */
void event_files_progress(const struct event_files *files, uint64_t *done, uint64_t *total);
void event_files_close(struct event_files *files); /* NULL is legal */

/* Reads a plain, gzip or zstd file line by line; the base of the above and of catalogues. */
struct line_file; /* opaque */
enum status line_file_open(const char *path, struct line_file **out, struct error *error);
/* True: `line` holds the next line without its end, valid until the next call; `*too_long` when it
 * was cut at 64 KiB. False: end of file, or `error` is set. */
bool line_file_next(struct line_file *file, struct text *line, bool *too_long, struct error *error);
uint64_t line_file_number(const struct line_file *file); /* of the line last given, from 1 */
void line_file_close(struct line_file *file);

#endif
