/*
 * taste:similar:ITEM, beside the users' lists and never in their way:
 *
 *     event ─► related: who is to be searched for ─► search, in slices ─► related: what was found
 *                                                                              │
 *     Redis came back empty, an item was withdrawn ──────────┬────────────────┘
 *                                                            └─► publication ─► put ··· done()
 *
 * Searching costs the more the bigger the catalogue is; it gets a share of the time, and lists are
 * as fresh as that allows. Writing what was found is cheap: so an item that is withdrawn leaves the
 * others' lists at once, and comes back to them at once, before anything is searched for again.
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <stdlib.h>
#include <xxhash.h>

enum {
    SEARCH_SLICE_NS = 250000,
    SEARCH_STEPS_MOST = 4096, /* in a slice */
    SEARCH_PAUSE_BUSY = 49,   /* so many times as long as a slice took: 2 % of the time … */
    SEARCH_PAUSE_IDLE = 9,    /* … or 10 % while nothing else is to be done */
    MANY_ITEMS = 100000,
    ROUND_MS = 60000,       /* whatever had an event is searched for so often */
    DESCRIBED_MS = 1000,    /* … and so soon what the catalogue has told of */
    ROUND_SLICE = 16384,    /* items looked at in a turn, for that */
    WITHDRAWN_SLICE = 4096, /* likewise for withdrawn ones among their neighbours */
    PUT_MS = 2,             /* while users' lists are due, every so often … */
    PUT_BUSY = 16,          /* … so many are put, and no more … */
    PUT_IDLE = 32,          /* … or so many a turn */
    IN_FLIGHT_MOST = 64,    /* of the store's room, which users' lists want */
};

static uint32_t tag_of(const struct instance *instance, uint32_t item)
{
    struct text id = recommender_item_id(instance->engine.model, item);
    return (uint32_t)XXH3_64bits(id.at, id.size);
}

static bool is_there(const struct instance *instance, uint32_t item)
{
    return recommender_item_id(instance->engine.model, item).size > 0;
}

static void out_of_memory(void)
{
    static struct log_limit limit;
    log_every(&limit, 10, LOG_LEVEL_ERROR, "no memory to remember an item's neighbours");
}

/* ---- beginning and end ---- */

enum status neighbours_init(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    uint32_t threads = instance->settings->threads + 1;
    neighbours->size = instance->settings->lists.similar;
    neighbours->round_due_ms = instance->now_ms + ROUND_MS;
    neighbours->list = calloc(1, sizeof *neighbours->list);
    neighbours->searches = calloc(threads, sizeof *neighbours->searches);
    if (neighbours->list == NULL || neighbours->searches == NULL)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    for (; neighbours->threads_most < threads && status == STATUS_OK; neighbours->threads_most++)
        status = similar_create(&neighbours->searches[neighbours->threads_most].similar);
    if (status == STATUS_OK)
        status = publication_create(&neighbours->publication);
    return status == STATUS_OK ? related_create(neighbours->size, &neighbours->related) : status;
}

void neighbours_finish(struct neighbours *neighbours)
{
    publication_destroy(neighbours->publication);
    related_destroy(neighbours->related);
    for (uint32_t n = 0; n < neighbours->threads_most; n++)
        similar_destroy(neighbours->searches[n].similar);
    free(neighbours->searches);
    free(neighbours->list);
}

/* ---- what makes a list due ---- */

void neighbours_touch(struct instance *instance, uint32_t item)
{
    struct neighbours *neighbours = &instance->neighbours;
    if (neighbours->size > 0 && item != SLOT_NONE &&
        related_touch(neighbours->related, item) != STATUS_OK)
        out_of_memory();
}

void neighbours_fetch(const struct instance *instance, uint32_t item)
{
    if (instance->neighbours.size > 0)
        related_fetch(instance->neighbours.related, item);
}

static void write_again(struct instance *instance, uint32_t item)
{
    if (publication_touch(instance->neighbours.publication, item, tag_of(instance, item), 0,
                          instance->now_ms) != STATUS_OK)
        out_of_memory();
}

static bool is_known(const struct instance *instance, uint32_t item)
{
    uint32_t size;
    return related_of(instance->neighbours.related, item, tag_of(instance, item), &size) != NULL;
}

static void mark(struct instance *instance, uint32_t item, int64_t soon_ms)
{
    struct neighbours *neighbours = &instance->neighbours;
    if (related_mark(neighbours->related, item) != STATUS_OK)
        out_of_memory();
    if (neighbours->round_due_ms > instance->now_ms + soon_ms)
        neighbours->round_due_ms = instance->now_ms + soon_ms;
}

/* The lists that the item is in are to be looked at. */
static void await_sweep(struct neighbours *neighbours, uint32_t item)
{
    struct withdrawn *waiting = &neighbours->waiting;
    if (waiting->size < WITHDRAWN_MAX)
        waiting->item[waiting->size++] = item;
    else
        waiting->all = true;
}

void neighbours_describe(struct instance *instance, uint32_t item, bool back)
{
    struct neighbours *neighbours = &instance->neighbours;
    if (neighbours->size == 0 || item == SLOT_NONE)
        return;
    mark(instance, item, DESCRIBED_MS);
    if (is_known(instance, item))
        write_again(instance, item);
    if (back)
        await_sweep(neighbours, item);
    neighbours->waiting.back |= back;
}

void neighbours_withdraw(struct instance *instance, uint32_t item)
{
    if (instance->neighbours.size == 0)
        return;
    write_again(instance, item);
    await_sweep(&instance->neighbours, item);
}

void neighbours_withdraw_all(struct instance *instance)
{
    instance->neighbours.waiting.all |= instance->neighbours.size > 0;
}

bool neighbours_are_swept(const struct instance *instance)
{
    const struct neighbours *neighbours = &instance->neighbours;
    return !neighbours->sweeping.all && neighbours->sweeping.size == 0 &&
           !neighbours->waiting.all && neighbours->waiting.size == 0;
}

/* A list that lost an item is filled up in the next round; one that is short for want of items, as
 * soon as some have come back. */
static void look_at_list(struct instance *instance, uint32_t item)
{
    struct neighbours *neighbours = &instance->neighbours;
    const struct withdrawn *sweeping = &neighbours->sweeping;
    bool has = related_has(neighbours->related, item, sweeping->item, sweeping->size);
    if (has || sweeping->all)
        write_again(instance, item);
    if (sweeping->back && related_is_short(neighbours->related, item))
        mark(instance, item, DESCRIBED_MS);
    else if (has)
        mark(instance, item, ROUND_MS);
}

/* What came up since the last pass began waits for the next one. */
static bool sweep_withdrawn_neighbours(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    struct withdrawn *sweeping = &neighbours->sweeping;
    uint32_t bound = related_bound(neighbours->related);
    if (neighbours_are_swept(instance))
        return false;
    if (!sweeping->all && sweeping->size == 0) {
        *sweeping = neighbours->waiting;
        neighbours->waiting = (struct withdrawn){.size = 0};
        neighbours->at = 0;
    }
    for (uint32_t i = 0; i < WITHDRAWN_SLICE && neighbours->at < bound; i++) {
        uint32_t item = neighbours->at++;
        if (is_there(instance, item))
            look_at_list(instance, item);
    }
    if (neighbours->at >= bound)
        *sweeping = (struct withdrawn){.size = 0};
    return !neighbours_are_swept(instance);
}

/* ---- when the store does not hold what we wrote ---- */

void neighbours_begin_sweep(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    neighbours->sweep = 0;
    neighbours->sweep_end =
        neighbours->size > 0 ? recommender_item_bound(instance->engine.model) : 0;
    neighbours->round_due_ms = 0;
}

static void rewrite(struct instance *instance, uint32_t item)
{
    struct neighbours *neighbours = &instance->neighbours;
    enum status status = is_known(instance, item)
                             ? publication_rewrite(neighbours->publication, item,
                                                   tag_of(instance, item), instance->now_ms)
                             : related_mark(neighbours->related, item);
    if (status != STATUS_OK)
        out_of_memory();
}

static bool sweep_items(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    if (!instance->lists.connected)
        return false;
    for (int i = 0; i < SWEEP_SLICE && neighbours->sweep < neighbours->sweep_end; i++) {
        if (publication_waiting(neighbours->publication) >= SWEEP_SLICE)
            return false;
        uint32_t item = neighbours->sweep++;
        if (is_there(instance, item))
            rewrite(instance, item);
    }
    return neighbours->sweep < neighbours->sweep_end;
}

bool sweep_neighbours(struct instance *instance)
{
    bool more = sweep_withdrawn_neighbours(instance);
    return sweep_items(instance) || more;
}

/* ---- searching ---- */

/* The next one to be searched for, or RELATED_NONE. */
static uint32_t next_item(struct instance *instance, uint32_t *slice)
{
    struct related *related = instance->neighbours.related;
    uint32_t item;
    while ((item = related_next(related, slice)) != RELATED_NONE && !is_there(instance, item))
        related_put(related, item, 0, 0, NULL, 0);
    return item;
}

/* As many as the threads can take: all of them where there is much to be compared with. Else one
 * does, which nobody has to be woken for, nor waited for. */
static bool begin_searches(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    bool many = recommender_item_bound(instance->engine.model) >= MANY_ITEMS;
    uint32_t slice = ROUND_SLICE, item, threads = many ? neighbours->threads_most : 1;
    neighbours->threads = threads;
    if (!related_waits(neighbours->related) && instance->now_ms >= neighbours->round_due_ms) {
        related_begin_round(neighbours->related);
        neighbours->round_due_ms = instance->now_ms + ROUND_MS;
    }
    for (uint32_t n = 0; n < threads; n++)
        neighbours->searches[n].size = 0;
    for (neighbours->searched = 0; neighbours->searched < threads * SIMILAR_TOGETHER;
         neighbours->searched++) {
        struct search *search = &neighbours->searches[neighbours->searched % threads];
        if ((item = next_item(instance, &slice)) == RELATED_NONE)
            break;
        search->tags[search->size] = tag_of(instance, item);
        search->items[search->size++] = item;
    }
    for (uint32_t n = 0; n < threads && n < neighbours->searched; n++) {
        struct search *search = &neighbours->searches[n];
        search->more = true;
        similar_begin(search->similar, search->items, search->size, neighbours->size);
    }
    return neighbours->searched > 0;
}

static void take_found(struct instance *instance, const struct search *search, uint32_t n)
{
    struct neighbours *neighbours = &instance->neighbours;
    const struct recommender *model = instance->engine.model;
    uint32_t item = search->items[n], tag = search->tags[n], slots[RELATED_MAX];
    struct list *list = neighbours->list;
    list->size = 0;
    bool same = is_there(instance, item) && tag_of(instance, item) == tag;
    if (same)
        similar_take(search->similar, model, n, instance_list_time(instance), list);
    for (uint32_t i = 0; i < list->size; i++)
        slots[i] = list->at[i].slot;
    if (related_put(neighbours->related, item, tag, recommender_item_wanted(model, item), slots,
                    list->size) != STATUS_OK)
        out_of_memory();
    else if (same)
        write_again(instance, item);
}

/* On any thread. */
static void search_slice(void *context, uint32_t n)
{
    struct search *search = (struct search *)context + n;
    for (uint32_t step = 0; step < search->steps && search->more; step++)
        search->more = similar_step(search->similar, search->model);
}

static uint32_t steps_of_slice(const struct neighbours *neighbours)
{
    enum { STEPS_AT_FIRST = 8 };
    if (neighbours->step_ns <= 0)
        return STEPS_AT_FIRST;
    double steps = SEARCH_SLICE_NS / neighbours->step_ns;
    return steps < 1 ? 1 : steps < SEARCH_STEPS_MOST ? (uint32_t)steps : SEARCH_STEPS_MOST;
}

/* A slice of all searches; false: they are at their end. */
static bool search_on(struct instance *instance)
{
    struct neighbours *neighbours = &instance->neighbours;
    uint32_t steps = steps_of_slice(neighbours), threads = neighbours->threads;
    threads = threads < neighbours->searched ? threads : neighbours->searched;
    int64_t began_ns = instance_look_at_clock(instance);
    for (uint32_t n = 0; n < threads; n++) {
        neighbours->searches[n].steps = steps;
        neighbours->searches[n].model = instance->engine.model;
    }
    ranker_share(instance->ranker, threads, search_slice, neighbours->searches);
    int64_t took_ns = instance_look_at_clock(instance) - began_ns;
    bool more = neighbours->searches[0].more; /* all have got as far */
    if (more)
        neighbours->step_ns += ((double)took_ns / steps - neighbours->step_ns) / 4;
    return more;
}

void search_neighbours(struct instance *instance, bool busy)
{
    struct neighbours *neighbours = &instance->neighbours;
    if (neighbours->size == 0 || instance->now_ms < neighbours->search_due_ms ||
        instance->phase != PHASE_RUNNING ||
        (neighbours->searched == 0 && !begin_searches(instance)))
        return;
    int64_t began_ns = instance_look_at_clock(instance);
    bool more = search_on(instance);
    for (uint32_t n = 0; !more && n < neighbours->searched; n++)
        take_found(instance, &neighbours->searches[n % neighbours->threads],
                   n / neighbours->threads);
    if (!more)
        neighbours->searched = 0;
    int64_t took_ns = instance_look_at_clock(instance) - began_ns;
    int64_t pause_ns = took_ns * (busy ? SEARCH_PAUSE_BUSY : SEARCH_PAUSE_IDLE);
    neighbours->search_due_ms = instance->now_ms + pause_ns / 1000000 + 1;
}

bool neighbours_are_searched(const struct instance *instance)
{
    return instance->neighbours.searched == 0 && !related_waits(instance->neighbours.related);
}

/* ---- writing ---- */

void neighbours_answered(struct instance *instance, uint64_t ticket, bool written)
{
    struct neighbours *neighbours = &instance->neighbours;
    struct publication_arrival arrival =
        publication_arrive(neighbours->publication, ticket, written, instance->now_ms);
    if (arrival.user != PUBLICATION_NOBODY)
        outcomes_count(&neighbours->outcomes, &arrival, written);
}

/* With the neighbours' similarities of now, less those that are withdrawn; none for an item that
 * is withdrawn itself. */
static void make_list(struct instance *instance, uint32_t item)
{
    struct neighbours *neighbours = &instance->neighbours;
    const struct recommender *model = instance->engine.model;
    int64_t at_ms = instance_list_time(instance);
    uint32_t size;
    const uint32_t *slots = related_of(neighbours->related, item, tag_of(instance, item), &size);
    neighbours->list->size = 0;
    if (slots != NULL && !recommender_is_withheld(model, item, at_ms))
        similar_rank(model, item, slots, size, at_ms, neighbours->list);
}

static bool hand_over(struct instance *instance, uint32_t item, const struct publication_plan *plan,
                      uint64_t ticket)
{
    struct store *store = instance->store;
    struct text name = recommender_item_id(instance->engine.model, item);
    ticket = ticket_of(TICKET_SIMILAR, ticket);
    if (plan->step == STEP_RENEW)
        return store->ops->expire(store, KEY_SIMILAR, name, plan->ttl_s, ticket);
    struct store_write write = {.key = KEY_SIMILAR,
                                .name = name,
                                .list = instance->neighbours.list,
                                .at_ms = instance->wall_ms,
                                .version = plan->version,
                                .ttl_s = plan->ttl_s,
                                .ticket = ticket};
    return store->ops->put(store, &write);
}

/* False: the store is full. */
static bool publish_item(struct instance *instance, uint32_t item)
{
    struct neighbours *neighbours = &instance->neighbours;
    struct publication *publication = neighbours->publication;
    int64_t wall_s = instance->wall_ms / 1000;
    uint64_t hash;
    make_list(instance, item);
    if (!lists_hash(instance, neighbours->list, &hash)) {
        neighbours->outcomes.failed++;
        publication_settle(publication, item, instance->now_ms);
        return true;
    }
    struct publication_plan plan =
        publication_plan(publication, item, hash, instance->settings->lists.ttl_s, wall_s);
    if (plan.step == STEP_KEEP) {
        neighbours->outcomes.unchanged++;
        publication_settle(publication, item, instance->now_ms);
        return true;
    }
    uint64_t ticket = publication_depart(publication, item, &plan, wall_s, instance->now_ms);
    if (hand_over(instance, item, &plan, ticket))
        return true;
    publication_cancel(publication, ticket);
    return false;
}

bool publish_neighbours(struct instance *instance, bool busy)
{
    struct neighbours *neighbours = &instance->neighbours;
    struct publication *publication = neighbours->publication;
    struct store *store = instance->store;
    if (neighbours->size == 0 || (busy && instance->now_ms < neighbours->put_due_ms))
        return false;
    neighbours->put_due_ms = instance->now_ms + PUT_MS;
    for (uint32_t put = 0; put < (busy ? PUT_BUSY : PUT_IDLE); put++) {
        if (!instance->lists.connected || !store->ops->has_room(store) ||
            publication_in_flight(publication) >= IN_FLIGHT_MOST)
            return false;
        uint32_t item = publication_next(publication, instance->now_ms);
        if (item == PUBLICATION_NOBODY)
            return false;
        if (!is_there(instance, item))
            publication_drop(publication, item); /* let go for want of memory */
        else if (!publish_item(instance, item))
            return false;
    }
    return publication_due_ms(publication) <= instance->now_ms;
}

bool neighbours_are_known(const struct instance *instance)
{
    return instance->neighbours.sweep >= instance->neighbours.sweep_end &&
           neighbours_are_swept(instance);
}

bool neighbours_are_done(const struct instance *instance)
{
    const struct publication *publication = instance->neighbours.publication;
    return neighbours_are_known(instance) && publication_waiting(publication) == 0 &&
           publication_in_flight(publication) == 0;
}

int64_t neighbours_due_ms(const struct instance *instance)
{
    const struct neighbours *neighbours = &instance->neighbours;
    int64_t search_ms = PUBLICATION_NEVER, put_ms = PUBLICATION_NEVER;
    if (neighbours->size == 0)
        return PUBLICATION_NEVER;
    if (instance->phase == PHASE_RUNNING && !neighbours_are_searched(instance))
        search_ms = neighbours->search_due_ms;
    if (instance->lists.connected && instance->store->ops->has_room(instance->store) &&
        publication_in_flight(neighbours->publication) < IN_FLIGHT_MOST)
        put_ms = publication_due_ms(neighbours->publication);
    return search_ms < put_ms ? search_ms : put_ms;
}
