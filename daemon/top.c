/* `tasted top USER`: the user's list, as an application gets it from Redis, or as the model in a
 * snapshot would make it now. */
#include "daemon/list_answer.h"

const struct command_option top_options[] = {
    {"-n", "N", "at most so many items, 1 to 1000; all of the list if not given"},
    {"--json", NULL, "one JSON object: user, items, scores, at (ms since 1970), popular"},
    {"--snapshot", "FILE", "ranks with the model of a snapshot; without it, the list is Redis'"},
    {.name = NULL},
};

static enum status from_redis(struct redis_client *redis, const char *prefix,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error)
{
    enum status status = list_answer_read(redis, prefix, "top:", request->id, answer, error);
    if (status == STATUS_NOT_FOUND) {
        answer->popular = true;
        status = list_answer_read(redis, prefix, "popular", "", answer, error);
    }
    if (status == STATUS_NOT_FOUND)
        error_set(error, status, "redis has neither %stop:%s nor %spopular", prefix, request->id,
                  prefix);
    return status;
}

static enum status from_model(const struct recommender *model, uint32_t size,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error)
{
    struct query *query = NULL;
    uint32_t user = recommender_find_user(model, text_of(request->id));
    enum status status = query_create(model, &query);
    if (status == STATUS_OK)
        status = recommender_query(model, query, user, answer->at_ms);
    if (status != STATUS_OK)
        error_set(error, status, "top: %s", status_text(status));
    if (status == STATUS_OK && user != SLOT_NONE)
        recommender_top(model, query, size, &answer->list);
    if (status == STATUS_OK && answer->list.size == 0) {
        answer->popular = true;
        recommender_popular(model, answer->at_ms, size, &answer->list);
    }
    if (status == STATUS_OK && answer->list.size == 0)
        status = error_set(error, STATUS_NOT_FOUND, "%s: the model knows no item to recommend",
                           request->snapshot);
    query_destroy(query);
    return status;
}

int command_top(struct invocation *invocation)
{
    return list_answer(invocation, "top", "user", &(struct list_source){from_redis, from_model});
}
