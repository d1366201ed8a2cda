#include "model/users.h"

#include <stddef.h>

uint32_t user_clock(int64_t ts_ms)
{
    int64_t second = ts_ms / 1000;
    if (second < 0)
        return 0;
    return second > UINT32_MAX ? UINT32_MAX : (uint32_t)second;
}

void user_remember(struct user *user, uint32_t item, uint32_t second)
{
    user->history[user->visits % HISTORY_SIZE] = (struct visit){item, second};
    user->visits++;
}

void user_clear(struct user *user)
{
    had_finish(&user->had);
    *user = (struct user){0};
}

enum status users_save(const struct table *users, uint32_t bound, struct state_writer *writer)
{
    enum status status = STATUS_OK;
    for (uint32_t slot = 0; slot < bound && status == STATUS_OK; slot++) {
        const struct user *user = table_row(users, slot);
        status = writer->write(writer, user, offsetof(struct user, had));
        if (status == STATUS_OK)
            status = had_save(&user->had, writer);
    }
    return status;
}

/* Every item that the user refers to must exist. */
static enum status check_user(const struct user *user, uint32_t items)
{
    for (uint32_t n = 0; n < user_visit_count(user); n++)
        if (user_visit(user, n)->item >= items && user_visit(user, n)->item != VISIT_GONE)
            return STATUS_BAD_DATA;
    for (uint32_t cell = 0; cell < user->had.room; cell++)
        if (user->had.at[cell].item > items)
            return STATUS_BAD_DATA;
    return user->last_item <= items ? STATUS_OK : STATUS_BAD_DATA;
}

enum status users_load(struct table *users, uint32_t bound, uint32_t items,
                       struct state_reader *reader)
{
    enum status status = table_grow(users, bound);
    for (uint32_t slot = 0; slot < bound && status == STATUS_OK; slot++) {
        struct user *user = table_row(users, slot);
        status = reader->read(reader, user, offsetof(struct user, had));
        if (status == STATUS_OK)
            status = had_load(&user->had, reader);
        if (status == STATUS_OK)
            status = check_user(user, items);
    }
    return status;
}
