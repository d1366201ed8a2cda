/*
 *     bytes of a section ──► buffer ──► hash what is new ──► write() when full
 *
 * Hashing waits for a full buffer or the section's end, so that small writes cost a copy only.
 */
#include "transport/snapshot_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct snapshot_writer {
    struct state_writer writer; /* first: what snapshot_section() gives is this */
    int file;                   /* of `temporary` */
    char path[PATH_MAX], temporary[PATH_MAX], previous[PATH_MAX], folder[PATH_MAX];
    XXH3_state_t *hasher;
    unsigned char *buffer; /* (SNAPSHOT_BUFFER) */
    size_t used;           /* bytes in the buffer */
    size_t hashed;         /* of these, those that the section's sum has already */
    uint64_t written;      /* bytes handed to the kernel */
    struct snapshot_entry table[SNAPSHOT_SECTIONS_MAX];
    uint32_t count;
    bool forgets;        /* long runs, once they are written */
    bool keeps_previous; /* whatever is at PATH is not worth it */
    bool committed;
    struct error failure; /* the first one; all later calls fail the same way */
};

static enum status trouble(struct snapshot_writer *writer, enum status status, const char *verb)
{
    return error_set(&writer->failure, status, "%s: cannot %s: %s", writer->temporary, verb,
                     snapshot_reason(errno));
}

static enum status put(struct snapshot_writer *writer, const void *bytes, size_t size)
{
    for (const unsigned char *at = bytes; size > 0;) {
        ssize_t done = write(writer->file, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (done == 0)
                errno = ENOSPC;
            return trouble(writer, STATUS_CANNOT_WRITE, "write");
        }
        at += done;
        size -= (size_t)done;
        writer->written += (uint64_t)done;
    }
    return STATUS_OK;
}

static void hash_new(struct snapshot_writer *writer)
{
    XXH3_128bits_update(writer->hasher, writer->buffer + writer->hashed,
                        writer->used - writer->hashed);
    writer->hashed = writer->used;
}

static enum status flush(struct snapshot_writer *writer)
{
    hash_new(writer);
    enum status status = put(writer, writer->buffer, writer->used);
    writer->used = 0;
    writer->hashed = 0;
    return status;
}

/* The whole pages among the bytes: what shares one with others stays. */
static void forget(const unsigned char *bytes, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)bytes + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)bytes + size) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

/* Long runs go past the buffer, in pieces that are still in the cache when they are written. */
static enum status put_long(struct snapshot_writer *writer, const unsigned char **bytes,
                            size_t *size)
{
    enum status status = flush(writer);
    while (status == STATUS_OK && *size >= SNAPSHOT_BUFFER) {
        XXH3_128bits_update(writer->hasher, *bytes, SNAPSHOT_BUFFER);
        status = put(writer, *bytes, SNAPSHOT_BUFFER);
        if (writer->forgets)
            forget(*bytes, SNAPSHOT_BUFFER);
        *bytes += SNAPSHOT_BUFFER;
        *size -= SNAPSHOT_BUFFER;
    }
    return status;
}

static enum status write_bytes(struct state_writer *base, const void *bytes, size_t size)
{
    struct snapshot_writer *writer = (struct snapshot_writer *)base;
    const unsigned char *at = bytes;
    if (writer->failure.status != STATUS_OK)
        return writer->failure.status;
    if (size >= SNAPSHOT_BUFFER && put_long(writer, &at, &size) != STATUS_OK)
        return writer->failure.status;
    while (size > 0) {
        size_t room = SNAPSHOT_BUFFER - writer->used;
        size_t piece = size < room ? size : room;
        memcpy(writer->buffer + writer->used, at, piece);
        writer->used += piece;
        at += piece;
        size -= piece;
        if (writer->used == SNAPSHOT_BUFFER && flush(writer) != STATUS_OK)
            return writer->failure.status;
    }
    return STATUS_OK;
}

/* The folder that a path is in, as open() wants it. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == path)
        size = 1;
    memcpy(folder, path, size);
    folder[size] = '\0';
    if (slash == NULL)
        memcpy(folder, ".", 2);
}

static bool name_files(struct snapshot_writer *writer, const char *path)
{
    int size = snprintf(writer->previous, PATH_MAX, "%s.previous", path);
    if (size < 0 || size >= PATH_MAX)
        return false;
    snprintf(writer->temporary, PATH_MAX, "%s.tmp", path);
    snprintf(writer->path, PATH_MAX, "%s", path);
    folder_of(path, writer->folder);
    return true;
}

/* A new file each time: a save that was orphaned and still runs must not write into ours. */
static enum status open_temporary(struct snapshot_writer *writer)
{
    struct stat there;
    if (stat(writer->path, &there) == 0 && !S_ISREG(there.st_mode)) {
        errno = S_ISDIR(there.st_mode) ? EISDIR : EINVAL;
        return error_set(&writer->failure, STATUS_CANNOT_WRITE,
                         "%s: cannot be replaced by a snapshot: not a plain file", writer->path);
    }
    unlink(writer->temporary);
    writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (writer->file < 0)
        return trouble(writer, STATUS_CANNOT_WRITE, "create");
    return STATUS_OK;
}

static struct snapshot_header new_header(void)
{
    struct snapshot_header header = {.byte_order = SNAPSHOT_BYTE_ORDER, .format = SNAPSHOT_FORMAT};
    memcpy(header.magic, SNAPSHOT_MAGIC, sizeof header.magic);
    return header;
}

enum status snapshot_create(const char *path, struct snapshot_writer **out, struct error *error)
{
    struct snapshot_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        error_set(error, STATUS_NO_MEMORY, "%s: no memory for a snapshot's writer", path);
        return STATUS_NO_MEMORY;
    }
    writer->file = -1;
    writer->writer.write = write_bytes;
    writer->buffer = malloc(SNAPSHOT_BUFFER);
    writer->hasher = XXH3_createState();
    if (writer->buffer == NULL || writer->hasher == NULL)
        error_set(&writer->failure, STATUS_NO_MEMORY, "%s: no memory for a snapshot's buffer",
                  path);
    else if (path[0] == '\0' || !name_files(writer, path))
        error_set(&writer->failure, STATUS_CANNOT_WRITE,
                  "snapshot path of %zu bytes: must have 1 to %d", strlen(path), PATH_MAX - 10);
    else
        open_temporary(writer);
    enum status status = writer->failure.status;
    if (status != STATUS_OK) {
        error_set(error, status, "%s", writer->failure.text);
        snapshot_destroy(writer);
        return status;
    }
    struct snapshot_header header = new_header();
    XXH3_128bits_reset(writer->hasher);
    write_bytes(&writer->writer, &header, sizeof header);
    *out = writer;
    return STATUS_OK;
}

void snapshot_forget_written(struct snapshot_writer *writer)
{
    writer->forgets = true;
}

void snapshot_keep_previous(struct snapshot_writer *writer)
{
    writer->keeps_previous = true;
}

static void end_section(struct snapshot_writer *writer)
{
    hash_new(writer);
    if (writer->count == 0)
        return;
    struct snapshot_entry *entry = &writer->table[writer->count - 1];
    entry->bytes = writer->written + writer->used - entry->offset;
    entry->sum = snapshot_sum_of_state(writer->hasher);
}

struct state_writer *snapshot_section(struct snapshot_writer *writer, const char tag[4])
{
    assert(writer->count < SNAPSHOT_SECTIONS_MAX && !writer->committed);
    end_section(writer);
    XXH3_128bits_reset(writer->hasher);
    struct snapshot_entry *entry = &writer->table[writer->count++];
    *entry = (struct snapshot_entry){.offset = writer->written + writer->used};
    memcpy(entry->tag, tag, sizeof entry->tag);
    return &writer->writer;
}

static void write_frame(struct snapshot_writer *writer)
{
    struct snapshot_header header = new_header();
    struct snapshot_end end = {.count = writer->count};
    size_t table_bytes = writer->count * sizeof writer->table[0];
    end.bytes = writer->written + writer->used + table_bytes + sizeof end;
    end_section(writer);
    end.sum = snapshot_frame_sum(writer->hasher, &header, writer->table, &end);
    memcpy(end.magic, SNAPSHOT_END_MAGIC, sizeof end.magic);
    write_bytes(&writer->writer, writer->table, table_bytes);
    write_bytes(&writer->writer, &end, sizeof end);
}

static enum status replace(struct snapshot_writer *writer)
{
    if (rename(writer->temporary, writer->path) != 0)
        return trouble(writer, STATUS_CANNOT_WRITE, "rename");
    writer->committed = true;
    return STATUS_OK;
}

/* The new file takes the place of the old one in one step, so that there is a whole PATH at every
 * moment; where the file system cannot exchange, two renames do it, and a reader in between finds
 * the previous generation. */
static enum status put_in_place(struct snapshot_writer *writer)
{
    if (writer->keeps_previous)
        return replace(writer);
    bool exchanged =
        renameat2(AT_FDCWD, writer->temporary, AT_FDCWD, writer->path, RENAME_EXCHANGE) == 0;
    writer->committed = exchanged;
    if (exchanged) {
        if (rename(writer->temporary, writer->previous) != 0)
            return trouble(writer, STATUS_CANNOT_WRITE, "rename to .previous");
        return STATUS_OK;
    }
    if (rename(writer->path, writer->previous) != 0 && errno != ENOENT)
        return error_set(&writer->failure, STATUS_CANNOT_WRITE,
                         "%s: cannot rename to .previous: %s", writer->path,
                         snapshot_reason(errno));
    return replace(writer);
}

static enum status sync_folder(struct snapshot_writer *writer)
{
    int folder = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = folder >= 0 && fsync(folder) == 0;
    int number = errno;
    if (folder >= 0)
        close(folder);
    /* A folder that may be written but not read, or a file system without fsync of folders. */
    if (synced || number == EACCES || number == EINVAL)
        return STATUS_OK;
    return error_set(&writer->failure, STATUS_IO, "%s: cannot sync the folder: %s", writer->folder,
                     snapshot_reason(number));
}

enum status snapshot_commit(struct snapshot_writer *writer, uint64_t *bytes, struct error *error)
{
    if (writer->failure.status == STATUS_OK)
        write_frame(writer);
    if (writer->failure.status == STATUS_OK)
        flush(writer);
    /* Never tried again on the same file: after a failed fsync the pages may be gone. */
    if (writer->failure.status == STATUS_OK && fsync(writer->file) != 0)
        trouble(writer, STATUS_CANNOT_WRITE, "sync");
    if (writer->failure.status == STATUS_OK)
        put_in_place(writer);
    if (writer->failure.status == STATUS_OK)
        sync_folder(writer);
    if (bytes != NULL)
        *bytes = writer->written;
    if (writer->failure.status != STATUS_OK)
        return error_set(error, writer->failure.status, "%s", writer->failure.text);
    return STATUS_OK;
}

void snapshot_destroy(struct snapshot_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file >= 0) {
        close(writer->file);
        if (!writer->committed)
            unlink(writer->temporary);
    }
    if (writer->hasher != NULL)
        XXH3_freeState(writer->hasher);
    free(writer->buffer);
    free(writer);
}

enum status snapshot_write(struct snapshot_writer *writer, snapshot_fill *fill, void *context,
                           uint64_t *bytes, struct error *error)
{
    enum status status = fill(context, writer);
    if (status == STATUS_OK || writer->failure.status != STATUS_OK)
        return snapshot_commit(writer, bytes, error);
    return error_set(error, status, "%s: nothing saved: %s", writer->path, status_text(status));
}

enum status snapshot_save(const char *path, snapshot_fill *fill, void *context, uint64_t *bytes,
                          struct error *error)
{
    struct snapshot_writer *writer = NULL;
    enum status status = snapshot_create(path, &writer, error);
    if (status == STATUS_OK && snapshot_previous_alone_is_whole(path))
        snapshot_keep_previous(writer);
    if (status == STATUS_OK)
        status = snapshot_write(writer, fill, context, bytes, error);
    snapshot_destroy(writer);
    return status;
}
