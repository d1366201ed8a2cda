#include "daemon/list_answer.h"

#include "daemon/cell.h"
#include "daemon/checkpoint.h"
#include "transport/float_text.h"
#include "transport/utf8.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REDIS_TIMEOUT_MS = 3000 };

/* ---- what was asked ---- */

static int take_size(const struct command *command, struct list_request *request, const char *value)
{
    char *end;
    long size = strtol(value, &end, 10);
    if (*end != '\0' || end == value || size < 1 || size > LIST_SIZE_MAX)
        return command_misuse(command, "-n takes a number from 1 to %d, not %s", LIST_SIZE_MAX,
                              value);
    request->size = (uint32_t)size;
    return EXIT_FINE;
}

static int read_request(struct invocation *invocation, const struct command *command,
                        const char *what, struct list_request *request)
{
    const struct command_option *option;
    const char *value;
    int code = EXIT_FINE;
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        if (option == NULL && request->id != NULL)
            return command_misuse(command, "one %s at a time; what is %s?", what, value);
        if (option == NULL)
            request->id = value;
        else if (command_is(option, "--json"))
            request->json = true;
        else if (command_is(option, "--snapshot"))
            request->snapshot = value;
        else if ((code = take_size(command, request, value)) != EXIT_FINE)
            return code;
    }
    if (request->id == NULL)
        return command_misuse(command, "give the id of one %s", what);
    size_t size = strlen(request->id);
    if (size == 0 || size > ID_BYTES_MAX)
        return command_misuse(command, "the id of a %s has 1 to %d bytes", what, ID_BYTES_MAX);
    if (!utf8_is_valid(text_of(request->id)))
        return command_misuse(command, "the id of a %s is UTF-8; this one is not", what);
    return EXIT_FINE;
}

/* ---- where the list comes from ---- */

enum status list_answer_read(struct redis_client *redis, const char *prefix, const char *rest,
                             const char *name, struct list_answer *answer, struct error *error)
{
    char key[1024];
    snprintf(key, sizeof key, "%s%s%s", prefix, rest, name);
    return redis_read_list(redis, key, &answer->list, answer->ids, sizeof answer->ids,
                           &answer->at_ms, error);
}

static enum status read_redis(const struct settings *settings, const struct list_source *source,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error)
{
    struct redis_client *redis = NULL;
    enum status status = redis_connect(settings->redis_url, REDIS_TIMEOUT_MS, &redis, error);
    if (status != STATUS_OK)
        return status;
    status = source->from_redis(redis, settings->redis_prefix, request, answer, error);
    redis_disconnect(redis);
    return status;
}

/* Before the model goes. */
static void keep_ids(struct list_answer *answer)
{
    size_t used = 0;
    for (uint32_t i = 0; i < answer->list.size; i++) {
        struct text *item = &answer->list.at[i].item;
        memcpy(answer->ids + used, item->at, item->size);
        item->at = answer->ids + used;
        used += item->size;
    }
}

static enum status rank_snapshot(const struct settings *settings, const struct list_source *source,
                                 const struct list_request *request, struct list_answer *answer,
                                 struct error *error)
{
    struct checkpoint checkpoint;
    enum status status = checkpoint_open(request->snapshot, NULL, &checkpoint, error);
    if (status != STATUS_OK)
        return status;
    uint32_t size = request->size > 0 ? request->size : settings->lists.size;
    answer->at_ms = recommender_latest_ms(checkpoint.model);
    status = source->from_model(checkpoint.model, size, request, answer, error);
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

static enum status print_json(const struct list_request *request, const char *what,
                              const struct list_answer *answer)
{
    json_t *items = json_array(), *scores = json_array();
    for (uint32_t i = 0; i < answer->list.size; i++) {
        const struct list_entry *entry = &answer->list.at[i];
        json_array_append_new(items, json_stringn(entry->item.at, entry->item.size));
        json_array_append_new(scores, isnan(entry->score) ? json_null()
                                                          : json_real(same_digits(entry->score)));
    }
    json_t *at = answer->at_ms != 0 ? json_integer(answer->at_ms) : json_null();
    json_t *root = json_pack("{s:s,s:o,s:o,s:o}", what, request->id, "items", items, "scores",
                             scores, "at", at);
    if (strcmp(what, "user") == 0)
        json_object_set_new(root, "popular", json_boolean(answer->popular));
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

static int print_answer(const struct list_request *request, const char *what,
                        struct list_answer *answer)
{
    if (request->size > 0 && answer->list.size > request->size)
        answer->list.size = request->size;
    if (answer->popular)
        fprintf(stderr, "tasted: %s has no list; this is the one for users without\n", request->id);
    if (request->json)
        return exit_code_of(print_json(request, what, answer));
    print_table(&answer->list);
    return EXIT_FINE;
}

static int get_and_print(struct invocation *invocation, const struct list_request *request,
                         const char *what, const struct list_source *source)
{
    struct settings *settings = NULL;
    struct error error = {STATUS_OK, ""};
    struct list_answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL) {
        fprintf(stderr, "tasted: out of memory\n");
        return EXIT_INTERNAL;
    }
    enum status status = settings_load(&invocation->settings, &settings, &error);
    if (status == STATUS_OK)
        status = request->snapshot != NULL
                     ? rank_snapshot(settings, source, request, answer, &error)
                     : read_redis(settings, source, request, answer, &error);
    settings_free(settings);
    int code = EXIT_FINE;
    if (status == STATUS_OK) {
        code = print_answer(request, what, answer);
    } else {
        error.status = status;
        code = fail(&error);
    }
    free(answer);
    return code;
}

int list_answer(struct invocation *invocation, const char *name, const char *what,
                const struct list_source *source)
{
    struct list_request request = {0};
    int code = read_request(invocation, command_named(name), what, &request);
    return code == EXIT_FINE ? get_and_print(invocation, &request, what, source) : code;
}
