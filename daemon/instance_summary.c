/* What the store holds besides the users' lists: the popular one, and how we are. */
#include "daemon/instance_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

/* ---- taste:popular, taste:popular:FEATURE ---- */

void popular_init(struct instance *instance)
{
    struct text features[POPULAR_FEATURES_MAX];
    struct lists *lists = &instance->lists;
    lists->popular_count = 1 + settings_popular_features(instance->settings, features);
    for (uint32_t n = 1; n < lists->popular_count; n++)
        lists->popular[n].feature = features[n - 1];
}

/* As long as it is the same, so are the lists. */
static uint64_t popular_state(const struct instance *instance)
{
    return recommender_count(instance->engine.model).events + instance->lists.popular_changes;
}

void popular_answered(struct instance *instance, uint64_t ticket, bool written)
{
    struct lists *lists = &instance->lists;
    struct popular *popular = &lists->popular[ticket];
    popular->flying = false;
    lists->popular_flying--;
    popular->hash = written ? popular->sent : 0;
    if (!written)
        lists->popular_due_ms = instance->now_ms + RETRY_MS;
    else if (popular->missed)
        lists->popular_due_ms = 0;
    popular->missed = false;
}

void popular_described(struct instance *instance)
{
    instance->lists.popular_changes++;
}

void popular_withdraw(struct instance *instance)
{
    instance->lists.popular_changes++;
    instance->lists.popular_again = true;
    instance->lists.popular_due_ms = 0;
}

void popular_write_again(struct instance *instance)
{
    for (uint32_t n = 0; n < instance->lists.popular_count; n++)
        instance->lists.popular[n].hash = 0;
    popular_withdraw(instance);
}

static uint64_t hash_popular(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    const struct list *list = lists->popular_list;
    for (uint32_t i = 0; i < list->size; i++)
        lists->items[i] = prequential_item(list->at[i].item);
    return XXH3_64bits(lists->items, list->size * sizeof *lists->items);
}

/* False: the store is full. */
static bool write_popular(struct instance *instance, uint32_t n)
{
    struct lists *lists = &instance->lists;
    struct popular *popular = &lists->popular[n];
    uint64_t hash = hash_popular(instance);
    if (hash == popular->hash)
        return true;
    struct store_write write = {.key = KEY_POPULAR,
                                .name = popular->feature,
                                .list = lists->popular_list,
                                .at_ms = instance->wall_ms,
                                .version = popular->version + 1,
                                .ticket = ticket_of(TICKET_POPULAR, n)};
    popular->flying = instance->store->ops->put(instance->store, &write);
    if (!popular->flying)
        return false;
    lists->popular_flying++;
    popular->sent = hash;
    popular->version++;
    if (n == 0)
        prequential_show_popular(instance->prequential, lists->items, lists->popular_list->size);
    return true;
}

/* It never expires: it is what is left when everything else has. Where the catalogue has retired
 * all there was, so is the list of before. */
static bool refresh_popular(struct instance *instance, uint32_t n)
{
    const struct recommender *model = instance->engine.model;
    struct lists *lists = &instance->lists;
    int64_t at_ms = instance_list_time(instance);
    uint32_t size = instance->settings->lists.size;
    if (n == 0)
        recommender_popular(model, at_ms, size, lists->popular_list);
    else
        recommender_popular_with(model, lists->popular[n].feature, at_ms, size,
                                 lists->popular_list);
    bool may_be_empty = n > 0 || instance->catalogue.source != NULL;
    return (lists->popular_list->size == 0 && !may_be_empty) || write_popular(instance, n);
}

/* A round over all of them at most once a second, in slices, for what was learned since or is to be
 * written again. */
void keep_popular(struct instance *instance)
{
    struct lists *lists = &instance->lists;
    struct store *store = instance->store;
    if (!lists->connected || instance->now_ms < lists->popular_due_ms ||
        recommender_count(instance->engine.model).events == 0)
        return;
    int64_t until_ns = instance_look_at_clock(instance) + POPULAR_SLICE_NS;
    uint64_t state = popular_state(instance);
    lists->popular_again &= lists->popular_at > 0;
    while (lists->popular_at < lists->popular_count) {
        struct popular *popular = &lists->popular[lists->popular_at];
        bool stale = popular->seen != state || popular->hash == 0;
        popular->missed |= stale && popular->flying;
        if (stale && !popular->flying) {
            if (!store->ops->has_room(store) || !refresh_popular(instance, lists->popular_at))
                return;
            popular->seen = state;
        }
        lists->popular_at++;
        if (instance_look_at_clock(instance) >= until_ns)
            break;
    }
    if (lists->popular_at < lists->popular_count)
        return;
    lists->popular_at = 0;
    lists->popular_due_ms = lists->popular_again ? 0 : instance->now_ms + POPULAR_MS;
}

/* ---- taste:status ---- */

static void number(struct store_field *field, const char *name, uint64_t value)
{
    field->name = name;
    snprintf(field->value, sizeof field->value, "%" PRIu64, value);
}

/* Each second, and as soon as the lag is known. */
static bool status_is_due(const struct instance *instance)
{
    const struct lists *lists = &instance->lists;
    bool news = !lists->lag_told && instance_lag(instance) >= 0;
    return lists->connected && (news || instance->now_ms >= lists->status_due_ms) &&
           instance->store->ops->has_room(instance->store);
}

/* Every second, whatever happened: a reader sees by updated_ms that we live, and we see by the
 * epoch that is read back whether the store is still the one we wrote to. */
void keep_status(struct instance *instance)
{
    enum { FIELDS_OF_STATUS = 8 };
    struct lists *lists = &instance->lists;
    if (!status_is_due(instance))
        return;
    int64_t lag = instance_lag(instance);
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
    fields[7].name = "lag";
    snprintf(fields[7].value, sizeof fields[7].value, "%" PRId64, lag);
    if (!instance->store->ops->put_status(instance->store, fields, FIELDS_OF_STATUS))
        return;
    lists->status_due_ms = instance->now_ms + STATUS_MS;
    lists->lag_told = lag >= 0;
}
