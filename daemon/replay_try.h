/*
 * What --try asks for: variants of the settings.
 *
 *     --try model.dim=32,64                   two variants
 *     --try "model.dim=32,64 model.seed=1,2"  all combinations: four
 *     --try … --try …                         those of the first, then those of the second
 *     --try parts                             without each part, each part alone
 *
 * The settings as they stand are a variant too, the first one, unless one of the others equals
 * them.
 */
#ifndef DAEMON_REPLAY_TRY_H
#define DAEMON_REPLAY_TRY_H

#include "daemon/settings.h"

enum { TRIES_MAX = 32, VARIANTS_MAX = 64, VARIANT_KEYS_MAX = 32 };

struct variant_settings {
    char *name;                /* owned */
    struct settings *settings; /* owned, until the caller sets it NULL */
};

struct variants {
    struct variant_settings at[VARIANTS_MAX];
    uint32_t size;
};

/* At least one. STATUS_INVALID: what was asked for cannot be tried; STATUS_BAD_CONFIG. */
enum status variants_load(const struct settings_source *source, const char *const *tries,
                          uint32_t try_count, struct variants *out, struct error *error);
void variants_finish(struct variants *variants);

#endif
