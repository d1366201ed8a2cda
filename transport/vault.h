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

typedef snapshot_fill vault_fill; /* see snapshot_file.h; in a forked child for a background save */
typedef snapshot_take vault_take;

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
    /* The newest generation that is whole, by snapshot_load_newest(). STATUS_NOT_FOUND: none yet. A
     * damaged newest one is reported in `error` (its status is not STATUS_OK) while STATUS_OK is
     * returned when the previous one could be used: which is then kept until a save has succeeded,
     * and the one after that replaces it as ever. */
    enum status (*load)(struct vault *self, vault_take *take, void *context, struct error *error);
    /* A save under way is given up. */
    void (*destroy)(struct vault *self);
};

struct ev_loop;

/*
 * Saves by fork(), watched by an ev_child: `loop` must be the default loop. `path` is copied. Takes
 * the lock PATH.lock until the vault is destroyed and its last save has ended, so that two daemons
 * never share one snapshot; waits up to two seconds for it. STATUS_CANNOT_WRITE: the folder is
 * missing or not ours to write, or another tasted has the lock. A parent that dies takes the child
 * that saves with it. The file is then the one before.
 */
enum status vault_of_files(struct ev_loop *loop, const char *path, const struct vault_owner *owner,
                           struct vault **out, struct error *error);

/* For a one-shot command that writes a snapshot at `path`: where a daemon has had its own there,
 * none may run until `*lock` is closed. -1: there is nothing to close. STATUS_CANNOT_WRITE: one
 * runs. */
enum status vault_keep_out(const char *path, int *lock, struct error *error);

#endif
