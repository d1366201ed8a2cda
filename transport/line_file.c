#include "transport/byte_file.h"
#include "transport/event_file.h"

#include <stdlib.h>

/* Several lines of the greatest length: what is moved to the front before a refill is little. */
enum { BUFFER_BYTES = 4 * LINE_BYTES_MAX };

struct line_file {
    struct byte_file *bytes;
    uint64_t number;
    uint64_t got;     /* bytes, unpacked */
    size_t at, size;  /* what is in the buffer and not given yet */
    bool ended;       /* the buffer holds the rest of the file */
    bool skipping;    /* the rest of a line that was cut */
    struct text held; /* a first line that is no header; given before the next ones */
    bool held_too_long;
    char buffer[BUFFER_BYTES];
};

enum status line_file_open(const char *path, struct line_file **out, struct error *error)
{
    return line_file_open_copy(path, -1, out, error);
}

enum status line_file_open_copy(const char *path, int copy, struct line_file **out,
                                struct error *error)
{
    struct line_file *file = malloc(sizeof *file);
    if (file == NULL)
        return error_set(error, STATUS_NO_MEMORY, "cannot open %s: out of memory", path);
    memset(file, 0, offsetof(struct line_file, buffer));
    const enum status status = byte_file_open(path, copy, &file->bytes, error);
    if (status != STATUS_OK) {
        free(file);
        return status;
    }
    *out = file;
    return STATUS_OK;
}

static enum status refill(struct line_file *file, struct error *error)
{
    const size_t left = file->size - file->at;
    memmove(file->buffer, file->buffer + file->at, left);
    file->at = 0;
    file->size = left;
    size_t got;
    const enum status status =
        byte_file_read(file->bytes, file->buffer + left, BUFFER_BYTES - left, &got, error);
    file->size += got;
    file->got += got;
    file->ended = got == 0;
    return status;
}

/* Fills the buffer until it holds the end of the line that begins at `at`, or more of it than a
 * line may have, or the rest of the file. The end is returned; NULL: there is none. */
static const char *find_end(struct line_file *file, struct error *error)
{
    size_t looked = 0; /* at what of the line */
    for (;;) {
        const char *from = file->buffer + file->at + looked;
        const char *end = memchr(from, '\n', file->size - file->at - looked);
        looked = file->size - file->at;
        /* One more for the CR. */
        if (end != NULL || file->ended || looked > LINE_BYTES_MAX + 1)
            return end;
        if (refill(file, error) != STATUS_OK) {
            file->ended = true;
            file->at = file->size;
            return NULL;
        }
    }
}

/* The rest of a line that was cut is thrown away piece by piece. */
static void skip_rest(struct line_file *file, struct error *error)
{
    while (file->skipping) {
        const char *end = find_end(file, error);
        file->at = end == NULL ? file->size : (size_t)(end + 1 - file->buffer);
        file->skipping = end == NULL && !file->ended;
    }
}

static bool next_line(struct line_file *file, struct text *line, bool *too_long,
                      struct error *error)
{
    error->status = STATUS_OK;
    skip_rest(file, error);
    const char *end = find_end(file, error);
    if (file->at == file->size)
        return false;
    const char *first = file->buffer + file->at;
    const char *last = end == NULL ? file->buffer + file->size : end;
    file->at = end == NULL ? file->size : (size_t)(end + 1 - file->buffer);
    file->skipping = end == NULL && !file->ended;
    if (last > first && last[-1] == '\r')
        last--;
    if (++file->number == 1 && last - first >= 3 && memcmp(first, "\xEF\xBB\xBF", 3) == 0)
        first += 3;
    const size_t size = (size_t)(last - first);
    *too_long = size > LINE_BYTES_MAX;
    *line = (struct text){first, (uint32_t)(*too_long ? LINE_BYTES_MAX : size)};
    return true;
}

bool line_file_next(struct line_file *file, struct text *line, bool *too_long, struct error *error)
{
    if (file->held.size > 0) {
        error->status = STATUS_OK;
        *line = file->held;
        *too_long = file->held_too_long;
        file->held.size = 0;
        return true;
    }
    do
        if (!next_line(file, line, too_long, error))
            return false;
    while (line->size == 0);
    return true;
}

static bool is_header(struct text line)
{
    uint32_t at = 0;
    while (at < line.size && (line.at[at] == ' ' || line.at[at] == '\t'))
        at++;
    return at < line.size && line.at[at] != '{' && memchr(line.at, '\t', line.size) != NULL;
}

bool line_file_header(struct line_file *file, struct text *line, struct error *error)
{
    if (!line_file_next(file, line, &file->held_too_long, error))
        return false;
    bool header = is_header(*line);
    if (!header)
        file->held = *line;
    return header;
}

uint64_t line_file_number(const struct line_file *file)
{
    return file->number;
}

const char *line_file_name(const struct line_file *file)
{
    return byte_file_name(file->bytes);
}

void line_file_progress(const struct line_file *file, uint64_t *done, uint64_t *total)
{
    byte_file_progress(file->bytes, done, total);
    if (file->got > 0) /* without what stands in the buffer, as packed as the rest */
        *done =
            (uint64_t)((double)*done * (1 - (double)(file->size - file->at) / (double)file->got));
}

void line_file_close(struct line_file *file)
{
    if (file == NULL)
        return;
    byte_file_close(file->bytes);
    free(file);
}
