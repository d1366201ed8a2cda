/*
 * One running instance: what it takes in, what it keeps, what it gives out.
 *
 *                    ┌────────────────────── instance ──────────────────────┐
 *     source ───────►│ take_messages ─► engine ─► publication (who is dirty) │
 *     dead letters ◄─┤                    │              │                 │
 *     vault ◄────────┤ keep_snapshot ◄────┤        rank_lists (threads)    │
 *                    │                    │              │                 │
 *                    │ keep_popular, keep_status    publish_lists ─────────┼─► store
 *                    └──────────────────────────────────────────────────────┘
 *
 * It knows the edges only by their interfaces: neither libev, librdkafka nor hiredis. So a
 * simulated world can drive it: call instance_turn() again and again, and let the edges call their
 * owners in between. One thread owns it all; ranking threads only read while a turn waits for them.
 */
#ifndef DAEMON_INSTANCE_H
#define DAEMON_INSTANCE_H

#include "daemon/settings.h"
#include "transport/clock.h"
#include "transport/dead_letters.h"
#include "transport/source.h"
#include "transport/store.h"
#include "transport/vault.h"

struct instance; /* opaque */

/* `settings` must outlive the instance; what settings_take_live() changes there takes effect. */
enum status instance_create(const struct settings *settings, struct clock_source *clock,
                            struct instance **out, struct error *error);
/* After the edges are gone; NULL is legal. */
void instance_destroy(struct instance *instance);

/* What the edges are told to call. */
struct source_owner instance_source_owner(struct instance *instance);
struct store_owner instance_store_owner(struct instance *instance);
struct vault_owner instance_vault_owner(struct instance *instance);

/* First: takes up the newest snapshot, or begins a new lineage under `new_epoch` (at most 32
 * characters). STATUS_BAD_DATA: there are snapshots, and none can be used. STATUS_BAD_CONFIG: made
 * with other settings. */
enum status instance_load(struct instance *instance, struct vault *vault, const char *new_epoch,
                          struct error *error);
const char *instance_epoch(const struct instance *instance); /* for the store */
uint64_t instance_mark(const struct instance *instance);     /* likewise */
bool instance_had_ended(const struct instance *instance);    /* … cleanly, the one before */
/* Then: the other edges. None is owned. */
void instance_attach(struct instance *instance, struct source *source,
                     struct dead_letters *dead_letters, struct store *store);

/* And the catalogue's topic, where there is one: a source that takes all its partitions. Not owned.
 * STATUS_NO_MEMORY. */
struct source_owner instance_catalogue_owner(struct instance *instance);
enum status instance_attach_catalogue(struct instance *instance, struct source *source);

/* One pass of the loop, a few ms at most. When it wants the next one: 0 at once, else in so many
 * ms, unless an edge calls its owner before. */
int64_t instance_turn(struct instance *instance);

/* Snapshot loaded, store answering, partitions assigned. Else `why` (may be NULL) tells what is
 * missing. */
bool instance_is_ready(const struct instance *instance, char *why, size_t why_size);

/* Begins the end: no more messages; the lists that are due, the snapshot, the source's leave; all
 * in later turns. */
void instance_stop(struct instance *instance);
/* All done; `error` says whether the last snapshot was saved. */
bool instance_has_stopped(const struct instance *instance, struct error *error);

#endif
