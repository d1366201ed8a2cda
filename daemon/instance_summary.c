/* What the store holds besides the users' lists: the popular one, and how we are. */
#include "daemon/instance_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

/* ---- taste:popular ---- */

void popular_answered(struct instance *instance, bool written)
{
    struct lists *lists = &instance->lists;
    lists->popular_flying = false;
    if (written) {
        lists->popular_hash = lists->popular_sent;
        return;
    }
    lists->popular_hash = 0;
    lists->popular_events = 0;
    lists->popular_due_ms = instance->now_ms + RETRY_MS;
}

static uint64_t hash_popular(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    const struct list *popular = lists->popular;
    for (uint32_t i = 0; i < popular->size; i++)
        lists->items[i] = prequential_item(popular->at[i].item);
    return XXH3_64bits(lists->items, popular->size * sizeof *lists->items);
}

static void write_popular(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    uint64_t hash = hash_popular(instance);
    if (hash == lists->popular_hash)
        return;
    struct store_write write = {.key = KEY_POPULAR,
                                .list = lists->popular,
                                .at_ms = instance->wall_ms,
                                .version = lists->popular_version + 1,
                                .ticket = ticket_of(TICKET_POPULAR, 0)};
    lists->popular_flying = instance->store->ops->put(instance->store, &write);
    if (!lists->popular_flying) {
        lists->popular_events = 0; /* look again */
        return;
    }
    lists->popular_sent = hash;
    lists->popular_version++;
    prequential_show_popular(instance->prequential, lists->items, lists->popular->size);
}

/* At most once a second, and only when something was learned since or it is to be written again.
 * It never expires: it is what is left when everything else has. Where the catalogue has retired
 * all there was, so is the list of before. */
void keep_popular(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    uint64_t events = recommender_count(instance->engine.model).events;
    bool stale = events != lists->popular_events || lists->popular_hash == 0;
    if (!stale || events == 0 || lists->popular_flying || !lists->connected ||
        instance->now_ms < lists->popular_due_ms ||
        !instance->store->ops->has_room(instance->store))
        return;
    lists->popular_events = events;
    lists->popular_due_ms = instance->now_ms + POPULAR_MS;
    if (ranker_popular(instance->ranker, instance_list_time(instance),
                       instance->settings->lists.size, lists->popular) == STATUS_OK &&
        (lists->popular->size > 0 || instance->catalogue.source != NULL))
        write_popular(instance);
}

/* ---- taste:status ---- */

static void number(struct store_field *field, const char *name, uint64_t value)
{
    field->name = name;
    snprintf(field->value, sizeof field->value, "%" PRIu64, value);
}

/* Every second, whatever happened: a reader sees by updated_ms that we live, and we see by the
 * epoch that is read back whether the store is still the one we wrote to. */
void keep_status(struct instance *instance)
{
    enum { FIELDS_OF_STATUS = 8 };
    struct lists *lists = &instance->lists;
    struct store *store = instance->store;
    if (!lists->connected || instance->now_ms < lists->status_due_ms ||
        !store->ops->has_room(store))
        return;
    struct recommender_counts counts = recommender_count(instance->engine.model);
    struct histogram fresh = histogram_window_sum(&instance->freshness, instance->wall_ms);
    struct store_field fields[FIELDS_OF_STATUS] = {{"version", TASTED_VERSION}};
    number(&fields[1], "events", counts.events);
    number(&fields[2], "users", counts.users);
    number(&fields[3], "items", counts.items);
    number(&fields[4], "updated_ms", (uint64_t)instance->wall_ms);
    number(&fields[5], "freshness_p50_ms", (uint64_t)(histogram_quantile(&fresh, 0.5) * 1e3 + 0.5));
    number(&fields[6], "freshness_p99_ms",
           (uint64_t)(histogram_quantile(&fresh, 0.99) * 1e3 + 0.5));
    number(&fields[7], "lag", instance_lag(instance));
    if (store->ops->put_status(store, fields, FIELDS_OF_STATUS))
        lists->status_due_ms = instance->now_ms + STATUS_MS;
}
