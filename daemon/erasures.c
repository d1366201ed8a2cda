#include "daemon/erasures.h"

#include <stdlib.h>
#include <string.h>

void erasures_finish(struct erasures *erasures)
{
    free(erasures->at);
    *erasures = (struct erasures){0};
}

static struct erasure *at(const struct erasures *erasures, uint64_t serial)
{
    return &erasures->at[serial & (erasures->room - 1)];
}

static enum status grow(struct erasures *erasures)
{
    struct erasures larger = *erasures;
    larger.room = erasures->room == 0 ? 64 : 2 * erasures->room;
    larger.at = malloc(larger.room * sizeof *larger.at);
    if (larger.at == NULL)
        return STATUS_NO_MEMORY;
    for (uint64_t serial = erasures->first; serial < erasures->end; serial++)
        *at(&larger, serial) = *at(erasures, serial);
    free(erasures->at);
    *erasures = larger;
    return STATUS_OK;
}

static void leave_first(struct erasures *erasures)
{
    erasures->waiting -= at(erasures, erasures->first)->state == ERASURE_WAITING;
    erasures->first++;
}

enum status erasures_add(struct erasures *erasures, struct text user)
{
    erasures_owe(erasures, ERASURE_SNAPSHOTS);
    if (erasures->end - erasures->first == ERASURES_MAX) {
        leave_first(erasures);
        erasures->given_up++;
    }
    if (erasures->end - erasures->first == erasures->room && grow(erasures) != STATUS_OK)
        return STATUS_NO_MEMORY;
    struct erasure *erasure = at(erasures, erasures->end++);
    erasure->state = ERASURE_WAITING;
    erasure->size = (uint8_t)user.size;
    memcpy(erasure->user, user.at, user.size);
    erasures->waiting++;
    return STATUS_OK;
}

bool erasures_next(struct erasures *erasures, struct text *user, uint64_t *ticket)
{
    if (erasures->waiting == 0)
        return false;
    for (uint64_t serial = erasures->first; serial < erasures->end; serial++) {
        struct erasure *erasure = at(erasures, serial);
        if (erasure->state != ERASURE_WAITING)
            continue;
        erasure->state = ERASURE_SENT;
        erasures->waiting--;
        *user = (struct text){erasure->user, erasure->size};
        *ticket = serial;
        return true;
    }
    return false;
}

void erasures_answered(struct erasures *erasures, uint64_t ticket, bool done)
{
    if (ticket < erasures->first || ticket >= erasures->end)
        return;
    struct erasure *erasure = at(erasures, ticket);
    if (erasure->state != ERASURE_SENT)
        return;
    erasure->state = done ? ERASURE_DONE : ERASURE_WAITING;
    erasures->waiting += !done;
    while (erasures->first < erasures->end && at(erasures, erasures->first)->state == ERASURE_DONE)
        erasures->first++;
}

bool erasures_pend(const struct erasures *erasures)
{
    return erasures->first < erasures->end;
}

uint32_t erasures_saving(struct erasures *erasures)
{
    bool counts = erasures->owed > 0 && !erasures_pend(erasures);
    erasures->owed_then = erasures->owed - counts;
    return erasures->owed_then;
}

void erasures_saved(struct erasures *erasures)
{
    erasures->owed = erasures->owed_then;
}

void erasures_owe(struct erasures *erasures, uint32_t owed)
{
    erasures->owed = erasures->owed_then = owed;
}

enum status erasures_save(const struct erasures *erasures, struct state_writer *writer)
{
    uint32_t size = 0;
    for (uint64_t serial = erasures->first; serial < erasures->end; serial++)
        size += at(erasures, serial)->state != ERASURE_DONE;
    enum status status = writer->write(writer, &size, sizeof size);
    for (uint64_t serial = erasures->first; serial < erasures->end; serial++) {
        const struct erasure *erasure = at(erasures, serial);
        if (erasure->state == ERASURE_DONE)
            continue;
        if (status == STATUS_OK)
            status = writer->write(writer, &erasure->size, 1);
        if (status == STATUS_OK)
            status = writer->write(writer, erasure->user, erasure->size);
    }
    return status;
}

enum status erasures_load(struct erasures *erasures, struct state_reader *reader)
{
    uint32_t size;
    enum status status = reader->read(reader, &size, sizeof size);
    for (uint32_t i = 0; i < size && status == STATUS_OK; i++) {
        uint8_t bytes;
        char user[ID_BYTES_MAX];
        status = reader->read(reader, &bytes, 1);
        if (status == STATUS_OK)
            status = reader->read(reader, user, bytes);
        if (status == STATUS_OK)
            status = erasures_add(erasures, (struct text){user, bytes});
    }
    return status;
}
