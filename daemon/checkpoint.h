/*
 * What a snapshot holds, for all that write or read one: `run`, `replay`, `top`, `snapshot`, …
 *
 *     META  JSON: version, when, counts, epoch, whether it is a clean end, what is owed
 *     MODL  the model (recommender_save); the sum of these bytes IS the state_digest
 *     OFFS  next offset of each partition that the model includes
 *     LIST  what was published, opaque here; only the daemon writes it
 *     HOLD  which lists hold which items, likewise; at a clean end alone, if there is a catalogue
 *
 *     write:  checkpoint_init, set the fields, checkpoint_save or a vault with checkpoint_fill
 *     read:   checkpoint_init, set `settings`, `lists`, `holders`, checkpoint_open or a vault with
 *             checkpoint_take; take over `model` (set it NULL) or leave it; checkpoint_finish
 */
#ifndef DAEMON_CHECKPOINT_H
#define DAEMON_CHECKPOINT_H

#include "model/recommender.h"
#include "transport/snapshot_file.h"
#include "transport/source.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHECKPOINT_POSITIONS_MAX = 1 << 20 };

/* The section LIST, or HOLD. A NULL function: the section is not written, or not read. */
struct checkpoint_section {
    void *context;
    /* Runs in a forked child: only writes, no locks, no memory. */
    enum status (*save)(void *context, struct state_writer *writer);
    /* Called when all else has been read; not if the file has no such section. On failure it leaves
     * no trace: it may be called again with the previous generation. */
    enum status (*load)(void *context, const struct recommender *model, struct state_reader *reader,
                        struct error *error);
};

/* The fields marked [w] are set by the writer, [r] come out of reading, [wr] both. */
struct checkpoint {
    const struct recommender_settings *settings; /* reading: must agree; NULL: the snapshot's own */
    struct checkpoint_section lists, holders;
    struct recommender *model;     /* [wr] reading: owned, checkpoint_finish() destroys it */
    struct position *positions;    /* [wr] reading: owned; ordered as they were written */
    uint32_t position_count;       /* [wr] at most CHECKPOINT_POSITIONS_MAX */
    char epoch[33];                /* [wr] of the lineage; "" when there is none (replay) */
    uint64_t mark;                 /* [wr] of the store; 0: none */
    uint32_t owed;                 /* [wr] newer ones until no forgotten user is on the disk */
    bool clean;                    /* [wr] the last thing the process did, lists all published */
    int64_t created_ms;            /* [wr] ms since 1970 */
    char version[32];              /* [r] of the tasted that wrote it */
    char digest[33];               /* [r] state_digest */
    uint64_t events, users, items; /* [r] as counted when it was written */
    bool borrowed;                 /* the model and positions are the writer's, not freed here */
};

void checkpoint_init(struct checkpoint *checkpoint);
/* Frees what reading made; leaves what a writer had set alone. */
void checkpoint_finish(struct checkpoint *checkpoint);

/* A vault_fill and a vault_take; `context` is the checkpoint. */
enum status checkpoint_fill(void *context, struct snapshot_writer *writer);
/* STATUS_BAD_CONFIG: made with other settings, named. STATUS_BAD_DATA says which part is wrong. */
enum status checkpoint_take(void *context, struct snapshot_reader *reader, struct error *error);

/* For one-shot commands: exactly this file, nothing beside it. `bytes` may be NULL. */
enum status checkpoint_save(struct checkpoint *checkpoint, const char *path, uint64_t *bytes,
                            struct error *error);
/* Opens, checks and takes. On failure `out` holds nothing. `settings` may be NULL. */
enum status checkpoint_open(const char *path, const struct recommender_settings *settings,
                            struct checkpoint *out, struct error *error);

/* META and OFFS alone, without building the model: for `snapshot info`. */
enum status checkpoint_peek(struct checkpoint *checkpoint, struct snapshot_reader *reader,
                            struct error *error);

#endif
