#include "daemon/publication.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BITS = 12, CHUNK = 1 << CHUNK_BITS };

/* 0 is the hash of an empty list: the key is not there. */
#define HASH_UNKNOWN 1

struct entry {
    uint64_t hash; /* of the list in the store */
    /* of use while dirty */
    int64_t since_ms;
    int64_t oldest_ms;

    int64_t ready_ms;   /* not before */
    uint32_t expires_s; /* 0: never */
    uint32_t version;
    uint32_t tag;
    uint32_t place; /* in the queue, from 1; 0: not there */
    uint16_t pending;
    uint16_t flight; /* from 1; 0: none */
    uint8_t used;
    uint8_t dirty;
    uint8_t doubted; /* while in flight: what arrives does not count */
};
_Static_assert(sizeof(struct entry) == 56, "the header promises 56 bytes a user");

struct flight {
    struct publication_plan plan;
    int64_t since_ms, oldest_ms, ready_ms;
    uint64_t serial;
    uint32_t user;
    uint32_t expires_s;
    uint16_t pending;
    bool flying;
};

struct place {
    int64_t key_ms;
    uint32_t user;
};

struct publication {
    struct entry **chunks; /* so that growing never copies: no stall, no moving */
    uint32_t chunk_count;
    int64_t refresh_ms;
    struct place *queue; /* a binary heap, from 1 */
    uint32_t queue_size, queue_room;
    struct flight flights[PUBLICATION_FLIGHTS_MAX];
    uint16_t free_flights[PUBLICATION_FLIGHTS_MAX];
    uint32_t free_count;
    uint64_t serial;
};

enum status publication_create(struct publication **out)
{
    struct publication *publication = calloc(1, sizeof *publication);
    if (publication == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < PUBLICATION_FLIGHTS_MAX; i++)
        publication->free_flights[publication->free_count++] = (uint16_t)i;
    *out = publication;
    return STATUS_OK;
}

void publication_destroy(struct publication *publication)
{
    if (publication == NULL)
        return;
    for (uint32_t i = 0; i < publication->chunk_count; i++)
        free(publication->chunks[i]);
    free(publication->chunks);
    free(publication->queue);
    free(publication);
}

void publication_set_refresh(struct publication *publication, int64_t refresh_ms)
{
    publication->refresh_ms = refresh_ms;
}

static struct entry *entry_of(const struct publication *publication, uint32_t user)
{
    uint32_t chunk = user >> CHUNK_BITS;
    if (chunk >= publication->chunk_count || publication->chunks[chunk] == NULL)
        return NULL;
    return &publication->chunks[chunk][user & (CHUNK - 1)];
}

static struct entry *entry_make(struct publication *publication, uint32_t user)
{
    uint32_t chunk = user >> CHUNK_BITS;
    if (chunk >= publication->chunk_count) {
        uint32_t count = publication->chunk_count == 0 ? 16 : publication->chunk_count;
        while (count <= chunk)
            count *= 2;
        struct entry **chunks = realloc(publication->chunks, count * sizeof(struct entry *));
        if (chunks == NULL)
            return NULL;
        for (uint32_t i = publication->chunk_count; i < count; i++)
            chunks[i] = NULL;
        publication->chunks = chunks;
        publication->chunk_count = count;
    }
    if (publication->chunks[chunk] == NULL)
        publication->chunks[chunk] = calloc(CHUNK, sizeof(struct entry));
    return entry_of(publication, user);
}

/* ---- the queue ---- */

static void queue_set(struct publication *publication, uint32_t at, struct place place)
{
    publication->queue[at] = place;
    entry_of(publication, place.user)->place = at;
}

static void queue_up(struct publication *publication, uint32_t at, struct place place)
{
    while (at > 1 && publication->queue[at / 2].key_ms > place.key_ms) {
        queue_set(publication, at, publication->queue[at / 2]);
        at /= 2;
    }
    queue_set(publication, at, place);
}

static void queue_down(struct publication *publication, uint32_t at, struct place place)
{
    const struct place *queue = publication->queue;
    for (;;) {
        uint32_t child = 2 * at;
        if (child > publication->queue_size)
            break;
        if (child < publication->queue_size && queue[child + 1].key_ms < queue[child].key_ms)
            child++;
        if (queue[child].key_ms >= place.key_ms)
            break;
        queue_set(publication, at, queue[child]);
        at = child;
    }
    queue_set(publication, at, place);
}

static void queue_remove(struct publication *publication, struct entry *entry)
{
    uint32_t at = entry->place;
    if (at == 0)
        return;
    entry->place = 0;
    struct place last = publication->queue[publication->queue_size--];
    if (at > publication->queue_size)
        return;
    if (at > 1 && publication->queue[at / 2].key_ms > last.key_ms)
        queue_up(publication, at, last);
    else
        queue_down(publication, at, last);
}

static enum status queue_reserve(struct publication *publication)
{
    /* One more for the place 0 that is not used, and one for each flight that may come back. */
    uint32_t wanted = publication->queue_size + PUBLICATION_FLIGHTS_MAX + 2;
    if (wanted <= publication->queue_room)
        return STATUS_OK;
    uint32_t room = wanted * 2;
    struct place *queue = realloc(publication->queue, room * sizeof *queue);
    if (queue == NULL)
        return STATUS_NO_MEMORY;
    publication->queue = queue;
    publication->queue_room = room;
    return STATUS_OK;
}

/* Never before `ready`; among those who are ready by how long they wait, with a head start for
 * each further event. So whoever is at the top either is due, or nobody is. */
static int64_t key_of(const struct entry *entry)
{
    int64_t further = entry->pending > 1 ? entry->pending - 1 : 0;
    if (further > PUBLICATION_HEAD_START_MAX)
        further = PUBLICATION_HEAD_START_MAX;
    int64_t key = entry->since_ms - further * PUBLICATION_HEAD_START_MS;
    return key > entry->ready_ms ? key : entry->ready_ms;
}

/* Into the queue, or to its new place there. Room was reserved. */
static void queue_place(struct publication *publication, struct entry *entry, uint32_t user)
{
    struct place place = {key_of(entry), user};
    if (entry->place == 0) {
        assert(publication->queue_size + 1 < publication->queue_room);
        queue_up(publication, ++publication->queue_size, place);
        return;
    }
    int64_t before = publication->queue[entry->place].key_ms;
    if (place.key_ms < before)
        queue_up(publication, entry->place, place);
    else if (place.key_ms > before)
        queue_down(publication, entry->place, place);
}

/* ---- what makes a user dirty ---- */

static void entry_reset(struct publication *publication, struct entry *entry)
{
    queue_remove(publication, entry);
    if (entry->flight != 0)
        publication->flights[entry->flight - 1].user = PUBLICATION_NOBODY;
    memset(entry, 0, sizeof *entry);
}

static struct entry *entry_for(struct publication *publication, uint32_t user, uint32_t tag)
{
    struct entry *entry = entry_make(publication, user);
    if (entry == NULL)
        return NULL;
    if (!entry->used || entry->tag != tag) {
        entry_reset(publication, entry);
        entry->used = true;
        entry->tag = tag;
        entry->hash = HASH_UNKNOWN;
    }
    return entry;
}

static void make_dirty(struct entry *entry, int64_t now_ms)
{
    if (entry->dirty)
        return;
    entry->dirty = true;
    entry->since_ms = now_ms;
    entry->oldest_ms = 0;
    entry->pending = 0;
}

static int64_t older(int64_t a_ms, int64_t b_ms)
{
    if (a_ms <= 0 || b_ms <= 0)
        return a_ms > b_ms ? a_ms : b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

enum status publication_touch(struct publication *publication, uint32_t user, uint32_t tag,
                              int64_t event_ms, int64_t now_ms)
{
    struct entry *entry = entry_for(publication, user, tag);
    if (entry == NULL || queue_reserve(publication) != STATUS_OK)
        return STATUS_NO_MEMORY;
    make_dirty(entry, now_ms);
    entry->oldest_ms = older(entry->oldest_ms, event_ms);
    if (entry->pending < UINT16_MAX)
        entry->pending++;
    if (entry->flight == 0)
        queue_place(publication, entry, user);
    return STATUS_OK;
}

enum status publication_rewrite(struct publication *publication, uint32_t user, uint32_t tag,
                                int64_t now_ms)
{
    struct entry *entry = entry_for(publication, user, tag);
    if (entry == NULL || queue_reserve(publication) != STATUS_OK)
        return STATUS_NO_MEMORY;
    entry->hash = HASH_UNKNOWN;
    entry->doubted = entry->flight != 0;
    make_dirty(entry, now_ms);
    if (entry->flight == 0)
        queue_place(publication, entry, user);
    return STATUS_OK;
}

void publication_drop(struct publication *publication, uint32_t user)
{
    struct entry *entry = entry_of(publication, user);
    if (entry != NULL)
        entry_reset(publication, entry);
}

/* ---- taking ---- */

uint32_t publication_next(struct publication *publication, int64_t now_ms)
{
    if (publication_due_ms(publication) > now_ms)
        return PUBLICATION_NOBODY;
    uint32_t user = publication->queue[1].user;
    queue_remove(publication, entry_of(publication, user));
    return user;
}

void publication_put_back(struct publication *publication, uint32_t user)
{
    queue_place(publication, entry_of(publication, user), user);
}

int64_t publication_due_ms(const struct publication *publication)
{
    return publication->queue_size == 0 ? PUBLICATION_NEVER : publication->queue[1].key_ms;
}

uint64_t publication_waiting(const struct publication *publication)
{
    return publication->queue_size;
}

bool publication_is_listed(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    return entry != NULL && entry->version > 0 && entry->hash != 0;
}

void publication_fetch(const struct publication *publication, uint32_t user)
{
    const struct entry *entry = entry_of(publication, user);
    if (entry == NULL)
        return;
    __builtin_prefetch(entry, 1);
    __builtin_prefetch((const char *)(entry + 1) - 1, 1); /* it may lie on two lines */
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
    struct publication_plan plan = {.hash = list_hash,
                                    .version = (uint64_t)entry->version + 1,
                                    .ttl_s = publication_ttl(ttl_s, entry->tag)};
    plan.step = step_of(entry, list_hash, plan.ttl_s, wall_s);
    return plan;
}

void publication_settle(struct publication *publication, uint32_t user, int64_t now_ms)
{
    struct entry *entry = entry_of(publication, user);
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
    };
    entry->flight = (uint16_t)(index + 1);
    entry->dirty = false;
    entry->doubted = false;
    entry->ready_ms = now_ms + publication->refresh_ms;
    return (publication->flights[index].serial << 16 | index) & ((UINT64_C(1) << 56) - 1);
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
static void take_back(struct entry *entry, const struct flight *flight)
{
    uint32_t pending = flight->pending;
    int64_t oldest_ms = flight->oldest_ms;
    if (entry->dirty) {
        pending += entry->pending;
        oldest_ms = older(oldest_ms, entry->oldest_ms);
    }
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
    take_back(entry, flight);
    entry->ready_ms = flight->ready_ms;
    queue_place(publication, entry, flight->user);
}

static void enter_arrival(struct entry *entry, const struct flight *flight)
{
    entry->hash = entry->doubted ? HASH_UNKNOWN : flight->plan.hash;
    entry->expires_s = flight->expires_s;
    if (flight->plan.step == STEP_WRITE)
        entry->version = (uint32_t)flight->plan.version;
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
        take_back(entry, flight);
        entry->ready_ms = now_ms + PUBLICATION_RETRY_MS;
    }
    if (entry->dirty)
        queue_place(publication, entry, flight->user);
    return (struct publication_arrival){flight->user, flight->plan.step, flight->oldest_ms,
                                        now_ms - flight->since_ms};
}

/* ---- keeping ---- */

struct record {
    uint64_t hash;
    int64_t oldest_ms;
    uint32_t user, tag, version, expires_s;
    uint64_t dirty;
};
_Static_assert(sizeof(struct record) == 40, "no padding goes into a snapshot");

enum { RECORDS = 256 };

static struct record record_of(const struct publication *publication, const struct entry *entry,
                               uint32_t user)
{
    struct record record = {entry->hash,    entry->dirty ? entry->oldest_ms : 0,
                            user,           entry->tag,
                            entry->version, entry->expires_s,
                            entry->dirty};
    if (entry->flight != 0) {
        record.hash = HASH_UNKNOWN;
        record.dirty = true;
        record.oldest_ms =
            older(record.oldest_ms, publication->flights[entry->flight - 1].oldest_ms);
    }
    return record;
}

static uint32_t entry_bound(const struct publication *publication)
{
    return publication->chunk_count * CHUNK;
}

static uint64_t count_used(const struct publication *publication)
{
    uint64_t used = 0;
    for (uint32_t user = 0; user < entry_bound(publication); user++) {
        const struct entry *entry = entry_of(publication, user);
        used += entry != NULL && entry->used;
    }
    return used;
}

enum status publication_save(const struct publication *publication, struct state_writer *writer)
{
    uint64_t count = count_used(publication);
    enum status status = writer->write(writer, &count, sizeof count);
    struct record records[RECORDS];
    uint32_t size = 0;
    for (uint32_t user = 0; user < entry_bound(publication) && status == STATUS_OK; user++) {
        const struct entry *entry = entry_of(publication, user);
        if (entry == NULL || !entry->used)
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
    if (entry == NULL || queue_reserve(publication) != STATUS_OK)
        return STATUS_NO_MEMORY;
    entry->version = record->version;
    entry->expires_s = record->expires_s;
    if (trusted)
        entry->hash = record->hash;
    if (record->dirty == 0)
        return STATUS_OK;
    make_dirty(entry, now_ms);
    entry->oldest_ms = record->oldest_ms;
    queue_place(publication, entry, record->user);
    return STATUS_OK;
}

enum status publication_load(struct publication *publication, struct state_reader *reader,
                             uint32_t users, bool trusted, int64_t now_ms)
{
    uint64_t count;
    enum status status = reader->read(reader, &count, sizeof count);
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        struct record record;
        status = reader->read(reader, &record, sizeof record);
        if (status == STATUS_OK)
            status = load_record(publication, &record, users, trusted, now_ms);
    }
    return status;
}
