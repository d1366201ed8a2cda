/* A model kept in memory, and read from it again. Include cmocka.h before. */
#ifndef TESTS_UNIT_MODEL_MEMORY_H
#define TESTS_UNIT_MODEL_MEMORY_H

#include "model/recommender.h"

#include "tests/unit/memory_state.h"

static inline struct memory saved(const struct recommender *model)
{
    struct memory memory = memory_state();
    assert_int_equal(recommender_save(model, &memory.writer), STATUS_OK);
    return memory;
}

/* From here on another model, which was read from what was kept of it. */
static inline struct recommender *restarted(struct recommender *model)
{
    struct memory memory = saved(model);
    struct error error;
    recommender_destroy(model);
    assert_int_equal(recommender_load(NULL, &memory.reader, &model, &error), STATUS_OK);
    assert_int_equal(memory.at, memory.size);
    free(memory.bytes);
    return model;
}

#endif
