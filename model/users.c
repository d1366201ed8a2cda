#include "model/users.h"

#include "model/kernels.h"

#include <stddef.h>
#include <string.h>

/* While the history grows it has not gone round: what is there stays at its place. */
static enum status grow_history(struct user *user, struct arena *arena)
{
    uint16_t room = user->history_room == 0 ? HISTORY_AT_FIRST : (uint16_t)(2 * user->history_room);
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

/*
 * ---- keeping: the records, their pointers empty, then what hangs on them, batch by batch ----
 *
 *     what all of the batch had │ their histories, the longest first │ up to a multiple of 64 bytes
 *
 * so that both are read straight to where they stay, each piece aligned as it was.
 */

enum { BATCH = 256, CELLS = 4, ALIGNMENT = 64, ROWS_AT_A_TIME = 16384, ATTACHED_AT_A_TIME = 8192 };
enum { COUNTED_AT_A_TIME = 256 };

_Static_assert(ROWS_AT_A_TIME % BATCH == 0 && ATTACHED_AT_A_TIME % BATCH == 0, "whole batches");

static uint32_t part_of(uint32_t bound, uint32_t first, uint32_t most)
{
    return bound - first < most ? bound - first : most;
}

static struct user record_of(const struct user *user)
{
    struct user record = *user;
    record.history = NULL;
    record.had.at = NULL;
    return record;
}

static enum status save_records(const struct table *users, uint32_t bound,
                                struct state_writer *writer)
{
    struct user record[BATCH];
    enum status status = STATUS_OK;
    for (uint32_t first = 0; first < bound && status == STATUS_OK; first += BATCH) {
        uint32_t count = part_of(bound, first, BATCH);
        for (uint32_t n = 0; n < count; n++)
            record[n] = record_of(table_row(users, first + n));
        status = writer->write(writer, record, count * sizeof *record);
    }
    return status;
}

/* Of all that hangs on a batch of users, without what aligns the next. */
static size_t batch_bytes(const struct table *users, uint32_t first, uint32_t end)
{
    size_t bytes = 0;
    for (uint32_t slot = first; slot < end; slot++)
        bytes += user_memory(table_row(users, slot));
    return bytes;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static enum status save_batch(const struct table *users, uint32_t first, uint32_t end,
                              struct state_writer *writer)
{
    static const unsigned char nothing[ALIGNMENT];
    enum status status = STATUS_OK;
    for (uint32_t slot = first; slot < end && status == STATUS_OK; slot++)
        status = had_save(&((const struct user *)table_row(users, slot))->had, writer);
    for (uint32_t room = HISTORY_SIZE; room >= HISTORY_AT_FIRST; room /= 2)
        for (uint32_t slot = first; slot < end && status == STATUS_OK; slot++) {
            const struct user *user = table_row(users, slot);
            if (user->history_room == room)
                status = writer->write(writer, user->history, room * sizeof *user->history);
        }
    size_t bytes = batch_bytes(users, first, end), rest = aligned(bytes) - bytes;
    return status == STATUS_OK && rest > 0 ? writer->write(writer, nothing, rest) : status;
}

enum status users_save(const struct table *users, uint32_t bound, struct state_writer *writer)
{
    enum status status = save_records(users, bound, writer);
    for (uint32_t first = 0; first < bound && status == STATUS_OK; first += BATCH)
        status = save_batch(users, first, first + part_of(bound, first, BATCH), writer);
    return status;
}

_Static_assert(CELLS == 4, "the least room that a table has");

_Static_assert(sizeof(struct had_entry) == 4 * sizeof(uint32_t) &&
                   offsetof(struct had_entry, item) == 0,
               "as kernels.h says of cells");

/* The flags, where they are in the last word of an entry. */
static uint32_t word_of_flags(void)
{
    struct had_entry entry = {.flags = UINT8_MAX};
    uint32_t word[4];
    memcpy(word, &entry, sizeof word);
    return word[3];
}

/* Whose cells end where, of those users of a batch that have any. */
struct tables_of {
    uint32_t end[BATCH + 1]; /* in CELLS of the batch */
    uint32_t size[BATCH + 1];
    uint32_t count;
    uint32_t compared, used; /* so many of them, which have so many cells in use */
};

static void list_tables(const struct table *users, uint32_t first, uint32_t end,
                        struct tables_of *tables)
{
    uint32_t at = 0, count = 0;
    for (uint32_t slot = first; slot < end; slot++) {
        const struct had *had = &((const struct user *)table_row(users, slot))->had;
        at += had->room / CELLS;
        tables->end[count] = at;
        tables->size[count] = had->size;
        count += had->room > 0;
    }
    tables->count = count;
    tables->compared = tables->used = 0;
}

/* Of the tables that end in `some` fours from `first` on, before each of which so many cells of the
 * batch are in use. Gives 0 if their sizes are right. */
static uint32_t compare_sizes(struct tables_of *tables, uint32_t first, uint32_t some,
                              const uint32_t *before)
{
    uint32_t wrong = 0, used = tables->used, n = tables->compared;
    for (; n < tables->count && tables->end[n] - first <= some; n++) {
        uint32_t now = before[tables->end[n] - first];
        wrong |= (now - used) ^ tables->size[n];
        used = now;
    }
    tables->compared = n;
    tables->used = used;
    return wrong;
}

/* Every item that a user has must exist; and a table must have a free cell to end at, so that its
 * size must be right. All tables of a batch in one loop, without a branch for each: how long they
 * are, none could tell. */
static bool tables_hold(struct tables_of *tables, const struct had_entry *at, uint32_t items)
{
    const uint32_t all = tables->count > 0 ? tables->end[tables->count - 1] : 0;
    const uint32_t flags = word_of_flags();
    uint32_t before[COUNTED_AT_A_TIME + 1] = {0}, wrong = 0;
    for (uint32_t first = 0, some; first < all; first += some) {
        uint8_t used[COUNTED_AT_A_TIME];
        some = part_of(all, first, COUNTED_AT_A_TIME);
        const struct had_entry *cells = at + (size_t)first * CELLS;
        wrong |= !kernels->count_cells((const void *)cells, some, items, flags, used);
        for (uint32_t n = 0; n < some; n++)
            before[n + 1] = before[n] + used[n];
        wrong |= compare_sizes(tables, first, some, before);
        before[0] = before[some];
    }
    return wrong == 0;
}

/* Also those of the rooms' ends, which are zero. */
static bool visits_hold(const struct visit *visits, size_t count, uint32_t items)
{
    uint32_t wrong = 0;
    for (size_t n = 0; visits != NULL && n < count; n++)
        wrong |= visits[n].item + 1 > items; /* VISIT_GONE + 1 is 0 */
    return wrong == 0;
}

_Static_assert(VISIT_GONE + 1 == 0, "the only item that need not exist");

static bool can_be(const struct user *record)
{
    uint32_t room = record->history_room;
    return record->history == NULL && record->had.at == NULL && had_can_be(&record->had) &&
           room <= HISTORY_SIZE && (room & (room - 1)) == 0 &&
           (room == 0 || room >= HISTORY_AT_FIRST) &&
           (room == HISTORY_SIZE || record->visits <= room);
}

enum status users_load(struct table *users, struct arena *arena, uint32_t bound,
                       struct state_reader *reader, unsigned char **hanging)
{
    size_t bytes = 0;
    enum status status = table_expect(users, bound, reader);
    for (uint32_t first = 0, end; first < bound && status == STATUS_OK; first = end) {
        end = first + part_of(bound, first, ROWS_AT_A_TIME);
        status = reader->read(reader, table_row(users, first), (end - first) * sizeof(struct user));
        for (uint32_t slot = first; slot < end && status == STATUS_OK; slot++)
            status = can_be(table_row(users, slot)) ? STATUS_OK : STATUS_BAD_DATA;
        for (uint32_t at = first; at < end && status == STATUS_OK; at += BATCH)
            bytes += aligned(batch_bytes(users, at, at + part_of(end, at, BATCH)));
    }
    if (status == STATUS_OK && bytes > reader->left(reader))
        status = STATUS_BAD_DATA;
    if (status != STATUS_OK || bytes == 0)
        return status;
    *hanging = arena_take_run(arena, bytes);
    return *hanging == NULL ? STATUS_NO_MEMORY : state_expect(reader, *hanging, bytes);
}

/* Points each of a batch to what hangs on it; gives where that of the next batch begins. */
static unsigned char *attach_batch(const struct table *users, uint32_t first, uint32_t end,
                                   unsigned char *at)
{
    unsigned char *next[HISTORY_SIZE + 1], *begin = at; /* by room: where such a history goes */
    size_t bytes[HISTORY_SIZE + 1] = {0};
    for (uint32_t slot = first; slot < end; slot++) {
        struct user *user = table_row(users, slot);
        user->had.at = user->had.room > 0 ? (void *)at : NULL;
        at += had_bytes(&user->had);
        bytes[user->history_room] += user->history_room * sizeof *user->history;
    }
    for (uint32_t room = HISTORY_SIZE; room >= HISTORY_AT_FIRST; room /= 2) {
        next[room] = at;
        at += bytes[room];
    }
    next[0] = at;
    for (uint32_t slot = first; slot < end; slot++) {
        struct user *user = table_row(users, slot);
        uint32_t room = user->history_room;
        user->history = room > 0 ? (void *)next[room] : NULL;
        next[room] += room * sizeof *user->history;
    }
    return begin + aligned((size_t)(at - begin));
}

/* Whether what was read for a batch can be; moves on to the next one. */
static bool batch_holds(const struct table *users, uint32_t first, uint32_t end, uint32_t items,
                        unsigned char **hanging, size_t *bytes)
{
    size_t had = 0, all = 0;
    struct tables_of tables;
    bool right = true;
    for (uint32_t slot = first; slot < end; slot++) {
        const struct user *user = table_row(users, slot);
        right &= user->last_item <= items;
        had += had_bytes(&user->had);
        all += user_memory(user);
    }
    list_tables(users, first, end, &tables);
    right &= tables_hold(&tables, (const void *)*hanging, items);
    if (all > had)
        right &=
            visits_hold((const void *)(*hanging + had), (all - had) / sizeof(struct visit), items);
    if (all > 0)
        *hanging += aligned(all);
    *bytes += all;
    return right;
}

enum status users_attach(struct table *users, uint32_t bound, uint32_t items,
                         unsigned char *hanging, struct state_reader *reader, size_t *bytes)
{
    enum status status = STATUS_OK;
    *bytes = 0;
    for (uint32_t first = 0, end; first < bound && status == STATUS_OK; first = end) {
        unsigned char *from = hanging;
        end = first + part_of(bound, first, ATTACHED_AT_A_TIME);
        for (uint32_t at = first; at < end && hanging != NULL; at += BATCH)
            hanging = attach_batch(users, at, at + part_of(end, at, BATCH), hanging);
        if (hanging > from)
            status = reader->read(reader, from, (size_t)(hanging - from));
        for (uint32_t at = first; at < end && status == STATUS_OK; at += BATCH)
            if (!batch_holds(users, at, at + part_of(end, at, BATCH), items, &from, bytes))
                status = STATUS_BAD_DATA;
    }
    return status;
}
