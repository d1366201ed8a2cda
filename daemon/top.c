/* `tasted top USER`: the user's list, as an application gets it from Redis, or as the model in a
 * snapshot would make it now. */
#include "daemon/checkpoint.h"
#include "daemon/list_answer.h"

const struct command_option top_options[] = {
    {"-n", "N", "at most so many items, 1 to 1000; all of the list if not given"},
    {"--json", NULL, "one JSON object: user, items, scores, at (ms since 1970), popular"},
    {"--snapshot", "FILE", "ranks with the model of a snapshot; without it, the list is Redis'"},
    {.name = NULL},
};

/* ---- from Redis ---- */

static enum status read_redis(const struct settings *settings, const struct list_request *request,
                              struct list_answer *answer, struct error *error)
{
    struct redis_client *redis = NULL;
    enum status status = list_answer_connect(settings, &redis, error);
    if (status != STATUS_OK)
        return status;
    const char *prefix = settings->redis_prefix;
    status = list_answer_read(redis, prefix, "top:", request->id, answer, error);
    if (status == STATUS_NOT_FOUND) {
        answer->popular = true;
        status = list_answer_read(redis, prefix, "popular", "", answer, error);
    }
    if (status == STATUS_NOT_FOUND)
        error_set(error, status, "redis has neither %stop:%s nor %spopular", prefix, request->id,
                  prefix);
    redis_disconnect(redis);
    return status;
}

/* ---- from a snapshot ---- */

static enum status rank(const struct recommender *model, uint32_t size,
                        const struct list_request *request, struct list_answer *answer,
                        struct error *error)
{
    struct query *query = NULL;
    uint32_t user = recommender_find_user(model, text_of(request->id));
    answer->at_ms = recommender_latest_ms(model);
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

static enum status read_snapshot(const struct settings *settings,
                                 const struct list_request *request, struct list_answer *answer,
                                 struct error *error)
{
    struct checkpoint checkpoint;
    enum status status = checkpoint_open(request->snapshot, NULL, &checkpoint, error);
    if (status != STATUS_OK)
        return status;
    uint32_t size = request->size > 0 ? request->size : settings->lists.size;
    status = rank(checkpoint.model, size, request, answer, error);
    if (status == STATUS_OK)
        list_answer_keep_ids(answer);
    checkpoint_finish(&checkpoint);
    return status;
}

/* ---- the command ---- */

static enum status get(const struct settings *settings, const struct list_request *request,
                       struct list_answer *answer, struct error *error)
{
    return request->snapshot != NULL ? read_snapshot(settings, request, answer, error)
                                     : read_redis(settings, request, answer, error);
}

int command_top(struct invocation *invocation)
{
    struct list_request request = {0};
    int code = list_request_read(invocation, command_named("top"), "user", &request);
    return code == EXIT_FINE ? list_answer(invocation, &request, "user", get) : code;
}
