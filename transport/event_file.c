#include "transport/event_file.h"

#include "transport/event_tsv.h"

#include <stdlib.h>

enum format { FORMAT_NDJSON, FORMAT_TSV };

static const int64_t no_time = INT64_MAX; /* the default that tells that there is no `ts` */

struct event_file {
    struct line_file *lines;
    enum format format;
    struct event_tsv tsv;
    struct decode_scratch scratch;
    int64_t time_before; /* of the event before */
    bool has_head, ended, has_time;
    struct event head; /* points into its lines and scratch */
};

struct event_files {
    const struct field_map *map;
    uint32_t size;
    struct event_file at[];
};

/* ---- opening ---- */

static enum status find_format(struct event_file *file, struct error *error)
{
    struct text line;
    if (!line_file_header(file->lines, &line, error))
        return error->status;
    file->format = FORMAT_TSV;
    return event_tsv_header(&file->tsv, line, line_file_name(file->lines), error);
}

static enum status check_paths(const char *const *paths, uint32_t size, struct error *error)
{
    bool has_input = false;
    for (uint32_t i = 0; i < size; i++) {
        const bool is_input = strcmp(paths[i], "-") == 0;
        if (is_input && has_input)
            return error_set(error, STATUS_INVALID, "standard input (-) can be read only once");
        has_input |= is_input;
    }
    return STATUS_OK;
}

enum status event_files_open(const char *const *paths, uint32_t size, const struct field_map *map,
                             struct event_files **out, struct error *error)
{
    return event_files_open_copies(paths, NULL, size, map, out, error);
}

enum status event_files_open_copies(const char *const *paths, const int *copies, uint32_t size,
                                    const struct field_map *map, struct event_files **out,
                                    struct error *error)
{
    struct error unheard;
    if (error == NULL)
        error = &unheard;
    enum status status = check_paths(paths, size, error);
    if (status != STATUS_OK)
        return status;
    struct event_files *files = calloc(1, sizeof *files + size * sizeof files->at[0]);
    if (files == NULL)
        return error_set(error, STATUS_NO_MEMORY, "cannot open the event files: out of memory");
    files->map = map;
    files->size = size;
    for (uint32_t i = 0; i < size && status == STATUS_OK; i++) {
        status = line_file_open_copy(paths[i], copies == NULL ? -1 : copies[i], &files->at[i].lines,
                                     error);
        if (status == STATUS_OK)
            status = find_format(&files->at[i], error);
    }
    if (status != STATUS_OK) {
        event_files_close(files);
        return status;
    }
    *out = files;
    return STATUS_OK;
}

void event_files_close(struct event_files *files)
{
    if (files == NULL)
        return;
    for (uint32_t i = 0; i < files->size; i++)
        line_file_close(files->at[i].lines);
    free(files);
}

/* ---- reading ---- */

static enum verdict read_json(struct event_file *file, const struct field_map *map,
                              struct text line)
{
    uint32_t at = 0;
    while (at < line.size && (line.at[at] == ' ' || line.at[at] == '\t'))
        at++;
    if (at == line.size || line.at[at] != '{')
        return VERDICT_UNDECODABLE;
    const enum verdict verdict = decode_event_within(map, line.at, line.size, no_time, INT64_MAX,
                                                     &file->scratch, &file->head);
    file->has_time = file->head.ts_ms != no_time;
    if (!file->has_time)
        file->head.ts_ms = file->time_before;
    return verdict;
}

static enum event_files_result tell_bad(const struct event_file *file, enum verdict verdict,
                                        struct event_files_turn *turn)
{
    turn->verdict = verdict;
    (void)error_set(&turn->error, STATUS_BAD_DATA, "%s, line %llu: %s", line_file_name(file->lines),
                    (unsigned long long)line_file_number(file->lines), verdict_text(verdict));
    return EVENT_FILES_BAD;
}

/* Reads a file's next event into its head. */
static enum event_files_result advance(struct event_file *file, const struct field_map *map,
                                       struct event_files_turn *turn)
{
    struct text line;
    bool too_long;
    if (!line_file_next(file->lines, &line, &too_long, &turn->error)) {
        file->ended = true;
        return turn->error.status == STATUS_OK ? EVENT_FILES_END : EVENT_FILES_FAILED;
    }
    enum verdict verdict = VERDICT_TOO_LARGE;
    file->has_time = true;
    if (!too_long)
        verdict = file->format == FORMAT_TSV ? event_tsv_read(&file->tsv, line, &file->head)
                                             : read_json(file, map, line);
    if (verdict != VERDICT_ACCEPTED)
        return tell_bad(file, verdict, turn);
    file->time_before = file->head.ts_ms;
    file->has_head = true;
    return EVENT_FILES_EVENT;
}

enum event_files_result event_files_next(struct event_files *files, struct event_files_turn *turn)
{
    struct event_file *earliest = NULL;
    for (uint32_t i = 0; i < files->size; i++) {
        struct event_file *file = &files->at[i];
        if (!file->has_head && !file->ended) {
            const enum event_files_result result = advance(file, files->map, turn);
            if (result == EVENT_FILES_BAD || result == EVENT_FILES_FAILED)
                return result;
        }
        if (file->has_head && (earliest == NULL || file->head.ts_ms < earliest->head.ts_ms))
            earliest = file;
    }
    if (earliest == NULL)
        return EVENT_FILES_END;
    earliest->has_head = false;
    turn->event = earliest->head;
    turn->file = line_file_name(earliest->lines);
    turn->line = line_file_number(earliest->lines);
    turn->has_time = earliest->has_time;
    turn->verdict = VERDICT_ACCEPTED;
    return EVENT_FILES_EVENT;
}

void event_files_progress(const struct event_files *files, uint64_t *done, uint64_t *total)
{
    bool known = true;
    *done = *total = 0;
    for (uint32_t i = 0; i < files->size; i++) {
        uint64_t file_done, file_total;
        line_file_progress(files->at[i].lines, &file_done, &file_total);
        *done += file_done;
        *total += file_total;
        known &= file_total != 0 || files->at[i].ended;
    }
    if (!known)
        *total = 0;
}
