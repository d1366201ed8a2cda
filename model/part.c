#include "model/part.h"

const struct part *const model_parts[PARTS] = {
    [PART_TRANSITIONS] = &part_transitions, [PART_NEIGHBOURS] = &part_neighbours,
    [PART_REPEATS] = &part_repeats,         [PART_RATINGS] = &part_ratings,
    [PART_CONTEXT] = &part_context,
};
