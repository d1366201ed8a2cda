#include "daemon/replay_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct replay_input {
    struct replay_input_settings settings;
    int *copies; /* of the paths that are streams, when they are read twice; else -1 */
    struct event_files *files;
    struct kafka_range *range;
    uint64_t read, limit; /* turns; limit 0: to the end */
};

static enum status open_source(struct replay_input *input, struct error *error)
{
    const struct replay_input_settings *settings = &input->settings;
    if (settings->path_count > 0)
        return event_files_open_copies(settings->paths, input->copies, settings->path_count,
                                       &settings->settings->input.fields, &input->files, error);
    struct kafka_range_settings range = {
        .kafka = settings_kafka(settings->settings),
        .topics = settings->topics,
        .from = settings->from,
        .to = settings->to,
        .positions = settings->positions,
        .position_count = settings->position_count,
    };
    return kafka_range_open(&range, &input->range, error);
}

static bool is_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Can be read once only. */
static bool is_stream(const char *path, struct stat *about)
{
    if (is_input(path))
        return fstat(STDIN_FILENO, about) == 0;
    return stat(path, about) == 0 && !S_ISREG(about->st_mode) && !S_ISDIR(about->st_mode);
}

static bool copy_all(int from, FILE *to, struct error *error)
{
    char block[65536];
    ssize_t size;
    while ((size = read(from, block, sizeof block)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            error_set(error, STATUS_IO, "%s", strerror(errno));
            return false;
        }
        if (fwrite(block, 1, (size_t)size, to) != (size_t)size)
            break;
    }
    if (fflush(to) == 0 && !ferror(to))
        return true;
    error_set(error, STATUS_CANNOT_WRITE, "%s", strerror(errno));
    return false;
}

/* What can be read once only and is to be read twice: a copy takes its place. */
static enum status copy_stream(const char *path, int *copy, struct error *error)
{
    struct error why = {.status = STATUS_OK};
    FILE *to = tmpfile(); /* unlinked already */
    int from = is_input(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (to == NULL || from < 0)
        error_set(&why, to == NULL ? STATUS_CANNOT_WRITE : STATUS_IO, "%s", strerror(errno));
    else if (copy_all(from, to, &why) &&
             (*copy = fcntl(fileno(to), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0)
        error_set(&why, STATUS_IO, "%s", strerror(errno));
    if (to != NULL)
        fclose(to);
    if (from > STDIN_FILENO)
        close(from);
    return why.status == STATUS_OK
               ? STATUS_OK
               : error_set(error, why.status, "%s: copying it, to read it twice: %s",
                           is_input(path) ? "standard input" : path, why.text);
}

/* The same pipe twice gives the second nothing. */
static enum status check_stream(const struct replay_input *input, uint32_t n,
                                const struct stat *stream, struct error *error)
{
    const char *const *paths = input->settings.paths;
    struct stat other;
    for (uint32_t k = 0; k < n; k++)
        if (is_stream(paths[k], &other) && other.st_dev == stream->st_dev &&
            other.st_ino == stream->st_ino)
            return error_set(error, STATUS_INVALID, "%s can be given only once",
                             is_input(paths[n]) ? "standard input (-)" : paths[n]);
    return STATUS_OK;
}

static enum status take_streams(struct replay_input *input, struct error *error)
{
    const struct replay_input_settings *settings = &input->settings;
    struct stat about;
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < settings->path_count && status == STATUS_OK; n++)
        if (is_stream(settings->paths[n], &about))
            status = check_stream(input, n, &about, error);
    for (uint32_t n = 0; settings->twice && n < settings->path_count && status == STATUS_OK; n++)
        if (is_stream(settings->paths[n], &about))
            status = copy_stream(settings->paths[n], &input->copies[n], error);
    return status;
}

enum status replay_input_open(const struct replay_input_settings *settings,
                              struct replay_input **out, struct error *error)
{
    struct replay_input *input = calloc(1, sizeof *input);
    *out = NULL;
    int *copies = calloc(settings->path_count + 1, sizeof *copies);
    if (input == NULL || copies == NULL) {
        free(input);
        free(copies);
        return error_set(error, STATUS_NO_MEMORY, "no memory to read events");
    }
    for (uint32_t n = 0; n < settings->path_count; n++)
        copies[n] = -1;
    input->settings = *settings;
    input->copies = copies;
    enum status status = take_streams(input, error);
    if (status == STATUS_OK)
        status = open_source(input, error);
    if (status != STATUS_OK) {
        replay_input_close(input);
        return status;
    }
    *out = input;
    return STATUS_OK;
}

static enum replay_got next_of_files(struct replay_input *input, struct replay_turn *turn)
{
    struct event_files_turn got;
    switch (event_files_next(input->files, &got)) {
    case EVENT_FILES_EVENT:
        turn->event = got.event;
        turn->file = got.file;
        turn->line = got.line;
        return REPLAY_EVENT;
    case EVENT_FILES_BAD:
        turn->verdict = got.verdict;
        turn->error = got.error;
        return REPLAY_BAD;
    case EVENT_FILES_END:
        return REPLAY_END;
    case EVENT_FILES_FAILED:
        break;
    }
    turn->error = got.error;
    return REPLAY_FAILED;
}

static enum replay_got next_of_range(struct replay_input *input, struct replay_turn *turn)
{
    turn->error.status = STATUS_OK;
    if (kafka_range_next(input->range, &turn->message, &turn->error))
        return REPLAY_MESSAGE;
    return turn->error.status == STATUS_OK ? REPLAY_END : REPLAY_FAILED;
}

enum replay_got replay_input_next(struct replay_input *input, struct replay_turn *turn)
{
    if (input->limit > 0 && input->read == input->limit)
        return REPLAY_END;
    enum replay_got got =
        input->files != NULL ? next_of_files(input, turn) : next_of_range(input, turn);
    input->read += got != REPLAY_END && got != REPLAY_FAILED;
    return got;
}

static void close_source(struct replay_input *input)
{
    event_files_close(input->files);
    input->files = NULL;
    if (input->range != NULL)
        kafka_range_close(input->range);
    input->range = NULL;
}

enum status replay_input_rewind(struct replay_input *input, struct error *error)
{
    close_source(input);
    input->limit = input->read;
    input->read = 0;
    return open_source(input, error);
}

double replay_input_fraction(const struct replay_input *input)
{
    uint64_t done = 0, total = 0;
    if (input->limit > 0)
        return (double)input->read / (double)input->limit;
    if (input->files != NULL)
        event_files_progress(input->files, &done, &total);
    else
        kafka_range_progress(input->range, &done, &total);
    return total == 0 ? -1.0 : (double)done / (double)total;
}

uint32_t replay_input_positions(const struct replay_input *input, struct position *at, uint32_t max)
{
    return input->range == NULL ? 0 : kafka_range_positions(input->range, at, max);
}

void replay_input_close(struct replay_input *input)
{
    if (input == NULL)
        return;
    close_source(input);
    for (uint32_t n = 0; n < input->settings.path_count; n++)
        if (input->copies[n] >= 0)
            close(input->copies[n]);
    free(input->copies);
    free(input);
}
