/*
 * Recorded events: NDJSON of the contract's events, or TSV with a header line naming at least
 * `timestamp user item event` (and `value`); plain, gzip or zstd; a path or "-" for standard input.
 * A file's order is kept; several are merged by time, ties in the order given. Memory is bounded:
 * a line is at most 64 KiB.
 *
 *     byte_file ──► line_file ──► a line of JSON or TSV ──► event ─┐
 *     byte_file ──► line_file ──► …                                ├─► the earliest head
 *
 * Which of the two a file is, its first line tells: one that begins with '{', blanks aside, is
 * JSON, another with a tab a header. A first line that is neither is taken for a bad line of
 * NDJSON.
 *
 * NDJSON  `ts` may be any time from 1970; without it the event has the time of the event before it
 *         in the file, 0 at the start.
 * TSV     columns in any order, others ignored; no quoting or escapes. `timestamp` in seconds, a
 *         decimal fraction cut to ms, or in ms when above 1e11. `value` may be empty or missing;
 * one that is no number is NaN, as in decode.h. A line with more columns than the header is
 *         undecodable, with fewer lacks the last ones.
 *
 * Ends of lines are LF or CRLF, the last one is optional; empty lines and a leading byte order mark
 * are passed over. Where times go back within a file, the order of the file stands: only the heads
 * of the files are compared.
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
    const char *file;   /* the event's, as long as there are the files */
    uint64_t line;      /* from 1 */
    bool has_time;      /* the event's time is its own, not of the event before */
    enum verdict verdict;
    struct error error;
};

/* Opens all. `map` is used for NDJSON; it and `paths` must outlive the files. STATUS_NOT_FOUND,
 * STATUS_IO, STATUS_INVALID ("-" twice), STATUS_BAD_DATA (not what its first bytes say; a header
 * that lacks a column: says which). An empty file is one without events. */
enum status event_files_open(const char *const *paths, uint32_t size, const struct field_map *map,
                             struct event_files **out, struct error *error);
/* Where copies[i] is not negative, that descriptor is read from its start instead of the path. */
enum status event_files_open_copies(const char *const *paths, const int *copies, uint32_t size,
                                    const struct field_map *map, struct event_files **out,
                                    struct error *error);
/* Whatever an event's name and value are worth is for signals_judge; all else is checked here. */
enum event_files_result event_files_next(struct event_files *files, struct event_files_turn *turn);
/* Compressed bytes of what was given so far, about, and in all (0 when unknown), for progress. */
void event_files_progress(const struct event_files *files, uint64_t *done, uint64_t *total);
void event_files_close(struct event_files *files); /* NULL is legal */

/* Reads a plain, gzip or zstd file line by line; the base of the above and of catalogues. */
enum { LINE_BYTES_MAX = DECODE_BYTES_MAX };
struct line_file; /* opaque */
/* `path` must outlive the file. STATUS_NOT_FOUND, STATUS_IO, STATUS_NO_MEMORY. */
enum status line_file_open(const char *path, struct line_file **out, struct error *error);
/* `copy`: as byte_file_open() has it. */
enum status line_file_open_copy(const char *path, int copy, struct line_file **out,
                                struct error *error);
/* True: `line` holds the next line that is not empty, without its end, valid until the next call;
 * `*too_long` when it was cut at 64 KiB. False: end of file with error->status STATUS_OK, or
 * `error` is set. */
bool line_file_next(struct line_file *file, struct text *line, bool *too_long, struct error *error);
/* To be asked first. True: the first line is the header of a TSV file, and taken. False, with
 * error->status STATUS_OK: it is not. */
bool line_file_header(struct line_file *file, struct text *line, struct error *error);
uint64_t line_file_number(const struct line_file *file);  /* of the line last given, from 1 */
const char *line_file_name(const struct line_file *file); /* for messages */
void line_file_progress(const struct line_file *file, uint64_t *done, uint64_t *total);
void line_file_close(struct line_file *file); /* NULL is legal */

#endif
