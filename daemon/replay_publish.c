/*
 *     users ─► ranker: a batch, all threads ─┐
 *     items ─► similar: a batch ─────────────┴► put ··· done()     then popular, then the status
 *
 * The store is the daemon's; a loop of its own turns here until everything is answered. What fails
 * ends it: whoever asked can ask again.
 */
#include "daemon/replay_publish.h"

#include "daemon/progress.h"
#include "daemon/publication.h"
#include "daemon/ranker.h"
#include "model/similar.h"
#include "transport/clock.h"
#include "transport/redis.h"

#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum { BATCH = 64, REACH_MS = 2000, CONNECT_S = 5, FIELDS_OF_STATUS = 8 };

struct publishing {
    const struct settings *settings;
    struct recommender *model;
    struct ev_loop *loop;
    struct store *store;
    struct ranker *ranker;
    ev_timer patience; /* until the store is connected */
    struct progress progress;
    bool connected, failed, status_put;
    int64_t at_ms;
    enum store_key what; /* the lists of the batch: KEY_TOP, then KEY_SIMILAR */
    uint32_t next;       /* slot of the next user, or item */
    uint32_t size, at;   /* of the batch; the next to be put */
    uint32_t slots[BATCH];
    struct list *lists;      /* (BATCH) */
    struct similar *similar; /* NULL: no neighbours are wanted */
    struct text features[POPULAR_FEATURES_MAX];
    uint32_t feature_count, populars_put; /* first that of all items, then the features' */
    uint64_t answered;
};

enum status replay_reach_redis(const struct settings *settings, struct error *error)
{
    struct redis_client *client = NULL;
    enum status status = redis_connect(settings->redis_url, REACH_MS, &client, error);
    redis_disconnect(client);
    return status;
}

/* ---- what the store calls ---- */

static void connected(void *context, bool ours)
{
    (void)ours; /* everything is written anyway */
    struct publishing *publishing = context;
    publishing->connected = true;
    ev_timer_stop(publishing->loop, &publishing->patience);
}

static void disconnected(void *context, const struct error *why)
{
    (void)why; /* the store has logged it */
    ((struct publishing *)context)->failed = true;
}

static void done(void *context, uint64_t ticket, bool written)
{
    (void)ticket;
    struct publishing *publishing = context;
    publishing->failed = publishing->failed || !written;
    publishing->answered++;
}

static void room(void *context)
{
    (void)context; /* the loop has come round by itself */
}

static void on_patience(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    ((struct publishing *)watcher->data)->failed = true;
}

/* ---- what is put ---- */

static struct text id_of(const struct publishing *publishing, uint32_t slot)
{
    return publishing->what == KEY_TOP ? recommender_user_id(publishing->model, slot)
                                       : recommender_item_id(publishing->model, slot);
}

static uint32_t bound_of(const struct publishing *publishing)
{
    return publishing->what == KEY_TOP ? recommender_user_bound(publishing->model)
                                       : recommender_item_bound(publishing->model);
}

static void take_slots(struct publishing *publishing, uint32_t most)
{
    uint32_t bound = bound_of(publishing);
    publishing->size = publishing->at = 0;
    while (publishing->next < bound && publishing->size < most) {
        uint32_t slot = publishing->next++;
        if (id_of(publishing, slot).size > 0)
            publishing->slots[publishing->size++] = slot;
    }
}

/* An item that is not to be recommended has no neighbours, as in the daemon. */
static enum status search_batch(struct publishing *publishing)
{
    const struct recommender *model = publishing->model;
    struct similar *similar = publishing->similar;
    int64_t ts_ms = recommender_latest_ms(model);
    take_slots(publishing, SIMILAR_TOGETHER);
    similar_begin(similar, publishing->slots, publishing->size,
                  publishing->settings->lists.similar);
    while (similar_step(similar, model))
        ;
    for (uint32_t n = 0; n < publishing->size; n++) {
        similar_take(similar, model, n, ts_ms, &publishing->lists[n]);
        if (recommender_is_withheld(model, publishing->slots[n], ts_ms))
            publishing->lists[n].size = 0;
    }
    return STATUS_OK;
}

static enum status rank_batch(struct publishing *publishing)
{
    take_slots(publishing, BATCH);
    if (publishing->size == 0)
        return STATUS_OK;
    ranker_explore(publishing->ranker, publishing->settings->lists.explore);
    return ranker_rank(publishing->ranker, publishing->slots, publishing->size,
                       recommender_latest_ms(publishing->model), publishing->settings->lists.size,
                       true, publishing->lists);
}

/* Those of each replay are above those of the one before: the mark counts them. */
static uint64_t version(const struct publishing *publishing)
{
    return publishing->store->ops->mark(publishing->store) + 1;
}

static bool put_list(struct publishing *publishing)
{
    const struct lists_settings *lists = &publishing->settings->lists;
    struct text name = id_of(publishing, publishing->slots[publishing->at]);
    struct store_write write = {
        .key = publishing->what,
        .name = name,
        .list = &publishing->lists[publishing->at],
        .at_ms = publishing->at_ms,
        .version = version(publishing),
        .ttl_s = publication_ttl(lists->ttl_s, (uint32_t)XXH3_64bits(name.at, name.size)),
        .notify = lists->notify && publishing->what == KEY_TOP,
    };
    if (!publishing->store->ops->put(publishing->store, &write))
        return false;
    publishing->at++;
    return true;
}

/* The next one. An empty one takes away that of before, but for the list of all items: better an
 * old one than none. */
static void put_popular(struct publishing *publishing)
{
    struct list *list = &publishing->lists[0];
    struct text feature = {NULL, 0};
    int64_t ts_ms = recommender_latest_ms(publishing->model);
    uint32_t size = publishing->settings->lists.size;
    if (publishing->populars_put == 0) {
        recommender_popular(publishing->model, ts_ms, size, list);
    } else {
        feature = publishing->features[publishing->populars_put - 1];
        recommender_popular_with(publishing->model, feature, ts_ms, size, list);
    }
    struct store_write write = {.key = KEY_POPULAR,
                                .name = feature,
                                .list = list,
                                .at_ms = publishing->at_ms,
                                .version = version(publishing)};
    if ((list->size == 0 && feature.size == 0) ||
        publishing->store->ops->put(publishing->store, &write))
        publishing->populars_put++;
}

static void number(struct store_field *field, const char *name, uint64_t value)
{
    field->name = name;
    snprintf(field->value, sizeof field->value, "%" PRIu64, value);
}

/* Nothing was live: no freshness, no lag. */
static void put_status(struct publishing *publishing)
{
    struct recommender_counts counts = recommender_count(publishing->model);
    struct store_field fields[FIELDS_OF_STATUS] = {{"version", TASTED_VERSION}};
    number(&fields[1], "events", counts.events);
    number(&fields[2], "users", counts.users);
    number(&fields[3], "items", counts.items);
    number(&fields[4], "updated_ms", (uint64_t)publishing->at_ms);
    number(&fields[5], "freshness_p50_ms", 0);
    number(&fields[6], "freshness_p99_ms", 0);
    number(&fields[7], "lag", 0);
    publishing->status_put =
        publishing->store->ops->put_status(publishing->store, fields, FIELDS_OF_STATUS);
}

/* The next lists, of users or of items; false: there are no more. */
static bool next_batch(struct publishing *publishing, enum status *status)
{
    if (publishing->next >= bound_of(publishing)) {
        if (publishing->what == KEY_SIMILAR || publishing->similar == NULL)
            return false;
        publishing->what = KEY_SIMILAR;
        publishing->next = 0;
    }
    *status = publishing->what == KEY_TOP ? rank_batch(publishing) : search_batch(publishing);
    uint32_t users = recommender_user_bound(publishing->model);
    uint32_t items = publishing->similar == NULL ? 0 : recommender_item_bound(publishing->model);
    uint32_t done_with = publishing->next + (publishing->what == KEY_TOP ? 0 : users);
    progress_update(&publishing->progress, done_with, (double)done_with / (users + items));
    return true;
}

/* As much as there is room for. */
static enum status put_more(struct publishing *publishing)
{
    struct store *store = publishing->store;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !publishing->status_put && store->ops->has_room(store)) {
        if (publishing->at < publishing->size) {
            if (!put_list(publishing))
                break;
        } else if (next_batch(publishing, &status)) {
            continue;
        } else if (publishing->populars_put <= publishing->feature_count) {
            put_popular(publishing);
        } else {
            put_status(publishing);
        }
    }
    return status;
}

static enum status put_all(struct publishing *publishing, struct error *error)
{
    while (!publishing->failed &&
           (!publishing->status_put || publishing->store->ops->in_flight(publishing->store) > 0)) {
        enum status status = publishing->connected ? put_more(publishing) : STATUS_OK;
        if (status != STATUS_OK)
            return error_set(error, status, "ranking: %s", status_text(status));
        ev_run(publishing->loop, EVRUN_ONCE);
    }
    if (publishing->failed)
        return error_set(error, STATUS_UNREACHABLE,
                         "publishing: Redis did not take all lists; %" PRIu64
                         " were answered. Is it there, and may it be written to?",
                         publishing->answered);
    return STATUS_OK;
}

/* ---- all of it ---- */

static enum status open_all(struct publishing *publishing, uint32_t threads, struct error *error)
{
    const struct settings *settings = publishing->settings;
    /* A daemon that comes later is to know that these are not its own. */
    static const char epoch[] = "replay";
    publishing->loop = ev_loop_new(EVFLAG_AUTO);
    publishing->lists = calloc(BATCH, sizeof *publishing->lists);
    if (publishing->loop == NULL || publishing->lists == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory to publish");
    ev_timer_init(&publishing->patience, on_patience, CONNECT_S, 0);
    publishing->patience.data = publishing;
    ev_timer_start(publishing->loop, &publishing->patience);
    publishing->feature_count = settings_popular_features(settings, publishing->features);
    if (settings->lists.similar > 0 && similar_create(&publishing->similar) != STATUS_OK)
        return error_set(error, STATUS_NO_MEMORY, "no memory to publish");
    enum status status = ranker_create(publishing->model, threads, &publishing->ranker, error);
    if (status != STATUS_OK)
        return status;
    struct redis_settings redis = {
        settings->redis_url, settings->redis_prefix, epoch, 0, settings->lists.format, false};
    struct store_owner owner = {publishing, connected, disconnected, done, room};
    return redis_store_create(publishing->loop, &redis, &owner, &publishing->store, error);
}

enum status replay_publish(const struct settings *settings, struct recommender *model,
                           uint32_t threads, struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    struct publishing publishing = {
        .settings = settings, .model = model, .at_ms = clock->wall_ms(clock)};
    enum status status = open_all(&publishing, threads, error);
    if (status == STATUS_OK) {
        progress_init(&publishing.progress, "publishing", "lists");
        status = put_all(&publishing, error);
        progress_finish(&publishing.progress, publishing.answered);
    }
    if (publishing.store != NULL)
        publishing.store->ops->destroy(publishing.store);
    ranker_destroy(publishing.ranker);
    similar_destroy(publishing.similar);
    free(publishing.lists);
    if (publishing.loop != NULL)
        ev_loop_destroy(publishing.loop);
    return status;
}
