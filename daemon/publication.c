#include "daemon/publication_parts.h"

#include "model/fetch.h"

enum status publication_create(struct publication **out)
{
    struct publication *publication = calloc(1, sizeof *publication);
    if (publication == NULL)
        return STATUS_NO_MEMORY;
    table_init(&publication->entries, sizeof(struct entry));
    for (uint32_t i = 0; i < PUBLICATION_FLIGHTS_MAX; i++)
        publication->free_flights[publication->free_count++] = (uint16_t)i;
    *out = publication;
    return STATUS_OK;
}

void publication_destroy(struct publication *publication)
{
    if (publication == NULL)
        return;
    table_finish(&publication->entries);
    free(publication);
}

void publication_set_refresh(struct publication *publication, int64_t refresh_ms)
{
    publication->refresh_ms = refresh_ms;
}

/* ---- what makes a user dirty ---- */

static void mark_withdrawn(struct publication *publication, struct entry *entry, bool withdrawn)
{
    publication->withdrawn += (uint32_t)withdrawn - entry->withdrawn;
    entry->withdrawn = withdrawn;
}

static void entry_reset(struct publication *publication, struct entry *entry)
{
    queue_remove(publication, entry);
    mark_withdrawn(publication, entry, false);
    if (entry->flight != 0)
        publication->flights[entry->flight - 1].user = PUBLICATION_NOBODY;
    memset(entry, 0, sizeof *entry);
}

struct entry *entry_for(struct publication *publication, uint32_t user, uint32_t tag)
{
    struct table *entries = &publication->entries;
    if (user >= entries->rows && table_grow(entries, user + 1) != STATUS_OK)
        return NULL;
    struct entry *entry = table_row(entries, user);
    if (!entry->used || entry->tag != tag) {
        entry_reset(publication, entry);
        entry->used = true;
        entry->tag = tag;
        entry->hash = HASH_UNKNOWN;
    }
    return entry;
}

void make_dirty(struct entry *entry, int64_t now_ms)
{
    if (entry->dirty)
        return;
    entry->dirty = true;
    entry->given_up = false;
    entry->since_ms = now_ms;
    entry->oldest_ms = 0;
    entry->pending = 0;
}

int64_t older(int64_t a_ms, int64_t b_ms)
{
    if (a_ms <= 0 || b_ms <= 0)
        return a_ms > b_ms ? a_ms : b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

enum status publication_touch(struct publication *publication, uint32_t user, uint32_t tag,
                              int64_t event_ms, int64_t now_ms)
{
    struct entry *entry = entry_for(publication, user, tag);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    make_dirty(entry, now_ms);
    entry->oldest_ms = older(entry->oldest_ms, event_ms);
    if (entry->pending < UINT16_MAX)
        entry->pending++;
    if (entry->flight == 0)
        queue_place(publication, entry, user, now_ms);
    return STATUS_OK;
}

enum status publication_rewrite(struct publication *publication, uint32_t user, uint32_t tag,
                                int64_t now_ms)
{
    struct entry *entry = entry_for(publication, user, tag);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    entry->hash = HASH_UNKNOWN;
    entry->doubted = entry->flight != 0;
    make_dirty(entry, now_ms);
    if (entry->flight == 0)
        queue_place(publication, entry, user, now_ms);
    return STATUS_OK;
}

enum status publication_withdraw(struct publication *publication, uint32_t user, uint32_t tag,
                                 int64_t now_ms)
{
    struct entry *entry = entry_for(publication, user, tag);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    mark_withdrawn(publication, entry, true);
    make_dirty(entry, now_ms);
    entry->ready_ms = now_ms;
    if (entry->flight == 0)
        queue_place(publication, entry, user, now_ms);
    return STATUS_OK;
}

uint32_t publication_withdrawn(const struct publication *publication)
{
    return publication->withdrawn;
}

void publication_drop(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    if (entry != NULL)
        entry_reset(publication, entry);
}

void publication_set_partition(struct publication *publication, uint32_t user, uint32_t number)
{
    struct entry *entry = entry_of(publication, user);
    if (entry != NULL)
        entry->partition = number;
}

uint32_t publication_partition(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    return entry != NULL ? entry->partition : 0;
}

void publication_leap(struct publication *publication, uint32_t seconds)
{
    publication->leapt += seconds;
}

uint32_t publication_leapt(const struct publication *publication)
{
    return publication->leapt;
}

/* ---- taking ---- */

uint32_t publication_next(struct publication *publication, int64_t now_ms)
{
    return queue_take(publication, now_ms);
}

bool publication_take_withdrawn(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    if (entry == NULL || !entry->withdrawn || entry->place == 0)
        return false;
    queue_remove(publication, entry);
    return true;
}

void publication_put_back(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    queue_place(publication, entry, user, entry->since_ms);
}

void publication_give_up(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    mark_withdrawn(publication, entry, false);
    entry->dirty = false;
    entry->hash = HASH_UNKNOWN;
    entry->given_up = true;
}

bool publication_is_given_up(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    return entry != NULL && entry->given_up;
}

int64_t publication_due_ms(const struct publication *publication)
{
    return queue_due_ms(&publication->queue);
}

uint64_t publication_waiting(const struct publication *publication)
{
    return publication->queue.size;
}

bool publication_is_listed(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    return entry != NULL && entry->lists > 0 && entry->hash != 0;
}

void publication_fetch(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    if (entry != NULL)
        fetch_line(entry);
}

void publication_fetch_beside(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    if (entry != NULL)
        queue_fetch(publication, entry);
}

uint32_t publication_in_flight(const struct publication *publication)
{
    return PUBLICATION_FLIGHTS_MAX - publication->free_count;
}

/* ---- answering ---- */

uint32_t publication_ttl(int64_t ttl_s, uint32_t tag)
{
    double ttl = (double)ttl_s * (0.9 + 0.2 * (double)tag / (double)UINT32_MAX);
    if (ttl_s <= 0)
        return 0;
    return ttl < 1 ? 1 : ttl > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)ttl;
}

static enum publication_step step_of(const struct entry *entry, uint64_t hash, uint32_t ttl_s,
                                     int64_t wall_s)
{
    if (hash != entry->hash)
        return hash == 0 ? STEP_REMOVE : STEP_WRITE;
    if (hash == 0)
        return STEP_KEEP;
    if (ttl_s == 0)
        return entry->expires_s == 0 ? STEP_KEEP : STEP_WRITE;
    if (entry->expires_s != 0 && entry->expires_s <= wall_s)
        return STEP_WRITE;
    return entry->expires_s < wall_s + ttl_s / 2 ? STEP_RENEW : STEP_KEEP;
}

struct publication_plan publication_plan(const struct publication *publication, uint32_t user,
                                         uint64_t list_hash, int64_t ttl_s, int64_t wall_s)
{
    const struct entry *entry = entry_of(publication, user);
    uint64_t leapt = (uint64_t)publication->leapt * PUBLICATION_LISTS_A_SECOND;
    struct publication_plan plan = {.hash = list_hash,
                                    .version = leapt + entry->lists + 1,
                                    .ttl_s = publication_ttl(ttl_s, entry->tag)};
    plan.step = step_of(entry, list_hash, plan.ttl_s, wall_s);
    return plan;
}

struct publication_plan publication_plan_removal(const struct publication *publication,
                                                 uint32_t user)
{
    struct publication_plan plan = publication_plan(publication, user, 0, 0, 0);
    plan.step = STEP_REMOVE;
    return plan;
}

void publication_settle(struct publication *publication, uint32_t user, int64_t now_ms)
{
    struct entry *entry = entry_of(publication, user);
    mark_withdrawn(publication, entry, false);
    entry->dirty = false;
    entry->ready_ms = now_ms + publication->refresh_ms;
}

uint64_t publication_depart(struct publication *publication, uint32_t user,
                            const struct publication_plan *plan, int64_t wall_s, int64_t now_ms)
{
    struct entry *entry = entry_of(publication, user);
    assert(publication->free_count > 0 && entry->flight == 0 && entry->place == 0);
    uint16_t index = publication->free_flights[--publication->free_count];
    publication->flights[index] = (struct flight){
        .plan = *plan,
        .since_ms = entry->since_ms,
        .oldest_ms = entry->oldest_ms,
        .ready_ms = entry->ready_ms,
        .serial = publication->serial++,
        .user = user,
        .expires_s = plan->ttl_s == 0 ? 0 : (uint32_t)(wall_s + plan->ttl_s),
        .pending = entry->pending,
        .flying = true,
        .withdrawn = entry->withdrawn,
    };
    mark_withdrawn(publication, entry, false);
    entry->flight = (uint16_t)(index + 1);
    entry->dirty = false;
    entry->doubted = false;
    entry->ready_ms = now_ms + publication->refresh_ms;
    return (publication->flights[index].serial << 16 | index) & ((UINT64_C(1) << 56) - 1);
}

void publication_due_again(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    assert(entry->flight != 0);
    entry->dirty = true;
    entry->ready_ms = publication->flights[entry->flight - 1].ready_ms;
}

/* Frees the flight; NULL: it is not one of ours any more. */
static struct flight *land(struct publication *publication, uint64_t ticket)
{
    uint16_t index = (uint16_t)ticket;
    if (index >= PUBLICATION_FLIGHTS_MAX)
        return NULL;
    struct flight *flight = &publication->flights[index];
    if (!flight->flying || ((flight->serial ^ ticket >> 16) & ((UINT64_C(1) << 40) - 1)) != 0)
        return NULL;
    flight->flying = false;
    publication->free_flights[publication->free_count++] = index;
    return flight;
}

/* What the flight carried is due again, with what came since. */
static void take_back(struct publication *publication, struct entry *entry,
                      const struct flight *flight)
{
    uint32_t pending = flight->pending;
    int64_t oldest_ms = flight->oldest_ms;
    if (entry->dirty) {
        pending += entry->pending;
        oldest_ms = older(oldest_ms, entry->oldest_ms);
    }
    mark_withdrawn(publication, entry, entry->withdrawn || flight->withdrawn);
    entry->dirty = true;
    entry->since_ms = flight->since_ms;
    entry->oldest_ms = oldest_ms;
    entry->pending = (uint16_t)(pending > UINT16_MAX ? UINT16_MAX : pending);
}

void publication_cancel(struct publication *publication, uint64_t ticket)
{
    struct flight *flight = land(publication, ticket);
    if (flight == NULL || flight->user == PUBLICATION_NOBODY)
        return;
    struct entry *entry = entry_of(publication, flight->user);
    entry->flight = 0;
    take_back(publication, entry, flight);
    entry->ready_ms = flight->ready_ms;
    queue_place(publication, entry, flight->user, entry->since_ms);
}

static void enter_arrival(struct entry *entry, const struct flight *flight)
{
    entry->hash = entry->doubted ? HASH_UNKNOWN : flight->plan.hash;
    entry->expires_s = flight->expires_s;
    entry->lists += flight->plan.step == STEP_WRITE;
}

struct publication_arrival publication_arrive(struct publication *publication, uint64_t ticket,
                                              bool written, int64_t now_ms)
{
    struct flight *flight = land(publication, ticket);
    if (flight == NULL || flight->user == PUBLICATION_NOBODY)
        return (struct publication_arrival){.user = PUBLICATION_NOBODY};
    struct entry *entry = entry_of(publication, flight->user);
    entry->flight = 0;
    if (written) {
        enter_arrival(entry, flight);
    } else {
        entry->hash = HASH_UNKNOWN;
        take_back(publication, entry, flight);
        entry->ready_ms = now_ms + PUBLICATION_RETRY_MS;
    }
    if (entry->dirty)
        queue_place(publication, entry, flight->user, now_ms);
    return (struct publication_arrival){flight->user, flight->plan.step, flight->oldest_ms,
                                        now_ms - flight->since_ms};
}
