/*
 * Where snapshots are kept: files (vault_of_files), or a simulated world.
 * All calls on the loop's thread; only save_now() and load() may block.
 */
#ifndef TRANSPORT_VAULT_H
#define TRANSPORT_VAULT_H

#include "transport/snapshot_file.h"

struct vault_owner {
    void *context;
    /* A background save ended. `error` says why when it is not STATUS_OK. */
    void (*saved)(void *context, const struct error *error, uint64_t bytes, double seconds);
};

/* Writes all sections. Runs in a forked child for a background save: only writes, no locks. */
typedef enum status vault_fill(void *context, struct snapshot_writer *writer);
/* Reads what it needs from a checked snapshot. */
typedef enum status vault_take(void *context, struct snapshot_reader *reader, struct error *error);

struct vault {
    const struct vault_ops *ops;
};

struct vault_ops {
    /* Saves memory as it is now, in the background; saved() tells the end. STATUS_INVALID while
     * one is under way. */
    enum status (*save)(struct vault *self, vault_fill *fill, void *context, struct error *error);
    bool (*busy)(const struct vault *self);
    /* Waits for a save under way, then saves in the foreground (shutdown). */
    enum status (*save_now)(struct vault *self, vault_fill *fill, void *context,
                            struct error *error);
    /* The newest generation that is whole. STATUS_NOT_FOUND: none yet. A damaged newest one is
     * reported in `error` with STATUS_OK when the previous one could be used. */
    enum status (*load)(struct vault *self, vault_take *take, void *context, struct error *error);
    void (*destroy)(struct vault *self);
};

struct ev_loop;

/* Saves by fork(), watched by an ev_child on the default loop. `path` is copied. */
enum status vault_of_files(struct ev_loop *loop, const char *path, const struct vault_owner *owner,
                           struct vault **out, struct error *error);

#endif
