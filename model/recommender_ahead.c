/*
 * Looking ahead: an event costs a handful of reads that each wait for memory, as each tells where
 * the next one goes. So they are made for several events at a time, a step each while the events
 * before them are learned (Chen et al. 2004, "Improving hash join performance through
 * prefetching": software-pipelined prefetching):
 *
 *     12 before   the ids' hashes           ─► their cells
 *      9 before   the cells                 ─► keys, records, rows; where the negatives stand
 *      6 before   the user's record         ─► history, what they have; the negatives' rows
 *      3 before   the history               ─► its items' rows
 *      1 before   many negatives' places    ─► their rows
 *
 * Each step guesses from what the model is by then: wrong guesses cost time, and nothing else.
 */
#include "model/fetch.h"
#include "model/random.h"
#include "model/recommender_parts.h"

/* The rows of few items are near as they are: to fetch those of whole histories only costs, and all
 * the more those of many negatives. */
enum { STEP = AHEAD_MOST / 4, FEW_ITEMS = 1 << 13, MANY_ITEMS = 1 << 17 };

static struct ahead_event *entry_of(struct ahead *ahead, uint32_t n)
{
    return &ahead->at[n % AHEAD_ROOM];
}

static void fetch_cells(const struct recommender *model, struct ahead_event *entry,
                        const struct event *event)
{
    entry->user_hash = ids_hash(&model->user_ids, event->user);
    entry->item_hash = ids_hash(&model->item_ids, event->item);
    ids_fetch_cell(&model->user_ids, entry->user_hash);
    ids_fetch_cell(&model->item_ids, entry->item_hash);
}

static void fetch_user(const struct recommender *model, uint32_t user)
{
    if (user == SLOT_NONE)
        return;
    table_fetch(&model->user_ids.keys, user);
    table_fetch(&model->users, user);
    if (has_part(model, PART_FACTORS))
        table_fetch(&model->factors.user_rows, user);
}

static void fetch_item(const struct recommender *model, uint32_t item)
{
    if (item == SLOT_NONE)
        return;
    table_fetch(&model->item_ids.keys, item);
    table_fetch(&model->popularity.items, item);
    if (model->popularity.keeps_roots)
        fetch_line(&model->popularity.inverse_root[item]);
    if (model->uses_ring)
        table_fetch(&model->sampler.in_ring, item);
    if (model->uses_x)
        table_fetch(&model->factors.candidate_rows, item);
}

/* How many negatives can be told beforehand: those of losses that draw few, from all candidates. */
static uint32_t tries_told(const struct recommender *model)
{
    const struct loss *loss = &losses[model->settings.loss];
    if (!model->uses_x || !loss->uniform || model->popularity.wanted_count == 0)
        return 0;
    return loss->negatives <= AHEAD_TRIES ? loss->negatives : 0;
}

/* Whether all that a sampler draws at a time is wanted, from candidates whose rows are far. */
static bool draws_many(const struct recommender *model)
{
    return model->uses_x && losses[model->settings.loss].negatives == SAMPLES_MAX &&
           model->popularity.wanted_count >= MANY_ITEMS;
}

static struct draw draw_ahead(const struct recommender *model, uint32_t distance)
{
    return (struct draw){
        .key = random_key(model->settings.seed, model->events + 1 + distance, PURPOSE_SAMPLES),
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

static void fetch_many_places(const struct recommender *model, uint32_t distance)
{
    const struct draw draw = draw_ahead(model, distance);
    if (draws_many(model))
        sampler_fetch_places(&model->sampler, &draw, proposes(model));
}

static void fetch_many_rows(const struct recommender *model, uint32_t distance)
{
    const struct draw draw = draw_ahead(model, distance);
    if (draws_many(model))
        sampler_fetch_rows(&model->sampler, &draw, proposes(model));
}

static void fetch_tries(const struct recommender *model, struct ahead_event *entry,
                        uint32_t distance)
{
    uint32_t tries = tries_told(model);
    if (tries == 0)
        return;
    const struct popularity *popularity = &model->popularity;
    uint64_t key = random_key(model->settings.seed, model->events + 1 + distance, PURPOSE_SAMPLES);
    for (uint32_t n = 0; n < tries; n++) {
        entry->tried[n] = sampler_place(key, n, popularity->wanted_count);
        fetch_line(&popularity->wanted_items[entry->tried[n]]);
    }
}

static void fetch_rows(const struct recommender *model, struct ahead_event *entry,
                       uint32_t distance)
{
    entry->place = (struct place){.user = ids_guess(&model->user_ids, entry->user_hash),
                                  .item = ids_guess(&model->item_ids, entry->item_hash)};
    fetch_user(model, entry->place.user);
    fetch_item(model, entry->place.item);
    fetch_tries(model, entry, distance);
    fetch_many_places(model, distance);
}

static void fetch_negatives(const struct recommender *model, const struct ahead_event *entry,
                            const struct user *user, uint32_t distance)
{
    uint32_t candidates = model->popularity.wanted_count;
    for (uint32_t n = 0, tries = tries_told(model); n < tries; n++) {
        if (entry->tried[n] >= candidates) /* some were let go since */
            continue;
        uint32_t item = model->popularity.wanted_items[entry->tried[n]];
        table_fetch(&model->factors.candidate_rows, item);
        if (user != NULL && hides_had(model))
            had_fetch(&user->had, item);
    }
    if (!model->uses_ring)
        return;
    uint32_t leaves = sampler_leaves(&model->sampler, distance);
    if (leaves != SLOT_NONE)
        table_fetch(&model->sampler.in_ring, leaves);
}

/* What learning reads of the history, and the place of the next visit. */
static void fetch_visits(const struct recommender *model, const struct user *user)
{
    uint32_t step = 64 / sizeof(struct visit);
    uint32_t read = model->is_pairwise ? 0 : model->factors.weights.visits;
    for (uint32_t n = 0; n < user->history_room && n <= read; n += step)
        fetch_line(&user->history[(user->visits + n) % user->history_room]);
}

static void fetch_memory(const struct recommender *model, const struct ahead_event *entry,
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

/* The events that are `distance` before their turn; at first all that are nearer, too. */
static uint32_t first_of(uint32_t n, uint32_t distance)
{
    return n == 0 ? 0 : n + distance;
}

static uint32_t end_of(uint32_t n, uint32_t distance, uint32_t size)
{
    return n + distance < size ? n + distance + 1 : size;
}

void recommender_look_ahead(const struct recommender *model, struct ahead *ahead,
                            const struct event *events, uint32_t n, uint32_t size)
{
    uint32_t end = end_of(n, 4 * STEP, size);
    for (uint32_t at = first_of(n, 4 * STEP); at < end; at++)
        fetch_cells(model, entry_of(ahead, at), &events[at]);
    end = end_of(n, 3 * STEP, size);
    for (uint32_t at = first_of(n, 3 * STEP); at < end; at++)
        fetch_rows(model, entry_of(ahead, at), at - n);
    end = end_of(n, 2 * STEP, size);
    for (uint32_t at = first_of(n, 2 * STEP); at < end; at++)
        fetch_memory(model, entry_of(ahead, at), at - n);
    end = model->item_ids.bound < FEW_ITEMS ? 0 : end_of(n, STEP, size);
    for (uint32_t at = first_of(n, STEP); at < end; at++)
        fetch_history(model, entry_of(ahead, at));
    end = end_of(n, 1, size);
    for (uint32_t at = first_of(n, 1); at < end; at++)
        fetch_many_rows(model, at - n);
}

/* Most of them are as they were told, which one look at each id shows. */
struct place recommender_place_ahead(const struct recommender *model, const struct ahead *ahead,
                                     const struct event *events, uint32_t n)
{
    struct place place = ahead->at[n % AHEAD_ROOM].place;
    if (!ids_is(&model->user_ids, place.user, events[n].user))
        place.user = ids_find(&model->user_ids, events[n].user);
    if (!ids_is(&model->item_ids, place.item, events[n].item))
        place.item = ids_find(&model->item_ids, events[n].item);
    return place;
}
