#include "model/interactions.h"
#include "model/ratings.h"
#include "model/recommender_parts.h"
#include "model/skips.h"
#include "model/top.h"

#include <stdlib.h>

/* What was skipped or disliked is left out of lists for this long. */
enum { DAY = 86400, SKIPPED_HIDDEN_S = 7 * DAY, DISLIKED_HIDDEN_S = 365 * DAY };

enum status query_create(const struct recommender *model, struct query **out)
{
    (void)model;
    size_t bytes = (sizeof(struct query) + 63) / 64 * 64;
    *out = aligned_alloc(64, bytes);
    if (*out == NULL)
        return STATUS_NO_MEMORY;
    memset(*out, 0, bytes);
    return STATUS_OK;
}

void query_finish(struct query *query)
{
    sparse_finish(&query->sparse);
    free(query->scores);
    query->scores = NULL;
    query->room = 0;
}

void query_destroy(struct query *query)
{
    if (query == NULL)
        return;
    query_finish(query);
    free(query);
}

/* The settings' say over what was learned. */
static void apply_part_weights(const struct recommender *model, float weight[FEATURES_ROOM])
{
    const float *part = model->settings.part;
    weight[FEATURE_FACTORS] *= model->uses_x ? 1.0f : 0.0f;
    for (int f = FEATURE_POPULAR_NOW; f <= FEATURE_AGE; f++)
        weight[f] *= part[PART_POPULARITY];
    weight[FEATURE_NEXT] *= part[PART_TRANSITIONS];
    weight[FEATURE_NEXT_EARLIER] *= part[PART_TRANSITIONS];
    weight[FEATURE_NEIGHBOURS] *= part[PART_NEIGHBOURS];
    weight[FEATURE_NEIGHBOURS_LAST] *= part[PART_NEIGHBOURS];
    weight[FEATURE_NEIGHBOURS_KNOWN] *= part[PART_NEIGHBOURS];
    weight[FEATURE_KEEP] *= part[PART_SKIPS];
    weight[FEATURE_KEPT] *= part[PART_SKIPS];
    weight[FEATURE_SKIPPED] *= part[PART_SKIPS];
    weight[FEATURE_PEERS] *= part[PART_PEERS];
    weight[FEATURE_DISLIKED] *= part[PART_DISLIKES];
    weight[FEATURE_LIKE_DISLIKED] *= part[PART_DISLIKES];
    weight[FEATURE_RATED] *= part[PART_RATINGS];
    weight[FEATURE_RATED_OFTEN] *= part[PART_RATINGS];
    weight[FEATURE_PREDICTED] *= part[PART_RATINGS];
    weight[FEATURE_SHARED] *= part[PART_CONTENT];
    weight[FEATURE_SHARED_OTHER] *= part[PART_CONTENT];
    weight[FEATURE_SHARED_EARLIER] *= part[PART_CONTENT];
    weight[FEATURE_REPEAT_COUNT] *= part[PART_REPEATS];
    weight[FEATURE_REPEAT_RECENT] *= part[PART_REPEATS];
    weight[FEATURE_REPEAT_HAS] *= part[PART_REPEATS];
    weight[FEATURE_REPEAT_SITTING] *= part[PART_REPEATS];
    weight[FEATURE_REPEAT_NEXT] *= part[PART_REPEATS];
}

static struct blend_situation situation_of(const struct recommender *model,
                                           const struct taste *taste, const struct user *user)
{
    if (taste->size == 0)
        return blend_situation(&(struct blend_known){0});
    return blend_situation(&(struct blend_known){
        .visits = user->visits,
        .gap_bucket = taste->bucket[0],
        .wanted = recommender_item_wanted(model, taste->item[0]),
        .habit = (float)user->habit / HABIT_ONE,
        .since_again = user->previous_n == 0 ? 0 : user->events - user->previous_n,
    });
}

enum status query_prepare(const struct recommender *model, struct query *query, uint32_t user,
                          uint32_t second)
{
    sparse_clear(&query->sparse);
    enum status status = sparse_grow(&query->sparse, model->item_ids.bound);
    if (status != STATUS_OK)
        return status;
    const struct user *record = recommender_user(model, user);
    query->user = user;
    query->second = second;
    factors_taste(&model->factors, record, user, second, &query->taste);
    query->situation = situation_of(model, &query->taste, record);
    for (uint32_t n = 0; n < model->ask.size; n++) {
        uint8_t p = model->ask.part[n];
        model_parts[p]->ask(model->part[p], model, query);
    }
    return STATUS_OK;
}

void query_propose(const struct recommender *model, struct query *query)
{
    for (uint32_t n = 0; n < model->propose.size; n++) {
        uint8_t p = model->propose.part[n];
        model_parts[p]->propose(model->part[p], model, query);
    }
}

void query_complete(const struct recommender *model, struct query *query)
{
    for (uint32_t n = 0; n < model->complete.size; n++) {
        uint8_t p = model->complete.part[n];
        model_parts[p]->complete(model->part[p], model, query);
    }
}

static enum status grow_scores(struct query *query, uint32_t bound)
{
    if (bound <= query->room)
        return STATUS_OK;
    uint32_t room = query->room == 0 ? 4096 : query->room;
    while (room < bound)
        room *= 2;
    float *scores = aligned_alloc(64, room * sizeof *scores);
    if (scores == NULL)
        return STATUS_NO_MEMORY;
    free(query->scores);
    query->scores = scores;
    query->room = room;
    return STATUS_OK;
}

void query_fold_dense(const struct recommender *model, struct query *query)
{
    uint32_t dim = model->settings.dim;
    float *weight = query->weight;
    blend_weigh(&model->blend, query->situation, weight);
    apply_part_weights(model, weight);
    for (uint32_t n = 0; n < dim; n++)
        query->vector[n] = weight[FEATURE_FACTORS] * query->taste.x[n];
    float *columns = query->vector + dim;
    memset(columns, 0, COLUMNS * sizeof *columns);
    memcpy(columns, weight, FEATURES_DENSE * sizeof *columns);
    columns[COLUMN_CLOSED] = 1.0f;
}

enum status recommender_query(const struct recommender *model, struct query *query, uint32_t user,
                              int64_t ts_ms)
{
    enum status status = query_prepare(model, query, user, user_clock(ts_ms));
    if (status == STATUS_OK)
        status = grow_scores(query, model->item_ids.bound);
    if (status != STATUS_OK)
        return status;
    query_propose(model, query);
    query_complete(model, query);
    query_fold_dense(model, query);
    return status;
}

/* The values of touched items; the dense ones only for who needs them. */
static void fill_values(const struct recommender *model, const struct query *query, uint32_t first,
                        uint32_t count, float (*value)[FEATURES_ROOM])
{
    memset(value, 0, count * sizeof *value);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = query->sparse.touched[first + n];
        if (has_part(model, PART_INTERACTIONS))
            memcpy(value[n], factors_columns(&model->factors, item),
                   FEATURES_DENSE * sizeof **value);
        sparse_values(query->sparse.rows + (size_t)(first + n + 1) * SPARSE_ROW,
                      value[n] + FEATURES_DENSE);
    }
}

void query_sparse_sums(const struct recommender *model, const struct query *query, uint32_t first,
                       uint32_t count, const float *dense, float *sums)
{
    float value[QUERY_TOGETHER][FEATURES_ROOM] __attribute__((aligned(64)));
    float hidden[QUERY_TOGETHER][INTERACTIONS_HIDDEN] __attribute__((aligned(64)));
    float weight[FEATURES_ROOM] __attribute__((aligned(64))) = {0}, worth[QUERY_TOGETHER];
    memcpy(weight + FEATURES_DENSE, query->weight + FEATURES_DENSE,
           FEATURES_SPARSE * sizeof *weight);
    fill_values(model, query, first, count, value);
    kernels->scan(weight, value[0], FEATURES_ROOM, count, FEATURES_ROOM, sums);
    if (!has_part(model, PART_INTERACTIONS))
        return;
    for (uint32_t n = 0; n < count; n++)
        interactions_see(value[n], dense[n]);
    interactions_forward(model->part[PART_INTERACTIONS], value, count, hidden, worth);
    for (uint32_t n = 0; n < count; n++)
        sums[n] += model->settings.part[PART_INTERACTIONS] * worth[n];
}

uint32_t recommender_blocks(const struct recommender *model)
{
    return (model->item_ids.bound + TABLE_BLOCK_ROWS - 1) / TABLE_BLOCK_ROWS;
}

void recommender_scan(const struct recommender *model, struct query *query, uint32_t block)
{
    uint32_t width = model->settings.dim + COLUMNS, first = block * TABLE_BLOCK_ROWS;
    uint32_t left = model->item_ids.bound - first;
    kernels->scan(query->vector, factors_candidate(&model->factors, first), width,
                  left < TABLE_BLOCK_ROWS ? left : TABLE_BLOCK_ROWS, width, query->scores + first);
}

static void add_sparse(const struct recommender *model, struct query *query)
{
    uint32_t total = query->sparse.touched_count;
    for (uint32_t first = 0, count; first < total; first += count) {
        float dense[QUERY_TOGETHER], sums[QUERY_TOGETHER];
        const uint32_t *touched = query->sparse.touched + first;
        count = total - first < QUERY_TOGETHER ? total - first : QUERY_TOGETHER;
        for (uint32_t n = 0; n < count; n++)
            dense[n] = query->scores[touched[n]];
        query_sparse_sums(model, query, first, count, dense, sums);
        for (uint32_t n = 0; n < count; n++)
            query->scores[touched[n]] += sums[n];
    }
}

void query_score_all(const struct recommender *model, struct query *query)
{
    for (uint32_t block = 0; block < recommender_blocks(model); block++)
        recommender_scan(model, query, block);
    add_sparse(model, query);
}

float recommender_score(const struct recommender *model, const struct query *query, uint32_t item)
{
    uint32_t width = model->settings.dim + COLUMNS;
    float dense = kernels->dot(query->vector, factors_candidate(&model->factors, item), width);
    if (!sparse_is_touched(&query->sparse, item))
        return dense;
    float sum;
    query_sparse_sums(model, query, query->sparse.place[item] - 1, 1, &dense, &sum);
    return dense + sum;
}

float recommender_keep_probability(const struct recommender *model, const struct query *query,
                                   uint32_t item)
{
    return skips_keep_probability(model->part[PART_SKIPS], model, query, item);
}

/* Whether the user has the item, so that it is no candidate: the evaluation's rule. */
static bool is_had(const struct recommender *model, const struct had_entry *entry, uint32_t second)
{
    int32_t days = model->settings.exclude_days;
    if ((entry->flags & HAD_HAS) == 0 || days == HAVE_NEVER)
        return false;
    return days == HAVE_FOREVER || second < entry->last_s ||
           second - entry->last_s < (uint32_t)days * DAY;
}

bool is_unwanted(const struct had_entry *entry, uint32_t second)
{
    uint32_t age = second > entry->last_s ? second - entry->last_s : 0;
    return ((entry->flags & HAD_SKIPPED) != 0 && age < SKIPPED_HIDDEN_S) ||
           ((entry->flags & HAD_DISLIKED) != 0 && age < DISLIKED_HIDDEN_S);
}

bool recommender_has(const struct recommender *model, uint32_t user, uint32_t item, int64_t ts_ms)
{
    const struct user *record = recommender_user(model, user);
    const struct had_entry *entry = record == NULL ? NULL : had_find(&record->had, item);
    return entry != NULL && is_had(model, entry, user_clock(ts_ms));
}

uint32_t recommender_had_items(const struct recommender *model, uint32_t user, int64_t ts_ms,
                               uint32_t *slots, uint32_t room)
{
    const struct user *record = recommender_user(model, user);
    uint32_t count = 0;
    for (uint32_t cell = 0; record != NULL && cell < record->had.room; cell++) {
        const struct had_entry *entry = &record->had.at[cell];
        if (entry->item != 0 && count < room && is_had(model, entry, user_clock(ts_ms)))
            slots[count++] = entry->item - 1;
    }
    return count;
}

bool recommender_predict_rating(const struct recommender *model, uint32_t user, uint32_t item,
                                int64_t ts_ms, float *rating)
{
    const struct ratings *ratings = model->part[PART_RATINGS];
    return ratings != NULL && ratings_predict(ratings, user, item, user_clock(ts_ms), rating);
}

bool recommender_known_rating(const struct recommender *model, uint32_t user, uint32_t item,
                              float *rating)
{
    const struct user *record = recommender_user(model, user);
    const struct had_entry *entry = record == NULL ? NULL : had_find(&record->had, item);
    if (entry == NULL || entry->rating == 0)
        return false;
    *rating = rating_decode(&model->settings.signals, entry->rating);
    return true;
}

uint32_t recommender_user_wanted(const struct recommender *model, uint32_t user)
{
    return user == SLOT_NONE ? 0 : recommender_user(model, user)->visits;
}

uint32_t recommender_item_wanted(const struct recommender *model, uint32_t item)
{
    return item == SLOT_NONE ? 0 : popularity_wanted(&model->popularity, item);
}

/* Items that the catalogue alone made candidates are none for the evaluation; those it retired are
 * none for lists. */
static void hide_by_cards(const struct recommender *model, struct query *query, bool lists)
{
    const struct cards *cards = &model->cards;
    const struct slots *set = lists ? &cards->withheld : &cards->unheard;
    for (uint32_t n = 0; n < set->size; n++)
        if (!lists || cards_withhold(cards, set->at[n], query->second))
            query->scores[set->at[n]] = CLOSED_SCORE;
}

bool recommender_is_withheld(const struct recommender *model, uint32_t item, int64_t ts_ms)
{
    return item != SLOT_NONE && cards_withhold(&model->cards, item, user_clock(ts_ms));
}

uint32_t recommender_expired(const struct recommender *model, int64_t after_ms, int64_t to_ms,
                             uint32_t *slots, uint32_t room)
{
    const struct slots *set = &model->cards.withheld;
    uint32_t count = 0, after = user_clock(after_ms), to = user_clock(to_ms);
    for (uint32_t n = 0; n < set->size; n++) {
        uint32_t until = cards_of(&model->cards, set->at[n])->until;
        if (until <= after || until > to) /* a retired one's is 0 */
            continue;
        if (count < room)
            slots[count] = set->at[n];
        count++;
    }
    return count;
}

/* Takes what the user has out of the scores; with `lists`, what the rules of [lists] hide, too. */
static void hide(const struct recommender *model, struct query *query, bool lists)
{
    hide_by_cards(model, query, lists);
    const struct user *user = recommender_user(model, query->user);
    if (user == NULL)
        return;
    for (uint32_t cell = 0; cell < user->had.room; cell++) {
        const struct had_entry *entry = &user->had.at[cell];
        if (entry->item != 0 &&
            (is_had(model, entry, query->second) || (lists && is_unwanted(entry, query->second))))
            query->scores[entry->item - 1] = CLOSED_SCORE;
    }
    if (lists && user->last_item != 0)
        query->scores[user->last_item - 1] = CLOSED_SCORE;
}

bool query_hides(const struct recommender *model, const struct query *query, uint32_t item)
{
    if (model->cards.withheld.size > 0 && cards_withhold(&model->cards, item, query->second))
        return true;
    const struct user *user = recommender_user(model, query->user);
    if (user == NULL)
        return false;
    const struct had_entry *entry = had_find(&user->had, item);
    return user->last_item == item + 1 || (entry != NULL && (is_had(model, entry, query->second) ||
                                                             is_unwanted(entry, query->second)));
}

static void scan(const struct recommender *model, struct query *query, uint32_t size,
                 struct list *list)
{
    query_score_all(model, query);
    hide(model, query, true);
    top_select(query->scores, model->item_ids.bound, CLOSED_SCORE / 2, size, list);
}

void recommender_top_together(const struct recommender *model, struct query *const *queries,
                              uint32_t count, uint32_t size, struct list *const *lists)
{
    if (recommender_is_indexed(model))
        recommender_search(model, queries, count, size, lists);
    else
        for (uint32_t n = 0; n < count; n++)
            scan(model, queries[n], size, lists[n]);
    for (uint32_t n = 0; n < count; n++) {
        recommender_fill(model, queries[n], size, lists[n]);
        recommender_name_items(model, lists[n]);
    }
}

void recommender_top(const struct recommender *model, struct query *query, uint32_t size,
                     struct list *list)
{
    recommender_top_together(model, &query, 1, size, &list);
}

uint32_t recommender_rank_scanned(const struct recommender *model, struct query *query,
                                  uint32_t item)
{
    add_sparse(model, query);
    hide(model, query, false);
    float score = query->scores[item];
    if (!(score > CLOSED_SCORE / 2))
        return 0;
    uint32_t above = 0;
    for (uint32_t n = 0; n < model->item_ids.bound; n++)
        above += query->scores[n] >= score; /* itself included: rank 1 at best */
    return above;
}

uint32_t recommender_rank(const struct recommender *model, struct query *query, uint32_t item)
{
    for (uint32_t block = 0; block < recommender_blocks(model); block++)
        recommender_scan(model, query, block);
    return recommender_rank_scanned(model, query, item);
}
