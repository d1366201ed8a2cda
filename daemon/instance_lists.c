/*
 *     publication: who is due ─► ranker: a batch, all threads ─► plan ─► put ··· done()
 *                                                                 └─► unchanged: nothing, or EXPIRE
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <inttypes.h>
#include <math.h>
#include <xxhash.h>

/* ---- what the store is told to call ---- */

enum { DAY_S = 86400 };

static void leap(struct instance *instance, uint32_t seconds)
{
    publication_leap(instance->publication, seconds);
    publication_leap(instance->neighbours.publication, seconds);
}

/* After what was loaded had been saved, the process before may have written lists for so long. */
void lists_leap_since(struct instance *instance, int64_t saved_ms)
{
    int64_t passed = (instance->wall_ms - saved_ms) / 1000;
    leap(instance, passed <= 0 ? 0 : passed < DAY_S ? (uint32_t)passed : DAY_S);
}

/* The same by the mark, which goes on by one a second, and with each process. */
static uint32_t seconds_marked(const struct instance *instance)
{
    enum { YEAR_S = 365 * DAY_S };
    uint64_t mark = instance->store->ops->mark(instance->store);
    uint64_t seconds = mark > instance->mark ? mark - instance->mark : 0;
    if (instance->mark == 0 || seconds > YEAR_S) /* not every snapshot kept it once */
        seconds = seconds < DAY_S ? seconds : DAY_S;
    return 1 + (uint32_t)seconds;
}

/* A restart does not take any list's `v` back. That of popular lists is not kept: there are fewer
 * of them than all the seconds allow for. */
static void go_on_counting(struct instance *instance, bool ours)
{
    struct lists *lists = &instance->lists;
    if (!ours)
        leap(instance, seconds_marked(instance));
    uint64_t seconds = instance->mark + publication_leapt(instance->publication);
    for (uint32_t n = 0; n < lists->popular_count; n++)
        lists->popular[n].version = seconds * PUBLICATION_LISTS_A_SECOND;
}

static void connected(void *context, bool ours)
{
    struct instance *instance = context;
    struct lists *lists = &instance->lists;
    instance_look_at_clock(instance);
    uint64_t waiting = publication_waiting(instance->publication);
    if (!lists->connected && waiting > 0)
        log_notice("Redis is there: %" PRIu64 " lists are due", waiting);
    lists->connected = true;
    lists->status_due_ms = 0;
    bool unknown = lists->resumes && !instance->had_ended;
    if (lists->resumes)
        go_on_counting(instance, ours);
    lists->resumes = false;
    if (!ours) {
        if (recommender_count(instance->engine.model).users > 0)
            log_notice("Redis %s; all are written again",
                       unknown ? "may not hold our latest lists" : "does not hold our lists");
        lists_begin_sweep(instance);
    }
}

static void disconnected(void *context, const struct error *why)
{
    (void)why; /* the store has logged it */
    struct instance *instance = context;
    instance->lists.connected = false;
}

static void list_answered(struct instance *instance, uint64_t ticket, bool written)
{
    struct lists *lists = &instance->lists;
    struct publication_arrival arrival =
        publication_arrive(instance->publication, ticket, written, instance->now_ms);
    if (arrival.user == PUBLICATION_NOBODY)
        return;
    outcomes_count(&lists->outcomes, &arrival, written);
    if (!written) {
        prequential_forget(instance->prequential, arrival.user);
        return;
    }
    if (arrival.step != STEP_WRITE || arrival.oldest_event_ms <= 0)
        return;
    histogram_add(&instance->learn_to_list, (double)arrival.waited_ms / 1e3);
    double seconds = (double)(instance->wall_ms - arrival.oldest_event_ms) / 1e3;
    histogram_add(&instance->event_to_list, seconds);
    histogram_window_add(&instance->freshness, instance->wall_ms, seconds);
}

/* A key that was asked for deletion too late may have been written again by then. */
static void erasure_answered(struct instance *instance, uint64_t ticket, bool done)
{
    static struct log_limit limit;
    erasures_answered(&instance->erasures, ticket, done);
    if (!done)
        log_every(&limit, 10, LOG_LEVEL_WARNING, "Redis: a forgotten user's key is still there");
}

static void done(void *context, uint64_t ticket, bool written)
{
    struct instance *instance = context;
    instance_look_at_clock(instance);
    uint64_t bare = ticket & ((UINT64_C(1) << 56) - 1);
    switch ((enum ticket_kind)(ticket >> 56)) {
    case TICKET_LIST:
        list_answered(instance, bare, written);
        break;
    case TICKET_ERASURE:
        erasure_answered(instance, bare, written);
        break;
    case TICKET_POPULAR:
        popular_answered(instance, bare, written);
        break;
    case TICKET_SIMILAR:
        neighbours_answered(instance, bare, written);
        break;
    }
}

static void room(void *context)
{
    (void)context; /* the next turn looks at has_room() */
}

struct store_owner instance_store_owner(struct instance *instance)
{
    return (struct store_owner){instance, connected, disconnected, done, room};
}

/* ---- when the store does not hold what we wrote ---- */

void lists_begin_sweep(struct instance *instance)
{
    instance->lists.reclaims = instance->lists.reclaims_again = false;
    instance->lists.sweep = 0;
    instance->lists.sweep_end = recommender_user_bound(instance->engine.model);
    popular_write_again(instance);
    neighbours_begin_sweep(instance);
}

/* In a group users are kept by whoever has the partition that tells of them; the model remembers
 * the others, as their partition may come back. Who had it until then has learned more of it, and
 * may have been told to forget somebody: until we have, too, their lists are better than ours. */
static bool is_theirs(const struct instance *instance, uint32_t user)
{
    uint32_t number = publication_partition(instance->publication, user);
    return instance_is_grouped(instance) && number != 0 &&
           !offsets_level_number(&instance->offsets, number);
}

static void begin_to_reclaim(struct instance *instance)
{
    instance->lists.reclaims = true;
    instance->lists.reclaims_again = false;
    instance->lists.sweep = 0;
    instance->lists.sweep_end = recommender_user_bound(instance->engine.model);
}

/* Partitions that are level again bring the lists of their users. */
void lists_reclaim(struct instance *instance)
{
    if (instance->lists.sweep < instance->lists.sweep_end)
        instance->lists.reclaims_again = true;
    else
        begin_to_reclaim(instance);
}

static bool is_swept(const struct instance *instance, uint32_t user)
{
    if (recommender_user_id(instance->engine.model, user).size == 0)
        return false;
    return !instance->lists.reclaims ||
           (publication_is_given_up(instance->publication, user) && !is_theirs(instance, user));
}

/* In slices, and never far ahead of the writing: events of now do not wait behind all users. */
bool sweep_users(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    const struct recommender *model = instance->engine.model;
    if (lists->sweep >= lists->sweep_end || !lists->connected)
        return false;
    uint32_t bound = recommender_user_bound(model);
    if (lists->sweep_end > bound)
        lists->sweep_end = bound;
    for (int i = 0; i < SWEEP_SLICE && lists->sweep < lists->sweep_end; i++) {
        if (publication_waiting(instance->publication) >= SWEEP_SLICE)
            return false;
        uint32_t user = lists->sweep++;
        if (is_swept(instance, user) &&
            publication_rewrite(instance->publication, user, instance_tag(instance, user),
                                instance->now_ms) != STATUS_OK)
            log_error("no memory to remember that a user's list is due");
    }
    if (lists->sweep >= lists->sweep_end && lists->reclaims_again)
        begin_to_reclaim(instance);
    return lists->sweep < lists->sweep_end;
}

/* ---- forgotten users ---- */

void erase_users(struct instance *instance)
{
    struct store *store = instance->store;
    struct text user;
    uint64_t ticket;
    static const struct list nothing;
    while (instance->erasures.waiting > 0 && store->ops->has_room(store) &&
           erasures_next(&instance->erasures, &user, &ticket)) {
        struct store_write write = {.key = KEY_TOP,
                                    .name = user,
                                    .list = &nothing,
                                    .at_ms = instance->wall_ms,
                                    .ticket = ticket_of(TICKET_ERASURE, ticket)};
        if (!store->ops->put(store, &write)) {
            erasures_answered(&instance->erasures, ticket, false);
            return;
        }
        /* The user may have come back since; the list written then goes with the key. */
        uint32_t again = recommender_find_user(instance->engine.model, user);
        if (again != SLOT_NONE)
            publication_rewrite(instance->publication, again, instance_tag(instance, again),
                                instance->now_ms);
    }
}

/* ---- lists ---- */

bool lists_hash(struct instance *instance, const struct list *list, uint64_t *hash)
{
    enum { RESERVED = 2 };
    uint64_t *items = instance->lists.items;
    for (uint32_t i = 0; i < list->size; i++) {
        if (!isfinite(list->at[i].score))
            return false;
        items[i] = prequential_item(list->at[i].item);
    }
    *hash = list->size == 0 ? 0 : XXH3_64bits(items, list->size * sizeof *items);
    if (list->size > 0 && *hash < RESERVED)
        *hash += RESERVED;
    return true;
}

static bool hand_over(struct instance *instance, uint32_t user, const struct list *list,
                      const struct publication_plan *plan, uint64_t ticket)
{
    struct store *store = instance->store;
    struct text name = recommender_user_id(instance->engine.model, user);
    ticket = ticket_of(TICKET_LIST, ticket);
    if (plan->step == STEP_RENEW)
        return store->ops->expire(store, KEY_TOP, name, plan->ttl_s, ticket);
    struct store_write write = {.key = KEY_TOP,
                                .name = name,
                                .list = list,
                                .at_ms = instance->wall_ms,
                                .version = plan->version,
                                .ttl_s = plan->ttl_s,
                                .notify =
                                    instance->settings->lists.notify && plan->step == STEP_WRITE,
                                .ticket = ticket};
    return store->ops->put(store, &write);
}

bool lists_remove(struct instance *instance, uint32_t user)
{
    static const struct list nothing;
    struct publication *publication = instance->publication;
    struct store *store = instance->store;
    if (!instance->lists.connected || !store->ops->has_room(store))
        return false;
    if (recommender_user_id(instance->engine.model, user).size == 0 || is_theirs(instance, user) ||
        !publication_take_withdrawn(publication, user))
        return true;
    struct publication_plan plan = publication_plan_removal(publication, user);
    uint64_t ticket =
        publication_depart(publication, user, &plan, instance->wall_ms / 1000, instance->now_ms);
    if (!hand_over(instance, user, &nothing, &plan, ticket)) {
        publication_cancel(publication, ticket);
        return false;
    }
    holders_note(instance->catalogue.holders, user, NULL, 0);
    prequential_forget(instance->prequential, user);
    publication_due_again(publication, user);
    return true;
}

/* False: the store is full. */
static bool publish_list(struct instance *instance, uint32_t user, const struct list *list)
{
    static struct log_limit limit;
    struct publication *publication = instance->publication;
    int64_t wall_s = instance->wall_ms / 1000;
    uint64_t hash;
    if (!lists_hash(instance, list, &hash)) {
        log_every(&limit, 10, LOG_LEVEL_ERROR,
                  "a list with a score that is no number: not written");
        instance->lists.outcomes.failed++;
        publication_settle(publication, user, instance->now_ms);
        return true;
    }
    struct publication_plan plan =
        publication_plan(publication, user, hash, instance->settings->lists.ttl_s, wall_s);
    if (plan.step == STEP_KEEP) {
        instance->lists.outcomes.unchanged++;
        publication_settle(publication, user, instance->now_ms);
        return true;
    }
    uint64_t ticket = publication_depart(publication, user, &plan, wall_s, instance->now_ms);
    if (!hand_over(instance, user, list, &plan, ticket)) {
        publication_cancel(publication, ticket);
        return false;
    }
    if (plan.step == STEP_WRITE && instance->catalogue.holders != NULL)
        holders_note(instance->catalogue.holders, user, instance->lists.items, list->size);
    if (plan.step == STEP_WRITE)
        prequential_show(instance->prequential, user, instance_tag(instance, user),
                         instance->lists.items, list->size);
    return true;
}

/* As many as there is room for in the store and time for in a slice. */
static uint32_t batch_size(const struct instance *instance)
{
    const struct lists *lists = &instance->lists;
    uint32_t in_flight = instance->store->ops->in_flight(instance->store);
    uint32_t size = in_flight < STORE_IN_FLIGHT ? STORE_IN_FLIGHT - in_flight : 0;
    if (size > lists->batch_max)
        size = lists->batch_max;
    uint32_t threads = ranker_threads(instance->ranker);
    double in_time = lists->rank_ns > 0 ? PUBLISH_SLICE_NS / lists->rank_ns : threads;
    if (in_time < threads)
        in_time = threads;
    return size < in_time ? size : (uint32_t)in_time;
}

void lists_drop(struct instance *instance, uint32_t user)
{
    publication_drop(instance->publication, user);
    if (instance->catalogue.holders != NULL)
        holders_forget(instance->catalogue.holders, user);
}

/* Whether a list is this instance's to write; else it is due no more. */
static bool is_to_be_written(struct instance *instance, uint32_t user)
{
    if (recommender_user_id(instance->engine.model, user).size == 0)
        lists_drop(instance, user); /* let go for want of memory */
    else if (is_theirs(instance, user))
        publication_give_up(instance->publication, user);
    else
        return true;
    return false;
}

/* Who is passed over is counted: there can be as many as there are users, when the store was away,
 * and so many are not for one slice. */
static uint32_t take_batch(struct instance *instance, uint32_t *passed)
{
    struct lists *lists = &instance->lists;
    uint32_t size = 0, most = batch_size(instance);
    *passed = 0;
    while (size < most && *passed < PUBLISH_SLICE_LISTS) {
        uint32_t user = publication_next(instance->publication, instance->now_ms);
        if (user == PUBLICATION_NOBODY)
            break;
        if (is_to_be_written(instance, user))
            lists->users[size++] = user;
        else
            ++*passed;
    }
    return size;
}

/* The time of the stream is now, but when recorded events are played. */
static enum status rank_batch(struct instance *instance, uint32_t size)
{
    struct lists *lists = &instance->lists;
    int64_t began_ns = instance_look_at_clock(instance);
    ranker_explore(instance->ranker, instance->settings->lists.explore);
    enum status status = ranker_rank(instance->ranker, lists->users, size,
                                     instance_list_time(instance), instance->settings->lists.size,
                                     lists->rank_ns * size > RANK_WAKE_NS, lists->batch);
    int64_t took_ns = instance_look_at_clock(instance) - began_ns;
    double each_ns = (double)took_ns / size;
    lists->rank_ns += (each_ns - lists->rank_ns) / 8;
    for (uint32_t i = 0; i < size; i++)
        histogram_add(&instance->rank_seconds, each_ns / 1e9);
    return status;
}

/* Those the store has no room for any more wait again. False: there are such. */
static bool publish_batch(struct instance *instance, uint32_t size)
{
    struct lists *lists = &instance->lists;
    uint32_t done_with = 0;
    bool room_left = rank_batch(instance, size) == STATUS_OK;
    while (room_left && done_with < size) {
        room_left = publish_list(instance, lists->users[done_with], &lists->batch[done_with]);
        done_with++;
    }
    while (done_with < size)
        publication_put_back(instance->publication, lists->users[done_with++]);
    return room_left;
}

void lists_expect(struct instance *instance)
{
    const struct lists *lists = &instance->lists;
    uint64_t waiting = publication_waiting(instance->publication);
    double in_time = lists->rank_ns > 0 ? PUBLISH_SHIFT_MS * 1e6 / lists->rank_ns : 1;
    uint32_t soon = (double)waiting < in_time ? (uint32_t)waiting : (uint32_t)in_time;
    recommender_expect_lists(instance->engine.model, soon);
}

/* Whose lists are ours to write is known. */
static bool may_publish(const struct instance *instance)
{
    return !instance_is_grouped(instance) || instance->intake.assigned ||
           instance->phase != PHASE_RUNNING;
}

bool publish_lists(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    struct store *store = instance->store;
    if (!may_publish(instance))
        return false;
    int64_t until_ns = instance_look_at_clock(instance) + PUBLISH_SLICE_NS;
    for (uint32_t published = 0; published < PUBLISH_SLICE_LISTS;) {
        if (!lists->connected || !store->ops->has_room(store))
            return false;
        uint32_t passed, size = take_batch(instance, &passed);
        if (size == 0 && passed == 0)
            return false;
        if (size > 0 && !publish_batch(instance, size))
            return false;
        published += size;
        if (instance_look_at_clock(instance) >= until_ns)
            break;
    }
    return publication_due_ms(instance->publication) <= instance->now_ms;
}

bool lists_are_known(const struct instance *instance)
{
    return instance->lists.sweep >= instance->lists.sweep_end && neighbours_are_known(instance);
}

bool lists_are_done(const struct instance *instance)
{
    const struct lists *lists = &instance->lists;
    if (!lists->connected)
        return true;
    return catalogue_is_swept(instance) && publication_waiting(instance->publication) == 0 &&
           publication_in_flight(instance->publication) == 0 &&
           instance->erasures.first == instance->erasures.end && lists->sweep >= lists->sweep_end &&
           lists->popular_flying == 0 && neighbours_are_done(instance);
}

int64_t lists_due_ms(const struct instance *instance)
{
    struct store *store = instance->store;
    if (!instance->lists.connected || !store->ops->has_room(store))
        return PUBLICATION_NEVER; /* a reply or a connection wakes us */
    int64_t due_ms =
        may_publish(instance) ? publication_due_ms(instance->publication) : PUBLICATION_NEVER;
    if (instance->lists.status_due_ms < due_ms)
        due_ms = instance->lists.status_due_ms;
    return instance->lists.popular_at > 0 ? instance->now_ms : due_ms;
}
