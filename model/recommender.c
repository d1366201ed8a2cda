#include "model/recommender_parts.h"

#include <stdlib.h>

void recommender_settings_init(struct recommender_settings *settings)
{
    *settings = (struct recommender_settings){
        .seed = 1, .dim = 64, .dedupe_ids = 100000, .exclude_days = HAVE_FOREVER};
    for (int p = 0; p < PARTS; p++)
        settings->part[p] = p == PART_PEERS ? 0.0f : 1.0f;
    signals_init(&settings->signals);
}

static enum status create_parts(struct recommender *model)
{
    enum status status = STATUS_OK;
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        if (has_part(model, p) && model_parts[p]->create != NULL)
            status = model_parts[p]->create(&model->settings, &model->part[p]);
    return status;
}

static void destroy_parts(struct recommender *model)
{
    for (int p = 0; p < PARTS; p++)
        if (model->part[p] != NULL)
            model_parts[p]->destroy(model->part[p]);
}

/* Whether the part adds to the user's side x. */
static bool adds_to_x(int part)
{
    return part == PART_FACTORS || part == PART_HISTORY || part == PART_LAST ||
           model_parts[part]->back != NULL;
}

/* Whether the part has features of its own, to be blended with x. */
static bool adds_features(int part)
{
    return part == PART_POPULARITY || model_parts[part]->propose != NULL ||
           model_parts[part]->complete != NULL;
}

static void list_part(struct part_list *list, int part, bool has_operation)
{
    if (has_operation)
        list->part[list->size++] = (uint8_t)part;
}

static void list_operations(struct recommender *model, int part)
{
    const struct part *operations = model_parts[part];
    list_part(&model->ask, part, operations->ask != NULL);
    list_part(&model->propose, part, operations->propose != NULL);
    list_part(&model->complete, part, operations->complete != NULL);
    list_part(&model->tempt, part, operations->tempt != NULL);
    list_part(&model->fetch, part, operations->fetch != NULL);
    list_part(&model->back, part, operations->back != NULL);
    list_part(&model->before, part, operations->before != NULL);
    list_part(&model->learn, part, operations->learn != NULL);
}

/* What the parts that are on need, so that an event pays for nothing else. */
static void choose_work(struct recommender *model)
{
    const float *part = model->settings.part;
    for (int p = 0; p < PARTS; p++) {
        if (!has_part(model, p))
            continue;
        list_operations(model, p);
        model->uses_x = model->uses_x || adds_to_x(p);
        model->uses_blend = model->uses_blend || adds_features(p);
    }
    const struct loss *loss = &losses[model->settings.loss];
    bool parts_learn = model->ask.size + model->before.size + model->learn.size > 0;
    model->uses_ring = model->uses_blend || !loss->uniform;
    model->is_bare = loss->uniform && !model->uses_blend && !parts_learn &&
                     has_part(model, PART_FACTORS) && !has_part(model, PART_HISTORY) &&
                     !has_part(model, PART_LAST);
    model->asks = !model->is_bare && (model->uses_x || model->uses_blend || parts_learn);
    struct factor_weights weights = {
        .own = part[PART_FACTORS], .history = part[PART_HISTORY], .last = part[PART_LAST]};
    if (model->uses_blend || has_part(model, PART_HISTORY) || has_part(model, PART_LAST) ||
        has_part(model, PART_TOWER))
        weights.visits = HISTORY_USED;
    factors_init(&model->factors, model->settings.seed, model->settings.dim, &weights);
}

enum status recommender_create(const struct recommender_settings *settings,
                               struct recommender **out, struct error *error)
{
    *out = NULL;
    if (settings->dim % 16 != 0 || settings->dim < 16 || settings->dim > DIM_MAX)
        return error_set(error, STATUS_BAD_CONFIG,
                         "model.dim: %u is not a multiple of 16 from 16 to %d", settings->dim,
                         DIM_MAX);
    size_t bytes = (sizeof(struct recommender) + 63) / 64 * 64;
    struct recommender *model = aligned_alloc(64, bytes);
    if (model == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for a model");
    memset(model, 0, bytes);
    model->settings = *settings;
    table_init(&model->users, sizeof(struct user));
    choose_work(model);
    popularity_init(&model->popularity, has_part(model, PART_NEIGHBOURS) ||
                                            has_part(model, PART_DISLIKES) ||
                                            has_part(model, PART_PEERS));
    sampler_init(&model->sampler);
    model->learning.sparse.puts_off = true;
    blend_init(&model->blend);
    dedupe_init(&model->dedupe, settings->dedupe_ids);
    if (ids_init(&model->user_ids, settings->seed) != STATUS_OK ||
        ids_init(&model->item_ids, settings->seed) != STATUS_OK ||
        cards_init(&model->cards, settings->seed) != STATUS_OK ||
        create_parts(model) != STATUS_OK) {
        recommender_destroy(model);
        return error_set(error, STATUS_NO_MEMORY, "no memory for a model");
    }
    *out = model;
    return STATUS_OK;
}

void recommender_destroy(struct recommender *model)
{
    if (model == NULL)
        return;
    query_finish(&model->learning);
    mips_destroy(model->index);
    dedupe_finish(&model->dedupe);
    destroy_parts(model);
    sampler_finish(&model->sampler);
    popularity_finish(&model->popularity);
    factors_finish(&model->factors);
    cards_finish(&model->cards);
    table_finish(&model->users);
    arena_finish(&model->memories);
    ids_finish(&model->item_ids);
    ids_finish(&model->user_ids);
    free(model);
}

uint32_t recommender_find_user(const struct recommender *model, struct text user)
{
    return ids_find(&model->user_ids, user);
}

uint32_t recommender_find_item(const struct recommender *model, struct text item)
{
    return ids_find(&model->item_ids, item);
}

struct text recommender_user_id(const struct recommender *model, uint32_t slot)
{
    return ids_text(&model->user_ids, slot);
}

struct text recommender_item_id(const struct recommender *model, uint32_t slot)
{
    return ids_text(&model->item_ids, slot);
}

uint32_t recommender_user_bound(const struct recommender *model)
{
    return model->user_ids.bound;
}

uint32_t recommender_item_bound(const struct recommender *model)
{
    return model->item_ids.bound;
}

int64_t recommender_latest_ms(const struct recommender *model)
{
    return model->latest_ms;
}

const struct recommender_settings *recommender_settings_of(const struct recommender *model)
{
    return &model->settings;
}

struct recommender_counts recommender_count(const struct recommender *model)
{
    return (struct recommender_counts){
        .events = model->events,
        .users = ids_count(&model->user_ids),
        .items = ids_count(&model->item_ids),
        .described = model->cards.described,
        .evicted_users = model->evicted_users,
        .evicted_items = model->evicted_items,
        .memory_bytes = recommender_cost(model),
    };
}
