#include "model/feature.h"

const char *const feature_names[FEATURES] = {
    [FEATURE_FACTORS] = "vectors",
    [FEATURE_POPULAR_NOW] = "popular right now",
    [FEATURE_POPULAR_FAST] = "popular now",
    [FEATURE_POPULAR_MIDDLE] = "popular lately",
    [FEATURE_POPULAR_SLOW] = "popular of late",
    [FEATURE_POPULAR_EVER] = "ever popular",
    [FEATURE_AGE] = "known for how long",
    [FEATURE_KEEP] = "kept, not skipped",
    [FEATURE_NEXT] = "follows the last item",
    [FEATURE_NEXT_EARLIER] = "follows the two before",
    [FEATURE_NEIGHBOURS] = "goes with recent items",
    [FEATURE_REPEAT_COUNT] = "own repeats: how often",
    [FEATURE_REPEAT_RECENT] = "own repeats: how recently",
    [FEATURE_REPEAT_HAS] = "own repeats: had before",
    [FEATURE_REPEAT_SITTING] = "own repeats: this sitting",
    [FEATURE_REPEAT_NEXT] = "own repeats: came next",
    [FEATURE_SKIPPED] = "skipped by the user",
    [FEATURE_SHARED] = "like the last: main kind",
    [FEATURE_SHARED_OTHER] = "like the last: other kinds",
    [FEATURE_SHARED_EARLIER] = "like recent items",
    [FEATURE_NEXT_KNOWN] = "followed it before",
    [FEATURE_NEXT_EARLIER_KNOWN] = "followed those before",
    [FEATURE_NEIGHBOURS_KNOWN] = "went with recent items",
};

const char *const column_names[COLUMNS] = {
    [COLUMN_BIAS] = "the item's bias",         [COLUMN_POPULAR_NOW] = "popular right now",
    [COLUMN_POPULAR_FAST] = "popular now",     [COLUMN_POPULAR_MIDDLE] = "popular lately",
    [COLUMN_POPULAR_SLOW] = "popular of late", [COLUMN_POPULAR_EVER] = "ever popular",
    [COLUMN_AGE] = "known for how long",       [COLUMN_KEEP] = "kept, not skipped",
};
