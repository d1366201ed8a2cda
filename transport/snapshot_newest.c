/* Which generation to take: PATH, else PATH.previous. */
#include "transport/snapshot_file.h"

#include <limits.h>
#include <stdio.h>

enum { PREVIOUS_BYTES = PATH_MAX + 16 };

static void name_previous(const char *path, char previous[PREVIOUS_BYTES])
{
    snprintf(previous, PREVIOUS_BYTES, "%s.previous", path);
}

enum status snapshot_load(const char *path, snapshot_take *take, void *context, struct error *error)
{
    struct snapshot_reader *reader = NULL;
    enum status status = snapshot_open_unsummed(path, &reader, error);
    if (status != STATUS_OK)
        return status;
    struct error why = {.status = STATUS_OK};
    status = take(context, reader, &why);
    if (status != STATUS_OK)
        error_set(error, status, "%s: %s", path,
                  why.text[0] != '\0' ? why.text : status_text(status));
    /* Damage is the better word for what could not be read because of it. */
    if (status == STATUS_OK || status == STATUS_BAD_DATA) {
        enum status sums = snapshot_trust(reader, error);
        status = sums != STATUS_OK ? sums : status;
    }
    snapshot_close(reader);
    return status;
}

/* Whether another generation could do better. */
static bool is_lost(enum status status)
{
    return status == STATUS_NOT_FOUND || status == STATUS_BAD_DATA || status == STATUS_IO;
}

static enum status refuse(const struct error *newest, const struct error *previous,
                          struct error *error)
{
    if (newest->status == STATUS_NOT_FOUND && previous->status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, "%s", newest->text);
    return error_set(error, STATUS_BAD_DATA,
                     "no snapshot can be used: %.160s; and %.160s. Put a good copy back, or move "
                     "both away to learn again from where input.start says",
                     newest->text, previous->text);
}

enum status snapshot_load_newest(const char *path, snapshot_take *take, void *context,
                                 struct error *error)
{
    struct error newest = {.status = STATUS_OK}, before = {.status = STATUS_OK};
    char previous[PREVIOUS_BYTES];
    name_previous(path, previous);
    enum status status = snapshot_load(path, take, context, &newest);
    newest.status = status;
    if (is_lost(status)) {
        status = snapshot_load(previous, take, context, &before);
        before.status = status;
        if (is_lost(status))
            return refuse(&newest, &before, error);
        if (status != STATUS_OK)
            return error_set(error, status, "%s", before.text);
    }
    if (error != NULL)
        *error = newest;
    return status;
}

static bool is_whole(const char *path)
{
    struct snapshot_reader *reader = NULL;
    bool whole = snapshot_open(path, &reader, NULL) == STATUS_OK;
    snapshot_close(reader);
    return whole;
}

bool snapshot_previous_alone_is_whole(const char *path)
{
    char previous[PREVIOUS_BYTES];
    name_previous(path, previous);
    return !is_whole(path) && is_whole(previous);
}
