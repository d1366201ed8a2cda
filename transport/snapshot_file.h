/*
 * One checksummed file made of named sections, replaced atomically, the previous generation kept.
 *
 *     header │ section: tag, size, bytes, XXH3-128 │ section … │ end: count, XXH3-128 of the sums
 *
 *     PATH.tmp ── fsync ── PATH -> PATH.previous ── PATH.tmp -> PATH ── fsync(folder)
 *
 * A section's size need not be known when it is begun. Not thread-safe; safe in a forked child.
 */
#ifndef TRANSPORT_SNAPSHOT_FILE_H
#define TRANSPORT_SNAPSHOT_FILE_H

#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum { SNAPSHOT_FORMAT = 1 };

struct snapshot_sum {
    uint64_t low, high; /* XXH3-128, seed 0 */
};

/* ---- writing ---- */
struct snapshot_writer; /* opaque */

/* Creates PATH.tmp (mode 0640, truncating). STATUS_CANNOT_WRITE names the path and the reason. */
enum status snapshot_create(const char *path, struct snapshot_writer **out, struct error *error);
/* Ends the section before and begins one; `tag` is four characters. Returns where its bytes go. */
struct state_writer *snapshot_section(struct snapshot_writer *writer, const char tag[4]);
/* Ends the file and puts it in place as drawn above; frees the writer, also on failure. */
enum status snapshot_commit(struct snapshot_writer *writer, uint64_t *bytes, struct error *error);
/* Removes PATH.tmp and frees the writer; NULL is legal. */
void snapshot_abandon(struct snapshot_writer *writer);

/* ---- reading ---- */
struct snapshot_reader; /* opaque */

/* Opens and checks the header, the section table and the end mark, and every sum: what has been
 * opened can be trusted. STATUS_NOT_FOUND, STATUS_BAD_DATA (says what is damaged, and where). */
enum status snapshot_open(const char *path, struct snapshot_reader **out, struct error *error);
/* PATH, else PATH.previous if PATH is missing or damaged; `used` (of PATH_MAX) says which, and
 * `error` keeps what was wrong with the first even on success. STATUS_NOT_FOUND: there is neither;
 * STATUS_BAD_DATA: what there is cannot be used (both reasons in the text). */
enum status snapshot_open_newest(const char *path, struct snapshot_reader **out, char *used,
                                 struct error *error);
/* A reader at the start of a section; NULL if the file has none of that tag. Its end is
 * STATUS_BAD_DATA on reading past it. One section is read at a time. */
struct state_reader *snapshot_find(struct snapshot_reader *reader, const char tag[4]);
bool snapshot_sum_of(struct snapshot_reader *reader, const char tag[4], struct snapshot_sum *sum,
                     uint64_t *bytes);
void snapshot_close(struct snapshot_reader *reader); /* NULL is legal */

/* The sum of a stream of bytes without a file: for the digest. */
struct digest_writer {
    struct state_writer writer; /* first: a state_writer is this */
    void *hasher;
    uint64_t bytes;
};
enum status digest_begin(struct digest_writer *digest);
struct snapshot_sum digest_end(struct digest_writer *digest); /* frees */
/* 32 hexadecimal digits and a terminator, high half first. */
void snapshot_sum_text(struct snapshot_sum sum, char text[33]);

#endif
