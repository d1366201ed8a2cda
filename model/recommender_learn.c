/*
 * What one accepted event changes, in order:
 *
 *     known ids ─► ask (the user's side as of now) ─► step on the loss ─► blend
 *                                                  └► counts: what follows, what goes with,
 * popularity then the user's own memory: history, what they have, what they skipped
 */
#include "model/content.h"
#include "model/interactions.h"
#include "model/pairwise.h"
#include "model/random.h"
#include "model/ratings.h"
#include "model/recommender_parts.h"

#include <math.h>

/* A single event counts for at most as much as four. */
#define RATE_MAX 4.0f

enum { HABIT_SPAN = 16 };

enum verdict recommender_judge(const struct recommender *model, const struct event *event,
                               struct action *action)
{
    enum verdict verdict = signals_judge(&model->settings.signals, event, action);
    if (verdict == VERDICT_ACCEPTED && event->id.size > 0 &&
        dedupe_knows(&model->dedupe, event->id))
        return VERDICT_REPEATED;
    return verdict;
}

enum verdict recommender_skim(struct recommender *model, const struct event *event)
{
    struct action action;
    enum verdict verdict = recommender_judge(model, event, &action);
    if (verdict == VERDICT_ACCEPTED && event->id.size > 0)
        (void)dedupe_push(&model->dedupe, event->id); /* the learning one will say so */
    return verdict;
}

void recommender_erase_user(struct recommender *model, uint32_t slot)
{
    struct user *user = recommender_user(model, slot);
    model->memory_bytes -= user_memory(user);
    user_clear(user, &model->memories);
    for (int p = 0; p < PARTS; p++)
        if (model->part[p] != NULL && model_parts[p]->forget != NULL)
            model_parts[p]->forget(model->part[p], slot);
    factors_add_user(&model->factors, slot);
    ids_release(&model->user_ids, slot);
}

static enum status grow_parts(struct recommender *model)
{
    enum status status = STATUS_OK;
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        if (model->part[p] != NULL)
            status =
                model_parts[p]->grow(model->part[p], model->user_ids.bound, model->item_ids.bound);
    return status;
}

static enum status add_user(struct recommender *model, struct text id, uint32_t *slot)
{
    bool added;
    *slot = ids_intern(&model->user_ids, id, &added);
    if (*slot == SLOT_NONE)
        return STATUS_NO_MEMORY;
    enum status status = table_grow(&model->users, *slot + 1);
    if (status == STATUS_OK)
        status = factors_grow_users(&model->factors, *slot + 1);
    if (status == STATUS_OK)
        status = grow_parts(model);
    if (status == STATUS_OK)
        factors_add_user(&model->factors, *slot);
    return status;
}

static enum status add_item(struct recommender *model, struct text id, bool described,
                            uint32_t *slot)
{
    bool added;
    *slot = ids_intern(&model->item_ids, id, &added);
    if (*slot == SLOT_NONE)
        return STATUS_NO_MEMORY;
    uint32_t bound = *slot + 1;
    enum status status = factors_grow_items(&model->factors, bound);
    if (status == STATUS_OK)
        status = popularity_grow(&model->popularity, bound);
    if (status == STATUS_OK)
        status = sampler_grow(&model->sampler, bound);
    if (status == STATUS_OK)
        status = grow_parts(model);
    if (status == STATUS_OK)
        factors_add_item(&model->factors, *slot, described ? ~(uint64_t)*slot : model->events);
    return status;
}

/* An item that nobody wanted yet is a candidate for lists by its features alone. */
static enum status place_item(struct recommender *model, uint32_t item,
                              const struct item_card *card)
{
    bool heard = popularity_wanted(&model->popularity, item) > 0;
    void *content = model->part[PART_CONTENT];
    const struct card *before = cards_of(&model->cards, item);
    bool was_candidate = heard || (before != NULL && before->unheard);
    enum status status = cards_set(&model->cards, item, card, heard || content == NULL);
    if (status == STATUS_OK && content != NULL)
        status = content_describe(content, model, item,
                                  !was_candidate && cards_of(&model->cards, item)->unheard);
    if (status != STATUS_OK || heard)
        return status;
    bool open = cards_of(&model->cards, item)->unheard;
    factors_change_columns(&model->factors, item)[COLUMN_CLOSED] = open ? 0.0f : CLOSED_SCORE;
    return STATUS_OK;
}

enum status recommender_describe(struct recommender *model, const struct item_card *card)
{
    uint32_t item = ids_find(&model->item_ids, card->item), known = ids_count(&model->item_ids);
    enum status status = item == SLOT_NONE ? add_item(model, card->item, true, &item) : STATUS_OK;
    if (status == STATUS_OK)
        status = place_item(model, item, card);
    if (status != STATUS_OK)
        return status;
    popularity_of(&model->popularity, item)->last_event = model->events;
    if (ids_count(&model->item_ids) > known)
        recommender_make_room(model, ids_count(&model->item_ids), SLOT_NONE, item);
    return STATUS_OK;
}

/* Negatives for the item: `most` of them, as the loss likes them. */
static struct draw draw_of(const struct recommender *model, const struct step *step)
{
    const struct loss *loss = &losses[model->settings.loss];
    return (struct draw){
        .key = random_key(model->settings.seed, model->events, PURPOSE_SAMPLES),
        .positive = step->item,
        .most = loss->negatives,
        .wanted = model->popularity.wanted_items,
        .wanted_count = model->popularity.wanted_count,
        .uniform = loss->uniform,
        .had = hides_had(model) ? &step->record->had : NULL,
        .rows = &model->factors.candidate_rows,
    };
}

static void draw_samples(struct recommender *model, const struct draw *draw)
{
    sampler_draw(&model->sampler, draw, &model->samples);
    factors_score_samples(&model->factors, &model->learning.taste, &model->samples);
}

static void fill_values(struct recommender *model)
{
    uint32_t dim = model->settings.dim;
    for (uint32_t n = 0; n < model->samples.size; n++) {
        const float *columns = model->samples.row[n] + dim;
        float *value = model->values[n];
        memcpy(value, columns, FEATURES_DENSE * sizeof *value);
        value[FEATURE_FACTORS] = model->uses_x ? model->samples.factor_score[n] : 0.0f;
        sparse_values(sparse_row_at(&model->learning.sparse, model->samples.place[n]),
                      value + FEATURES_DENSE); /* of row 0: zeros */
    }
}

/* Blend and interactions go down one gradient: that of the score that both make together. */
static void learn_blend(struct recommender *model, float rate)
{
    float score[SAMPLES_ROOM], dense[SAMPLES_ROOM], by_score[SAMPLES_ROOM];
    struct interactions *interactions = model->part[PART_INTERACTIONS];
    struct interactions_pass pass;
    const struct query *query = &model->learning;
    uint32_t size = model->samples.size;
    fill_values(model);
    blend_score(&model->blend, query->situation, size, model->values, score, dense);
    if (interactions != NULL)
        interactions_score(interactions, &model->samples, model->values, dense, &pass, score);
    samples_softmax(&model->samples, score, by_score);
    for (uint32_t n = 0; n < size; n++)
        by_score[n] *= rate;
    if (interactions != NULL)
        interactions_learn(interactions, &pass, by_score);
    blend_learn(&model->blend, query->situation, size, model->values, by_score);
}

/* One step down the samples' gradient, for the factors and all parts that had a say in x. */
static void descend(struct recommender *model, uint32_t user, float rate)
{
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    factors_learn(&model->factors, recommender_user(model, user), user, &model->learning.taste,
                  &model->samples, rate, by_x);
    for (uint32_t n = 0; n < model->back.size; n++) {
        uint8_t p = model->back.part[n];
        model_parts[p]->back(model->part[p], &model->learning, by_x);
    }
}

static struct loss_target target_of(const struct recommender *model, const struct action *action)
{
    const struct signals *signals = &model->settings.signals;
    struct loss_target target = {.wanted = action->weight > 0.0f,
                                 .rated = action->kind == SIGNAL_RATING,
                                 .candidates = model->popularity.wanted_count};
    if (target.rated)
        target.rating =
            (action->rating - signals->scale_low) / (signals->scale_high - signals->scale_low);
    return target;
}

/* Half of the blend's negatives are from all that its features propose. */
static void draw_proposed(struct recommender *model, const struct step *step)
{
    struct draw draw = draw_of(model, step);
    query_propose(model, &model->learning);
    draw.most = SAMPLES_MAX;
    draw.uniform = false;
    draw.proposed = &model->learning.sparse;
    draw_samples(model, &draw);
    samples_focus(&model->samples, &model->learning.sparse);
    query_complete(model, &model->learning);
}

/* Without the blend half are hard ones all the same, from what goes with the last item alone. */
static void draw_hard(struct recommender *model, const struct step *step, bool wanted)
{
    struct draw draw = draw_of(model, step);
    struct hard hard = {.size = 0};
    for (uint32_t n = 0; n < model->tempt.size && wanted && !draw.uniform; n++) {
        uint8_t p = model->tempt.part[n];
        model_parts[p]->tempt(model->part[p], &model->learning.taste, &hard);
    }
    draw.hard = hard.size > 0 ? &hard : NULL;
    draw_samples(model, &draw);
}

/* The step on the loss, over the event's item and samples: the blend's now and then, too. */
static void learn_samples(struct recommender *model, const struct step *step, float rate)
{
    const struct loss *loss = &losses[model->settings.loss];
    struct samples *samples = &model->samples;
    struct loss_target target = target_of(model, step->action);
    bool blends = model->uses_blend && target.wanted && blend_is_due(model->events);
    if (blends) {
        draw_proposed(model, step);
        learn_blend(model, rate);
    }
    if (!model->uses_x)
        return;
    if (!blends || loss->uniform)
        draw_hard(model, step, target.wanted);
    loss->gradient(&target, samples);
    if (samples->size > 0)
        descend(model, step->user, rate);
}

static enum status prepare_parts(struct recommender *model, const struct step *step)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < model->before.size && status == STATUS_OK; n++) {
        uint8_t p = model->before.part[n];
        status = model_parts[p]->before(model->part[p], model, step);
    }
    return status;
}

static enum status learn_parts(struct recommender *model, const struct step *step)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < model->learn.size && status == STATUS_OK; n++) {
        uint8_t p = model->learn.part[n];
        status = model_parts[p]->learn(model->part[p], model, step);
    }
    return status;
}

/* What the user had to do with the item. */
static void mark_entry(const struct recommender *model, struct had_entry *entry,
                       const struct action *action)
{
    if (action->weight >= 0.0f)
        entry->flags = (uint8_t)((entry->flags & ~(HAD_SKIPPED | HAD_DISLIKED)) | HAD_HAS);
    else
        entry->flags |= action->skipped ? HAD_SKIPPED : HAD_DISLIKED;
    if (action->weight > 0.0f) {
        entry->flags |= HAD_WANTED;
        entry->count = (uint16_t)(entry->count + (entry->count < UINT16_MAX));
    }
    if (action->kind == SIGNAL_RATING)
        entry->rating = rating_code(&model->settings.signals, action->rating);
}

/* `entry`: as had_seek() gave it, zeros if it is none. */
static bool was_wanted(const struct had_entry *entry)
{
    return entry != NULL && (entry->flags & HAD_WANTED) != 0;
}

/* The share of repeats: the mean over the first HABIT_SPAN wants, from then on following the
 * latest. */
static void note_habit(struct user *user, const struct had_entry *entry)
{
    int32_t target = was_wanted(entry) ? HABIT_ONE : 0;
    int32_t span = user->visits < HABIT_SPAN ? (int32_t)user->visits : HABIT_SPAN;
    user->habit = (uint16_t)(user->habit + (target - user->habit) / span);
}

static enum status remember(struct recommender *model, struct user *user, uint32_t item,
                            const struct action *action, uint32_t second, struct had_entry *entry)
{
    user->events++;
    user->last_item = item + 1;
    user->last_second = second;
    user->last_event = model->events;
    popularity_of(&model->popularity, item)->last_event = model->events;
    size_t before = user_memory(user);
    if (action->weight > 0.0f && user_remember(user, &model->memories, item, second) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (action->weight > 0.0f)
        note_habit(user, entry);
    if (entry == NULL || entry->item == 0)
        entry = had_add(&user->had, &model->memories, item, entry);
    model->memory_bytes += user_memory(user) - before;
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    entry->last_s = second;
    user->previous_n = entry->last_n;
    entry->last_n = user->events;
    mark_entry(model, entry, action);
    return STATUS_OK;
}

static float rate_of(const struct action *action)
{
    float rate = fabsf(action->weight);
    return rate < RATE_MAX ? rate : RATE_MAX;
}

/* The cheapest learner there is, and all of it. */
static void learn_pair(struct recommender *model, const struct step *step)
{
    struct draw draw = draw_of(model, step);
    uint32_t other = sampler_draw_one(&draw);
    if (other == SLOT_NONE)
        return;
    bool wanted = step->action->weight > 0.0f;
    pairwise_learn(&model->factors, recommender_user(model, step->user), step->user,
                   wanted ? step->item : other, wanted ? other : step->item, rate_of(step->action));
}

/* As many rows as a step brings near, of those that look-ahead left to it. */
static uint32_t take_next(struct bare_next *next, const float *const **row)
{
    uint32_t left = next->size - next->taken, count = left < KERNELS_NEXT ? left : KERNELS_NEXT;
    *row = next->row + next->taken;
    next->taken += count;
    return count;
}

/* Of the first negatives: no more than look-ahead tells. */
static uint32_t near_count(const struct recommender *model)
{
    uint32_t likely = bare_looks_at(&model->bare_habit, model->settings.loss);
    return likely < AHEAD_TRIES ? likely : AHEAD_TRIES;
}

static void learn_bare(struct recommender *model, const struct step *step, float rate)
{
    if (model->settings.loss == LOSS_BPR) {
        learn_pair(model, step);
        return;
    }
    const struct draw draw = draw_of(model, step);
    const float *const *next;
    uint32_t next_count = take_next(&model->bare_next, &next);
    const struct bare_step bare = {.loss = model->settings.loss,
                                   .next = next,
                                   .next_count = next_count,
                                   .target = target_of(model, step->action),
                                   .draw = &draw,
                                   .user = recommender_user(model, step->user),
                                   .slot = step->user,
                                   .rate = rate,
                                   .near_count = near_count(model)};
    bare_learn(&model->factors, &model->bare_habit, &bare);
}

static void learn_step(struct recommender *model, const struct step *step, float rate)
{
    if (model->is_bare)
        learn_bare(model, step, rate);
    else
        learn_samples(model, step, rate);
}

/* For items that are candidates already. */
static void learn_factors(struct recommender *model, const struct step *step)
{
    if (popularity_wanted(&model->popularity, step->item) == 0)
        return;
    if (losses[model->settings.loss].takes_ratings && step->action->kind == SIGNAL_RATING)
        learn_step(model, step, 1.0f);
    else if (step->action->weight != 0.0f)
        learn_step(model, step, rate_of(step->action));
}

/* Something wanted: it becomes a candidate, more popular, and likelier to be a sample. */
static enum status count_wanted(struct recommender *model, uint32_t item)
{
    cards_hear(&model->cards, item);
    enum status status = popularity_want(&model->popularity, &model->factors, item, model->events);
    if (status == STATUS_OK && has_part(model, PART_POPULARITY))
        popularity_learn(&model->popularity, &model->factors, item, model->events);
    if (model->uses_ring)
        sampler_push(&model->sampler, item);
    return status;
}

static enum status learn(struct recommender *model, uint32_t user, uint32_t item,
                         const struct action *action, const struct event *event)
{
    uint32_t second = user_clock(event->ts_ms);
    struct user *record = recommender_user(model, user);
    enum status status =
        model->asks ? query_prepare(model, &model->learning, user, second) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct had_entry *entry = had_seek(&record->had, item);
    struct step step = {
        .user = user,
        .item = item,
        .record = record,
        .action = action,
        .device = event->device,
        .query = &model->learning,
        .second = second,
        .now = model->events,
        .new_to_user = !was_wanted(entry),
    };
    status = prepare_parts(model, &step);
    if (status != STATUS_OK)
        return status;
    model->samples.size = 0; /* or else parts would learn from those of an event before */
    learn_factors(model, &step);
    status = learn_parts(model, &step);
    if (status == STATUS_OK && action->weight > 0.0f)
        status = count_wanted(model, item);
    return status == STATUS_OK ? remember(model, record, item, action, second, entry) : status;
}

/* With the slots of who and what was known before; the others are added. */
static enum status learn_placed(struct recommender *model, const struct event *event,
                                struct learned *learned)
{
    ids_settle(&model->user_ids);
    ids_settle(&model->item_ids);
    enum status status = STATUS_OK;
    if (learned->user == SLOT_NONE)
        status = add_user(model, event->user, &learned->user);
    if (status == STATUS_OK && learned->item == SLOT_NONE)
        status = add_item(model, event->item, false, &learned->item);
    if (status == STATUS_OK)
        status = learn(model, learned->user, learned->item, &learned->action, event);
    if (status == STATUS_OK)
        recommender_make_room(model, model->events, learned->user, learned->item);
    return status;
}

struct place recommender_place(const struct recommender *model, const struct event *event)
{
    return (struct place){.user = ids_find(&model->user_ids, event->user),
                          .item = ids_find(&model->item_ids, event->item)};
}

void recommender_learn_at(struct recommender *model, const struct event *event, struct place place,
                          struct learned *learned)
{
    learned->user = learned->item = SLOT_NONE;
    learned->forgot = false;
    learned->status = event->id.size > 0 ? dedupe_push(&model->dedupe, event->id) : STATUS_OK;
    if (learned->status != STATUS_OK)
        return;
    model->events++;
    model->latest_ms = event->ts_ms > model->latest_ms ? event->ts_ms : model->latest_ms;
    if (learned->action.kind == SIGNAL_FORGET) {
        learned->forgot = place.user != SLOT_NONE;
        if (learned->forgot)
            recommender_erase_user(model, place.user);
        return;
    }
    learned->user = place.user;
    learned->item = place.item;
    learned->status = learn_placed(model, event, learned);
}

enum verdict recommender_learn(struct recommender *model, const struct event *event,
                               struct learned *learned)
{
    *learned = (struct learned){.user = SLOT_NONE, .item = SLOT_NONE};
    enum verdict verdict = recommender_judge(model, event, &learned->action);
    if (verdict == VERDICT_ACCEPTED)
        recommender_learn_at(model, event, recommender_place(model, event), learned);
    return verdict;
}
