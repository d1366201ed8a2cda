/* `tasted explain USER ITEM`: why the model in a snapshot scores the item as it does for the user:
 * each term of the sum, and the past items that weigh most. */
#include "daemon/cell.h"
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "model/explanation.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS_SHOWN = 10, ITEM_COLUMNS = 35 };

const struct command_option explain_options[] = {
    {"--snapshot", "FILE", "the model to ask; needed"},
    {"-n", "N", "at most so many past items, 1 to 64; 10 if not given"},
    {"--json", NULL, "one JSON object, with all terms and past items"},
    {.name = NULL},
};

struct explain_request {
    const char *snapshot, *user, *item;
    uint32_t size;
    bool json;
};

struct answer {
    const struct recommender *model;
    struct explanation explanation;
    bool known_user, withheld; /* by the catalogue */
};

/* Such items end lists that are short of lists.size. */
static const char never_wanted[] = "nobody has wanted it yet";

/* What keeps the item out of the user's list; NULL: nothing. */
static const char *hidden_because(const struct answer *answer)
{
    const struct explanation *explanation = &answer->explanation;
    if (answer->withheld)
        return "the catalogue has retired it, or it has expired";
    if (explanation->has)
        return "the user has it (lists.exclude_seen)";
    if (explanation->unwanted)
        return "the user skipped or disliked it lately";
    if (explanation->just_consumed)
        return "it is what the user had last";
    if (explanation->never_wanted)
        return never_wanted;
    return NULL;
}

static int by_share(const void *a, const void *b)
{
    const struct explanation_item *one = a, *other = b;
    float x = fabsf(one->share), y = fabsf(other->share);
    return (x < y) - (x > y);
}

/* ---- for people ---- */

static void print_head(const struct explain_request *request, const struct answer *answer)
{
    const struct explanation *explanation = &answer->explanation;
    const char *hidden = hidden_because(answer);
    printf("user ");
    cell_print(text_of(request->user), 0);
    printf(", item ");
    cell_print(text_of(request->item), 0);
    printf(": score %.4f", (double)explanation->score);
    if (explanation->rank > 0)
        printf(", rank %u", explanation->rank);
    putchar('\n');
    if (hidden != NULL)
        printf("not in the user's list%s: %s\n",
               hidden == never_wanted ? ", unless it is short" : "", hidden);
}

static void print_terms(const struct explanation *explanation)
{
    printf("\n%-28s %10s %10s %10s\n", "term", "value", "weight", "share");
    for (uint32_t n = 0; n < explanation->terms; n++) {
        const struct explanation_term *term = &explanation->term[n];
        printf("%-28s %10.4f %10.4f %10.4f\n", term->name, (double)term->value,
               (double)term->weight, (double)term->share);
    }
    printf("%-28s %10s %10s %10.4f\n", "sum", "", "", (double)explanation->score);
}

static void print_time(uint32_t second)
{
    time_t at = (time_t)second;
    struct tm parts;
    char text[32] = "?";
    if (gmtime_r(&at, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    printf("%-18s", text);
}

static void print_items(const struct answer *answer, uint32_t most)
{
    const struct explanation *explanation = &answer->explanation;
    if (explanation->items == 0)
        return;
    printf("\nthe past items that weigh most\n%-18s%-*s %8s %8s %8s\n", "wanted (UTC)",
           ITEM_COLUMNS, "item", "vectors", "counts", "share");
    for (uint32_t n = 0; n < explanation->items && n < most; n++) {
        const struct explanation_item *item = &explanation->item[n];
        print_time(item->second);
        cell_print(recommender_item_id(answer->model, item->item), ITEM_COLUMNS);
        printf(" %8.4f %8.4f %8.4f\n", (double)item->vectors, (double)item->counts,
               (double)item->share);
    }
}

/* ---- for programs ---- */

static json_t *terms_json(const struct explanation *explanation)
{
    json_t *terms = json_array();
    for (uint32_t n = 0; n < explanation->terms; n++) {
        const struct explanation_term *term = &explanation->term[n];
        json_array_append_new(terms, json_pack("{s:s, s:f, s:f, s:f}", "term", term->name, "value",
                                               (double)term->value, "weight", (double)term->weight,
                                               "share", (double)term->share));
    }
    return terms;
}

static json_t *items_json(const struct answer *answer)
{
    json_t *items = json_array();
    for (uint32_t n = 0; n < answer->explanation.items; n++) {
        const struct explanation_item *item = &answer->explanation.item[n];
        struct text id = recommender_item_id(answer->model, item->item);
        json_array_append_new(
            items, json_pack("{s:s%, s:I, s:f, s:f, s:f}", "item", id.at, (size_t)id.size, "ts",
                             (json_int_t)item->second * 1000, "vectors", (double)item->vectors,
                             "counts", (double)item->counts, "share", (double)item->share));
    }
    return items;
}

static int print_json(const struct explain_request *request, const struct answer *answer)
{
    const struct explanation *explanation = &answer->explanation;
    const char *hidden = hidden_because(answer);
    json_t *json = json_pack(
        "{s:s, s:b, s:s, s:f, s:o, s:o, s:o, s:o}", "user", request->user, "known",
        (int)answer->known_user, "item", request->item, "score", (double)explanation->score, "rank",
        explanation->rank > 0 ? json_integer((json_int_t)explanation->rank) : json_null(), "hidden",
        hidden == NULL ? json_null() : json_string(hidden), "terms", terms_json(explanation),
        "items", items_json(answer));
    bool failed = json == NULL || json_dumpf(json, stdout, JSON_REAL_PRECISION(7)) != 0;
    json_decref(json);
    putchar('\n');
    return failed ? EXIT_INTERNAL : EXIT_FINE;
}

/* ---- the command ---- */

static enum status explain(const struct recommender *model, const struct explain_request *request,
                           struct answer *answer, struct error *error)
{
    struct query *query = NULL;
    uint32_t user = recommender_find_user(model, text_of(request->user));
    uint32_t item = recommender_find_item(model, text_of(request->item));
    if (item == SLOT_NONE)
        return error_set(error, STATUS_NOT_FOUND, "%s: the model does not know the item %s",
                         request->snapshot, request->item);
    int64_t at_ms = recommender_latest_ms(model);
    *answer = (struct answer){.model = model,
                              .known_user = user != SLOT_NONE,
                              .withheld = recommender_is_withheld(model, item, at_ms)};
    enum status status = query_create(model, &query);
    if (status == STATUS_OK)
        status = recommender_explain(model, query, user, item, at_ms, &answer->explanation);
    query_destroy(query);
    if (status != STATUS_OK)
        return error_set(error, status, "explain: %s", status_text(status));
    qsort(answer->explanation.item, answer->explanation.items, sizeof answer->explanation.item[0],
          by_share);
    return STATUS_OK;
}

static int answer_request(const struct explain_request *request)
{
    struct checkpoint checkpoint;
    struct answer answer = {0};
    struct error error = {STATUS_OK, ""};
    if (checkpoint_open(request->snapshot, NULL, &checkpoint, &error) != STATUS_OK)
        return fail(&error);
    int code = EXIT_FINE;
    if (explain(checkpoint.model, request, &answer, &error) != STATUS_OK)
        code = fail(&error);
    else if (request->json)
        code = print_json(request, &answer);
    else {
        if (!answer.known_user)
            fprintf(stderr,
                    "tasted: the model does not know the user %s; this is for anybody new\n",
                    request->user);
        print_head(request, &answer);
        print_terms(&answer.explanation);
        print_items(&answer, request->size);
    }
    checkpoint_finish(&checkpoint);
    return code;
}

static int take_argument(const struct command *command, struct explain_request *request,
                         const char *value)
{
    if (request->user == NULL)
        request->user = value;
    else if (request->item == NULL)
        request->item = value;
    else
        return command_misuse(command, "one user and one item; what is %s?", value);
    return EXIT_FINE;
}

static int take_option(const struct command *command, struct explain_request *request,
                       const struct command_option *option, const char *value)
{
    char *end;
    if (command_is(option, "--json"))
        request->json = true;
    else if (command_is(option, "--snapshot"))
        request->snapshot = value;
    else {
        long size = strtol(value, &end, 10);
        if (end == value || *end != '\0' || size < 1 || size > EXPLANATION_ITEMS)
            return command_misuse(command, "-n takes a number from 1 to %d, not %s",
                                  EXPLANATION_ITEMS, value);
        request->size = (uint32_t)size;
    }
    return EXIT_FINE;
}

int command_explain(struct invocation *invocation)
{
    const struct command *command = command_named("explain");
    struct explain_request request = {.size = ITEMS_SHOWN};
    const struct command_option *option;
    const char *value;
    int code = EXIT_FINE;
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        code = option == NULL ? take_argument(command, &request, value)
                              : take_option(command, &request, option, value);
        if (code != EXIT_FINE)
            return code;
    }
    if (request.item == NULL)
        return command_misuse(command, "give a USER and an ITEM");
    if (request.snapshot == NULL)
        return command_misuse(command, "--snapshot FILE is needed: the model to ask");
    return answer_request(&request);
}
