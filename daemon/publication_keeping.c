#include "daemon/publication_parts.h"

struct record {
    uint64_t hash;
    int64_t oldest_ms;
    uint32_t user, tag, lists, expires_s;
    uint32_t dirty, partition;
};
_Static_assert(sizeof(struct record) == 40, "no padding goes into a snapshot");

enum { RECORDS = 256 };

static struct record record_of(const struct publication *publication, const struct entry *entry,
                               uint32_t user)
{
    struct record record = {.hash = entry->hash,
                            .oldest_ms = entry->dirty ? entry->oldest_ms : 0,
                            .user = user,
                            .tag = entry->tag,
                            .lists = entry->lists,
                            .expires_s = entry->expires_s,
                            .dirty = entry->dirty,
                            .partition = entry->partition};
    if (entry->flight != 0) {
        record.hash = HASH_UNKNOWN;
        record.dirty = true;
        record.oldest_ms =
            older(record.oldest_ms, publication->flights[entry->flight - 1].oldest_ms);
    }
    return record;
}

static uint32_t count_used(const struct publication *publication)
{
    uint32_t used = 0;
    for (uint32_t user = 0; user < publication->entries.rows; user++) {
        const struct entry *entry = entry_of(publication, user);
        used += entry->used;
    }
    return used;
}

enum status publication_save(const struct publication *publication, struct state_writer *writer)
{
    uint32_t head[2] = {count_used(publication), publication->leapt};
    enum status status = writer->write(writer, head, sizeof head);
    struct record records[RECORDS];
    uint32_t size = 0;
    for (uint32_t user = 0; user < publication->entries.rows && status == STATUS_OK; user++) {
        const struct entry *entry = entry_of(publication, user);
        if (!entry->used)
            continue;
        records[size++] = record_of(publication, entry, user);
        if (size == RECORDS) {
            status = writer->write(writer, records, sizeof records);
            size = 0;
        }
    }
    if (status == STATUS_OK && size > 0)
        status = writer->write(writer, records, size * sizeof *records);
    return status;
}

static enum status load_record(struct publication *publication, const struct record *record,
                               uint32_t users, bool trusted, int64_t now_ms)
{
    if (record->user >= users)
        return STATUS_BAD_DATA;
    struct entry *entry = entry_for(publication, record->user, record->tag);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    entry->lists = record->lists;
    entry->expires_s = record->expires_s;
    entry->partition = record->partition;
    if (trusted)
        entry->hash = record->hash;
    if (record->dirty == 0) {
        entry->given_up = entry->hash == HASH_UNKNOWN;
        return STATUS_OK;
    }
    make_dirty(entry, now_ms);
    entry->oldest_ms = record->oldest_ms;
    queue_place(publication, entry, record->user, now_ms);
    return STATUS_OK;
}

enum status publication_load(struct publication *publication, struct state_reader *reader,
                             uint32_t users, bool trusted, int64_t now_ms)
{
    uint32_t head[2] = {0};
    enum status status = reader->read(reader, head, sizeof head);
    publication->leapt = head[1];
    for (uint32_t i = 0; i < head[0] && status == STATUS_OK; i++) {
        struct record record;
        status = reader->read(reader, &record, sizeof record);
        if (status == STATUS_OK)
            status = load_record(publication, &record, users, trusted, now_ms);
    }
    return status;
}
