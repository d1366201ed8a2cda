#include "daemon/replay_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct replay_input {
    struct replay_input_settings settings;
    bool has_stdin;
    struct event_files *files;
    struct kafka_range *range;
    uint64_t read, limit; /* turns; limit 0: to the end */
};

static enum status open_source(struct replay_input *input, struct error *error)
{
    const struct replay_input_settings *settings = &input->settings;
    if (input->has_stdin && settings->twice)
        (void)lseek(STDIN_FILENO, 0, SEEK_SET);
    if (settings->path_count > 0)
        return event_files_open(settings->paths, settings->path_count,
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

/*
 * Standard input can be read once only: where it is to be read twice, a copy takes its place, under
 * the same number.
 */
static enum status copy_standard_input(struct error *error)
{
    char block[65536];
    size_t size;
    FILE *copy = tmpfile(); /* unlinked already */
    if (copy == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "no temporary file for standard input: %s",
                         strerror(errno));
    while ((size = fread(block, 1, sizeof block, stdin)) > 0)
        if (fwrite(block, 1, size, copy) != size)
            break;
    bool copied = !ferror(stdin) && fflush(copy) == 0 && !ferror(copy) &&
                  dup2(fileno(copy), STDIN_FILENO) == STDIN_FILENO;
    int why = errno;
    fclose(copy);
    return copied
               ? STATUS_OK
               : error_set(error, STATUS_CANNOT_WRITE, "copying standard input: %s", strerror(why));
}

static enum status check_paths(struct replay_input *input, struct error *error)
{
    for (uint32_t n = 0; n < input->settings.path_count; n++) {
        if (strcmp(input->settings.paths[n], "-") != 0)
            continue;
        if (input->has_stdin)
            return error_set(error, STATUS_INVALID, "standard input (-) can be given only once");
        input->has_stdin = true;
    }
    return input->has_stdin && input->settings.twice ? copy_standard_input(error) : STATUS_OK;
}

enum status replay_input_open(const struct replay_input_settings *settings,
                              struct replay_input **out, struct error *error)
{
    struct replay_input *input = calloc(1, sizeof *input);
    *out = NULL;
    if (input == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory to read events");
    input->settings = *settings;
    enum status status = check_paths(input, error);
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
    free(input);
}
