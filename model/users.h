/* Users: their recent history, what they have, and how active they are. */
#ifndef MODEL_USERS_H
#define MODEL_USERS_H

#include "model/had.h"
#include "model/table.h"

enum { HISTORY_SIZE = 32, HISTORY_AT_FIRST = 4 };

/* An item that was let go; its place in the history is kept. */
#define VISIT_GONE UINT32_MAX

enum { HABIT_ONE = UINT16_MAX };

struct visit {
    uint32_t item;
    uint32_t second; /* since 1970 */
};

/* One cache line; what grows with the user hangs on it, in the arena that all users share. */
struct user {
    struct visit *history; /* (history_room) a ring of positive events; see user_visit() */
    struct had had;
    uint32_t visits;    /* positive events so far */
    uint32_t events;    /* all accepted events */
    uint32_t last_item; /* slot + 1 of the latest event's item, 0: none */
    uint32_t last_second;
    float gradient_sum;    /* row Adagrad's accumulator of the user's vector */
    uint32_t previous_n;   /* number of the user's event before the last about last_item; 0: none */
    uint64_t last_event;   /* its number */
    uint16_t history_room; /* 0, or a power of two up to HISTORY_SIZE */
    uint16_t habit;        /* how much of what they want they wanted before, lately; of HABIT_ONE */
    uint32_t nothing;      /* 0, instead of padding: the record is kept as it is */
};

_Static_assert(sizeof(struct user) == 64, "one cache line");

/* The age-th latest visit, 0 is the last one. */
static inline const struct visit *user_visit(const struct user *user, uint32_t age)
{
    return &user->history[(user->visits - 1 - age) % HISTORY_SIZE];
}

static inline uint32_t user_visit_count(const struct user *user)
{
    return user->visits < HISTORY_SIZE ? user->visits : HISTORY_SIZE;
}

/* Seconds since 1970, clamped to what 32 bits hold. */
static inline uint32_t user_clock(int64_t ts_ms)
{
    int64_t second = ts_ms / 1000;
    if (second < 0)
        return 0;
    return second > UINT32_MAX ? UINT32_MAX : (uint32_t)second;
}

/* Appends a positive event to the history. */
enum status user_remember(struct user *user, struct arena *arena, uint32_t item, uint32_t second);
/* Gives back what hangs on the user and zeroes the record. */
void user_clear(struct user *user, struct arena *arena);
/* What hangs on the user: bytes in the arena. */
static inline size_t user_memory(const struct user *user)
{
    return user->history_room * sizeof *user->history + had_bytes(&user->had);
}
enum status users_save(const struct table *users, uint32_t bound, struct state_writer *writer);
/* The records, and the memory for what hangs on all of them, which the reader begins to fill; then,
 * at the latest, that is attached. `hanging` is NULL at first; `bytes`: of all of it. */
enum status users_load(struct table *users, struct arena *arena, uint32_t bound,
                       struct state_reader *reader, unsigned char **hanging);
enum status users_attach(struct table *users, uint32_t bound, uint32_t items,
                         unsigned char *hanging, struct state_reader *reader, size_t *bytes);

#endif
