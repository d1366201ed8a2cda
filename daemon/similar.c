/* `tasted similar ITEM`: what is like an item, as an application gets it from Redis, or as the
 * model in a snapshot has it. */
#include "model/similar.h"
#include "daemon/list_answer.h"

const struct command_option similar_options[] = {
    {"-n", "N", "at most so many items, 1 to 1000"},
    {"--json", NULL, "one JSON object: item, items, scores, at (ms since 1970)"},
    {"--snapshot", "FILE", "compares by the model of a snapshot; without it, the list is Redis'"},
    {.name = NULL},
};

static enum status from_redis(struct redis_client *redis, const char *prefix,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error)
{
    enum status status = list_answer_read(redis, prefix, "similar:", request->id, answer, error);
    if (status == STATUS_NOT_FOUND)
        error_set(error, status, "redis has no %ssimilar:%s; --snapshot FILE asks a model", prefix,
                  request->id);
    return status;
}

static enum status from_model(const struct recommender *model, uint32_t size,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error)
{
    uint32_t item = recommender_find_item(model, text_of(request->id));
    if (item == SLOT_NONE)
        return error_set(error, STATUS_NOT_FOUND, "%s: the model does not know the item %s",
                         request->snapshot, request->id);
    if (recommender_similar(model, item, size, &answer->list) != STATUS_OK)
        return error_set(error, STATUS_NO_MEMORY, "no memory to compare items");
    return STATUS_OK;
}

int command_similar(struct invocation *invocation)
{
    return list_answer(invocation, "similar", "item",
                       &(struct list_source){from_redis, from_model});
}
