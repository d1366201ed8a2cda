/* `tasted snapshot`: what a snapshot file holds, and whether it is whole. */
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "daemon/nearest.h"
#include "daemon/output_file.h"
#include "daemon/plural.h"
#include "daemon/snapshot_actions.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const struct command_option snapshot_options[] = {
    {"--json", NULL, "info, verify, diff: one JSON object instead of text"},
    {"--vectors", "PATH",
     "export: where to, which may as well stand behind FILE: a file of NDJSON (- for standard "
     "output, as if not given), or with a / at the end, or where there is one, a folder of NumPy "
     "files"},
    {.name = NULL},
};

static int fail_with(enum status status, struct error *error)
{
    error->status = status;
    return fail(error);
}

/* ---- info ---- */

static void time_text(int64_t ms, char text[40])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char date[24] = "?";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 40, "%s.%03dZ", date, (int)(ms % 1000));
}

static json_t *offsets_json(const struct checkpoint *checkpoint)
{
    json_t *topics = json_object();
    for (uint32_t i = 0; i < checkpoint->position_count; i++) {
        const struct position *position = &checkpoint->positions[i];
        json_t *partitions = json_object_get(topics, position->topic);
        if (partitions == NULL) {
            partitions = json_object();
            json_object_set_new(topics, position->topic, partitions);
        }
        char partition[16];
        snprintf(partition, sizeof partition, "%" PRId32, position->partition);
        json_object_set_new(partitions, partition, json_integer(position->next_offset));
    }
    return topics;
}

static json_t *sections_json(const struct snapshot_reader *reader)
{
    json_t *sections = json_array();
    for (uint32_t i = 0; i < snapshot_count(reader); i++) {
        struct snapshot_part part = snapshot_part_at(reader, i);
        char sum[33];
        snapshot_sum_text(part.sum, sum);
        json_array_append_new(sections, json_pack("{s:s,s:I,s:s}", "tag", part.tag, "bytes",
                                                  (json_int_t)part.bytes, "xxh3_128", sum));
    }
    return sections;
}

static int print_json(const struct checkpoint *checkpoint, const struct snapshot_reader *reader)
{
    char created[40];
    time_text(checkpoint->created_ms, created);
    json_t *root = json_pack("{s:s,s:I,s:I,s:I,s:o,s:s,s:s,s:I,s:s,s:b,s:i,s:o}", "state_digest",
                             checkpoint->digest, "events", (json_int_t)checkpoint->events, "users",
                             (json_int_t)checkpoint->users, "items", (json_int_t)checkpoint->items,
                             "offsets", offsets_json(checkpoint), "version", checkpoint->version,
                             "created", created, "created_ms", (json_int_t)checkpoint->created_ms,
                             "epoch", checkpoint->epoch, "clean", (int)checkpoint->clean, "format",
                             SNAPSHOT_FORMAT, "sections", sections_json(reader));
    int failed = root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0;
    json_decref(root);
    putchar('\n');
    return failed ? EXIT_INTERNAL : EXIT_FINE;
}

static void print_table(const struct checkpoint *checkpoint, const struct snapshot_reader *reader)
{
    char created[40];
    time_text(checkpoint->created_ms, created);
    printf("state digest  %s\n", checkpoint->digest);
    printf("events        %" PRIu64 "\n", checkpoint->events);
    printf("users         %" PRIu64 "\n", checkpoint->users);
    printf("items         %" PRIu64 "\n", checkpoint->items);
    printf("created       %s%s\n", created, checkpoint->clean ? ", at a clean end" : "");
    printf("version       %s, snapshot format %d\n", checkpoint->version, SNAPSHOT_FORMAT);
    for (uint32_t i = 0; i < checkpoint->position_count; i++)
        printf("%-13s %s/%" PRId32 " next %" PRId64 "\n", i == 0 ? "offsets" : "",
               checkpoint->positions[i].topic, checkpoint->positions[i].partition,
               checkpoint->positions[i].next_offset);
    for (uint32_t i = 0; i < snapshot_count(reader); i++) {
        struct snapshot_part part = snapshot_part_at(reader, i);
        char sum[33];
        snapshot_sum_text(part.sum, sum);
        printf("%-13s %s  %s  %" PRIu64 " bytes\n", i == 0 ? "sections" : "", part.tag, sum,
               part.bytes);
    }
}

static int snapshot_info(const struct snapshot_request *request)
{
    struct checkpoint checkpoint;
    struct snapshot_reader *reader = NULL;
    struct error error = {.status = STATUS_OK};
    checkpoint_init(&checkpoint);
    enum status status = snapshot_open(request->file, &reader, &error);
    if (status == STATUS_OK)
        status = checkpoint_peek(&checkpoint, reader, &error);
    int code = EXIT_FINE;
    if (status != STATUS_OK)
        code = fail_with(status, &error);
    else if (request->json)
        code = print_json(&checkpoint, reader);
    else
        print_table(&checkpoint, reader);
    checkpoint_finish(&checkpoint);
    snapshot_close(reader);
    return code;
}

/* ---- verify ---- */

/* The sums say that the bytes are those that were written; this, that they are a model: it loads,
 * and what was loaded would be written the same way. */
static enum status check_model(const struct checkpoint *checkpoint, const char *path,
                               struct error *error)
{
    struct digest_writer digest;
    char text[33];
    enum status status = digest_begin(&digest);
    if (status != STATUS_OK)
        return error_set(error, status, "%s: out of memory", path);
    status = recommender_save(checkpoint->model, &digest.writer);
    snapshot_sum_text(digest_end(&digest), text);
    if (status != STATUS_OK)
        return error_set(error, status, "%s: %s", path, status_text(status));
    if (strcmp(text, checkpoint->digest) != 0)
        return error_set(error, STATUS_BAD_DATA,
                         "%s: the model loads, but as another state (%s) than was saved (%s)", path,
                         text, checkpoint->digest);
    return STATUS_OK;
}

static void print_whole(const char *path, const struct checkpoint *checkpoint)
{
    json_t *root = json_pack("{s:s,s:b,s:s,s:I,s:I,s:I}", "file", path, "whole", 1, "state_digest",
                             checkpoint->digest, "events", (json_int_t)checkpoint->events, "users",
                             (json_int_t)checkpoint->users, "items", (json_int_t)checkpoint->items);
    if (root != NULL)
        json_dumpf(root, stdout, JSON_INDENT(2));
    json_decref(root);
    putchar('\n');
}

static int snapshot_verify(const struct snapshot_request *request)
{
    struct checkpoint checkpoint;
    struct error error = {.status = STATUS_OK};
    enum status status = checkpoint_open(request->file, NULL, &checkpoint, &error);
    if (status != STATUS_OK)
        return fail_with(status, &error);
    status = check_model(&checkpoint, request->file, &error);
    if (status == STATUS_OK && request->json)
        print_whole(request->file, &checkpoint);
    else if (status == STATUS_OK)
        printf("%s: whole: %" PRIu64 " event%s, %" PRIu64 " user%s, %" PRIu64 " item%s\n",
               request->file, checkpoint.events, plural(checkpoint.events), checkpoint.users,
               plural(checkpoint.users), checkpoint.items, plural(checkpoint.items));
    checkpoint_finish(&checkpoint);
    return status == STATUS_OK ? EXIT_FINE : fail_with(status, &error);
}

/* ---- the command ---- */

static const struct snapshot_action {
    const char *name;
    int files_least, files_most;
    int (*run)(const struct snapshot_request *request);
} actions[] = {
    {"info", 1, 1, snapshot_info},
    {"verify", 1, 1, snapshot_verify},
    {"diff", 2, 2, snapshot_diff},
    {"export", 1, 2, snapshot_export},
    {.name = NULL},
};

static int no_action(const struct command *command, const char *name)
{
    struct nearest nearest;
    if (name == NULL)
        return command_misuse(command, "says what to do: info, verify, diff or export");
    nearest_init(&nearest, name);
    for (const struct snapshot_action *action = actions; action->name != NULL; action++)
        nearest_offer(&nearest, action->name);
    return command_misuse(command, "cannot %s; did you mean %s?", name,
                          nearest.name[0] != '\0' ? nearest.name : "info or verify");
}

static bool overwrites(const struct snapshot_request *request)
{
    const char *to = request->other != NULL ? request->other : request->vectors;
    return to != NULL && same_file(request->file, to);
}

static int run_action(const struct command *command, const char *name,
                      const struct snapshot_request *request)
{
    const struct snapshot_action *action = actions;
    while (name != NULL && action->name != NULL && strcmp(action->name, name) != 0)
        action++;
    if (name == NULL || action->name == NULL)
        return no_action(command, name);
    if (request->file == NULL)
        return command_misuse(command, "%s needs a FILE", name);
    if (action->files_least == 2 && request->other == NULL)
        return command_misuse(command, "%s needs two FILEs", name);
    if (action->files_most == 1 && request->other != NULL)
        return command_misuse(command, "one FILE, and not %s too", request->other);
    if (action->run == snapshot_export && request->other != NULL && request->vectors != NULL)
        return command_misuse(command, "export to where: %s or %s?", request->other,
                              request->vectors);
    if (request->vectors != NULL && action->run != snapshot_export)
        return command_misuse(command, "--vectors is of export, not of %s", name);
    if (action->run == snapshot_export && overwrites(request))
        return command_misuse(command, "export would overwrite the snapshot %s", request->file);
    return action->run(request);
}

int command_snapshot(struct invocation *invocation)
{
    const struct command *command = command_named("snapshot");
    const struct command_option *option;
    const char *value, *name = NULL;
    struct snapshot_request request = {.file = NULL};
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        if (option != NULL && command_is(option, "--json"))
            request.json = true;
        else if (option != NULL)
            request.vectors = value;
        else if (name == NULL)
            name = value;
        else if (request.file == NULL)
            request.file = value;
        else if (request.other == NULL)
            request.other = value;
        else
            return command_misuse(command, "what is %s?", value);
    }
    return run_action(command, name, &request);
}
