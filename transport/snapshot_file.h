/*
 * One checksummed file made of named sections, replaced atomically, the previous generation kept.
 *
 *     header │ section │ section … │ table: tag, place, size, XXH3-128 of each │ end: sum, mark
 *
 *     PATH.tmp ── fsync ─┬─ PATH.tmp <-> PATH ── PATH.tmp (the old one) -> PATH.previous ─┬─
 *                        └─ PATH.tmp -> PATH, where PATH.previous is the one that is good ─┘
 *     ── fsync(folder)
 *
 * A section's size need not be known when it is begun. Every byte of the file is under a sum or
 * compared. Not thread-safe. Everything between snapshot_create() and snapshot_destroy() is safe in
 * a forked child of a program with threads: it only writes, and neither allocates nor locks.
 */
#ifndef TRANSPORT_SNAPSHOT_FILE_H
#define TRANSPORT_SNAPSHOT_FILE_H

#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum { SNAPSHOT_FORMAT = 1, SNAPSHOT_SECTIONS_MAX = 64 };

struct snapshot_sum {
    uint64_t low, high; /* XXH3-128, seed 0 */
};

/* ---- writing: create, sections, commit, destroy ---- */
struct snapshot_writer; /* opaque */

/* Creates PATH.tmp (mode 0640), in place of what a killed save left. STATUS_CANNOT_WRITE names the
 * path and the reason. */
enum status snapshot_create(const char *path, struct snapshot_writer **out, struct error *error);
/* In a forked child: from now on long runs of bytes are given back to the system as soon as they
 * are written, so that the parent does not have to copy what it changes of them. They may be read
 * only once. */
void snapshot_forget_written(struct snapshot_writer *writer);
/* PATH is damaged and PATH.previous is not: the new file takes PATH's place and nothing else moves.
 * What PATH was is gone then. */
void snapshot_keep_previous(struct snapshot_writer *writer);
/* Ends the section before and begins one; `tag` is four characters, used once a file. Returns where
 * its bytes go. A failure to write is kept and told by snapshot_commit(). */
struct state_writer *snapshot_section(struct snapshot_writer *writer, const char tag[4]);
/* Ends the file and puts it in place as drawn above. Frees nothing. */
enum status snapshot_commit(struct snapshot_writer *writer, uint64_t *bytes, struct error *error);
/* Frees the writer and removes PATH.tmp when it was not committed; NULL is legal. */
void snapshot_destroy(struct snapshot_writer *writer);

/* Writes all sections. */
typedef enum status snapshot_fill(void *context, struct snapshot_writer *writer);
/* Fills and commits; when `fill` fails, `error` says why (by the writer's trouble, if it had any).
 */
enum status snapshot_write(struct snapshot_writer *writer, snapshot_fill *fill, void *context,
                           uint64_t *bytes, struct error *error);
/* The whole of it in the foreground, for one-shot commands. Looks itself whether to keep
 * PATH.previous: reads the file that is there. `bytes` may be NULL. */
enum status snapshot_save(const char *path, snapshot_fill *fill, void *context, uint64_t *bytes,
                          struct error *error);

/* ---- reading ---- */
struct snapshot_reader; /* opaque */

/* Opens and checks the header, the section table and the end mark, and every sum: what has been
 * opened can be trusted. STATUS_NOT_FOUND; STATUS_BAD_DATA says what is damaged, and where;
 * STATUS_IO. */
enum status snapshot_open(const char *path, struct snapshot_reader **out, struct error *error);
/* The same without the sums of big sections, so that they are read once: what is read from them
 * must be taken with care, and no use be made of it before snapshot_trust(), which checks all that
 * is not checked yet. `path` must stay. After snapshot_trust() sections are found again. */
enum status snapshot_open_unsummed(const char *path, struct snapshot_reader **out,
                                   struct error *error);
enum status snapshot_trust(struct snapshot_reader *reader, struct error *error);
/* A reader at the start of a section; NULL if the file has none of that tag. Reading past its end
 * is STATUS_BAD_DATA. One section is read at a time. */
struct state_reader *snapshot_find(struct snapshot_reader *reader, const char tag[4]);
/* Bytes not yet read of the section that snapshot_find() gave last. */
uint64_t snapshot_left(const struct snapshot_reader *reader);
bool snapshot_sum_of(const struct snapshot_reader *reader, const char tag[4],
                     struct snapshot_sum *sum, uint64_t *bytes);
void snapshot_close(struct snapshot_reader *reader); /* NULL is legal */

/* For listing: sections 0..count-1 in the file's order. */
struct snapshot_part {
    char tag[5]; /* terminated */
    uint64_t bytes;
    struct snapshot_sum sum;
};
uint32_t snapshot_count(const struct snapshot_reader *reader);
struct snapshot_part snapshot_part_at(const struct snapshot_reader *reader, uint32_t index);

/* Reads what it needs from a snapshot opened unsummed: what it has read holds only if
 * snapshot_trust() says so, which it can ask itself; it is asked afterwards in any case. On failure
 * it leaves `context` as it was: it is called again for the previous generation. */
typedef enum status snapshot_take(void *context, struct snapshot_reader *reader,
                                  struct error *error);
/* Opens, takes, closes. `error` names the path. */
enum status snapshot_load(const char *path, snapshot_take *take, void *context,
                          struct error *error);
/* Takes from PATH, else from PATH.previous when PATH is missing, damaged or cannot be read. `error`
 * keeps what was wrong with the first even on success (else its status is STATUS_OK).
 * STATUS_NOT_FOUND: there is neither; STATUS_BAD_DATA: what there is cannot be used (both reasons
 * and the way out in the text); STATUS_BAD_CONFIG and STATUS_NO_MEMORY of `take` are passed on. */
enum status snapshot_load_newest(const char *path, snapshot_take *take, void *context,
                                 struct error *error);

/* Whether PATH.previous is good, and PATH is not. Reads the whole of PATH, and often only that. */
bool snapshot_previous_alone_is_whole(const char *path);

/* ---- sums ---- */

/* The sum of a stream of bytes without a file: for the digest. */
struct digest_writer {
    struct state_writer writer; /* first: a state_writer is this */
    void *hasher;
    uint64_t bytes;
};
enum status digest_begin(struct digest_writer *digest);       /* STATUS_NO_MEMORY */
struct snapshot_sum digest_end(struct digest_writer *digest); /* frees */
/* 32 hexadecimal digits and a terminator, high half first. */
void snapshot_sum_text(struct snapshot_sum sum, char text[33]);

#endif
