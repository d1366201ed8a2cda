#include "daemon/checkpoint.h"

#include "daemon/erasures.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_BYTES_MAX = 4096 };

void checkpoint_init(struct checkpoint *checkpoint)
{
    *checkpoint = (struct checkpoint){.borrowed = true};
}

/* Drops what was read, keeps what the caller asked for. */
static void drop_read(struct checkpoint *checkpoint)
{
    recommender_destroy(checkpoint->model);
    free(checkpoint->positions);
    checkpoint->model = NULL;
    checkpoint->positions = NULL;
    checkpoint->position_count = 0;
    checkpoint->borrowed = true;
}

void checkpoint_finish(struct checkpoint *checkpoint)
{
    if (!checkpoint->borrowed)
        drop_read(checkpoint);
    checkpoint_init(checkpoint);
}

/* ---- META ---- */

/* By snprintf and not by jansson: in a forked child there is no memory to be had. Version and epoch
 * are letters, digits and dots. */
static enum status write_meta(const struct checkpoint *checkpoint, struct state_writer *writer)
{
    struct recommender_counts counts = recommender_count(checkpoint->model);
    char text[META_BYTES_MAX];
    int size =
        snprintf(text, sizeof text,
                 "{\"version\":\"%s\",\"created_ms\":%" PRId64 ",\"events\":%" PRIu64
                 ",\"users\":%" PRIu64 ",\"items\":%" PRIu64 ",\"epoch\":\"%s\",\"mark\":%" PRIu64
                 ",\"owed\":%" PRIu32 ",\"clean\":%s}\n",
                 TASTED_VERSION, checkpoint->created_ms, counts.events, counts.users, counts.items,
                 checkpoint->epoch, checkpoint->mark, checkpoint->owed,
                 checkpoint->clean ? "true" : "false");
    if (size < 0 || (size_t)size >= sizeof text)
        return STATUS_INTERNAL;
    return writer->write(writer, text, (size_t)size);
}

static bool fill_meta(struct checkpoint *checkpoint, json_t *root)
{
    const char *version = NULL, *epoch = NULL;
    json_int_t created = 0, events = 0, users = 0, items = 0, mark = 0;
    json_int_t owed = ERASURE_SNAPSHOTS; /* unless it says: those of before did not */
    int clean = 0;
    if (json_unpack(root, "{s:s,s:I,s:I,s:I,s:I,s:s,s?I,s?I,s:b}", "version", &version,
                    "created_ms", &created, "events", &events, "users", &users, "items", &items,
                    "epoch", &epoch, "mark", &mark, "owed", &owed, "clean", &clean) != 0)
        return false;
    if (strlen(epoch) >= sizeof checkpoint->epoch || events < 0 || users < 0 || items < 0 ||
        owed < 0 || owed > ERASURE_SNAPSHOTS)
        return false;
    snprintf(checkpoint->epoch, sizeof checkpoint->epoch, "%s", epoch);
    snprintf(checkpoint->version, sizeof checkpoint->version, "%.31s", version);
    checkpoint->created_ms = created;
    checkpoint->events = (uint64_t)events;
    checkpoint->users = (uint64_t)users;
    checkpoint->items = (uint64_t)items;
    checkpoint->mark = (uint64_t)mark;
    checkpoint->owed = (uint32_t)owed;
    checkpoint->clean = clean != 0;
    return true;
}

static enum status bad_section(const char *tag, const char *why, struct error *error)
{
    return error_set(error, STATUS_BAD_DATA, "snapshot section %s: %s", tag, why);
}

static enum status read_meta(struct checkpoint *checkpoint, struct snapshot_reader *snapshot,
                             struct error *error)
{
    char text[META_BYTES_MAX];
    struct state_reader *reader = snapshot_find(snapshot, "META");
    if (reader == NULL)
        return bad_section("META", "missing", error);
    uint64_t bytes = snapshot_left(snapshot);
    if (bytes > sizeof text)
        return bad_section("META", "too long", error);
    enum status status = reader->read(reader, text, (size_t)bytes);
    if (status != STATUS_OK)
        return error_set(error, status, "snapshot section META: %s", status_text(status));
    json_t *root = json_loadb(text, (size_t)bytes, 0, NULL);
    bool understood = root != NULL && fill_meta(checkpoint, root);
    json_decref(root);
    return understood ? STATUS_OK : bad_section("META", "not what tasted writes", error);
}

/* ---- OFFS ---- */

static enum status write_positions(const struct checkpoint *checkpoint, struct state_writer *writer)
{
    for (uint32_t i = 0; i < checkpoint->position_count; i++) {
        const struct position *from = &checkpoint->positions[i];
        struct position record;
        memset(&record, 0, sizeof record); /* the padding and what follows the name too */
        snprintf(record.topic, sizeof record.topic, "%s", from->topic);
        record.partition = from->partition;
        record.next_offset = from->next_offset;
        enum status status = writer->write(writer, &record, sizeof record);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static bool position_holds(const struct position *position)
{
    return position->topic[0] != '\0' &&
           memchr(position->topic, '\0', sizeof position->topic) != NULL &&
           position->partition >= 0 && position->next_offset >= -1;
}

static enum status read_positions(struct checkpoint *checkpoint, struct snapshot_reader *snapshot,
                                  struct error *error)
{
    struct state_reader *reader = snapshot_find(snapshot, "OFFS");
    if (reader == NULL)
        return bad_section("OFFS", "missing", error);
    uint64_t bytes = snapshot_left(snapshot), count = bytes / sizeof(struct position);
    if (bytes % sizeof(struct position) != 0 || count > CHECKPOINT_POSITIONS_MAX)
        return bad_section("OFFS", "of a size that cannot be", error);
    struct position *positions = malloc(count > 0 ? (size_t)bytes : 1);
    if (positions == NULL)
        return error_set(error, STATUS_NO_MEMORY, "snapshot section OFFS: out of memory");
    checkpoint->positions = positions;
    enum status status = reader->read(reader, positions, (size_t)bytes);
    if (status != STATUS_OK)
        return error_set(error, status, "snapshot section OFFS: %s", status_text(status));
    for (uint64_t i = 0; i < count; i++)
        if (!position_holds(&positions[i]))
            return bad_section("OFFS", "a position that cannot be", error);
    checkpoint->position_count = (uint32_t)count;
    return STATUS_OK;
}

/* ---- MODL, LIST and HOLD ---- */

static enum status read_model(struct checkpoint *checkpoint, struct snapshot_reader *snapshot,
                              struct error *error)
{
    struct state_reader *reader = snapshot_find(snapshot, "MODL");
    if (reader == NULL)
        return bad_section("MODL", "missing", error);
    enum status status = recommender_load(checkpoint->settings, reader, &checkpoint->model, error);
    if (status != STATUS_OK) {
        checkpoint->model = NULL;
        return status;
    }
    if (snapshot_left(snapshot) != 0)
        return bad_section("MODL", "longer than the model in it", error);
    return STATUS_OK;
}

static enum status write_section(const struct checkpoint_section *section, const char *tag,
                                 struct snapshot_writer *snapshot)
{
    if (section->save == NULL)
        return STATUS_OK;
    return section->save(section->context, snapshot_section(snapshot, tag));
}

static enum status read_section(const struct checkpoint *checkpoint,
                                const struct checkpoint_section *section, const char *tag,
                                struct snapshot_reader *snapshot, struct error *error)
{
    struct state_reader *reader = snapshot_find(snapshot, tag);
    if (section->load == NULL || reader == NULL)
        return STATUS_OK;
    return section->load(section->context, checkpoint->model, reader, error);
}

/* ---- the whole ---- */

enum status checkpoint_fill(void *context, struct snapshot_writer *snapshot)
{
    const struct checkpoint *checkpoint = context;
    enum status status = write_meta(checkpoint, snapshot_section(snapshot, "META"));
    if (status == STATUS_OK)
        status = recommender_save(checkpoint->model, snapshot_section(snapshot, "MODL"));
    if (status == STATUS_OK)
        status = write_positions(checkpoint, snapshot_section(snapshot, "OFFS"));
    if (status == STATUS_OK)
        status = write_section(&checkpoint->lists, "LIST", snapshot);
    return status == STATUS_OK ? write_section(&checkpoint->holders, "HOLD", snapshot) : status;
}

enum status checkpoint_peek(struct checkpoint *checkpoint, struct snapshot_reader *reader,
                            struct error *error)
{
    struct snapshot_sum sum;
    checkpoint->borrowed = false; /* from here on, what is there was read */
    checkpoint->model = NULL;
    checkpoint->positions = NULL;
    checkpoint->position_count = 0;
    if (!snapshot_sum_of(reader, "MODL", &sum, NULL))
        return bad_section("MODL", "missing", error);
    snapshot_sum_text(sum, checkpoint->digest);
    enum status status = read_meta(checkpoint, reader, error);
    if (status == STATUS_OK)
        status = read_positions(checkpoint, reader, error);
    if (status != STATUS_OK)
        drop_read(checkpoint);
    return status;
}

enum status checkpoint_take(void *context, struct snapshot_reader *reader, struct error *error)
{
    struct checkpoint *checkpoint = context;
    enum status status = checkpoint_peek(checkpoint, reader, error);
    if (status != STATUS_OK)
        return status;
    status = read_model(checkpoint, reader, error);
    if (status == STATUS_OK)
        status = snapshot_trust(reader, error);
    if (status == STATUS_OK)
        status = read_section(checkpoint, &checkpoint->lists, "LIST", reader, error);
    if (status == STATUS_OK)
        status = read_section(checkpoint, &checkpoint->holders, "HOLD", reader, error);
    if (status != STATUS_OK)
        drop_read(checkpoint);
    return status;
}

enum status checkpoint_save(struct checkpoint *checkpoint, const char *path, uint64_t *bytes,
                            struct error *error)
{
    return snapshot_save(path, checkpoint_fill, checkpoint, bytes, error);
}

enum status checkpoint_open(const char *path, const struct recommender_settings *settings,
                            struct checkpoint *out, struct error *error)
{
    checkpoint_init(out);
    out->settings = settings;
    enum status status = snapshot_load(path, checkpoint_take, out, error);
    if (status != STATUS_OK)
        checkpoint_finish(out);
    return status;
}
