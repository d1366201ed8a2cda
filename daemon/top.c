/* `tasted top USER`: the user's list, as an application gets it from Redis, or as the model in a
 * snapshot would make it now. */
#include "daemon/cell.h"
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "transport/float_text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REDIS_TIMEOUT_MS = 3000, ARENA_BYTES = LIST_SIZE_MAX * (ID_BYTES_MAX + 1) };

const struct command_option top_options[] = {
    {"-n", "N", "at most so many items, 1 to 1000; all of the list if not given"},
    {"--json", NULL, "one JSON object: user, items, scores, at (ms since 1970), popular"},
    {"--snapshot", "FILE", "ranks with the model of a snapshot; without it, the list is Redis'"},
    {.name = NULL},
};

struct top_request {
    const char *user, *snapshot;
    uint32_t size; /* 0: not given */
    bool json;
};

/* What is printed. */
struct top_answer {
    struct list list;
    char ids[ARENA_BYTES];
    int64_t at_ms; /* 0: the format does not keep it */
    bool popular;  /* the user has no list; this is the one for such users */
};

/* ---- from Redis ---- */

static enum status read_key(struct redis_client *redis, const char *prefix, const char *rest,
                            const char *name, struct top_answer *answer, struct error *error)
{
    char key[1024];
    snprintf(key, sizeof key, "%s%s%s", prefix, rest, name);
    return redis_read_list(redis, key, &answer->list, answer->ids, sizeof answer->ids,
                           &answer->at_ms, error);
}

static enum status read_redis(const struct settings *settings, const struct top_request *request,
                              struct top_answer *answer, struct error *error)
{
    struct redis_client *redis = NULL;
    enum status status = redis_connect(settings->redis_url, REDIS_TIMEOUT_MS, &redis, error);
    if (status != STATUS_OK)
        return status;
    const char *prefix = settings->redis_prefix;
    status = read_key(redis, prefix, "top:", request->user, answer, error);
    if (status == STATUS_NOT_FOUND) {
        answer->popular = true;
        status = read_key(redis, prefix, "popular", "", answer, error);
    }
    if (status == STATUS_NOT_FOUND)
        error_set(error, status, "redis has neither %stop:%s nor %spopular", prefix, request->user,
                  prefix);
    redis_disconnect(redis);
    return status;
}

/* ---- from a snapshot ---- */

static enum status rank(const struct recommender *model, uint32_t size,
                        const struct top_request *request, struct top_answer *answer,
                        struct error *error)
{
    struct query *query = NULL;
    uint32_t user = recommender_find_user(model, text_of(request->user));
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
        recommender_popular(model, query, size, &answer->list);
    }
    if (status == STATUS_OK && answer->list.size == 0)
        status = error_set(error, STATUS_NOT_FOUND, "%s: the model knows no item to recommend",
                           request->snapshot);
    query_destroy(query);
    return status;
}

/* The list's ids point into the model: they are copied before it goes. */
static void keep_ids(struct top_answer *answer)
{
    size_t used = 0;
    for (uint32_t i = 0; i < answer->list.size; i++) {
        struct text *item = &answer->list.at[i].item;
        memcpy(answer->ids + used, item->at, item->size);
        item->at = answer->ids + used;
        used += item->size;
    }
}

static enum status read_snapshot(const struct settings *settings, const struct top_request *request,
                                 struct top_answer *answer, struct error *error)
{
    struct checkpoint checkpoint;
    enum status status = checkpoint_open(request->snapshot, NULL, &checkpoint, error);
    if (status != STATUS_OK)
        return status;
    uint32_t size = request->size > 0 ? request->size : settings->lists.size;
    status = rank(checkpoint.model, size, request, answer, error);
    if (status == STATUS_OK)
        keep_ids(answer);
    checkpoint_finish(&checkpoint);
    return status;
}

/* ---- printing ---- */

/* The double that is written with the same digits as the float is in Redis. */
static double same_digits(float score)
{
    char text[FLOAT_TEXT_MAX + 1];
    text[float_text(score, text)] = '\0';
    return strtod(text, NULL);
}

static enum status print_json(const struct top_request *request, const struct top_answer *answer)
{
    json_t *items = json_array(), *scores = json_array();
    for (uint32_t i = 0; i < answer->list.size; i++) {
        const struct list_entry *entry = &answer->list.at[i];
        json_array_append_new(items, json_stringn(entry->item.at, entry->item.size));
        json_array_append_new(scores, isnan(entry->score) ? json_null()
                                                          : json_real(same_digits(entry->score)));
    }
    json_t *at = answer->at_ms != 0 ? json_integer(answer->at_ms) : json_null();
    json_t *root = json_pack("{s:s,s:o,s:o,s:o,s:b}", "user", request->user, "items", items,
                             "scores", scores, "at", at, "popular", (int)answer->popular);
    bool failed = root == NULL || json_dumpf(root, stdout, JSON_REAL_PRECISION(9)) != 0;
    json_decref(root);
    putchar('\n');
    return failed ? STATUS_INTERNAL : STATUS_OK;
}

static void print_table(const struct list *list)
{
    int width = 4;
    bool scored = false;
    for (uint32_t i = 0; i < list->size; i++) {
        int columns = cell_columns(list->at[i].item);
        width = columns > width && columns <= 56 ? columns : width;
        scored |= !isnan(list->at[i].score);
    }
    printf("rank  %-*s%s\n", scored ? width : 0, "item", scored ? "       score" : "");
    for (uint32_t i = 0; i < list->size; i++) {
        printf("%4u  ", i + 1);
        bool fits = cell_columns(list->at[i].item) <= width;
        cell_print(list->at[i].item, scored && fits ? width : 0);
        if (scored)
            printf("  %10.4f", (double)list->at[i].score);
        putchar('\n');
    }
}

/* ---- the command ---- */

static int read_request(struct invocation *invocation, const struct command *command,
                        struct top_request *request)
{
    const struct command_option *option;
    const char *value;
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        if (option == NULL && request->user != NULL)
            return command_misuse(command, "one user at a time; what is %s?", value);
        if (option == NULL)
            request->user = value;
        else if (command_is(option, "--json"))
            request->json = true;
        else if (command_is(option, "--snapshot"))
            request->snapshot = value;
        else {
            char *end;
            long size = strtol(value, &end, 10);
            if (*end != '\0' || end == value || size < 1 || size > LIST_SIZE_MAX)
                return command_misuse(command, "-n takes a number from 1 to %d, not %s",
                                      LIST_SIZE_MAX, value);
            request->size = (uint32_t)size;
        }
    }
    if (request->user == NULL)
        return command_misuse(command, "whose list? Give a user's id");
    size_t size = strlen(request->user);
    if (size == 0 || size > ID_BYTES_MAX)
        return command_misuse(command, "a user's id has 1 to %d bytes", ID_BYTES_MAX);
    return EXIT_FINE;
}

static int answer_request(struct invocation *invocation, const struct top_request *request,
                          struct top_answer *answer)
{
    struct settings *settings = NULL;
    struct error error = {STATUS_OK, ""};
    enum status status = settings_load(&invocation->settings, &settings, &error);
    if (status != STATUS_OK)
        return fail(&error);
    status = request->snapshot != NULL ? read_snapshot(settings, request, answer, &error)
                                       : read_redis(settings, request, answer, &error);
    settings_free(settings);
    if (status != STATUS_OK) {
        error.status = status;
        return fail(&error);
    }
    if (request->size > 0 && answer->list.size > request->size)
        answer->list.size = request->size;
    if (answer->popular)
        fprintf(stderr, "tasted: %s has no list; this is the one for users without\n",
                request->user);
    if (request->json)
        return exit_code_of(print_json(request, answer));
    print_table(&answer->list);
    return EXIT_FINE;
}

int command_top(struct invocation *invocation)
{
    struct top_request request = {0};
    int code = read_request(invocation, command_named("top"), &request);
    if (code != EXIT_FINE || request.user == NULL)
        return code;
    struct top_answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL) {
        fprintf(stderr, "tasted: out of memory\n");
        return EXIT_INTERNAL;
    }
    code = answer_request(invocation, &request, answer);
    free(answer);
    return code;
}
