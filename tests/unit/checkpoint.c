/* What goes into a snapshot comes out of it, for the daemon and for the one-shot commands; and
 * what `tasted snapshot` says of it. */
#include "daemon/checkpoint.h"
#include "daemon/command.h"

#include "tests/unit/small_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

struct scene {
    char folder[64], path[96], output[96];
    struct recommender *model;
    struct position positions[3];
    struct checkpoint checkpoint;
    char digest[33];
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct recommender_settings settings;
    struct error error;
    strcpy(scene->folder, "/tmp/tasted-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof scene->path, "%s/model", scene->folder);
    snprintf(scene->output, sizeof scene->output, "%s/output", scene->folder);
    recommender_settings_init(&settings);
    settings.dim = 16;
    assert_int_equal(recommender_create(&settings, &scene->model, &error), STATUS_OK);
    for (uint32_t i = 0; i < 300; i++) {
        struct small_event at;
        struct learned learned;
        small_stream_at(i, &at);
        recommender_learn(scene->model, &at.event, &learned);
    }
    scene->positions[0] = (struct position){"events", 0, 123};
    scene->positions[1] = (struct position){"events", 11, 1LL << 40};
    scene->positions[2] = (struct position){"other.topic", 2, -1};
    checkpoint_init(&scene->checkpoint);
    scene->checkpoint.model = scene->model;
    scene->checkpoint.positions = scene->positions;
    scene->checkpoint.position_count = 3;
    scene->checkpoint.created_ms = 1700000000123;
    scene->checkpoint.clean = true;
    scene->checkpoint.owed = 1;
    strcpy(scene->checkpoint.epoch, "0123456789abcdef0123456789abcdef");
    struct digest_writer digest;
    assert_int_equal(digest_begin(&digest), STATUS_OK);
    assert_int_equal(recommender_save(scene->model, &digest.writer), STATUS_OK);
    snapshot_sum_text(digest_end(&digest), scene->digest);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    char previous[128];
    snprintf(previous, sizeof previous, "%s.previous", scene->path);
    checkpoint_finish(&scene->checkpoint); /* leaves the writer's own model alone */
    recommender_destroy(scene->model);
    unlink(scene->path);
    unlink(previous);
    unlink(scene->output);
    int left = rmdir(scene->folder);
    free(scene);
    return left;
}

static void save(struct scene *scene)
{
    struct error error = {.status = STATUS_OK};
    uint64_t bytes = 0;
    assert_int_equal(checkpoint_save(&scene->checkpoint, scene->path, &bytes, &error), STATUS_OK);
    assert_true(bytes > 0);
}

/* ---- what a snapshot holds ---- */

static void comes_out_as_it_went_in(void **state)
{
    struct scene *scene = *state;
    struct checkpoint back;
    struct error error = {.status = STATUS_OK};
    save(scene);
    assert_int_equal(checkpoint_open(scene->path, NULL, &back, &error), STATUS_OK);
    assert_string_equal(back.digest, scene->digest);
    assert_string_equal(back.epoch, scene->checkpoint.epoch);
    assert_string_equal(back.version, TASTED_VERSION);
    assert_true(back.clean);
    assert_int_equal(back.owed, 1);
    assert_int_equal(back.created_ms, 1700000000123);
    struct recommender_counts counts = recommender_count(scene->model);
    assert_int_equal(back.events, counts.events);
    assert_int_equal(back.users, counts.users);
    assert_int_equal(back.items, counts.items);
    assert_int_equal(recommender_count(back.model).events, counts.events);
    assert_int_equal(back.position_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(back.positions[i].topic, scene->positions[i].topic);
        assert_int_equal(back.positions[i].partition, scene->positions[i].partition);
        assert_int_equal(back.positions[i].next_offset, scene->positions[i].next_offset);
    }
    checkpoint_finish(&back);
    assert_null(back.model);
    checkpoint_finish(&back);
}

/* The digest is of what was learned, and of nothing else. */
static void the_digest_is_of_the_model_alone(void **state)
{
    struct scene *scene = *state;
    struct checkpoint back;
    save(scene);
    scene->checkpoint.created_ms++;
    scene->checkpoint.position_count = 0;
    scene->checkpoint.epoch[0] = '\0';
    scene->checkpoint.clean = false;
    save(scene);
    assert_int_equal(checkpoint_open(scene->path, NULL, &back, NULL), STATUS_OK);
    assert_string_equal(back.digest, scene->digest);
    assert_int_equal(back.position_count, 0);
    assert_string_equal(back.epoch, "");
    assert_false(back.clean);
    checkpoint_finish(&back);
}

static void other_settings_are_refused(void **state)
{
    struct scene *scene = *state;
    struct checkpoint back;
    struct error error;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = 32;
    save(scene);
    assert_int_equal(checkpoint_open(scene->path, &settings, &back, &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "model.dim"));
    assert_non_null(strstr(error.text, scene->path));
    assert_null(back.model);
    settings.dim = 16;
    assert_int_equal(checkpoint_open(scene->path, &settings, &back, &error), STATUS_OK);
    checkpoint_finish(&back);
}

/* ---- the lists ---- */

struct lists {
    char text[16];
    bool fails;
    int loads;
};

static enum status save_lists(void *context, struct state_writer *writer)
{
    const struct lists *lists = context;
    return writer->write(writer, lists->text, sizeof lists->text);
}

static enum status load_lists(void *context, const struct recommender *model,
                              struct state_reader *reader, struct error *error)
{
    struct lists *lists = context;
    assert_non_null(model);
    assert_int_equal(reader->left(reader), sizeof lists->text);
    lists->loads++;
    if (lists->fails)
        return error_set(error, STATUS_BAD_DATA, "lists that cannot be");
    return reader->read(reader, lists->text, sizeof lists->text);
}

static void lists_go_along(void **state)
{
    struct scene *scene = *state;
    struct lists out = {.text = "published"}, in = {.text = ""};
    struct error error;
    struct checkpoint back;
    save(scene);
    checkpoint_init(&back); /* a snapshot of `replay` has none */
    back.lists = (struct checkpoint_section){&in, NULL, load_lists};
    assert_int_equal(snapshot_load(scene->path, checkpoint_take, &back, &error), STATUS_OK);
    assert_int_equal(in.loads, 0);
    checkpoint_finish(&back);

    scene->checkpoint.lists = (struct checkpoint_section){&out, save_lists, NULL};
    save(scene);
    back.lists = (struct checkpoint_section){&in, NULL, load_lists};
    assert_int_equal(snapshot_load(scene->path, checkpoint_take, &back, &error), STATUS_OK);
    assert_string_equal(in.text, "published");
    checkpoint_finish(&back);

    in.fails = true; /* then the snapshot is not usable, and nothing of it is kept */
    back.lists = (struct checkpoint_section){&in, NULL, load_lists};
    assert_int_equal(snapshot_load(scene->path, checkpoint_take, &back, &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "lists that cannot be"));
    assert_null(back.model);
    assert_null(back.positions);
    checkpoint_finish(&back);
    assert_int_equal(checkpoint_open(scene->path, NULL, &back, &error), STATUS_OK);
    checkpoint_finish(&back); /* who has no use for them does without */
}

/* ---- sections that cannot be ---- */

struct parts {
    const char *meta;
    const void *offsets;
    size_t offset_bytes;
    const struct recommender *model; /* NULL: no such section */
    size_t more;                     /* bytes after the model */
};

static enum status fill_parts(void *context, struct snapshot_writer *writer)
{
    const struct parts *parts = context;
    struct state_writer *to = snapshot_section(writer, "META");
    to->write(to, parts->meta, strlen(parts->meta));
    to = snapshot_section(writer, "OFFS");
    to->write(to, parts->offsets, parts->offset_bytes);
    if (parts->model == NULL)
        return STATUS_OK;
    to = snapshot_section(writer, "MODL");
    recommender_save(parts->model, to);
    return to->write(to, "more", parts->more);
}

static void strange_sections_are_refused(void **state)
{
    struct scene *scene = *state;
    static const char good[] = "{\"version\":\"0\",\"created_ms\":1,\"events\":1,\"users\":1,"
                               "\"items\":1,\"epoch\":\"\",\"clean\":true}";
    static const char long_epoch[] =
        "{\"version\":\"0\",\"created_ms\":1,\"events\":1,\"users\":1,\"items\":1,"
        "\"epoch\":\"0123456789abcdef0123456789abcdef0\",\"clean\":true}";
    struct position nameless = {"", 0, 1}, negative = {"events", -1, 1}, open_ended = {"", 0, 1};
    memset(open_ended.topic, 'x', sizeof open_ended.topic);
    const struct parts bad[] = {
        {good, NULL, 0, NULL, 0},
        {good, NULL, 0, scene->model, 4},
        {"", NULL, 0, scene->model, 0},
        {"[]", NULL, 0, scene->model, 0},
        {"{\"version\":\"0\"}", NULL, 0, scene->model, 0},
        {long_epoch, NULL, 0, scene->model, 0},
        {good, "x", 1, scene->model, 0},
        {good, &nameless, sizeof nameless, scene->model, 0},
        {good, &negative, sizeof negative, scene->model, 0},
        {good, &open_ended, sizeof open_ended, scene->model, 0},
    };
    struct parts fine = {good, NULL, 0, scene->model, 0};
    struct checkpoint back;
    struct error error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct parts parts = bad[i];
        assert_int_equal(snapshot_save(scene->path, fill_parts, &parts, NULL, &error), STATUS_OK);
        if (checkpoint_open(scene->path, NULL, &back, &error) != STATUS_BAD_DATA)
            fail_msg("case %zu was taken", i);
        assert_non_null(strstr(error.text, scene->path));
        assert_null(back.model);
    }
    assert_int_equal(snapshot_save(scene->path, fill_parts, &fine, NULL, &error), STATUS_OK);
    assert_int_equal(checkpoint_open(scene->path, NULL, &back, &error), STATUS_OK);
    assert_int_equal(back.owed, 2); /* where it does not say */
    checkpoint_finish(&back);
}

/* ---- the command ---- */

/* Runs `tasted` with these words; what it says goes to a file. */
static int run(struct scene *scene, int to, const char *one, const char *two, const char *three)
{
    char *words[] = {(char *)(uintptr_t) "tasted", (char *)(uintptr_t) "snapshot",
                     (char *)(uintptr_t)one,       (char *)(uintptr_t)two,
                     (char *)(uintptr_t)three,     NULL};
    char *environment[] = {NULL};
    int count = 2;
    while (words[count] != NULL)
        count++;
    fflush(NULL);
    int before = dup(to);
    int file = open(scene->output, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(file, to);
    close(file);
    int code = command_main(count, words, environment);
    fflush(NULL);
    dup2(before, to);
    close(before);
    return code;
}

static char *said(struct scene *scene)
{
    static char text[1 << 14];
    FILE *file = fopen(scene->output, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void info_as_json(void **state)
{
    struct scene *scene = *state;
    save(scene);
    assert_int_equal(run(scene, STDOUT_FILENO, "info", scene->path, "--json"), EXIT_FINE);
    json_t *root = json_loads(said(scene), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    const char *digest, *version;
    json_int_t events, users, items, first, second, third;
    assert_int_equal(json_unpack(root, "{s:s,s:s,s:I,s:I,s:I,s:{s:{s:I,s:I},s:{s:I}}}",
                                 "state_digest", &digest, "version", &version, "events", &events,
                                 "users", &users, "items", &items, "offsets", "events", "0", &first,
                                 "11", &second, "other.topic", "2", &third),
                     0);
    struct recommender_counts counts = recommender_count(scene->model);
    assert_string_equal(digest, scene->digest);
    assert_string_equal(version, TASTED_VERSION);
    assert_int_equal(events, counts.events);
    assert_int_equal(users, counts.users);
    assert_int_equal(items, counts.items);
    assert_int_equal(first, 123);
    assert_int_equal(second, 1LL << 40);
    assert_int_equal(third, -1);
    assert_string_equal(json_string_value(json_object_get(root, "created")),
                        "2023-11-14T22:13:20.123Z");
    assert_int_equal(json_array_size(json_object_get(root, "sections")), 3);
    json_decref(root);
}

static void info_as_a_table(void **state)
{
    struct scene *scene = *state;
    save(scene);
    assert_int_equal(run(scene, STDOUT_FILENO, "info", scene->path, NULL), EXIT_FINE);
    char *text = said(scene);
    assert_non_null(strstr(text, scene->digest));
    assert_non_null(strstr(text, "events/11 next 1099511627776"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
}

static void damage(const char *path, long from_end)
{
    FILE *file = fopen(path, "r+b");
    fseek(file, -from_end, SEEK_END);
    int byte = fgetc(file);
    fseek(file, -from_end, SEEK_END);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void verify_says_what_is_damaged(void **state)
{
    struct scene *scene = *state;
    save(scene);
    assert_int_equal(run(scene, STDOUT_FILENO, "verify", scene->path, NULL), EXIT_FINE);
    assert_non_null(strstr(said(scene), "whole"));
    damage(scene->path, 40 + 3 * 40 + 1); /* the last byte before the table: a position's */
    assert_int_equal(run(scene, STDERR_FILENO, "verify", scene->path, NULL), EXIT_BAD_DATA);
    assert_non_null(strstr(said(scene), "OFFS"));
    assert_int_equal(run(scene, STDERR_FILENO, "info", scene->path, NULL), EXIT_BAD_DATA);

    struct parts parts = {"{}", NULL, 0, scene->model, 4}; /* the sums hold, the model does not */
    struct error error;
    assert_int_equal(snapshot_save(scene->path, fill_parts, &parts, NULL, &error), STATUS_OK);
    assert_int_equal(run(scene, STDERR_FILENO, "verify", scene->path, NULL), EXIT_BAD_DATA);
    assert_int_equal(run(scene, STDERR_FILENO, "verify", "/nowhere/model", NULL), EXIT_BAD_DATA);
    assert_non_null(strstr(said(scene), "/nowhere/model"));
}

static void misuse_is_told(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, STDERR_FILENO, NULL, NULL, NULL), EXIT_USAGE);
    assert_int_equal(run(scene, STDERR_FILENO, "verify", NULL, NULL), EXIT_USAGE);
    assert_int_equal(run(scene, STDERR_FILENO, "info", "one", "two"), EXIT_USAGE);
    assert_int_equal(run(scene, STDERR_FILENO, "verfy", scene->path, NULL), EXIT_USAGE);
    assert_non_null(strstr(said(scene), "verify?"));
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(comes_out_as_it_went_in),
        IN_A_PLACE(the_digest_is_of_the_model_alone),
        IN_A_PLACE(other_settings_are_refused),
        IN_A_PLACE(lists_go_along),
        IN_A_PLACE(strange_sections_are_refused),
        IN_A_PLACE(info_as_json),
        IN_A_PLACE(info_as_a_table),
        IN_A_PLACE(verify_says_what_is_damaged),
        IN_A_PLACE(misuse_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
