#include "daemon/publication_parts.h"

#include "model/fetch.h"

/* With so many events pending: never before `ready`; among those who are ready by how long they
 * wait, with a head start for further events, in steps: between them an event moves nobody. */
static int64_t key_of(const struct entry *entry, uint32_t pending)
{
    int64_t steps = pending > 0 ? (pending - 1) / PUBLICATION_HEAD_START_EVENTS : 0;
    int64_t ahead = steps * PUBLICATION_HEAD_START_MS;
    if (ahead > PUBLICATION_HEAD_START_MOST)
        ahead = PUBLICATION_HEAD_START_MOST;
    int64_t key = entry->since_ms - ahead;
    return key > entry->ready_ms ? key : entry->ready_ms;
}

/* ---- places ---- */

static bool is_used(const struct queue *queue, uint32_t place)
{
    return (queue->used[place / 64] >> place % 64 & 1) != 0;
}

static void mark_used(struct queue *queue, uint32_t place)
{
    queue->used[place / 64] |= UINT64_C(1) << place % 64;
    if (place < NEAR)
        queue->words |= UINT64_C(1) << place / 64;
}

static void mark_empty(struct queue *queue, uint32_t place)
{
    queue->used[place / 64] &= ~(UINT64_C(1) << place % 64);
    if (place < NEAR && queue->used[place / 64] == 0)
        queue->words &= ~(UINT64_C(1) << place / 64);
}

/* Behind those who are there; the first one's `prev` is the last. */
static void join(struct publication *publication, struct entry *entry, uint32_t user,
                 uint32_t place)
{
    struct queue *queue = &publication->queue;
    entry->place = (uint16_t)(place + 1);
    entry->next = PUBLICATION_NOBODY;
    if (is_used(queue, place)) {
        struct entry *first = entry_of(publication, queue->first[place]);
        entry->prev = first->prev;
        entry_of(publication, first->prev)->next = user;
        first->prev = user;
    } else {
        entry->prev = user;
        queue->first[place] = user;
        mark_used(queue, place);
    }
    queue->far += place >= NEAR;
    queue->size++;
}

void queue_remove(struct publication *publication, struct entry *entry)
{
    struct queue *queue = &publication->queue;
    if (entry->place == 0)
        return;
    uint32_t place = entry->place - 1u;
    struct entry *before = entry_of(publication, entry->prev);
    struct entry *first = entry_of(publication, queue->first[place]);
    uint32_t next = entry->next;
    if (entry != first)
        before->next = next;
    else if (next != PUBLICATION_NOBODY)
        queue->first[place] = next;
    else
        mark_empty(queue, place);
    if (next != PUBLICATION_NOBODY)
        entry_of(publication, next)->prev = entry->prev;
    else
        first->prev = entry->prev;
    entry->place = 0;
    queue->far -= place >= NEAR;
    queue->size--;
}

/* What is further away than the far places reach waits in the last of them. */
static uint32_t place_at(const struct queue *queue, int64_t key_ms)
{
    if (key_ms < queue->cursor_ms)
        key_ms = queue->cursor_ms;
    if (key_ms - queue->cursor_ms < NEAR)
        return (uint32_t)(key_ms & (NEAR - 1));
    int64_t block = key_ms >> NEAR_BITS, last = (queue->cursor_ms >> NEAR_BITS) + FAR - 1;
    return NEAR + (uint32_t)((block < last ? block : last) & (FAR - 1));
}

void queue_place(struct publication *publication, struct entry *entry, uint32_t user,
                 int64_t now_ms)
{
    struct queue *queue = &publication->queue;
    if (queue->size == 0 && now_ms - PUBLICATION_HEAD_START_MOST > queue->cursor_ms)
        queue->cursor_ms = now_ms - PUBLICATION_HEAD_START_MOST;
    uint32_t place = place_at(queue, key_of(entry, entry->pending));
    if (place + 1 == entry->place)
        return;
    queue_remove(publication, entry);
    join(publication, entry, user, place);
}

void queue_fetch(const struct publication *publication, const struct entry *entry)
{
    if (entry->place == 0 || entry->pending % PUBLICATION_HEAD_START_EVENTS != 0)
        return; /* it will stay where it is */
    const struct queue *queue = &publication->queue;
    const uint32_t place = place_at(queue, key_of(entry, entry->pending + 1u));
    if (is_used(queue, place))
        fetch_line(entry_of(publication, queue->first[place]));
    fetch_line(entry_of(publication, queue->first[entry->place - 1u]));
    fetch_line(entry_of(publication, entry->prev));
    if (entry->next != PUBLICATION_NOBODY)
        fetch_line(entry_of(publication, entry->next));
}

/* ---- who is first ---- */

/* The place in use at `from` or next after it, around; there is one. */
static uint32_t next_used(const struct queue *queue, uint32_t from)
{
    uint32_t word = from / 64;
    uint64_t later = queue->used[word] >> from % 64;
    if (later != 0)
        return from + (uint32_t)__builtin_ctzll(later);
    uint64_t after = word == 63 ? 0 : queue->words >> (word + 1);
    word = after != 0 ? word + 1 + (uint32_t)__builtin_ctzll(after)
                      : (uint32_t)__builtin_ctzll(queue->words);
    return word * 64 + (uint32_t)__builtin_ctzll(queue->used[word]);
}

static int64_t first_near_ms(const struct queue *queue)
{
    if (queue->size == queue->far)
        return PUBLICATION_NEVER;
    uint32_t from = (uint32_t)(queue->cursor_ms & (NEAR - 1));
    return queue->cursor_ms + ((next_used(queue, from) - from) & (NEAR - 1));
}

/* When the first far place begins. */
static int64_t first_far_ms(const struct queue *queue)
{
    int64_t block = queue->cursor_ms >> NEAR_BITS;
    if (queue->far == 0)
        return PUBLICATION_NEVER;
    for (int n = 0; n < FAR; n++, block++) {
        uint32_t place = NEAR + (uint32_t)(block & (FAR - 1));
        if (is_used(queue, place))
            break;
    }
    return block << NEAR_BITS;
}

int64_t queue_due_ms(const struct queue *queue)
{
    int64_t near = first_near_ms(queue), far = first_far_ms(queue);
    return near < far ? near : far;
}

/* Its users go to where they belong, most of them near, now that the cursor stands where the far
 * place begins. */
static void spread(struct publication *publication, int64_t begin_ms)
{
    struct queue *queue = &publication->queue;
    uint32_t place = NEAR + (uint32_t)(begin_ms >> NEAR_BITS & (FAR - 1));
    uint32_t user = queue->first[place];
    queue->cursor_ms = begin_ms;
    while (user != PUBLICATION_NOBODY) {
        struct entry *entry = entry_of(publication, user);
        uint32_t next = entry->next;
        queue_remove(publication, entry);
        join(publication, entry, user, place_at(queue, key_of(entry, entry->pending)));
        user = next;
    }
}

uint32_t queue_take(struct publication *publication, int64_t now_ms)
{
    struct queue *queue = &publication->queue;
    int64_t first = first_near_ms(queue), far;
    while (queue->far > 0 && (far = first_far_ms(queue)) <= now_ms && far <= first) {
        spread(publication, far);
        first = first_near_ms(queue);
    }
    /* Head starts are kept, as long as nobody waits longer than that. */
    int64_t cursor = now_ms - PUBLICATION_HEAD_START_MOST;
    cursor = cursor < first ? cursor : first;
    queue->cursor_ms = cursor > queue->cursor_ms ? cursor : queue->cursor_ms;
    if (first > now_ms)
        return PUBLICATION_NOBODY;
    uint32_t user = queue->first[first & (NEAR - 1)];
    queue_remove(publication, entry_of(publication, user));
    return user;
}
