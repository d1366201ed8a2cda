#include "transport/byte_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_BYTES = 256 * 1024, MAGIC_BYTES = 4 };

/* What a file is packed with: makes bytes of file->raw[raw_at..raw_size) into bytes of `to`.
 * `*got` 0 means that it wants more of the file first. */
struct packing {
    unsigned char magic[MAGIC_BYTES];
    size_t magic_size;
    const char *name;
    enum status (*begin)(struct byte_file *file);
    enum status (*unpack)(struct byte_file *file, char *to, size_t size, size_t *got);
    void (*end)(struct byte_file *file);
};

struct byte_file {
    const char *path;
    int descriptor;
    const struct packing *packing; /* NULL: plain */
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool within; /* a gzip member or zstd frame that is not complete */
    bool ended;  /* of the file; or what follows is padding */
    uint64_t done, total;
    size_t raw_at, raw_size;
    char raw[RAW_BYTES];
};

/* ---- gzip ---- */

static enum status gzip_begin(struct byte_file *file)
{
    enum { ANY_WINDOW = 15, WITH_GZIP_HEADER = 16 };
    return inflateInit2(&file->gzip, ANY_WINDOW + WITH_GZIP_HEADER) == Z_OK ? STATUS_OK
                                                                            : STATUS_NO_MEMORY;
}

/* Members may follow each other; zeros after the last one are padding. */
static bool gzip_next_member(struct byte_file *file)
{
    if (file->raw[file->raw_at] == 0) {
        file->ended = true;
        file->raw_at = file->raw_size;
        return false;
    }
    return inflateReset(&file->gzip) == Z_OK;
}

static enum status gzip_unpack(struct byte_file *file, char *to, size_t size, size_t *got)
{
    if (!file->within && !gzip_next_member(file))
        return STATUS_OK;
    z_stream *gzip = &file->gzip;
    gzip->next_in = (unsigned char *)file->raw + file->raw_at;
    gzip->avail_in = (uInt)(file->raw_size - file->raw_at);
    gzip->next_out = (unsigned char *)to;
    gzip->avail_out = (uInt)size;
    const int result = inflate(gzip, Z_NO_FLUSH);
    file->within = result != Z_STREAM_END;
    file->raw_at = file->raw_size - gzip->avail_in;
    *got = size - gzip->avail_out;
    if (result == Z_MEM_ERROR)
        return STATUS_NO_MEMORY;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? STATUS_OK
                                                                             : STATUS_BAD_DATA;
}

static void gzip_end(struct byte_file *file)
{
    (void)inflateEnd(&file->gzip);
}

/* ---- zstd ---- */

static enum status zstd_begin(struct byte_file *file)
{
    file->zstd = ZSTD_createDStream();
    return file->zstd == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Frames may follow each other: the library begins the next one by itself. */
static enum status zstd_unpack(struct byte_file *file, char *to, size_t size, size_t *got)
{
    ZSTD_inBuffer in = {file->raw, file->raw_size, file->raw_at};
    ZSTD_outBuffer out = {to, size, 0};
    const size_t result = ZSTD_decompressStream(file->zstd, &out, &in);
    file->raw_at = in.pos;
    file->within = result != 0;
    *got = out.pos;
    return ZSTD_isError(result) ? STATUS_BAD_DATA : STATUS_OK;
}

static void zstd_end(struct byte_file *file)
{
    (void)ZSTD_freeDStream(file->zstd);
}

static const struct packing packings[] = {
    {{0x1F, 0x8B}, 2, "gzip", gzip_begin, gzip_unpack, gzip_end},
    {{0x28, 0xB5, 0x2F, 0xFD}, 4, "zstd", zstd_begin, zstd_unpack, zstd_end},
    /* pzstd: begins with a frame that is skipped and says how long the next one is. */
    {{0x50, 0x2A, 0x4D, 0x18}, 4, "zstd", zstd_begin, zstd_unpack, zstd_end},
};

/* ---- the file ---- */

static enum status read_some(struct byte_file *file, char *to, size_t size, size_t *got,
                             struct error *error)
{
    ssize_t result;
    do
        result = read(file->descriptor, to, size);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return error_set(error, STATUS_IO, "cannot read %s: %s", byte_file_name(file),
                         strerror(errno));
    *got = (size_t)result;
    file->done += (uint64_t)result;
    file->ended = result == 0;
    return STATUS_OK;
}

/* Enough of the file to tell how it is packed; a pipe may give it in pieces. */
static enum status read_magic(struct byte_file *file, struct error *error)
{
    while (file->raw_size < MAGIC_BYTES && !file->ended) {
        size_t got = 0;
        const enum status status =
            read_some(file, file->raw + file->raw_size, RAW_BYTES - file->raw_size, &got, error);
        if (status != STATUS_OK)
            return status;
        file->raw_size += got;
    }
    return STATUS_OK;
}

static enum status begin_unpacking(struct byte_file *file, struct error *error)
{
    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        const struct packing *packing = &packings[i];
        if (file->raw_size < packing->magic_size ||
            memcmp(file->raw, packing->magic, packing->magic_size) != 0)
            continue;
        if (packing->begin(file) != STATUS_OK)
            return error_set(error, STATUS_NO_MEMORY, "cannot unpack %s: out of memory",
                             byte_file_name(file));
        file->packing = packing;
        file->within = true;
    }
    return STATUS_OK;
}

static int open_copy(int copy)
{
    if (lseek(copy, 0, SEEK_SET) != 0)
        return -1;
    return fcntl(copy, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static enum status open_descriptor(struct byte_file *file, int copy, struct error *error)
{
    file->descriptor = STDIN_FILENO;
    if (copy >= 0)
        file->descriptor = open_copy(copy);
    else if (strcmp(file->path, "-") != 0)
        file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->descriptor < 0)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO,
                         "cannot open %s: %s", file->path, strerror(errno));
    struct stat about;
    if (fstat(file->descriptor, &about) == 0 && S_ISREG(about.st_mode))
        file->total = (uint64_t)about.st_size;
    return STATUS_OK;
}

enum status byte_file_open(const char *path, int copy, struct byte_file **out, struct error *error)
{
    struct byte_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_set(error, STATUS_NO_MEMORY, "cannot open %s: out of memory", path);
    file->path = path;
    enum status status = open_descriptor(file, copy, error);
    if (status == STATUS_OK)
        status = read_magic(file, error);
    if (status == STATUS_OK)
        status = begin_unpacking(file, error);
    if (status != STATUS_OK) {
        byte_file_close(file);
        return status;
    }
    *out = file;
    return STATUS_OK;
}

static enum status read_plain(struct byte_file *file, char *to, size_t size, size_t *got,
                              struct error *error)
{
    const size_t left = file->raw_size - file->raw_at;
    if (left == 0)
        return file->ended ? STATUS_OK : read_some(file, to, size, got, error);
    *got = left < size ? left : size;
    memcpy(to, file->raw + file->raw_at, *got);
    file->raw_at += *got;
    return STATUS_OK;
}

static enum status refill(struct byte_file *file, struct error *error)
{
    file->raw_at = file->raw_size = 0;
    return read_some(file, file->raw, RAW_BYTES, &file->raw_size, error);
}

enum status byte_file_read(struct byte_file *file, char *to, size_t size, size_t *got,
                           struct error *error)
{
    *got = 0;
    if (file->packing == NULL)
        return read_plain(file, to, size, got, error);
    while (*got == 0) {
        enum status status = STATUS_OK;
        if (file->raw_at == file->raw_size && !file->ended)
            status = refill(file, error);
        if (status != STATUS_OK)
            return status;
        /* The unpacker may hold bytes back even when all of the file is read. */
        const bool nothing_left = file->raw_at == file->raw_size && file->ended;
        if (nothing_left && !file->within)
            return STATUS_OK;
        status = file->packing->unpack(file, to, size, got);
        if (status == STATUS_OK && nothing_left && *got == 0 && file->within)
            return error_set(error, STATUS_BAD_DATA, "%s: its %s data ends too early",
                             byte_file_name(file), file->packing->name);
        if (status != STATUS_OK)
            return error_set(error, status, "%s: its %s data is damaged near byte %llu",
                             byte_file_name(file), file->packing->name,
                             (unsigned long long)(file->done - (file->raw_size - file->raw_at)));
    }
    return STATUS_OK;
}

const char *byte_file_name(const struct byte_file *file)
{
    return strcmp(file->path, "-") == 0 ? "standard input" : file->path;
}

void byte_file_progress(const struct byte_file *file, uint64_t *done, uint64_t *total)
{
    *done = file->done - (file->raw_size - file->raw_at);
    *total = file->total;
}

void byte_file_close(struct byte_file *file)
{
    if (file == NULL)
        return;
    if (file->packing != NULL)
        file->packing->end(file);
    if (file->descriptor > STDIN_FILENO)
        (void)close(file->descriptor);
    free(file);
}
