#include "model/users.h"

#include <string.h>

uint32_t user_clock(int64_t ts_ms)
{
    int64_t second = ts_ms / 1000;
    if (second < 0)
        return 0;
    return second > UINT32_MAX ? UINT32_MAX : (uint32_t)second;
}

/* While the history grows it has not gone round: what is there stays at its place. */
static enum status grow_history(struct user *user, struct arena *arena)
{
    enum { ROOM_AT_FIRST = 4 };
    uint16_t room = user->history_room == 0 ? ROOM_AT_FIRST : (uint16_t)(2 * user->history_room);
    struct visit *grown = arena_take(arena, room * sizeof *grown);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    if (user->history_room > 0)
        memcpy(grown, user->history, user->history_room * sizeof *grown);
    arena_give(arena, user->history, user->history_room * sizeof *grown);
    user->history = grown;
    user->history_room = room;
    return STATUS_OK;
}

enum status user_remember(struct user *user, struct arena *arena, uint32_t item, uint32_t second)
{
    if (user->visits == user->history_room && user->history_room < HISTORY_SIZE) {
        enum status status = grow_history(user, arena);
        if (status != STATUS_OK)
            return status;
    }
    user->history[user->visits % HISTORY_SIZE] = (struct visit){item, second};
    user->visits++;
    return STATUS_OK;
}

void user_clear(struct user *user, struct arena *arena)
{
    had_finish(&user->had, arena);
    arena_give(arena, user->history, user->history_room * sizeof *user->history);
    *user = (struct user){0};
}

/* ---- keeping: the records of a batch of users, then what hangs on each of them ---- */

enum { BATCH = 256 };

struct user_record {
    uint32_t visits, events, last_item, last_second;
    float gradient_sum;
    uint32_t previous_n;
    uint64_t last_event;
    uint16_t had_size, had_room, history_room, habit;
};

_Static_assert(sizeof(struct user_record) == 40, "no padding: the bytes are summed");

static struct user_record record_of(const struct user *user)
{
    return (struct user_record){
        .visits = user->visits,
        .events = user->events,
        .last_item = user->last_item,
        .last_second = user->last_second,
        .gradient_sum = user->gradient_sum,
        .previous_n = user->previous_n,
        .last_event = user->last_event,
        .had_size = user->had.size,
        .had_room = user->had.room,
        .history_room = user->history_room,
        .habit = user->habit,
    };
}

static enum status save_one(const struct user *user, struct state_writer *writer)
{
    enum status status = STATUS_OK;
    if (user->history_room > 0)
        status = writer->write(writer, user->history, user->history_room * sizeof *user->history);
    return status == STATUS_OK ? had_save(&user->had, writer) : status;
}

enum status users_save(const struct table *users, uint32_t bound, struct state_writer *writer)
{
    struct user_record record[BATCH];
    enum status status = STATUS_OK;
    for (uint32_t first = 0; first < bound && status == STATUS_OK; first += BATCH) {
        uint32_t count = bound - first < BATCH ? bound - first : BATCH;
        for (uint32_t n = 0; n < count; n++)
            record[n] = record_of(table_row(users, first + n));
        status = writer->write(writer, record, count * sizeof *record);
        for (uint32_t n = 0; n < count && status == STATUS_OK; n++)
            status = save_one(table_row(users, first + n), writer);
    }
    return status;
}

/* Every item that the user refers to must exist; and a table must have a free cell to end at. */
static bool holds(const struct user *user, uint32_t items)
{
    uint32_t used = 0;
    for (uint32_t n = 0; n < user_visit_count(user); n++)
        if (user->history[n].item >= items && user->history[n].item != VISIT_GONE)
            return false;
    for (uint32_t cell = 0; cell < user->had.room; cell++) {
        used += user->had.at[cell].item != 0;
        if (user->had.at[cell].item > items)
            return false;
    }
    return user->last_item <= items && used == user->had.size;
}

static bool can_be(const struct user_record *record)
{
    uint32_t room = record->history_room;
    return room <= HISTORY_SIZE && (room & (room - 1)) == 0 &&
           (room == HISTORY_SIZE || record->visits <= room);
}

static enum status load_one(struct user *user, const struct user_record *record,
                            struct arena *arena, struct state_reader *reader)
{
    if (!can_be(record))
        return STATUS_BAD_DATA;
    size_t bytes = record->history_room * sizeof *user->history;
    if (bytes > 0) {
        user->history = arena_take(arena, bytes);
        if (user->history == NULL)
            return STATUS_NO_MEMORY;
        user->history_room = record->history_room;
        enum status status = reader->read(reader, user->history, bytes);
        if (status != STATUS_OK)
            return status;
    }
    user->visits = record->visits;
    user->events = record->events;
    user->last_item = record->last_item;
    user->last_second = record->last_second;
    user->gradient_sum = record->gradient_sum;
    user->previous_n = record->previous_n;
    user->last_event = record->last_event;
    user->habit = record->habit;
    return had_load(&user->had, arena, record->had_size, record->had_room, reader);
}

enum status users_load(struct table *users, struct arena *arena, uint32_t bound, uint32_t items,
                       struct state_reader *reader, size_t *bytes)
{
    struct user_record record[BATCH];
    enum status status = STATUS_OK;
    *bytes = 0;
    for (uint32_t first = 0; first < bound && status == STATUS_OK; first += BATCH) {
        uint32_t count = bound - first < BATCH ? bound - first : BATCH;
        status = reader->read(reader, record, count * sizeof *record);
        if (status == STATUS_OK)
            status = table_grow(users, first + count);
        for (uint32_t n = 0; n < count && status == STATUS_OK; n++) {
            struct user *user = table_row(users, first + n);
            status = load_one(user, &record[n], arena, reader);
            if (status == STATUS_OK && !holds(user, items))
                status = STATUS_BAD_DATA;
            *bytes += user_memory(user);
        }
    }
    return status;
}
