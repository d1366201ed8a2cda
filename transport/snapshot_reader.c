/*
 * Every sum is checked, in a pass of its own, before the bytes are given out; but a big section is
 * summed while it is read for the first time, and snapshot_trust() tells whether it was whole.
 * By pread() and not by mmap(): a bad sector is an error here, and would be a SIGBUS there.
 */
#include "transport/snapshot_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From so many bytes on a section is summed as it is read. */
enum { BIG_SECTION = 4 << 20 };

struct snapshot_reader {
    struct state_reader reader; /* first: what snapshot_find() gives is this */
    int file;
    const char *path; /* while opening, and for snapshot_trust() */
    bool trusted[SNAPSHOT_SECTIONS_MAX];
    struct feed feed; /* of the section that is read, if it is not trusted yet */
    uint64_t bytes;   /* of the file */
    struct snapshot_header header;
    struct snapshot_entry table[SNAPSHOT_SECTIONS_MAX];
    struct snapshot_end end;
    XXH3_state_t *hasher;
    unsigned char *buffer;     /* (SNAPSHOT_BUFFER) */
    const unsigned char *at;   /* the buffer, or a piece of the feed */
    size_t taken, filled;      /* of that */
    uint32_t section;          /* that is read */
    uint64_t offset, left;     /* of the section beyond the buffer: where, and how many bytes */
    uint64_t announced;        /* bytes of the section of which it is known where they belong */
    enum status section_state; /* a failure stays until the next snapshot_find() */
};

enum status snapshot_read_at(int file, uint64_t offset, void *bytes, size_t size)
{
    for (unsigned char *at = bytes; size > 0;) {
        ssize_t done = pread(file, at, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return STATUS_IO;
        if (done == 0)
            return STATUS_BAD_DATA;
        at += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return STATUS_OK;
}

static enum status read_for_opening(const struct snapshot_reader *reader, uint64_t offset,
                                    void *bytes, size_t size, struct error *error)
{
    enum status status = snapshot_read_at(reader->file, offset, bytes, size);
    if (status == STATUS_IO)
        error_set(error, status, "%s: cannot be read at byte %" PRIu64 ": %s", reader->path, offset,
                  strerror(errno));
    if (status == STATUS_BAD_DATA)
        error_set(error, status, "%s: ends early, at byte %" PRIu64, reader->path, offset);
    return status;
}

static enum status check_header(struct snapshot_reader *reader, struct error *error)
{
    struct snapshot_header *header = &reader->header;
    if (reader->bytes < sizeof *header + sizeof reader->end)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: not a whole snapshot: only %" PRIu64 " bytes long", reader->path,
                         reader->bytes);
    enum status status = read_for_opening(reader, 0, header, sizeof *header, error);
    if (status != STATUS_OK)
        return status;
    if (memcmp(header->magic, SNAPSHOT_MAGIC, sizeof header->magic) != 0)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: not a snapshot of tasted, or its first bytes are damaged",
                         reader->path);
    if (header->byte_order == __builtin_bswap32(SNAPSHOT_BYTE_ORDER))
        return error_set(error, STATUS_BAD_DATA,
                         "%s: made on a machine of the other byte order; learn again here",
                         reader->path);
    if (header->byte_order != SNAPSHOT_BYTE_ORDER)
        return error_set(error, STATUS_BAD_DATA, "%s: the header is damaged", reader->path);
    if (header->format != SNAPSHOT_FORMAT)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: snapshot format %" PRIu32 ", this tasted reads format %d; use the "
                         "version that wrote it (unless the header is damaged)",
                         reader->path, header->format, SNAPSHOT_FORMAT);
    return STATUS_OK;
}

/* Reads the end mark and the table before it; they may be trusted on STATUS_OK. */
static enum status check_frame(struct snapshot_reader *reader, struct error *error)
{
    struct snapshot_end *end = &reader->end;
    uint64_t end_offset = reader->bytes - sizeof *end;
    enum status status = read_for_opening(reader, end_offset, end, sizeof *end, error);
    if (status != STATUS_OK)
        return status;
    if (memcmp(end->magic, SNAPSHOT_END_MAGIC, sizeof end->magic) != 0 ||
        end->bytes != reader->bytes)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: the end mark is missing or damaged; was it cut short or appended to? "
                         "(%" PRIu64 " bytes)",
                         reader->path, reader->bytes);
    uint64_t room = (end_offset - sizeof reader->header) / sizeof reader->table[0];
    if (end->count > SNAPSHOT_SECTIONS_MAX || end->count > room)
        return error_set(error, STATUS_BAD_DATA, "%s: the end mark is damaged", reader->path);
    size_t table_bytes = end->count * sizeof reader->table[0];
    status = read_for_opening(reader, end_offset - table_bytes, reader->table, table_bytes, error);
    if (status != STATUS_OK)
        return status;
    struct snapshot_sum sum =
        snapshot_frame_sum(reader->hasher, &reader->header, reader->table, end);
    if (!snapshot_sum_equal(sum, end->sum))
        return error_set(error, STATUS_BAD_DATA, "%s: the section table or the end mark is damaged",
                         reader->path);
    return STATUS_OK;
}

/* The sections must fill what is between header and table, without gaps. */
static enum status check_places(const struct snapshot_reader *reader, struct error *error)
{
    uint64_t table_bytes = reader->end.count * sizeof reader->table[0];
    uint64_t limit = reader->bytes - sizeof reader->end - table_bytes;
    uint64_t offset = sizeof reader->header;
    for (uint64_t i = 0; i < reader->end.count; i++) {
        const struct snapshot_entry *entry = &reader->table[i];
        if (entry->offset != offset || entry->bytes > limit - offset)
            return error_set(error, STATUS_BAD_DATA,
                             "%s: the section table does not fit the file at entry %" PRIu64,
                             reader->path, i);
        offset += entry->bytes;
    }
    if (offset != limit)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: bytes %" PRIu64 " to %" PRIu64 " belong to no section", reader->path,
                         offset, limit);
    return STATUS_OK;
}

static enum status check_sum(const struct snapshot_reader *reader,
                             const struct snapshot_entry *entry, struct snapshot_sum sum,
                             struct error *error)
{
    if (snapshot_sum_equal(sum, entry->sum))
        return STATUS_OK;
    return error_set(error, STATUS_BAD_DATA,
                     "%s: section %.4s is damaged: its %" PRIu64 " bytes from byte %" PRIu64
                     " do not match their sum",
                     reader->path, entry->tag, entry->bytes, entry->offset);
}

static enum status check_section(struct snapshot_reader *reader, const struct snapshot_entry *entry,
                                 struct error *error)
{
    XXH3_128bits_reset(reader->hasher);
    for (uint64_t done = 0; done < entry->bytes;) {
        uint64_t left = entry->bytes - done;
        size_t piece = left < SNAPSHOT_BUFFER ? (size_t)left : SNAPSHOT_BUFFER;
        enum status status =
            read_for_opening(reader, entry->offset + done, reader->buffer, piece, error);
        if (status != STATUS_OK)
            return status;
        XXH3_128bits_update(reader->hasher, reader->buffer, piece);
        done += piece;
    }
    return check_sum(reader, entry, snapshot_sum_of_state(reader->hasher), error);
}

static enum status open_file(struct snapshot_reader *reader, struct error *error)
{
    reader->file = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (reader->file < 0)
        return error_set(error, errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO,
                         "%s: cannot open: %s", reader->path, strerror(errno));
    struct stat about;
    if (fstat(reader->file, &about) != 0)
        return error_set(error, STATUS_IO, "%s: %s", reader->path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return error_set(error, STATUS_BAD_DATA, "%s: not a plain file", reader->path);
    reader->bytes = (uint64_t)about.st_size;
    posix_fadvise(reader->file, 0, 0, POSIX_FADV_SEQUENTIAL);
    return STATUS_OK;
}

/* Those that are smaller than `below`. */
static enum status check_sections(struct snapshot_reader *reader, uint64_t below,
                                  struct error *error)
{
    enum status status = STATUS_OK;
    for (uint64_t i = 0; status == STATUS_OK && i < reader->end.count; i++) {
        if (reader->trusted[i] || reader->table[i].bytes >= below)
            continue;
        status = check_section(reader, &reader->table[i], error);
        reader->trusted[i] = status == STATUS_OK;
    }
    return status;
}

static enum status check_all(struct snapshot_reader *reader, uint64_t below, struct error *error)
{
    enum status status = check_header(reader, error);
    if (status == STATUS_OK)
        status = check_frame(reader, error);
    if (status == STATUS_OK)
        status = check_places(reader, error);
    return status == STATUS_OK ? check_sections(reader, below, error) : status;
}

/* Lets go of the thread that reads ahead; what it has read whole is trusted or not. */
static enum status end_feed(struct snapshot_reader *reader, struct error *error)
{
    struct snapshot_sum sum;
    if (!feed_end(&reader->feed, &sum))
        return STATUS_OK;
    enum status status = check_sum(reader, &reader->table[reader->section], sum, error);
    reader->trusted[reader->section] = status == STATUS_OK;
    return status;
}

enum status snapshot_trust(struct snapshot_reader *reader, struct error *error)
{
    enum status status = end_feed(reader, error);
    reader->section_state = STATUS_INVALID; /* find the section again to read on */
    return status == STATUS_OK ? check_sections(reader, UINT64_MAX, error) : status;
}

/* The next bytes of the section, from the file into `to`. */
static enum status advance(struct snapshot_reader *reader, void *to, size_t size)
{
    enum status status = snapshot_read_at(reader->file, reader->offset, to, size);
    reader->offset += size;
    reader->left -= size;
    return status;
}

/* `wanted`: bytes that are asked for at once. */
static enum status refill(struct snapshot_reader *reader, size_t wanted)
{
    reader->taken = 0;
    if (reader->feed.running) {
        reader->filled = 0;
        enum status status = feed_next(&reader->feed, wanted, &reader->at, &reader->filled);
        reader->left -= reader->filled;
        return status;
    }
    size_t size = reader->left < SNAPSHOT_BUFFER ? (size_t)reader->left : SNAPSHOT_BUFFER;
    reader->at = reader->buffer;
    reader->filled = size;
    return advance(reader, reader->buffer, size);
}

static uint64_t bytes_left(const struct state_reader *base)
{
    return snapshot_left((const struct snapshot_reader *)base);
}

/* Bytes of the section that have been read. */
static uint64_t place_in_section(const struct snapshot_reader *reader)
{
    return reader->table[reader->section].bytes - snapshot_left(reader);
}

/* Has the thread read straight to where what follows all that was announced belongs. */
static void announce(struct snapshot_reader *reader, void *to, size_t size)
{
    uint64_t first = place_in_section(reader);
    if (first < reader->announced)
        first = reader->announced;
    reader->announced = first + size;
    if (reader->feed.running && size >= SNAPSHOT_BUFFER)
        feed_place(&reader->feed, first, to, size);
}

static void read_ahead(struct state_reader *base, void *to, size_t size)
{
    struct snapshot_reader *reader = (struct snapshot_reader *)base;
    struct snapshot_sum sum;
    if (to != NULL) {
        announce(reader, to, size);
        return;
    }
    (void)feed_end(&reader->feed, &sum);
    reader->section_state = STATUS_INVALID;
}

static void begin_task(struct state_reader *base, struct state_task *task)
{
    struct snapshot_reader *reader = (struct snapshot_reader *)base;
    if (reader->feed.running)
        feed_begin_task(&reader->feed, task);
    else
        task->status = task->run(task->context);
}

static void end_task(struct state_reader *base, struct state_task *task)
{
    struct snapshot_reader *reader = (struct snapshot_reader *)base;
    if (reader->feed.running)
        feed_end_task(&reader->feed, task);
}

static enum status read_bytes(struct state_reader *base, void *bytes, size_t size)
{
    struct snapshot_reader *reader = (struct snapshot_reader *)base;
    unsigned char *to = bytes;
    enum status status = reader->section_state;
    if (status == STATUS_OK && size > snapshot_left(reader))
        status = STATUS_BAD_DATA;
    while (status == STATUS_OK && size > 0) {
        size_t ready = reader->filled - reader->taken;
        if (ready == 0 && size >= SNAPSHOT_BUFFER &&
            !reader->feed.running) { /* long runs go straight to their place */
            status = advance(reader, to, size);
            break;
        }
        if (place_in_section(reader) >= reader->announced)
            announce(reader, to, size);
        if (ready == 0) {
            status = refill(reader, size);
            continue;
        }
        size_t piece = size < ready ? size : ready;
        if (to != reader->at + reader->taken) /* else it was read into its place */
            memcpy(to, reader->at + reader->taken, piece);
        reader->taken += piece;
        to += piece;
        size -= piece;
    }
    if (status != STATUS_OK)
        read_ahead(base, NULL, 0);
    reader->section_state = status;
    return status;
}

static enum status open_checked(const char *path, uint64_t below, struct snapshot_reader **out,
                                struct error *error)
{
    struct snapshot_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_set(error, STATUS_NO_MEMORY, "%s: no memory to read it", path);
    reader->reader =
        (struct state_reader){read_bytes, bytes_left, read_ahead, begin_task, end_task};
    reader->file = -1;
    reader->path = path;
    reader->buffer = malloc(SNAPSHOT_BUFFER);
    reader->hasher = XXH3_createState();
    enum status status = STATUS_OK;
    if (reader->buffer == NULL || reader->hasher == NULL)
        status = error_set(error, STATUS_NO_MEMORY, "%s: no memory to read it", path);
    if (status == STATUS_OK)
        status = open_file(reader, error);
    if (status == STATUS_OK)
        status = check_all(reader, below, error);
    if (status != STATUS_OK) {
        snapshot_close(reader);
        return status;
    }
    *out = reader;
    return STATUS_OK;
}

enum status snapshot_open(const char *path, struct snapshot_reader **out, struct error *error)
{
    enum status status = open_checked(path, UINT64_MAX, out, error);
    if (status == STATUS_OK)
        (*out)->path = NULL;
    return status;
}

enum status snapshot_open_unsummed(const char *path, struct snapshot_reader **out,
                                   struct error *error)
{
    return open_checked(path, BIG_SECTION, out, error);
}

static const struct snapshot_entry *entry_of(const struct snapshot_reader *reader,
                                             const char tag[4])
{
    for (uint64_t i = 0; i < reader->end.count; i++)
        if (memcmp(reader->table[i].tag, tag, sizeof reader->table[i].tag) == 0)
            return &reader->table[i];
    return NULL;
}

struct state_reader *snapshot_find(struct snapshot_reader *reader, const char tag[4])
{
    const struct snapshot_entry *entry = entry_of(reader, tag);
    if (entry == NULL)
        return NULL;
    if (end_feed(reader, NULL) != STATUS_OK)
        return NULL;
    reader->section = (uint32_t)(entry - reader->table);
    reader->at = NULL;
    reader->taken = 0;
    reader->filled = 0;
    reader->offset = entry->offset;
    reader->left = entry->bytes;
    reader->announced = 0;
    reader->section_state = STATUS_OK;
    if (!reader->trusted[reader->section]) /* without a thread it is read now, and summed later */
        (void)feed_begin(&reader->feed, reader->file, entry->offset, entry->bytes);
    return &reader->reader;
}

uint64_t snapshot_left(const struct snapshot_reader *reader)
{
    return reader->left + (reader->filled - reader->taken);
}

bool snapshot_sum_of(const struct snapshot_reader *reader, const char tag[4],
                     struct snapshot_sum *sum, uint64_t *bytes)
{
    const struct snapshot_entry *entry = entry_of(reader, tag);
    if (entry == NULL)
        return false;
    if (sum != NULL)
        *sum = entry->sum;
    if (bytes != NULL)
        *bytes = entry->bytes;
    return true;
}

uint32_t snapshot_count(const struct snapshot_reader *reader)
{
    return (uint32_t)reader->end.count;
}

struct snapshot_part snapshot_part_at(const struct snapshot_reader *reader, uint32_t index)
{
    const struct snapshot_entry *entry = &reader->table[index];
    struct snapshot_part part = {.bytes = entry->bytes, .sum = entry->sum};
    memcpy(part.tag, entry->tag, sizeof entry->tag);
    return part;
}

void snapshot_close(struct snapshot_reader *reader)
{
    if (reader == NULL)
        return;
    struct snapshot_sum sum;
    (void)feed_end(&reader->feed, &sum);
    if (reader->file >= 0)
        close(reader->file);
    if (reader->hasher != NULL)
        XXH3_freeState(reader->hasher);
    free(reader->buffer);
    free(reader);
}
