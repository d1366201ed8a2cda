/*
 * `tasted snapshot diff`: how two models differ: counts, settings, who is only in one of them, what
 * moved most, and how far the lists of the users in both agree. Users are looked at by a sample,
 * evenly spread, so that large snapshots take seconds.
 */
#include "daemon/cell.h"
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "daemon/plural.h"
#include "daemon/snapshot_actions.h"
#include "model/vectors.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOVED_SHOWN = 5, ONLY_SHOWN = 5, USERS_MOVED_MAX = 20000, USERS_LISTED_MAX = 200, TOP = 10 };

struct side {
    struct checkpoint checkpoint;
    const struct recommender *model;
    struct query *query;
    struct list list;
};

struct moved {
    struct text id; /* in the first model */
    float distance, cosine;
};

/* Of users, or of items. */
struct group {
    const char *name; /* "items" */
    uint64_t both, only[2];
    struct text example[2][ONLY_SHOWN];
    uint64_t compared;
    double distance; /* sum over those compared */
    struct moved moved[MOVED_SHOWN];
    uint32_t moved_size;
};

struct diff {
    struct side side[2];
    char settings[512]; /* in which they differ */
    struct group items, users;
    uint64_t lists, common, same_first; /* lists compared; items that both hold, over all */
};

/* ---- ids ---- */

struct naming {
    uint32_t (*bound)(const struct recommender *model);
    struct text (*id)(const struct recommender *model, uint32_t slot);
    uint32_t (*find)(const struct recommender *model, struct text id);
};

static const struct naming of_items = {recommender_item_bound, recommender_item_id,
                                       recommender_find_item};
static const struct naming of_users = {recommender_user_bound, recommender_user_id,
                                       recommender_find_user};

static void match_ids(const struct diff *diff, const struct naming *naming, struct group *group)
{
    for (int s = 0; s < 2; s++) {
        const struct recommender *model = diff->side[s].model, *other = diff->side[1 - s].model;
        for (uint32_t slot = 0; slot < naming->bound(model); slot++) {
            struct text id = naming->id(model, slot);
            if (id.size == 0)
                continue;
            if (naming->find(other, id) != SLOT_NONE) {
                group->both += s == 0;
                continue;
            }
            if (group->only[s] < ONLY_SHOWN)
                group->example[s][group->only[s]] = id;
            group->only[s]++;
        }
    }
}

/* ---- what moved ---- */

static void note_move(struct group *group, struct text id, const float *a, const float *b,
                      uint32_t dim)
{
    double square = 0.0;
    for (uint32_t n = 0; n < dim; n++)
        square += ((double)a[n] - (double)b[n]) * ((double)a[n] - (double)b[n]);
    struct moved moved = {id, (float)sqrt(square), vectors_cosine(a, b, dim)};
    group->compared++;
    group->distance += sqrt(square);
    uint32_t place = group->moved_size;
    while (place > 0 && group->moved[place - 1].distance < moved.distance)
        place--;
    if (place == MOVED_SHOWN)
        return;
    group->moved_size += group->moved_size < MOVED_SHOWN;
    memmove(&group->moved[place + 1], &group->moved[place],
            (group->moved_size - place - 1) * sizeof moved);
    group->moved[place] = moved;
}

static void compare_items(struct diff *diff, uint32_t dim)
{
    const struct recommender *a = diff->side[0].model, *b = diff->side[1].model;
    for (uint32_t slot = 0; slot < recommender_item_bound(a); slot++) {
        struct text id = recommender_item_id(a, slot);
        uint32_t other = id.size == 0 ? SLOT_NONE : recommender_find_item(b, id);
        if (other != SLOT_NONE)
            note_move(&diff->items, id, recommender_item_vector(a, slot, NULL),
                      recommender_item_vector(b, other, NULL), dim);
    }
}

static enum status ask(struct side *side, uint32_t user)
{
    return recommender_query(side->model, side->query, user, recommender_latest_ms(side->model));
}

static void compare_lists(struct diff *diff)
{
    struct list *a = &diff->side[0].list, *b = &diff->side[1].list;
    for (int s = 0; s < 2; s++)
        recommender_top(diff->side[s].model, diff->side[s].query, TOP, &diff->side[s].list);
    if (a->size == 0 || b->size == 0)
        return;
    diff->lists++;
    diff->same_first += text_equal(a->at[0].item, b->at[0].item);
    for (uint32_t m = 0; m < a->size; m++)
        for (uint32_t n = 0; n < b->size; n++)
            diff->common += text_equal(a->at[m].item, b->at[n].item);
}

/* Each `step`th of the users in both. The vectors can be compared only with `dim` not 0. */
static enum status compare_users(struct diff *diff, uint32_t dim)
{
    struct side *a = &diff->side[0], *b = &diff->side[1];
    uint64_t step = diff->users.both / USERS_MOVED_MAX + 1;
    uint64_t list_step = diff->users.both / USERS_LISTED_MAX / step * step + step, seen = 0;
    for (uint32_t slot = 0; slot < recommender_user_bound(a->model); slot++) {
        struct text id = recommender_user_id(a->model, slot);
        uint32_t other = id.size == 0 ? SLOT_NONE : recommender_find_user(b->model, id);
        if (other == SLOT_NONE || seen++ % step != 0)
            continue;
        enum status status = ask(a, slot);
        if (status == STATUS_OK)
            status = ask(b, other);
        if (status != STATUS_OK)
            return status;
        if (dim > 0)
            note_move(&diff->users, id, recommender_user_vector(a->query),
                      recommender_user_vector(b->query), dim);
        if ((seen - 1) % list_step == 0)
            compare_lists(diff);
    }
    return STATUS_OK;
}

/* ---- printing ---- */

static void print_only(const struct group *group, int side, const char *path)
{
    if (group->only[side] == 0)
        return;
    printf("  only in %s: %llu:", path, (unsigned long long)group->only[side]);
    for (uint32_t n = 0; n < ONLY_SHOWN && n < group->only[side]; n++) {
        putchar(' ');
        cell_print(group->example[side][n], 0);
    }
    printf("%s\n", group->only[side] > ONLY_SHOWN ? " ..." : "");
}

static void print_group(const struct group *group, const struct snapshot_request *request)
{
    printf("\n%s in both: %llu\n", group->name, (unsigned long long)group->both);
    print_only(group, 0, request->file);
    print_only(group, 1, request->other);
    if (group->compared == 0)
        return;
    printf("  vectors moved by %.4f on average, the furthest:\n",
           group->distance / (double)group->compared);
    for (uint32_t n = 0; n < group->moved_size; n++) {
        printf("    ");
        cell_print(group->moved[n].id, 40);
        printf("  %8.4f  cosine %7.4f\n", (double)group->moved[n].distance,
               (double)group->moved[n].cosine);
    }
}

static void print_diff(const struct diff *diff, const struct snapshot_request *request)
{
    const struct checkpoint *a = &diff->side[0].checkpoint, *b = &diff->side[1].checkpoint;
    bool same = strcmp(a->digest, b->digest) == 0;
    printf("%-13s %s %s\n", "state digest", a->digest, same ? "the same in both" : b->digest);
    printf("%-13s %llu %llu\n", "events", (unsigned long long)a->events,
           (unsigned long long)b->events);
    printf("%-13s %llu %llu\n", "users", (unsigned long long)a->users,
           (unsigned long long)b->users);
    printf("%-13s %llu %llu\n", "items", (unsigned long long)a->items,
           (unsigned long long)b->items);
    printf("%-13s %s %s\n", "version", a->version, b->version);
    printf("%-13s %s\n", "settings",
           diff->settings[0] == '\0' ? "the same in both" : diff->settings);
    print_group(&diff->items, request);
    print_group(&diff->users, request);
    if (diff->lists > 0)
        printf("\nlists of %llu user%s: %.2f of the first %d are in both, %.0f %% begin alike\n",
               (unsigned long long)diff->lists, plural(diff->lists),
               (double)diff->common / (double)diff->lists, TOP,
               100.0 * (double)diff->same_first / (double)diff->lists);
}

static json_t *texts_json(const struct text *texts, uint64_t size)
{
    json_t *array = json_array();
    for (uint64_t n = 0; n < size && n < ONLY_SHOWN; n++)
        json_array_append_new(array, json_stringn(texts[n].at, texts[n].size));
    return array;
}

static json_t *group_json(const struct group *group)
{
    json_t *moved = json_array();
    for (uint32_t n = 0; n < group->moved_size; n++) {
        const struct moved *one = &group->moved[n];
        json_array_append_new(
            moved, json_pack("{s:s%, s:f, s:f}", "id", one->id.at, (size_t)one->id.size, "distance",
                             (double)one->distance, "cosine", (double)one->cosine));
    }
    json_t *mean =
        group->compared == 0 ? json_null() : json_real(group->distance / (double)group->compared);
    return json_pack("{s:I, s:[I, I], s:[o, o], s:o, s:o}", "both", (json_int_t)group->both, "only",
                     (json_int_t)group->only[0], (json_int_t)group->only[1], "only_examples",
                     texts_json(group->example[0], group->only[0]),
                     texts_json(group->example[1], group->only[1]), "mean_distance", mean, "moved",
                     moved);
}

static int print_json(const struct diff *diff)
{
    const struct checkpoint *a = &diff->side[0].checkpoint, *b = &diff->side[1].checkpoint;
    json_t *overlap = diff->lists == 0
                          ? json_null()
                          : json_real((double)diff->common / TOP / (double)diff->lists);
    json_t *json = json_pack(
        "{s:b, s:[s, s], s:[I, I], s:[s, s], s:s, s:o, s:o, s:I, s:o}", "same",
        (int)(strcmp(a->digest, b->digest) == 0), "state_digest", a->digest, b->digest, "events",
        (json_int_t)a->events, (json_int_t)b->events, "version", a->version, b->version,
        "settings_that_differ", diff->settings, "items", group_json(&diff->items), "users",
        group_json(&diff->users), "lists", (json_int_t)diff->lists, "lists_overlap", overlap);
    bool failed = json == NULL || json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(json);
    putchar('\n');
    return failed ? EXIT_INTERNAL : EXIT_FINE;
}

/* ---- all of it ---- */

static enum status open_side(struct side *side, const char *path, struct error *error)
{
    enum status status = checkpoint_open(path, NULL, &side->checkpoint, error);
    if (status != STATUS_OK)
        return status;
    side->model = side->checkpoint.model;
    return query_create(side->model, &side->query) == STATUS_OK
               ? STATUS_OK
               : error_set(error, STATUS_NO_MEMORY, "no memory to compare");
}

static enum status compare(struct diff *diff, struct error *error)
{
    const struct recommender_settings *a = recommender_settings_of(diff->side[0].model);
    const struct recommender_settings *b = recommender_settings_of(diff->side[1].model);
    uint32_t dim = a->dim == b->dim ? a->dim : 0;
    recommender_settings_compare(a, b, diff->settings, sizeof diff->settings);
    match_ids(diff, &of_items, &diff->items);
    match_ids(diff, &of_users, &diff->users);
    if (dim > 0)
        compare_items(diff, dim);
    enum status status = compare_users(diff, dim);
    return status == STATUS_OK ? STATUS_OK : error_set(error, status, "no memory to compare");
}

int snapshot_diff(const struct snapshot_request *request)
{
    struct error error = {STATUS_OK, ""};
    struct diff *diff = calloc(1, sizeof *diff);
    if (diff == NULL)
        return EXIT_INTERNAL;
    checkpoint_init(&diff->side[0].checkpoint);
    checkpoint_init(&diff->side[1].checkpoint);
    diff->items.name = "items";
    diff->users.name = "users";
    int code = EXIT_FINE;
    if (open_side(&diff->side[0], request->file, &error) != STATUS_OK ||
        open_side(&diff->side[1], request->other, &error) != STATUS_OK ||
        compare(diff, &error) != STATUS_OK)
        code = fail(&error);
    else if (request->json)
        code = print_json(diff);
    else
        print_diff(diff, request);
    for (int s = 0; s < 2; s++) {
        query_destroy(diff->side[s].query);
        checkpoint_finish(&diff->side[s].checkpoint);
    }
    free(diff);
    return code;
}
