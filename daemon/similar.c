/* `tasted similar ITEM`: what is like an item, as an application gets it from Redis, or as the
 * model in a snapshot has it. */
#include "model/similar.h"
#include "daemon/checkpoint.h"
#include "daemon/list_answer.h"

const struct command_option similar_options[] = {
    {"-n", "N", "at most so many items, 1 to 1000"},
    {"--json", NULL, "one JSON object: item, items, scores, at (ms since 1970)"},
    {"--snapshot", "FILE", "compares by the model of a snapshot; without it, the list is Redis'"},
    {.name = NULL},
};

static enum status read_redis(const struct settings *settings, const struct list_request *request,
                              struct list_answer *answer, struct error *error)
{
    struct redis_client *redis = NULL;
    enum status status = list_answer_connect(settings, &redis, error);
    if (status != STATUS_OK)
        return status;
    const char *prefix = settings->redis_prefix;
    status = list_answer_read(redis, prefix, "similar:", request->id, answer, error);
    if (status == STATUS_NOT_FOUND)
        error_set(error, status, "redis has no %ssimilar:%s; --snapshot FILE asks a model", prefix,
                  request->id);
    redis_disconnect(redis);
    return status;
}

static enum status compare(const struct recommender *model, uint32_t size,
                           const struct list_request *request, struct list_answer *answer,
                           struct error *error)
{
    uint32_t item = recommender_find_item(model, text_of(request->id));
    if (item == SLOT_NONE)
        return error_set(error, STATUS_NOT_FOUND, "%s: the model does not know the item %s",
                         request->snapshot, request->id);
    answer->at_ms = recommender_latest_ms(model);
    if (recommender_similar(model, item, size, &answer->list) != STATUS_OK)
        return error_set(error, STATUS_NO_MEMORY, "no memory to compare items");
    list_answer_keep_ids(answer);
    return STATUS_OK;
}

static enum status get(const struct settings *settings, const struct list_request *request,
                       struct list_answer *answer, struct error *error)
{
    struct checkpoint checkpoint;
    if (request->snapshot == NULL)
        return read_redis(settings, request, answer, error);
    enum status status = checkpoint_open(request->snapshot, NULL, &checkpoint, error);
    if (status != STATUS_OK)
        return status;
    uint32_t size = request->size > 0 ? request->size : settings->lists.size;
    status = compare(checkpoint.model, size, request, answer, error);
    checkpoint_finish(&checkpoint);
    return status;
}

int command_similar(struct invocation *invocation)
{
    struct list_request request = {0};
    int code = list_request_read(invocation, command_named("similar"), "item", &request);
    return code == EXIT_FINE ? list_answer(invocation, &request, "item", get) : code;
}
