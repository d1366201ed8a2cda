/*
 * `tasted predict`: what a user would rate items, and how high they stand in the ranking, by the
 * model in a snapshot as of the last event it learned. --matrix shows all of a small one at once:
 *
 *               A     B     C     D
 *     U1        5     4  ~4.6  ~3.6         known as given, predicted behind a ~
 */
#include "daemon/cell.h"
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "model/explanation.h"
#include "model/feature.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_USERS = 50, MATRIX_ITEMS = 20, SCREEN = 80, CELL_MAX = 12 };

const struct command_option predict_options[] = {
    {"--snapshot", "FILE", "the model to ask; needed"},
    {"--matrix", NULL, "all users and items of a snapshot of at most 50 users and 20 items"},
    {"--json", NULL,
     "one JSON object; predicted and known ratings apart, null where there is none"},
    {.name = NULL},
};

struct predict_request {
    const char *snapshot, *user;
    const char **items;
    int item_count;
    bool matrix, json;
};

/* ---- one cell ---- */

/* What is known and predicted of one user and item; NAN where there is nothing. */
struct prediction {
    double known, rating, score;
};

struct asking {
    const struct recommender *model;
    struct query *query; /* of the user */
    uint32_t user;
    int64_t at_ms;
    int decimals; /* of a rating: as many as are kept */
};

/* A rating is kept to 1/254 of the scale. */
static int rating_decimals(const struct recommender *model)
{
    const struct signals *signals = &recommender_settings_of(model)->signals;
    double digits =
        floor(log10(254.0 / ((double)signals->scale_high - (double)signals->scale_low)));
    return digits < 0 ? 0 : digits > 4 ? 4 : (int)digits;
}

static double rounded(double value, int decimals)
{
    double power = pow(10.0, decimals);
    return round(value * power) / power;
}

/* That of an item which is no candidate, as nobody wanted it or the catalogue retired it, is what
 * its terms add up to: lists that are short rank such items by it. */
static double ranking_score(const struct asking *asking, uint32_t item)
{
    float score = recommender_score(asking->model, asking->query, item);
    if (score > CLOSED_SCORE / 2)
        return (double)score;
    struct explanation explanation;
    enum status status = recommender_explain(asking->model, asking->query, asking->user, item,
                                             asking->at_ms, &explanation);
    if (status == STATUS_OK) /* it used the query as scratch */
        status = recommender_query(asking->model, asking->query, asking->user, asking->at_ms);
    return status == STATUS_OK ? (double)explanation.score : NAN;
}

static struct prediction predict(const struct asking *asking, uint32_t item)
{
    struct prediction prediction = {NAN, NAN, NAN};
    float rating;
    if (recommender_known_rating(asking->model, asking->user, item, &rating))
        prediction.known = rounded((double)rating, asking->decimals);
    if (recommender_predict_rating(asking->model, asking->user, item, asking->at_ms, &rating))
        prediction.rating = (double)rating;
    if (item != SLOT_NONE && asking->query != NULL)
        prediction.score = ranking_score(asking, item);
    return prediction;
}

static json_t *number_json(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

/* ---- a user and some items ---- */

static void print_rating(double value, const char *mark, int decimals, int width)
{
    char text[64] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, "%s%.*f", mark, decimals, value);
    printf("%*s", width, text);
}

/* Known ones as they were given: 4, not 4.0. */
static void print_known(double value, int decimals, int width)
{
    bool whole = isnan(value) || value == rint(value);
    print_rating(value, "", whole ? 0 : decimals, width);
}

static void print_items(const struct asking *asking, const struct predict_request *request)
{
    int width = 4;
    for (int i = 0; i < request->item_count; i++) {
        int columns = cell_columns(text_of(request->items[i]));
        width = columns > width ? columns : width;
    }
    width = width > 40 ? 40 : width;
    printf("%-*s  %9s  %9s  %10s\n", width, "item", "rated", "predicted", "score");
    for (int i = 0; i < request->item_count; i++) {
        struct text id = text_of(request->items[i]);
        struct prediction prediction = predict(asking, recommender_find_item(asking->model, id));
        cell_print(id, width);
        printf("  ");
        print_known(prediction.known, asking->decimals, 9);
        printf("  ");
        print_rating(prediction.rating, "~", asking->decimals + 1, 9);
        printf("  ");
        print_rating(prediction.score, "", 4, 10);
        putchar('\n');
    }
}

static json_t *items_json(const struct asking *asking, const struct predict_request *request)
{
    json_t *items = json_array();
    for (int i = 0; i < request->item_count; i++) {
        uint32_t item = recommender_find_item(asking->model, text_of(request->items[i]));
        struct prediction prediction = predict(asking, item);
        json_array_append_new(items, json_pack("{s:s, s:b, s:o, s:o, s:o}", "item",
                                               request->items[i], "known", item != SLOT_NONE,
                                               "rated", number_json(prediction.known), "rating",
                                               number_json(prediction.rating), "score",
                                               number_json(prediction.score)));
    }
    return json_pack("{s:s, s:b, s:I, s:o}", "user", request->user, "known",
                     asking->user != SLOT_NONE, "at", (json_int_t)asking->at_ms, "items", items);
}

static enum status dump(json_t *json)
{
    bool failed = json == NULL || json_dumpf(json, stdout, JSON_REAL_PRECISION(6)) != 0;
    json_decref(json);
    putchar('\n');
    return failed ? STATUS_INTERNAL : STATUS_OK;
}

/* Standard error tells what the answer rests on, where that is little. */
static void note(const struct asking *asking, const struct predict_request *request)
{
    float rating;
    if (asking->user == SLOT_NONE)
        fprintf(stderr, "tasted: %s is not known: these are for somebody new\n", request->user);
    for (int i = 0; i < request->item_count; i++)
        if (recommender_find_item(asking->model, text_of(request->items[i])) == SLOT_NONE)
            fprintf(stderr, "tasted: item %s is not known\n", request->items[i]);
    if (!recommender_predict_rating(asking->model, asking->user, SLOT_NONE, asking->at_ms, &rating))
        fprintf(stderr, "tasted: no rating was ever learned: there are only ranking scores\n");
}

static enum status answer(struct asking *asking, const struct predict_request *request,
                          struct error *error)
{
    asking->user = recommender_find_user(asking->model, text_of(request->user));
    enum status status = query_create(asking->model, &asking->query);
    if (status == STATUS_OK)
        status = recommender_query(asking->model, asking->query, asking->user, asking->at_ms);
    if (status != STATUS_OK)
        error_set(error, status, "predict: %s", status_text(status));
    if (status == STATUS_OK) {
        note(asking, request);
        if (request->json)
            status = dump(items_json(asking, request));
        else
            print_items(asking, request);
    }
    query_destroy(asking->query);
    return status;
}

/* ---- the matrix ---- */

struct matrix {
    uint32_t user[MATRIX_USERS], item[MATRIX_ITEMS]; /* slots */
    uint32_t users, items;
};

static enum status read_matrix(const struct asking *asking, struct matrix *matrix,
                               struct error *error)
{
    const struct recommender *model = asking->model;
    struct recommender_counts counts = recommender_count(model);
    float rating;
    *matrix = (struct matrix){.users = 0};
    if (counts.users > MATRIX_USERS || counts.items > MATRIX_ITEMS)
        return error_set(error, STATUS_INVALID,
                         "the snapshot has %llu users and %llu items; --matrix shows at most %d "
                         "and %d: name a user and items instead",
                         (unsigned long long)counts.users, (unsigned long long)counts.items,
                         MATRIX_USERS, MATRIX_ITEMS);
    if (!recommender_predict_rating(model, SLOT_NONE, SLOT_NONE, asking->at_ms, &rating))
        return error_set(error, STATUS_NOT_FOUND, "%s",
                         "no rating was ever learned: there is no matrix of them");
    for (uint32_t user = 0; user < recommender_user_bound(model); user++)
        if (recommender_user_id(model, user).size > 0)
            matrix->user[matrix->users++] = user;
    for (uint32_t item = 0; item < recommender_item_bound(model); item++)
        if (recommender_item_id(model, item).size > 0)
            matrix->item[matrix->items++] = item;
    return STATUS_OK;
}

static int widest(struct text (*id_of)(const struct recommender *, uint32_t),
                  const struct recommender *model, const uint32_t *slots, uint32_t count, int least)
{
    int width = least;
    for (uint32_t n = 0; n < count; n++) {
        int columns = cell_columns(id_of(model, slots[n]));
        width = columns > width ? columns : width;
    }
    return width < CELL_MAX ? width : CELL_MAX;
}

static void print_row(struct asking *asking, const uint32_t *items, uint32_t count, int width)
{
    for (uint32_t n = 0; n < count; n++) {
        struct prediction prediction = predict(asking, items[n]);
        printf("  ");
        if (isnan(prediction.known))
            print_rating(prediction.rating, "~", asking->decimals, width);
        else
            print_known(prediction.known, asking->decimals, width);
    }
    putchar('\n');
}

/* As many items beside each other as the screen has room for, then the next ones below. */
static void print_matrix(struct asking *asking, const struct matrix *matrix)
{
    const struct recommender *model = asking->model;
    int head = widest(recommender_user_id, model, matrix->user, matrix->users, 1);
    int width = widest(recommender_item_id, model, matrix->item, matrix->items, 4);
    uint32_t room = (uint32_t)((SCREEN - head) / (width + 2));
    for (uint32_t first = 0; first < matrix->items; first += room) {
        uint32_t count = matrix->items - first < room ? matrix->items - first : room;
        printf("%s%*s", first > 0 ? "\n" : "", head, "");
        for (uint32_t n = first; n < first + count; n++) {
            struct text id = recommender_item_id(model, matrix->item[n]);
            int columns = cell_columns(id);
            printf("  %*s", columns < width ? width - columns : 0, "");
            cell_print(id, columns < width ? columns : width);
        }
        putchar('\n');
        for (uint32_t u = 0; u < matrix->users; u++) {
            asking->user = matrix->user[u];
            cell_print(recommender_user_id(model, asking->user), head);
            print_row(asking, matrix->item + first, count, width);
        }
    }
    printf("\n~: predicted\n");
}

static json_t *ids_json(struct text (*id_of)(const struct recommender *, uint32_t),
                        const struct recommender *model, const uint32_t *slots, uint32_t count)
{
    json_t *ids = json_array();
    for (uint32_t n = 0; n < count; n++) {
        struct text id = id_of(model, slots[n]);
        json_array_append_new(ids, json_stringn(id.at, id.size));
    }
    return ids;
}

static json_t *matrix_json(struct asking *asking, const struct matrix *matrix)
{
    json_t *known = json_array(), *predicted = json_array();
    for (uint32_t u = 0; u < matrix->users; u++) {
        json_t *known_row = json_array(), *predicted_row = json_array();
        asking->user = matrix->user[u];
        for (uint32_t n = 0; n < matrix->items; n++) {
            struct prediction prediction = predict(asking, matrix->item[n]);
            json_array_append_new(known_row, number_json(prediction.known));
            json_array_append_new(predicted_row, number_json(prediction.rating));
        }
        json_array_append_new(known, known_row);
        json_array_append_new(predicted, predicted_row);
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "users",
                     ids_json(recommender_user_id, asking->model, matrix->user, matrix->users),
                     "items",
                     ids_json(recommender_item_id, asking->model, matrix->item, matrix->items),
                     "known", known, "predicted", predicted);
}

static enum status answer_matrix(struct asking *asking, const struct predict_request *request,
                                 struct error *error)
{
    struct matrix matrix;
    enum status status = read_matrix(asking, &matrix, error);
    if (status != STATUS_OK)
        return status;
    if (request->json)
        return dump(matrix_json(asking, &matrix));
    print_matrix(asking, &matrix);
    return STATUS_OK;
}

/* ---- the command ---- */

static bool is_id(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= ID_BYTES_MAX;
}

static int check_request(const struct command *command, const struct predict_request *request)
{
    if (request->snapshot == NULL)
        return command_misuse(command, "which model? Give --snapshot FILE");
    if (request->matrix && request->user != NULL)
        return command_misuse(command, "--matrix shows all users and items; what is %s?",
                              request->user);
    if (request->matrix)
        return EXIT_FINE;
    if (request->user == NULL || request->item_count == 0)
        return command_misuse(command, "give a user's id and one or more items', or --matrix");
    bool fine = is_id(request->user);
    for (int i = 0; i < request->item_count; i++)
        fine = fine && is_id(request->items[i]);
    return fine ? EXIT_FINE : command_misuse(command, "an id has 1 to %d bytes", ID_BYTES_MAX);
}

static int read_request(struct invocation *invocation, const struct command *command,
                        struct predict_request *request)
{
    const struct command_option *option;
    const char *value;
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        if (option == NULL && request->user == NULL)
            request->user = value;
        else if (option == NULL)
            request->items[request->item_count++] = value;
        else if (command_is(option, "--snapshot"))
            request->snapshot = value;
        else if (command_is(option, "--matrix"))
            request->matrix = true;
        else
            request->json = true;
    }
    return check_request(command, request);
}

static enum status answer_request(const struct predict_request *request, struct error *error)
{
    struct checkpoint checkpoint;
    enum status status = checkpoint_open(request->snapshot, NULL, &checkpoint, error);
    if (status != STATUS_OK)
        return status;
    struct asking asking = {
        .model = checkpoint.model,
        .user = SLOT_NONE,
        .at_ms = recommender_latest_ms(checkpoint.model),
        .decimals = rating_decimals(checkpoint.model),
    };
    status = request->user == NULL ? answer_matrix(&asking, request, error)
                                   : answer(&asking, request, error);
    checkpoint_finish(&checkpoint);
    return status;
}

int command_predict(struct invocation *invocation)
{
    struct error error = {STATUS_OK, ""};
    struct predict_request request = {
        .items = calloc((size_t)invocation->argc + 1, sizeof *request.items)};
    if (request.items == NULL) {
        fprintf(stderr, "tasted: out of memory\n");
        return EXIT_INTERNAL;
    }
    int code = read_request(invocation, command_named("predict"), &request);
    if (code == EXIT_FINE && answer_request(&request, &error) != STATUS_OK)
        code = fail(&error);
    free(request.items);
    return code;
}
