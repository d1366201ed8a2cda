/*
 * Looking ahead: an event costs a handful of reads that each wait for memory, as each tells where
 * the next one goes. So they are made for several events at a time, a step each while the events
 * before them are learned (Chen et al. 2004, "Improving hash join performance through
 * prefetching": software-pipelined prefetching), for GROUP events in a row, so that what they wait
 * for is waited for together:
 *
 *     4 groups before   the ids' hashes     ─► their cells
 *     3 groups          the cells           ─► keys, records, rows; where the negatives stand
 *     2 groups          the user's record   ─► history, what they have; the negatives' rows (the
 *                                              steps of bare.h bring those near one by one)
 *     1 group           the history         ─► its items' rows, what parts learn of the last one
 *
 *     MANY_BEFORE       where many negatives stand
 *     1 before          those places        ─► their rows
 *
 * Each step guesses from what the model is by then: wrong guesses cost time, and nothing else.
 */
#include "model/fetch.h"
#include "model/random.h"
#include "model/recommender_parts.h"

/* The rows of few items are near as they are: to fetch those of whole histories only costs, and all
 * the more those of many negatives. */
enum { GROUP = AHEAD_GROUP, MANY_BEFORE = 9, FEW_ITEMS = 1 << 13, MANY_ITEMS = 1 << 17 };

static struct ahead_event *entry_of(struct ahead *ahead, uint32_t n)
{
    return &ahead->at[n % AHEAD_ROOM];
}

static void fetch_user(const struct recommender *model, uint32_t user)
{
    if (user == SLOT_NONE)
        return;
    table_fetch_line(&model->user_ids.keys, user);
    table_fetch_line(&model->users, user);
    if (has_part(model, PART_FACTORS))
        table_fetch(&model->factors.user_rows, user);
}

static void fetch_item(const struct recommender *model, uint32_t item)
{
    if (item == SLOT_NONE)
        return;
    table_fetch_line(&model->item_ids.keys, item);
    table_fetch_ends(&model->popularity.items, item);
    if (model->popularity.keeps_roots)
        fetch_line(&model->popularity.inverse_root[item]);
    if (model->uses_ring)
        sampler_fetch(&model->sampler, item);
    if (model->uses_x)
        table_fetch(&model->factors.candidate_rows, item);
}

/* How many negatives can be told beforehand: those of losses that draw few, from all candidates. */
static uint32_t tries_told(const struct recommender *model)
{
    const struct loss *loss = &losses[model->settings.loss];
    if (!model->uses_x || !loss->uniform || model->popularity.wanted_count == 0)
        return 0;
    if (!model->is_bare)
        return loss->negatives <= AHEAD_TRIES ? loss->negatives : 0;
    uint32_t likely = bare_looks_at(&model->bare_habit, model->settings.loss);
    return likely < AHEAD_TRIES ? likely : AHEAD_TRIES;
}

/* Whether all that a sampler draws at a time is wanted, from candidates whose rows are far. */
static bool draws_many(const struct recommender *model)
{
    return model->uses_x && !model->is_bare &&
           losses[model->settings.loss].negatives == SAMPLES_MAX &&
           model->popularity.wanted_count >= MANY_ITEMS;
}

static struct draw draw_ahead(const struct recommender *model, uint32_t distance)
{
    return (struct draw){
        .key = random_key(model->settings.seed, model->events + 1 + distance, PURPOSE_SAMPLES),
        .most = losses[model->settings.loss].negatives,
        .wanted = model->popularity.wanted_items,
        .wanted_count = model->popularity.wanted_count,
        .uniform = losses[model->settings.loss].uniform,
        .rows = &model->factors.candidate_rows,
    };
}

/* Nearly always, where anything can be. */
static bool proposes(const struct recommender *model)
{
    return model->tempt.size > 0 && !losses[model->settings.loss].uniform;
}

static void fetch_tries(const struct recommender *model, struct ahead_event *entry,
                        uint32_t distance)
{
    uint32_t tries = tries_told(model);
    entry->tries = tries;
    if (tries == 0)
        return;
    const struct popularity *popularity = &model->popularity;
    uint64_t key = random_key(model->settings.seed, model->events + 1 + distance, PURPOSE_SAMPLES);
    sampler_places(key, tries, popularity->wanted_count, entry->tried);
    for (uint32_t n = 0; n < tries; n++)
        fetch_line(&popularity->wanted_items[entry->tried[n]]);
    if (model->settings.loss == LOSS_WARP) /* it may come to as many again */
        sampler_fetch_tries(key, tries, 2 * tries, popularity->wanted_items,
                            popularity->wanted_count);
}

static void fetch_rows(const struct recommender *model, struct ahead_event *entry,
                       uint32_t distance)
{
    entry->place = (struct place){.user = ids_guess(&model->user_ids, entry->user.hash),
                                  .item = ids_guess(&model->item_ids, entry->item.hash)};
    fetch_user(model, entry->place.user);
    fetch_item(model, entry->place.item);
    fetch_tries(model, entry, distance);
}

/* … or leaves it to the steps before. */
static void fetch_negative(struct recommender *model, uint32_t item)
{
    struct bare_next *next = &model->bare_next;
    if (model->is_bare && model->settings.loss != LOSS_BPR &&
        next->size < sizeof next->row / sizeof next->row[0])
        next->row[next->size++] = table_floats(&model->factors.candidate_rows, item);
    else
        table_fetch(&model->factors.candidate_rows, item);
}

/* What steps did not come to. */
static void fetch_left(struct recommender *model)
{
    struct bare_next *next = &model->bare_next;
    while (next->taken < next->size)
        table_fetch_at(&model->factors.candidate_rows, next->row[next->taken++]);
    next->size = next->taken = 0;
}

static void fetch_negatives(struct recommender *model, const struct ahead_event *entry,
                            const struct user *user, uint32_t distance)
{
    uint32_t candidates = model->popularity.wanted_count;
    for (uint32_t n = 0; n < entry->tries; n++) {
        if (entry->tried[n] >= candidates) /* some were let go since */
            continue;
        uint32_t item = model->popularity.wanted_items[entry->tried[n]];
        fetch_negative(model, item);
        if (user != NULL && hides_had(model))
            had_fetch(&user->had, item);
    }
    if (!model->uses_ring)
        return;
    uint32_t leaves = sampler_leaves(&model->sampler, distance);
    if (leaves != SLOT_NONE)
        sampler_fetch(&model->sampler, leaves);
}

/* What learning reads of the history, and the place of the next visit. */
static void fetch_visits(const struct recommender *model, const struct user *user)
{
    uint32_t step = 64 / sizeof(struct visit);
    uint32_t read = model->is_bare ? 0 : model->factors.weights.visits;
    for (uint32_t n = 0; n < user->history_room && n <= read; n += step)
        fetch_line(&user->history[(user->visits + n) & (user->history_room - 1u)]);
}

static void fetch_memory(struct recommender *model, const struct ahead_event *entry,
                         uint32_t distance)
{
    const struct user *user = recommender_user(model, entry->place.user);
    fetch_negatives(model, entry, user, distance);
    if (user == NULL)
        return;
    fetch_visits(model, user);
    if (entry->place.item != SLOT_NONE)
        had_fetch(&user->had, entry->place.item);
}

/* What parts learn of the user's last item and the event's. */
static void fetch_parts(const struct recommender *model, const struct ahead_event *entry)
{
    const struct user *user = recommender_user(model, entry->place.user);
    uint32_t last =
        user == NULL || user_visit_count(user) == 0 ? VISIT_GONE : user_visit(user, 0)->item;
    for (uint32_t n = 0; n < model->fetch.size; n++) {
        uint8_t p = model->fetch.part[n];
        if (last != VISIT_GONE)
            model_parts[p]->fetch(model->part[p], last);
        if (entry->place.item != SLOT_NONE)
            model_parts[p]->fetch(model->part[p], entry->place.item);
    }
}

static void fetch_history(const struct recommender *model, const struct ahead_event *entry)
{
    const struct user *user = recommender_user(model, entry->place.user);
    const struct factor_weights *weights = &model->factors.weights;
    uint32_t visits = user == NULL ? 0 : user_visit_count(user);
    for (uint32_t age = 0; age < visits && age < weights->visits; age++) {
        uint32_t item = user_visit(user, age)->item;
        if (item == VISIT_GONE)
            continue;
        if (weights->history > 0.0f) {
            table_fetch(&model->factors.history_rows, item);
            table_fetch(&model->factors.sums, item);
        }
        if (weights->last > 0.0f && age == 0)
            table_fetch(&model->factors.last_rows, item);
        if (has_part(model, PART_TOWER) && age < TOWER_VISITS)
            table_fetch(&model->factors.candidate_rows, item);
    }
}

/* Where the events of a step begin and end, so many groups before the one at n; at first all that
 * are nearer are among them, too. */
static uint32_t first_of(uint32_t n, uint32_t groups)
{
    return n == 0 ? 0 : n + groups * GROUP;
}

static uint32_t end_of(uint32_t n, uint32_t groups, uint32_t size)
{
    uint32_t end = n + (groups + 1) * GROUP;
    return end < size ? end : size;
}

static void look_ahead_group(struct recommender *model, struct ahead *ahead,
                             const struct event *events, uint32_t n, uint32_t size)
{
    uint32_t end = end_of(n, 4, size);
    for (uint32_t at = first_of(n, 4); at < end; at++) {
        ids_seek(&model->user_ids, events[at].user, &entry_of(ahead, at)->user);
        ids_seek(&model->item_ids, events[at].item, &entry_of(ahead, at)->item);
    }
    end = end_of(n, 3, size);
    for (uint32_t at = first_of(n, 3); at < end; at++)
        fetch_rows(model, entry_of(ahead, at), at - n);
    fetch_left(model);
    end = end_of(n, 2, size);
    for (uint32_t at = first_of(n, 2); at < end; at++)
        fetch_memory(model, entry_of(ahead, at), at - n);
    end = model->fetch.size == 0 ? 0 : end_of(n, 1, size);
    for (uint32_t at = first_of(n, 1); at < end; at++)
        fetch_parts(model, entry_of(ahead, at));
    end = model->is_bare || model->item_ids.bound < FEW_ITEMS ? 0 : end_of(n, 1, size);
    for (uint32_t at = first_of(n, 1); at < end; at++)
        fetch_history(model, entry_of(ahead, at));
}

/* Event by event: those of several at a time would drive each other out of the cache. */
static void fetch_many(const struct recommender *model, uint32_t n, uint32_t size)
{
    for (uint32_t before = n == 0 ? 0 : MANY_BEFORE; before <= MANY_BEFORE; before++) {
        const struct draw draw = draw_ahead(model, before);
        if (n + before < size)
            sampler_fetch_places(&model->sampler, &draw, proposes(model));
    }
    for (uint32_t before = n == 0 ? 0 : 1; before <= 1; before++) {
        const struct draw draw = draw_ahead(model, before);
        if (n + before < size)
            sampler_fetch_rows(&model->sampler, &draw, proposes(model));
    }
}

void recommender_look_ahead(struct recommender *model, struct ahead *ahead,
                            const struct event *events, uint32_t n, uint32_t size)
{
    if (n % GROUP == 0)
        look_ahead_group(model, ahead, events, n, size);
    if (draws_many(model))
        fetch_many(model, n, size);
}

/* Most of them are as they were told, which one look at each id shows. */
struct place recommender_place_ahead(const struct recommender *model, const struct ahead *ahead,
                                     const struct event *events, uint32_t n)
{
    const struct ahead_event *entry = &ahead->at[n % AHEAD_ROOM];
    const struct event *event = &events[n];
    return (struct place){
        .user = ids_find_sought(&model->user_ids, event->user, &entry->user, entry->place.user),
        .item = ids_find_sought(&model->item_ids, event->item, &entry->item, entry->place.item)};
}
