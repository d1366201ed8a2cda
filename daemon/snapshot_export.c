/* `tasted snapshot export`: vectors and ids, for other programs: NDJSON, or NumPy files. */
#include "daemon/checkpoint.h"
#include "daemon/command.h"
#include "daemon/npy.h"
#include "daemon/output_file.h"
#include "daemon/snapshot_actions.h"
#include "model/vectors.h"
#include "transport/float_text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct export
{
    const struct recommender *model;
    struct query *query;
    uint32_t dim;
    int64_t at_ms;
};

/* What is said of users and of items alike. */
struct side {
    const char *member; /* "item" */
    uint32_t (*bound)(const struct recommender *model);
    struct text (*id)(const struct recommender *model, uint32_t slot);
    uint32_t (*wanted)(const struct recommender *model, uint32_t slot);
    /* Holds until the next call; `bias` is 0 for users. NULL: no memory. */
    const float *(*vector)(const struct export *export, uint32_t slot, float *bias);
};

static const float *item_vector(const struct export *export, uint32_t slot, float *bias)
{
    return recommender_item_vector(export->model, slot, bias);
}

static const float *user_vector(const struct export *export, uint32_t slot, float *bias)
{
    *bias = 0.0f;
    if (recommender_query(export->model, export->query, slot, export->at_ms) != STATUS_OK)
        return NULL;
    return recommender_user_vector(export->query);
}

static const struct side items = {"item", recommender_item_bound, recommender_item_id,
                                  recommender_item_wanted, item_vector};
static const struct side users = {"user", recommender_user_bound, recommender_user_id,
                                  recommender_user_wanted, user_vector};

static enum status no_memory(struct error *error)
{
    return error_set(error, STATUS_NO_MEMORY, "no memory for a user's vector");
}

/* ---- NDJSON ---- */

static void write_float(float value, FILE *file)
{
    char text[FLOAT_TEXT_MAX + 1];
    text[float_text(value, text)] = '\0';
    fputs(text, file);
}

static bool write_line(const struct export *export, const struct side *side, uint32_t slot,
                       FILE *file)
{
    float bias;
    struct text id = side->id(export->model, slot);
    const float *vector = side->vector(export, slot, &bias);
    json_t *name = json_stringn(id.at, id.size);
    if (vector == NULL || name == NULL) {
        json_decref(name);
        return false;
    }
    fprintf(file, "{\"%s\":", side->member);
    json_dumpf(name, file, JSON_ENCODE_ANY);
    json_decref(name);
    fprintf(file, ",\"wanted\":%u,\"vector\":[", side->wanted(export->model, slot));
    for (uint32_t n = 0; n < export->dim; n++) {
        if (n > 0)
            fputc(',', file);
        write_float(vector[n], file);
    }
    fputc(']', file);
    if (side == &items) {
        fputs(",\"bias\":", file);
        write_float(bias, file);
    }
    fputs("}\n", file);
    return true;
}

static enum status write_lines(const struct export *export, const struct side *side, FILE *file,
                               struct error *error)
{
    for (uint32_t slot = 0; slot < side->bound(export->model); slot++)
        if (side->id(export->model, slot).size > 0 && !write_line(export, side, slot, file))
            return no_memory(error);
    return STATUS_OK;
}

static enum status export_ndjson(const struct export *export, const char *path, struct error *error)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (file == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    enum status status = write_lines(export, &items, file, error);
    if (status == STATUS_OK)
        status = write_lines(export, &users, file, error);
    if ((fflush(file) != 0 || ferror(file) != 0) && status == STATUS_OK)
        status = error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    if (file == stdout)
        return status;
    if (fclose(file) != 0 && status == STATUS_OK)
        status = error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    if (status != STATUS_OK)
        remove_unfinished(path);
    return status;
}

/* ---- NumPy ---- */

static enum status export_ids(const struct export *export, const struct side *side,
                              const char *folder, uint64_t *rows, struct error *error)
{
    char name[32];
    struct npy npy;
    uint32_t bound = side->bound(export->model), longest = 1;
    *rows = 0;
    for (uint32_t slot = 0; slot < bound; slot++) {
        struct text id = side->id(export->model, slot);
        uint32_t characters = npy_characters(id);
        longest = characters > longest ? characters : longest;
        *rows += id.size > 0;
    }
    snprintf(name, sizeof name, "%s_ids.npy", side->member);
    enum status status = npy_open_texts(&npy, folder, name, *rows, longest, error);
    if (status != STATUS_OK)
        return status;
    for (uint32_t slot = 0; slot < bound; slot++)
        if (side->id(export->model, slot).size > 0)
            npy_write_text(&npy, side->id(export->model, slot), longest);
    return npy_close(&npy, error);
}

/* The vectors, or with `only_bias` the biases. */
static enum status export_floats(const struct export *export, const struct side *side,
                                 const char *folder, uint64_t rows, bool only_bias,
                                 struct error *error)
{
    char name[32];
    struct npy npy;
    snprintf(name, sizeof name, only_bias ? "%s_bias.npy" : "%ss.npy", side->member);
    enum status status =
        npy_open_floats(&npy, folder, name, rows, only_bias ? 0 : export->dim, error);
    for (uint32_t slot = 0; status == STATUS_OK && slot < side->bound(export->model); slot++) {
        float bias;
        if (side->id(export->model, slot).size == 0)
            continue;
        const float *vector = side->vector(export, slot, &bias);
        if (vector == NULL)
            status = no_memory(error);
        else if (only_bias)
            npy_write_floats(&npy, &bias, 1);
        else
            npy_write_floats(&npy, vector, export->dim);
    }
    if (npy.file == NULL)
        return status;
    enum status closed = npy_close(&npy, status == STATUS_OK ? error : NULL);
    if (status != STATUS_OK)
        remove_unfinished(npy.path);
    return status == STATUS_OK ? closed : status;
}

static enum status export_numpy(const struct export *export, const char *folder,
                                struct error *error)
{
    uint64_t item_rows, user_rows;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", folder, strerror(errno));
    enum status status = export_ids(export, &items, folder, &item_rows, error);
    if (status == STATUS_OK)
        status = export_floats(export, &items, folder, item_rows, false, error);
    if (status == STATUS_OK)
        status = export_floats(export, &items, folder, item_rows, true, error);
    if (status == STATUS_OK)
        status = export_ids(export, &users, folder, &user_rows, error);
    return status == STATUS_OK ? export_floats(export, &users, folder, user_rows, false, error)
                               : status;
}

/* ---- all of it ---- */

static bool is_folder(const char *path)
{
    struct stat about;
    size_t size = strlen(path);
    return (size > 0 && path[size - 1] == '/') ||
           (stat(path, &about) == 0 && S_ISDIR(about.st_mode));
}

int snapshot_export(const struct snapshot_request *request)
{
    struct checkpoint checkpoint;
    struct error error = {STATUS_OK, ""};
    const char *to = request->other != NULL     ? request->other
                     : request->vectors != NULL ? request->vectors
                                                : "-";
    enum status status = checkpoint_open(request->file, NULL, &checkpoint, &error);
    if (status != STATUS_OK)
        return fail(&error);
    struct export export = {
        .model = checkpoint.model,
        .dim = recommender_settings_of(checkpoint.model)->dim,
        .at_ms = recommender_latest_ms(checkpoint.model),
    };
    status = query_create(checkpoint.model, &export.query);
    if (status != STATUS_OK)
        no_memory(&error);
    else if (is_folder(to))
        status = export_numpy(&export, to, &error);
    else
        status = export_ndjson(&export, to, &error);
    query_destroy(export.query);
    checkpoint_finish(&checkpoint);
    return status == STATUS_OK ? EXIT_FINE : fail(&error);
}
