#include "daemon/replay_batch.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct event) == 5 * sizeof(struct text) + 24,
               "a new field of events, if it points anywhere, has to be copied here");

enum status replay_batch_init(struct replay_batch *batch)
{
    *batch = (struct replay_batch){.room = BATCH_BYTES};
    batch->at = calloc(BATCH_EVENTS, sizeof *batch->at);
    batch->bytes = malloc(batch->room);
    return batch->at == NULL || batch->bytes == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void replay_batch_finish(struct replay_batch *batch)
{
    free(batch->at);
    free(batch->bytes);
    *batch = (struct replay_batch){0};
}

void replay_batch_clear(struct replay_batch *batch)
{
    batch->size = 0;
    batch->used = 0;
}

static size_t bytes_of(enum replay_got got, const struct replay_turn *turn)
{
    const struct event *event = &turn->event;
    if (got == REPLAY_MESSAGE)
        return turn->message.size;
    return (size_t)event->user.size + event->item.size + event->name.size + event->id.size +
           event->device.size;
}

bool replay_batch_is_full(const struct replay_batch *batch, enum replay_got got,
                          const struct replay_turn *turn)
{
    return batch->size == BATCH_EVENTS ||
           (batch->size > 0 && batch->used + bytes_of(got, turn) > batch->room);
}

/* Only while nothing points into the bytes. */
static enum status make_room(struct replay_batch *batch, size_t bytes)
{
    if (batch->used + bytes <= batch->room)
        return STATUS_OK;
    char *larger = realloc(batch->bytes, batch->used + bytes);
    if (larger == NULL)
        return STATUS_NO_MEMORY;
    batch->bytes = larger;
    batch->room = batch->used + bytes;
    return STATUS_OK;
}

static const char *copy(struct replay_batch *batch, const void *at, size_t size)
{
    char *place = batch->bytes + batch->used;
    if (size > 0)
        memcpy(place, at, size);
    batch->used += size;
    return place;
}

static void copy_text(struct replay_batch *batch, struct text *text)
{
    text->at = text->size == 0 ? NULL : copy(batch, text->at, text->size);
}

enum status replay_batch_add(struct replay_batch *batch, enum replay_got got,
                             const struct replay_turn *turn)
{
    struct batch_event *entry = &batch->at[batch->size];
    if (make_room(batch, bytes_of(got, turn)) != STATUS_OK)
        return STATUS_NO_MEMORY;
    entry->got = got;
    if (got == REPLAY_MESSAGE) {
        const struct message *message = &turn->message;
        entry->message = (struct message){
            .topic = message->topic,
            .partition = message->partition,
            .offset = message->offset,
            .timestamp_ms = message->timestamp_ms,
            .value = message->value == NULL ? NULL : copy(batch, message->value, message->size),
            .size = message->size,
        };
    } else {
        entry->event = turn->event;
        entry->file = turn->file;
        entry->line = turn->line;
        copy_text(batch, &entry->event.user);
        copy_text(batch, &entry->event.item);
        copy_text(batch, &entry->event.name);
        copy_text(batch, &entry->event.id);
        copy_text(batch, &entry->event.device);
    }
    batch->size++;
    return STATUS_OK;
}
