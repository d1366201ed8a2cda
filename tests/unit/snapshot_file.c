/* What a snapshot file promises: what was opened is what was written, or it is not opened. */
#include "transport/snapshot_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char folder[64], path[96], previous[112], temporary[112];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->folder, "/tmp/tasted-snapshot-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/model.snapshot", place->folder);
    snprintf(place->previous, sizeof place->previous, "%s.previous", place->path);
    snprintf(place->temporary, sizeof place->temporary, "%s.tmp", place->path);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    unlink(place->previous);
    unlink(place->temporary);
    rmdir(place->folder);
    free(place);
    return 0;
}

/* ---- helpers: a file of one or more known sections ---- */

static void fill_pattern(unsigned char *bytes, size_t size, unsigned seed)
{
    uint64_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(x >> 56);
    }
}

static enum status fill_text(void *context, struct snapshot_writer *writer)
{
    const char *text = context;
    struct state_writer *meta = snapshot_section(writer, "META");
    enum status status = meta->write(meta, "about", 5);
    struct state_writer *body = snapshot_section(writer, "TEXT");
    if (status == STATUS_OK)
        status = body->write(body, text, strlen(text) + 1);
    snapshot_section(writer, "NONE");
    return status;
}

static void save_text(const char *path, const char *text)
{
    struct error error;
    uint64_t bytes = 0;
    assert_int_equal(snapshot_save(path, fill_text, (void *)(uintptr_t)text, &bytes, &error),
                     STATUS_OK);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(bytes, about.st_size);
}

static enum status take_text(void *context, struct snapshot_reader *reader, struct error *error)
{
    char *text = context;
    struct state_reader *body = snapshot_find(reader, "TEXT");
    if (body == NULL)
        return error_set(error, STATUS_BAD_DATA, "no text");
    return body->read(body, text, (size_t)snapshot_left(reader));
}

static unsigned char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(1 << 16);
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static void spill(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void damage(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, offset, SEEK_SET);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

static void assert_refused(const char *path, const char *what, size_t where)
{
    struct snapshot_reader *reader = NULL;
    struct error error = {.status = STATUS_OK};
    if (snapshot_open(path, &reader, &error) != STATUS_BAD_DATA || reader != NULL)
        fail_msg("%s at %zu was not noticed", what, where);
    assert_int_equal(error.status, STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, path));
}

/* ---- the tests ---- */

/* Sections around the buffer's size, written and read in pieces of any size. */
static void gives_back_what_was_written(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5000011};
    static const size_t pieces[] = {1 << 22, 777, 1 << 20, 65537, 3};
    enum { SIZES = sizeof sizes / sizeof sizes[0], PIECES = sizeof pieces / sizeof pieces[0] };
    const struct place *place = *state;
    unsigned char *bytes = malloc(5000011), *back = malloc(5000011);
    struct error error;
    for (size_t p = 0; p < PIECES; p++) {
        struct snapshot_writer *writer = NULL;
        assert_int_equal(snapshot_create(place->path, &writer, &error), STATUS_OK);
        for (size_t s = 0; s < SIZES; s++) {
            char tag[5] = {'S', 'E', 'C', (char)('0' + s), 0};
            struct state_writer *to = snapshot_section(writer, tag);
            fill_pattern(bytes, sizes[s], (unsigned)s);
            for (size_t at = 0, n; at < sizes[s]; at += n) {
                n = sizes[s] - at < pieces[p] ? sizes[s] - at : pieces[p];
                assert_int_equal(to->write(to, bytes + at, n), STATUS_OK);
            }
        }
        assert_int_equal(snapshot_commit(writer, NULL, &error), STATUS_OK);
        snapshot_destroy(writer);

        struct snapshot_reader *reader = NULL;
        assert_int_equal(snapshot_open(place->path, &reader, &error), STATUS_OK);
        assert_int_equal(snapshot_count(reader), SIZES);
        size_t piece = pieces[PIECES - 1 - p];
        for (size_t s = SIZES; s-- > 0;) {
            char tag[5] = {'S', 'E', 'C', (char)('0' + s), 0};
            assert_string_equal(snapshot_part_at(reader, (uint32_t)s).tag, tag);
            struct state_reader *from = snapshot_find(reader, tag);
            assert_non_null(from);
            assert_int_equal(snapshot_left(reader), sizes[s]);
            for (size_t at = 0, n; at < sizes[s]; at += n) {
                n = sizes[s] - at < piece ? sizes[s] - at : piece;
                assert_int_equal(from->read(from, back + at, n), STATUS_OK);
            }
            fill_pattern(bytes, sizes[s], (unsigned)s);
            assert_memory_equal(bytes, back, sizes[s]);
            assert_int_equal(snapshot_left(reader), 0);
            assert_int_equal(from->read(from, back, 1), STATUS_BAD_DATA);
            assert_int_equal(from->read(from, back, 0), STATUS_BAD_DATA);
        }
        assert_null(snapshot_find(reader, "ELSE"));
        snapshot_close(reader);
    }
    free(bytes);
    free(back);
}

static void notices_every_changed_byte(void **state)
{
    const struct place *place = *state;
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    size_t size;
    save_text(place->path, "forty-two users and a few items");
    unsigned char *bytes = slurp(place->path, &size);
    assert_in_range(size, 100, 1000);
    for (size_t i = 0; i < size; i++)
        for (size_t f = 0; f < sizeof flips; f++) {
            bytes[i] ^= flips[f];
            spill(place->path, bytes, size);
            assert_refused(place->path, "a changed byte", i);
            bytes[i] ^= flips[f];
        }
    spill(place->path, bytes, size);
    struct snapshot_reader *reader = NULL;
    assert_int_equal(snapshot_open(place->path, &reader, NULL), STATUS_OK);
    snapshot_close(reader);
    free(bytes);
}

static void notices_every_truncation_and_addition(void **state)
{
    const struct place *place = *state;
    size_t size;
    save_text(place->path, "short");
    unsigned char *bytes = slurp(place->path, &size);
    for (size_t keep = 0; keep < size; keep++) {
        spill(place->path, bytes, keep);
        assert_refused(place->path, "a truncation", keep);
    }
    for (size_t more = 1; more < 100; more++) {
        memset(bytes + size, more % 2 != 0 ? 0 : 'x', more);
        spill(place->path, bytes, size + more);
        assert_refused(place->path, "an addition", more);
    }
    memmove(bytes + size, bytes, size); /* twice the whole file */
    spill(place->path, bytes, 2 * size);
    assert_refused(place->path, "a doubled file", size);
    free(bytes);
}

static void names_the_damaged_section(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    struct error error;
    save_text(place->path, "some text");
    damage(place->path, 16 + 5 + 2);
    assert_int_equal(snapshot_open(place->path, &reader, &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "TEXT"));
}

static void keeps_the_previous_generation(void **state)
{
    const struct place *place = *state;
    char text[64] = "";
    struct error error;
    save_text(place->path, "one");
    assert_int_equal(access(place->previous, F_OK), -1);
    save_text(place->path, "two");
    save_text(place->path, "three");
    assert_int_equal(access(place->temporary, F_OK), -1);
    assert_int_equal(snapshot_load(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "three");
    assert_int_equal(snapshot_load(place->previous, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "two");

    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "three");
    assert_int_equal(error.status, STATUS_OK);

    damage(place->path, 30);
    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "two");
    assert_int_equal(error.status, STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, place->path));

    unlink(place->path);
    text[0] = '\0';
    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "two");
    assert_int_equal(error.status, STATUS_NOT_FOUND);
}

static void assert_text(const char *path, const char *expected)
{
    char text[64] = "";
    struct error error;
    assert_int_equal(snapshot_load(path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, expected);
}

/* What is lost must not push out the only good one. */
static void keeps_the_previous_one_where_it_alone_is_whole(void **state)
{
    const struct place *place = *state;
    struct error error;
    char text[64];
    for (int harm = 0; harm < 3; harm++) {
        save_text(place->path, "one");
        save_text(place->path, "two");
        if (harm == 0)
            damage(place->path, 30);
        else if (harm == 1)
            assert_int_equal(truncate(place->path, 0), 0);
        else
            assert_int_equal(unlink(place->path), 0);
        assert_true(snapshot_previous_alone_is_whole(place->path));
        save_text(place->path, "three");
        assert_text(place->path, "three");
        assert_text(place->previous, "one");
        assert_false(snapshot_previous_alone_is_whole(place->path));
        assert_int_equal(truncate(place->path, 100), 0); /* once more, before there is another */
        assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_OK);
        assert_string_equal(text, "one");
        save_text(place->path, "four");
        save_text(place->path, "five"); /* as ever from here on */
        assert_text(place->path, "five");
        assert_text(place->previous, "four");
        assert_int_equal(access(place->temporary, F_OK), -1);
    }
}

/* What was there and is no snapshot is the user's: he finds it again. */
static void what_is_no_snapshot_is_not_lost(void **state)
{
    const struct place *place = *state;
    spill(place->path, (const unsigned char *)"precious", 8);
    assert_false(snapshot_previous_alone_is_whole(place->path));
    save_text(place->path, "one");
    size_t size;
    unsigned char *bytes = slurp(place->previous, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(bytes, "precious", 8);
    free(bytes);
}

/* kill -9 of a save that follows a damaged newest, or of the ones after it: one is always good. */
static void a_kill_leaves_a_good_one(void **state)
{
    enum { KILLS = 60, STEP_US = 67 };
    const struct place *place = *state;
    struct error error;
    char text[64];
    save_text(place->path, "one");
    save_text(place->path, "two");
    for (int n = 0; n < KILLS; n++) {
        assert_int_equal(truncate(place->path, 50), 0);
        pid_t child = fork();
        while (child == 0)
            if (snapshot_save(place->path, fill_text, (void *)(uintptr_t) "two", NULL, NULL) !=
                STATUS_OK)
                _exit(1);
        usleep((useconds_t)(n * STEP_US));
        kill(child, SIGKILL);
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFSIGNALED(ended));
        assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_OK);
    }
}

static void refuses_when_nothing_is_whole(void **state)
{
    const struct place *place = *state;
    char text[64];
    struct error error;
    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_NOT_FOUND);

    save_text(place->path, "one"); /* one generation only, damaged: not the same as none */
    damage(place->path, 30);
    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_BAD_DATA);

    save_text(place->path, "two");
    damage(place->path, 31);
    assert_int_equal(snapshot_load_newest(place->path, take_text, text, &error), STATUS_BAD_DATA);
    char *first = strstr(error.text, place->path);
    assert_non_null(first);
    assert_non_null(strstr(error.text, place->previous));
    assert_true(strstr(first, place->previous) != first); /* named by itself too */
    assert_non_null(strstr(error.text, "move both away"));
}

static enum status refuse_settings(void *context, struct snapshot_reader *reader,
                                   struct error *error)
{
    (void)reader;
    ++*(int *)context;
    return error_set(error, STATUS_BAD_CONFIG, "model.dim differs");
}

static enum status refuse_first(void *context, struct snapshot_reader *reader, struct error *error)
{
    (void)reader;
    if (++*(int *)context == 1)
        return error_set(error, STATUS_BAD_DATA, "it does not load");
    return STATUS_OK;
}

static void tries_the_previous_one_when_taking_fails(void **state)
{
    const struct place *place = *state;
    struct error error;
    int calls = 0;
    save_text(place->path, "one");
    save_text(place->path, "two");
    assert_int_equal(snapshot_load_newest(place->path, refuse_first, &calls, &error), STATUS_OK);
    assert_int_equal(calls, 2);
    assert_non_null(strstr(error.text, "it does not load"));
    assert_non_null(strstr(error.text, place->path));

    calls = 0; /* other settings: the older one has them too */
    assert_int_equal(snapshot_load_newest(place->path, refuse_settings, &calls, &error),
                     STATUS_BAD_CONFIG);
    assert_int_equal(calls, 1);
    assert_non_null(strstr(error.text, "model.dim"));
}

static void says_why_it_cannot_write(void **state)
{
    const struct place *place = *state;
    struct snapshot_writer *writer = NULL;
    struct error error;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/missing/model", place->folder);
    assert_int_equal(snapshot_create(path, &writer, &error), STATUS_CANNOT_WRITE);
    assert_null(writer);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "No such file"));
    assert_int_equal(snapshot_create(place->folder, &writer, &error), STATUS_CANNOT_WRITE);
    assert_int_equal(snapshot_create("", &writer, &error), STATUS_CANNOT_WRITE);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(snapshot_create(path, &writer, &error), STATUS_CANNOT_WRITE);
    assert_int_equal(snapshot_save("/dev/full", fill_text, (void *)(uintptr_t) "x", NULL, &error),
                     STATUS_CANNOT_WRITE);
}

static enum status fill_big(void *context, struct snapshot_writer *writer)
{
    static const char zeros[1 << 16];
    struct state_writer *to = snapshot_section(writer, "BIGG");
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < *(int *)context; i++)
        status = to->write(to, zeros, sizeof zeros);
    return status;
}

/* A full disk, as a limit on the size of files. */
static void leaves_the_old_one_when_there_is_no_room(void **state)
{
    const struct place *place = *state;
    struct rlimit before, small;
    struct error error;
    char text[64];
    int pieces = 48; /* of 64 KiB */
    save_text(place->path, "old");
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1500000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum status status = snapshot_save(place->path, fill_big, &pieces, NULL, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_CANNOT_WRITE);
    assert_non_null(strstr(error.text, place->path));
    assert_non_null(strstr(error.text, "too large"));
    assert_int_equal(access(place->temporary, F_OK), -1);
    assert_int_equal(snapshot_load(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "old");
    assert_int_equal(access(place->previous, F_OK), -1);
}

static enum status fill_and_give_up(void *context, struct snapshot_writer *writer)
{
    (void)context;
    snapshot_section(writer, "HALF");
    return STATUS_INTERNAL;
}

static void saves_nothing_when_filling_fails(void **state)
{
    const struct place *place = *state;
    struct error error;
    char text[64];
    save_text(place->path, "old");
    assert_int_equal(snapshot_save(place->path, fill_and_give_up, NULL, NULL, &error),
                     STATUS_INTERNAL);
    assert_int_equal(access(place->temporary, F_OK), -1);
    assert_int_equal(snapshot_load(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "old");
}

/* What a killed save left is replaced, not written into; a link is not followed. */
static void replaces_leftovers(void **state)
{
    const struct place *place = *state;
    struct error error;
    char text[64];
    spill(place->previous, (const unsigned char *)"precious", 8);
    assert_int_equal(symlink(place->previous, place->temporary), 0);
    save_text(place->path, "new");
    assert_int_equal(snapshot_load(place->path, take_text, text, &error), STATUS_OK);
    assert_string_equal(text, "new");
    size_t size;
    unsigned char *bytes = slurp(place->previous, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(bytes, "precious", 8);
    free(bytes);
    struct stat about;
    assert_int_equal(lstat(place->path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(about.st_mode & 07, 0); /* not for everybody: it holds what people did */
}

static void refuses_what_is_no_snapshot(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    struct error error;
    assert_int_equal(snapshot_open(place->path, &reader, &error), STATUS_NOT_FOUND);
    assert_int_equal(snapshot_open(place->folder, &reader, &error), STATUS_BAD_DATA);
    assert_int_equal(snapshot_open("/dev/zero", &reader, &error), STATUS_BAD_DATA);
    unsigned char junk[4096];
    fill_pattern(junk, sizeof junk, 7);
    spill(place->path, junk, sizeof junk);
    assert_refused(place->path, "junk", 0);
    memset(junk, 0, sizeof junk);
    spill(place->path, junk, sizeof junk);
    assert_refused(place->path, "zeros", 0);
}

static void sums_are_xxh3_128(void **state)
{
    const struct place *place = *state;
    struct digest_writer digest;
    char text[33], again[33];
    assert_int_equal(digest_begin(&digest), STATUS_OK);
    snapshot_sum_text(digest_end(&digest), text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f"); /* of nothing, as published */

    save_text(place->path, "any text"); /* a section's sum is the digest of its bytes */
    assert_int_equal(digest_begin(&digest), STATUS_OK);
    digest.writer.write(&digest.writer, "any", 3);
    digest.writer.write(&digest.writer, " text", 6);
    assert_int_equal(digest.bytes, 9);
    snapshot_sum_text(digest_end(&digest), text);
    struct snapshot_reader *reader = NULL;
    struct snapshot_sum sum;
    uint64_t bytes;
    assert_int_equal(snapshot_open(place->path, &reader, NULL), STATUS_OK);
    assert_true(snapshot_sum_of(reader, "TEXT", &sum, &bytes));
    assert_int_equal(bytes, 9);
    snapshot_sum_text(sum, again);
    assert_string_equal(text, again);
    assert_false(snapshot_sum_of(reader, "ELSE", &sum, &bytes));
    snapshot_close(reader);
}

/* ---- big sections, which are summed as they are read ---- */

enum { BIG = (13 << 20) + 12345 };

static enum status fill_bigger(void *context, struct snapshot_writer *writer)
{
    (void)context;
    unsigned char *bytes = malloc(BIG);
    fill_pattern(bytes, BIG, 7);
    struct state_writer *big = snapshot_section(writer, "BIGG");
    enum status status = big->write(big, bytes, BIG);
    struct state_writer *after = snapshot_section(writer, "TEXT");
    if (status == STATUS_OK)
        status = after->write(after, "after", 6);
    free(bytes);
    return status;
}

/* What a take is to read of the big section, and how it went on. */
struct taken {
    size_t want, first, step; /* `first`: the size of the first step */
    bool expects;             /* the rest, after the first step */
    bool right;
    enum status trusted; /* asked in between; STATUS_INTERNAL: not asked */
    char after[8];
};

static enum status take_big(void *context, struct snapshot_reader *reader, struct error *error)
{
    struct taken *taken = context;
    unsigned char *bytes = malloc(BIG), *wanted = malloc(BIG);
    struct state_reader *big = snapshot_find(reader, "BIGG");
    enum status status = STATUS_OK;
    for (size_t at = 0, size; status == STATUS_OK && at < taken->want; at += size) {
        size_t left = taken->want - at;
        size = at == 0 && taken->first > 0 ? taken->first : taken->step;
        size = left < size ? left : size;
        status = big->read(big, bytes + at, size);
        if (at == 0 && status == STATUS_OK && taken->expects)
            status = state_expect(big, bytes + size, taken->want - size);
    }
    fill_pattern(wanted, BIG, 7);
    taken->right = status == STATUS_OK && memcmp(bytes, wanted, taken->want) == 0;
    free(bytes);
    free(wanted);
    if (status == STATUS_OK && taken->trusted == STATUS_OK)
        status = taken->trusted = snapshot_trust(reader, error);
    if (status != STATUS_OK)
        return status;
    struct state_reader *text = snapshot_find(reader, "TEXT");
    return text == NULL ? STATUS_BAD_DATA : text->read(text, taken->after, 6);
}

static void reads_big_sections_ahead(void **state)
{
    const struct place *place = *state;
    static const struct {
        size_t want, first, step;
    } ways[] = {{BIG, 0, BIG},     {BIG, 0, 1000},      {BIG, 0, 1 << 20}, {BIG, 77, 3 << 20},
                {BIG, 12345, BIG}, {BIG, 9 << 20, 999}, {100, 0, 7},       {0, 0, 1}};
    struct error error;
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, &error), STATUS_OK);
    for (size_t n = 0; n < 4 * sizeof ways / sizeof ways[0]; n++) {
        struct taken taken = {ways[n / 4].want, ways[n / 4].first, ways[n / 4].step, .after = ""};
        taken.trusted = n % 2 == 1 ? STATUS_OK : STATUS_INTERNAL;
        taken.expects = n / 2 % 2 == 1;
        assert_int_equal(snapshot_load(place->path, take_big, &taken, &error), STATUS_OK);
        assert_true(taken.right);
        assert_string_equal(taken.after, "after");
    }
}

static void what_is_expected_can_be_given_up(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    unsigned char *bytes = malloc(BIG), one;
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(snapshot_open_unsummed(place->path, &reader, NULL), STATUS_OK);
    struct state_reader *big = snapshot_find(reader, "BIGG");
    assert_int_equal(state_expect(big, bytes, BIG + 1), STATUS_BAD_DATA);
    assert_int_equal(state_expect(big, bytes, BIG), STATUS_OK);
    assert_int_equal(big->left(big), BIG);
    state_give_up(big);
    free(bytes); /* nobody writes to it any more */
    assert_int_not_equal(big->read(big, &one, 1), STATUS_OK);
    assert_int_equal(snapshot_trust(reader, NULL), STATUS_OK);
    big = snapshot_find(reader, "BIGG");
    assert_int_equal(big->read(big, &one, 1), STATUS_OK);
    snapshot_close(reader);
}

/* More runs than the reader keeps in mind, some too short to be read ahead, each to where it
 * belongs: one after the other, the other way round in memory. */
static void brings_many_expected_runs_each_to_its_place(void **state)
{
    const struct place *place = *state;
    enum { RUNS = 21, SHORT = 100 };
    struct snapshot_reader *reader = NULL;
    unsigned char *bytes = malloc(BIG), *wanted = malloc(BIG);
    size_t size[RUNS], done = 0;
    fill_pattern(wanted, BIG, 7);
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(snapshot_open_unsummed(place->path, &reader, NULL), STATUS_OK);
    struct state_reader *big = snapshot_find(reader, "BIGG");
    for (size_t n = 0; n < RUNS; n++) {
        size[n] = n % 2 == 0 ? SHORT + n : BIG / RUNS * 2 - SHORT - 2 * RUNS;
        done += size[n];
        assert_true(done <= BIG);
        assert_int_equal(state_expect(big, bytes + BIG - done, size[n]), STATUS_OK);
    }
    done = 0;
    for (size_t n = 0; n < RUNS; n++) {
        unsigned char *at = bytes + BIG - done - size[n];
        size_t half = size[n] / 2;
        assert_int_equal(big->read(big, at, half), STATUS_OK);
        assert_int_equal(big->read(big, at + half, size[n] - half), STATUS_OK);
        assert_memory_equal(at, wanted + done, size[n]);
        done += size[n];
    }
    assert_int_equal(snapshot_left(reader), BIG - done);
    assert_int_equal(big->read(big, bytes, BIG - done), STATUS_OK);
    assert_memory_equal(bytes, wanted + done, BIG - done);
    assert_int_equal(snapshot_trust(reader, NULL), STATUS_OK);
    snapshot_close(reader);
    free(bytes);
    free(wanted);
}

struct counting {
    uint32_t times;
    enum status status;
};

static enum status count_once(void *context)
{
    struct counting *counting = context;
    counting->times++;
    return counting->status;
}

/* Also those of a section that is read without a thread. */
static void does_tasks_once(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    unsigned char *bytes = malloc(BIG);
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(snapshot_open_unsummed(place->path, &reader, NULL), STATUS_OK);
    for (size_t n = 0; n < 8; n++) {
        struct state_reader *section = snapshot_find(reader, n % 2 == 0 ? "BIGG" : "TEXT");
        struct counting counting = {0, n / 2 % 2 == 0 ? STATUS_OK : STATUS_BAD_DATA};
        struct state_task task = {count_once, &counting, STATUS_INTERNAL};
        state_begin(section, &task);
        if (n >= 4 && n % 2 == 0)
            assert_int_equal(section->read(section, bytes, BIG), STATUS_OK);
        assert_int_equal(state_end(section, &task), counting.status);
        assert_int_equal(counting.times, 1);
        state_begin(section, &task); /* and one that is given up: perhaps */
        state_give_up(section);
        assert_true(counting.times <= 2);
    }
    snapshot_close(reader);
    free(bytes);
}

static enum status note_thread(void *context)
{
    *(pthread_t *)context = pthread_self();
    return STATUS_OK;
}

/* Who reads in vain lets go of the memory: no thread may read on into it. Then there is none any
 * more that could do tasks. */
static void a_failure_ends_the_reading_ahead(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    unsigned char *bytes = malloc(BIG);
    pthread_t by = 0;
    struct state_task task = {note_thread, &by, STATUS_INTERNAL};
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(snapshot_open_unsummed(place->path, &reader, NULL), STATUS_OK);
    assert_int_equal(truncate(place->path, BIG / 2), 0);
    struct state_reader *big = snapshot_find(reader, "BIGG");
    assert_int_equal(big->read(big, bytes, BIG), STATUS_BAD_DATA);
    free(bytes);
    state_begin(big, &task);
    assert_int_equal(task.status, STATUS_OK);
    assert_true(pthread_equal(by, pthread_self()));
    snapshot_close(reader);
}

static void what_was_written_can_be_forgotten(void **state)
{
    const struct place *place = *state;
    struct snapshot_writer *writer = NULL;
    struct taken taken = {BIG, 0, BIG, .after = "", .trusted = STATUS_INTERNAL};
    struct error error;
    unsigned char *bytes = malloc(BIG);
    fill_pattern(bytes, BIG, 7);
    assert_int_equal(snapshot_create(place->path, &writer, &error), STATUS_OK);
    snapshot_forget_written(writer);
    struct state_writer *to = snapshot_section(writer, "BIGG");
    assert_int_equal(to->write(to, bytes, 77), STATUS_OK);
    assert_int_equal(to->write(to, bytes + 77, BIG - 77), STATUS_OK);
    to = snapshot_section(writer, "TEXT");
    assert_int_equal(to->write(to, "after", 6), STATUS_OK);
    assert_int_equal(snapshot_commit(writer, NULL, &error), STATUS_OK);
    snapshot_destroy(writer);
    uint32_t left = 0;
    for (size_t at = 0; at < BIG; at++)
        left += bytes[at] != 0;
    assert_true(left < BIG / 4);
    free(bytes);
    assert_int_equal(snapshot_load(place->path, take_big, &taken, &error), STATUS_OK);
    assert_true(taken.right);
    assert_string_equal(taken.after, "after");
}

static void notices_damage_of_big_sections(void **state)
{
    const struct place *place = *state;
    static const size_t wants[] = {BIG, BIG, 100, 0}, steps[] = {1 << 16, BIG, 10, 1};
    struct error error;
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, &error), STATUS_OK);
    damage(place->path, BIG / 2);
    for (int n = 0; n < 4; n++)
        for (int asks = 0; asks < 2; asks++) {
            struct taken taken = {.want = wants[n], .step = steps[n], .expects = n == 0};
            taken.trusted = asks ? STATUS_OK : STATUS_INTERNAL;
            assert_int_equal(snapshot_load(place->path, take_big, &taken, &error), STATUS_BAD_DATA);
            assert_non_null(strstr(error.text, "section BIGG is damaged"));
            assert_string_equal(taken.after, asks || wants[n] == BIG ? "" : "after");
        }
}

static void reading_past_a_big_section_is_bad_data(void **state)
{
    const struct place *place = *state;
    struct snapshot_reader *reader = NULL;
    unsigned char *bytes = malloc(BIG + 1);
    assert_int_equal(snapshot_save(place->path, fill_bigger, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(snapshot_open_unsummed(place->path, &reader, NULL), STATUS_OK);
    struct state_reader *big = snapshot_find(reader, "BIGG");
    assert_int_equal(big->read(big, bytes, 10), STATUS_OK);
    assert_int_equal(snapshot_left(reader), BIG - 10);
    assert_int_equal(big->read(big, bytes, BIG), STATUS_BAD_DATA);
    assert_int_equal(snapshot_trust(reader, NULL), STATUS_OK);
    snapshot_close(reader);
    free(bytes);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(gives_back_what_was_written),
        IN_A_PLACE(notices_every_changed_byte),
        IN_A_PLACE(notices_every_truncation_and_addition),
        IN_A_PLACE(names_the_damaged_section),
        IN_A_PLACE(keeps_the_previous_generation),
        IN_A_PLACE(keeps_the_previous_one_where_it_alone_is_whole),
        IN_A_PLACE(what_is_no_snapshot_is_not_lost),
        IN_A_PLACE(a_kill_leaves_a_good_one),
        IN_A_PLACE(refuses_when_nothing_is_whole),
        IN_A_PLACE(tries_the_previous_one_when_taking_fails),
        IN_A_PLACE(says_why_it_cannot_write),
        IN_A_PLACE(leaves_the_old_one_when_there_is_no_room),
        IN_A_PLACE(saves_nothing_when_filling_fails),
        IN_A_PLACE(replaces_leftovers),
        IN_A_PLACE(refuses_what_is_no_snapshot),
        IN_A_PLACE(sums_are_xxh3_128),
        IN_A_PLACE(reads_big_sections_ahead),
        IN_A_PLACE(what_is_expected_can_be_given_up),
        IN_A_PLACE(brings_many_expected_runs_each_to_its_place),
        IN_A_PLACE(does_tasks_once),
        IN_A_PLACE(a_failure_ends_the_reading_ahead),
        IN_A_PLACE(what_was_written_can_be_forgotten),
        IN_A_PLACE(notices_damage_of_big_sections),
        IN_A_PLACE(reading_past_a_big_section_is_bad_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
