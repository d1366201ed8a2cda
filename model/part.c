#include "model/part.h"

static const struct part factors = {.name = "factors"};
static const struct part history = {.name = "history"};
static const struct part last = {.name = "last"};
static const struct part popularity = {.name = "popularity"};

const struct part *const model_parts[PARTS] = {
    [PART_TRANSITIONS] = &part_transitions,
    [PART_NEIGHBOURS] = &part_neighbours,
    [PART_REPEATS] = &part_repeats,
    [PART_RATINGS] = &part_ratings,
    [PART_SKIPS] = &part_skips,
    [PART_TOWER] = &part_tower,
    [PART_CONTEXT] = &part_context,
    [PART_CONTENT] = &part_content,
    [PART_DISLIKES] = &part_dislikes,
    [PART_PEERS] = &part_peers,
    [PART_FACTORS] = &factors,
    [PART_HISTORY] = &history,
    [PART_LAST] = &last,
    [PART_POPULARITY] = &popularity,
    [PART_INTERACTIONS] = &part_interactions,
};
