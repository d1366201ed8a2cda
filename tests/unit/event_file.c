/* Recorded events: both formats, packed or not, merged by time, with bad lines in between. */
#include "transport/event_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

enum { FILES_MAX = 4 };

/* Files of the present test, removed with it. */
static char folder[] = "/tmp/tasted-event-file-XXXXXX";
static char paths[FILES_MAX][64];
static struct field_map map;

static int set_up(void **state)
{
    (void)state;
    field_map_init(&map);
    if (mkdtemp(folder) == NULL)
        return -1;
    for (int i = 0; i < FILES_MAX; i++)
        (void)snprintf(paths[i], sizeof paths[i], "%s/%d", folder, i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < FILES_MAX; i++)
        (void)unlink(paths[i]);
    return rmdir(folder);
}

static void write_bytes(int which, const void *bytes, size_t size)
{
    FILE *file = fopen(paths[which], "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(int which, const char *text)
{
    write_bytes(which, text, strlen(text));
}

static struct event_files *open_files(int count)
{
    const char *given[FILES_MAX];
    struct event_files *files;
    struct error error;
    for (int i = 0; i < count; i++)
        given[i] = paths[i];
    if (event_files_open(given, (uint32_t)count, &map, &files, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return files;
}

/* Everything in the files as one line of text: "user item name ms[=value]; bad reason; …". */
static const char *describe(int count)
{
    static char text[4096];
    struct event_files *files = open_files(count);
    struct event_files_turn turn;
    enum event_files_result result;
    size_t used = 0;
    text[0] = 0;
    while ((result = event_files_next(files, &turn)) != EVENT_FILES_END) {
        const struct event *event = &turn.event;
        char *to = text + used;
        const size_t room = sizeof text - used;
        int size = -1;
        if (result == EVENT_FILES_EVENT)
            size = snprintf(to, room, "%.*s %.*s %.*s %lld", (int)event->user.size, event->user.at,
                            (int)event->item.size, event->item.size ? event->item.at : "",
                            (int)event->name.size, event->name.at, (long long)event->ts_ms);
        else if (result == EVENT_FILES_BAD)
            size = snprintf(to, room, "bad %s", verdict_text(turn.verdict));
        else
            fail_msg("%s", turn.error.text);
        used += (size_t)size;
        if (result == EVENT_FILES_EVENT && event->has_value)
            used += (size_t)snprintf(text + used, sizeof text - used, "=%g", event->value);
        used += (size_t)snprintf(text + used, sizeof text - used, "; ");
        assert_true(used < sizeof text);
    }
    assert_int_equal(event_files_next(files, &turn), EVENT_FILES_END);
    event_files_close(files);
    return text;
}

static void test_tsv(void **state)
{
    (void)state;
    write_text(0, "timestamp\tuser\titem\tevent\tvalue\n"
                  "956703954\t6040\t593\tlike\t\n"
                  "956703955\t7\t8\trating\t4.5\n"
                  "956703956.1239\t7\t8\tplay\t1e-1\n"
                  "1600000000123\t7\t9\tplay\t0\n"
                  "100000000000\ta b\té\tplay\n"
                  "100000000001\tu\t\tforget\t\n");
    assert_string_equal(describe(1), "6040 593 like 956703954000; 7 8 rating 956703955000=4.5; "
                                     "7 8 play 956703956123=0.1; 7 9 play 1600000000123=0; "
                                     "a b é play 100000000000000; u  forget 100000000001; ");
}

static void test_tsv_columns_in_any_order(void **state)
{
    (void)state;
    write_text(0, "\xEF\xBB\xBF"
                  "event\tcolour\titem\ttimestamp\tuser\r\n"
                  "click\tred\ti\t5\tu\r\n"
                  "\r\n"
                  "\n"
                  "click\t\ti2\t6\tu2");
    assert_string_equal(describe(1), "u i click 5000; u2 i2 click 6000; ");
}

static void test_bad_lines_of_tsv(void **state)
{
    (void)state;
    write_text(0, "timestamp\tuser\titem\tevent\tvalue\n"
                  "x\tu\ti\tclick\t\n"
                  "\tu\ti\tclick\t\n"
                  "-5\tu\ti\tclick\t\n"
                  "5.\tu\ti\tclick\t\n"
                  "5.x\tu\ti\tclick\t\n"
                  "99999999999999999999\tu\ti\tclick\t\n"
                  "1\t\ti\tclick\t\n"
                  "1\tu\t\tclick\t\n"
                  "1\tu\ti\t\t\n"
                  "1\tu\ti\n"
                  "1\tu\n"
                  "1\n"
                  "1\tu\t\xff\tclick\n"
                  "1\tu\ti\tclick\t1\t2\n"
                  "1\tu\ti\tclick\tmuch\n");
    assert_string_equal(describe(1),
                        "bad bad_ts; bad bad_ts; bad bad_ts; "
                        "u i click 5000; bad bad_ts; bad bad_ts; bad bad_user; bad bad_item; "
                        "bad bad_event; bad missing_event; bad missing_item; bad missing_user; "
                        "bad bad_item; bad undecodable; u i click 1000=nan; ");
}

static void test_bad_lines_say_where(void **state)
{
    (void)state;
    write_text(0, "timestamp\tuser\titem\tevent\n\n1\tu\ti\tplay\n1\t\ti\tplay\n");
    struct event_files *files = open_files(1);
    struct event_files_turn turn;
    assert_int_equal(event_files_next(files, &turn), EVENT_FILES_EVENT);
    assert_int_equal(event_files_next(files, &turn), EVENT_FILES_BAD);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "%s, line 4: bad_user", paths[0]);
    assert_string_equal(turn.error.text, expected);
    event_files_close(files);
}

static void test_ndjson(void **state)
{
    (void)state;
    write_text(0, "{\"user\":1,\"item\":2,\"event\":\"play\"}\n"
                  " {\"user\":1,\"item\":3,\"event\":\"play\",\"ts\":7000,\"value\":0.5}\r\n"
                  "\n"
                  "{\"user\":1,\"item\":4,\"event\":\"pl\\u0061y\"}\n"
                  "nonsense\n"
                  "{\"user\":1,\"item\":4}\n"
                  "\x83\xa4user\x01\xa4item\x01\xa5"
                  "event\xa1x\n"
                  "{\"user\":1,\"item\":5,\"event\":\"play\",\"ts\":90000000000000}\n"
                  "{\"user\":1,\"item\":6,\"event\":\"play\"}");
    assert_string_equal(describe(1),
                        "1 2 play 0; 1 3 play 7000=0.5; 1 4 play 7000; bad undecodable; "
                        "bad missing_event; bad undecodable; 1 5 play 90000000000000; "
                        "1 6 play 90000000000000; ");
    write_text(0, "nonsense\n{\"user\":1,\"item\":2,\"event\":\"play\"}\n");
    assert_string_equal(describe(1), "bad undecodable; 1 2 play 0; ");
    write_text(0, "\n \t{\"user\":1,\t\"item\":2,\"event\":\"play\"}\n");
    assert_string_equal(describe(1), "1 2 play 0; ");
}

static void test_empty_files(void **state)
{
    (void)state;
    write_text(0, "");
    write_text(1, "\n\n");
    write_text(2, "timestamp\tuser\titem\tevent\n");
    write_text(3, "timestamp\tuser\titem\tevent\n1\tu\ti\tplay\n");
    assert_string_equal(describe(3), "");
    assert_string_equal(describe(4), "u i play 1000; ");
}

static void test_merging(void **state)
{
    (void)state;
    write_text(0, "timestamp\tuser\titem\tevent\n2\ta\t1\te\n5\ta\t2\te\n3\ta\t3\te\n9\ta\t4\te\n");
    write_text(1, "{\"user\":\"b\",\"item\":1,\"event\":\"e\",\"ts\":1000}\n"
                  "{\"user\":\"b\",\"item\":2,\"event\":\"e\",\"ts\":5000}\n"
                  "oops\n"
                  "{\"user\":\"b\",\"item\":3,\"event\":\"e\"}\n");
    write_text(2, "timestamp\tuser\titem\tevent\n2\tc\t1\te\n4\tc\t2\te\n20\tc\t3\te\n");
    assert_string_equal(describe(3), "b 1 e 1000; a 1 e 2000; c 1 e 2000; c 2 e 4000; a 2 e 5000; "
                                     "a 3 e 3000; b 2 e 5000; bad undecodable; b 3 e 5000; "
                                     "a 4 e 9000; c 3 e 20000; ");
}

/* A line of each size about the limit, and one that is far beyond it, with good lines around. */
static void test_long_lines(void **state)
{
    (void)state;
    static const int sizes[] = {LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1,
                                LINE_BYTES_MAX + 2, 10 * LINE_BYTES_MAX};
    for (int crlf = 0; crlf < 2; crlf++) {
        FILE *file = fopen(paths[0], "wb");
        assert_non_null(file);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            (void)fprintf(file, "{\"user\":1,\"item\":%zu,\"event\":\"e\"}%s", i,
                          crlf ? "\r\n" : "\n");
            const int used = fprintf(file, "{\"user\":2,\"item\":%zu,\"event\":\"e\"}", i);
            (void)fprintf(file, "%*s%s", sizes[i] - used, "", crlf ? "\r\n" : "\n");
        }
        assert_int_equal(fclose(file), 0);
        assert_string_equal(describe(1), "1 0 e 0; 2 0 e 0; 1 1 e 0; 2 1 e 0; 1 2 e 0; "
                                         "bad too_large; 1 3 e 0; bad too_large; 1 4 e 0; "
                                         "bad too_large; ");
    }
}

/* ---- packed ---- */

static char *make_lines(int count, size_t *size)
{
    char *text = malloc((size_t)count * 40 + 64);
    assert_non_null(text);
    *size = (size_t)sprintf(text, "timestamp\tuser\titem\tevent\n");
    for (int i = 0; i < count; i++)
        *size += (size_t)sprintf(text + *size, "%d\tu%d\t%d\tplay\n", i, i % 97, i * 7919 % 10007);
    return text;
}

static void assert_lines(int count)
{
    struct event_files *files = open_files(1);
    struct event_files_turn turn;
    for (int i = 0; i < count; i++) {
        assert_int_equal(event_files_next(files, &turn), EVENT_FILES_EVENT);
        char user[16];
        (void)snprintf(user, sizeof user, "u%d", i % 97);
        assert_true(text_equal(turn.event.user, text_of(user)));
        assert_int_equal(turn.event.ts_ms, i * 1000LL);
    }
    assert_int_equal(event_files_next(files, &turn), EVENT_FILES_END);
    uint64_t done, total;
    event_files_progress(files, &done, &total);
    assert_true(total > 0);
    assert_int_equal(done, total);
    event_files_close(files);
}

static void write_gzip(const char *mode, const char *text, size_t size)
{
    gzFile file = gzopen(paths[0], mode);
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
}

/* A file that fits into the buffers is not read to the end by its first line. */
static void test_progress_goes_by_lines(void **state)
{
    (void)state;
    size_t size;
    char *text = make_lines(1000, &size);
    for (int packed = 0; packed < 2; packed++) {
        struct event_files_turn turn;
        uint64_t done, total;
        if (packed)
            write_gzip("wb9", text, size);
        else
            write_bytes(0, text, size);
        struct event_files *files = open_files(1);
        for (int i = 0; i < 500; i++)
            assert_int_equal(event_files_next(files, &turn), EVENT_FILES_EVENT);
        event_files_progress(files, &done, &total);
        assert_true((double)done > 0.45 * (double)total && (double)done < 0.55 * (double)total);
        event_files_close(files);
    }
    free(text);
}

static size_t pack_zstd(const char *text, size_t size, char **packed)
{
    const size_t bound = ZSTD_compressBound(size);
    *packed = malloc(bound);
    assert_non_null(*packed);
    const size_t got = ZSTD_compress(*packed, bound, text, size, 3);
    assert_false(ZSTD_isError(got));
    return got;
}

static void append_bytes(const void *bytes, size_t size)
{
    FILE *file = fopen(paths[0], "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_packed(void **state)
{
    (void)state;
    enum { LINES = 100000 };
    size_t size;
    char *text = make_lines(LINES, &size), *packed[2];
    write_bytes(0, text, size);
    assert_lines(LINES);
    write_gzip("wb", text, size);
    assert_lines(LINES);
    /* Two members cut within a line, and padding. */
    write_gzip("wb", text, size / 2);
    write_gzip("ab", text + size / 2, size - size / 2);
    append_bytes("\0\0\0\0\0\0", 6);
    assert_lines(LINES);

    size_t packed_size[2] = {pack_zstd(text, size, &packed[0])};
    write_bytes(0, packed[0], packed_size[0]);
    assert_lines(LINES);
    free(packed[0]);
    packed_size[0] = pack_zstd(text, size / 3, &packed[0]);
    packed_size[1] = pack_zstd(text + size / 3, size - size / 3, &packed[1]);
    write_bytes(0, packed[0], packed_size[0]);
    append_bytes(packed[1], packed_size[1]);
    assert_lines(LINES);
    /* As pzstd has it: with frames between that are to be skipped. */
    write_bytes(0, "\x50\x2A\x4D\x18\4\0\0\0size", 12);
    append_bytes(packed[0], packed_size[0]);
    append_bytes("\x50\x2A\x4D\x18\0\0\0\0", 8);
    append_bytes(packed[1], packed_size[1]);
    assert_lines(LINES);
    free(packed[0]);
    free(packed[1]);
    free(text);
}

/* Reads to the end or a failure; returns the failure's status. */
static enum status drain(struct error *error)
{
    const char *given[] = {paths[0]};
    struct event_files *files;
    struct event_files_turn turn;
    enum event_files_result result;
    enum status status = event_files_open(given, 1, &map, &files, error);
    if (status != STATUS_OK)
        return status;
    do
        result = event_files_next(files, &turn);
    while (result == EVENT_FILES_EVENT || result == EVENT_FILES_BAD);
    if (result == EVENT_FILES_FAILED) {
        status = turn.error.status;
        *error = turn.error;
        assert_int_equal(event_files_next(files, &turn), EVENT_FILES_END);
    }
    event_files_close(files);
    return status;
}

static void test_damaged(void **state)
{
    (void)state;
    size_t size;
    struct error error;
    char *text = make_lines(20000, &size), *packed;
    write_gzip("wb", text, size);
    assert_int_equal(drain(&error), STATUS_OK);
    assert_int_equal(truncate(paths[0], 10000), 0);
    assert_int_equal(drain(&error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "too early"));
    assert_int_equal(truncate(paths[0], 5), 0);
    assert_int_equal(drain(&error), STATUS_BAD_DATA);
    write_gzip("wb", text, size);
    append_bytes("garbage", 7);
    assert_int_equal(drain(&error), STATUS_BAD_DATA);

    const size_t packed_size = pack_zstd(text, size, &packed);
    write_bytes(0, packed, packed_size / 2);
    assert_int_equal(drain(&error), STATUS_BAD_DATA);
    memset(packed + packed_size / 2, 0x55, packed_size - packed_size / 2);
    write_bytes(0, packed, packed_size);
    assert_int_equal(drain(&error), STATUS_BAD_DATA);
    free(packed);
    free(text);
}

static enum status open_one(const char *text, struct error *error)
{
    write_text(0, text);
    const char *given[] = {paths[0]};
    struct event_files *files = NULL;
    const enum status status = event_files_open(given, 1, &map, &files, error);
    event_files_close(files);
    return status;
}

static void test_headers_that_will_not_do(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(open_one("timestamp\tuser\tevent\tvalue\n", &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "no column item"));
    assert_non_null(strstr(error.text, paths[0]));
    assert_int_equal(open_one("1\t2\t3\tplay\n", &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "no column timestamp"));
    assert_int_equal(open_one("timestamp\tuser\titem\tuser\tevent\n", &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "user twice"));
    assert_int_equal(open_one("timestamp\tuser\titem\tevent\t\t\n", &error), STATUS_OK);
}

static void test_files_that_cannot_be_opened(void **state)
{
    (void)state;
    struct event_files *files;
    struct error error;
    const char *missing[] = {"/nonexistent/events.tsv"}, *twice[] = {"-", "-"}, *a_folder[] = {"/"};
    assert_int_equal(event_files_open(missing, 1, &map, &files, &error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error.text, missing[0]));
    assert_int_equal(event_files_open(twice, 2, &map, &files, &error), STATUS_INVALID);
    assert_int_equal(event_files_open(a_folder, 1, &map, &files, &error), STATUS_IO);
    event_files_close(NULL);
    line_file_close(NULL);
}

/* A writer that gives a byte at a time must not be taken for a plain file. */
static void test_standard_input_in_pieces(void **state)
{
    (void)state;
    size_t size;
    char *text = make_lines(50, &size);
    write_gzip("wb", text, size);
    free(text);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int input = dup(STDIN_FILENO);
    const pid_t child = fork();
    if (child == 0) {
        FILE *file = fopen(paths[0], "rb");
        for (int byte; file != NULL && (byte = getc(file)) != EOF;)
            if (write(ends[1], &(char){(char)byte}, 1) != 1)
                break;
        _exit(0);
    }
    assert_true(child > 0);
    (void)close(ends[1]);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    (void)close(ends[0]);
    const char *given[] = {"-"};
    struct event_files *files;
    struct event_files_turn turn;
    struct error error;
    assert_int_equal(event_files_open(given, 1, &map, &files, &error), STATUS_OK);
    int count = 0;
    while (event_files_next(files, &turn) == EVENT_FILES_EVENT)
        count++;
    event_files_close(files);
    (void)dup2(input, STDIN_FILENO);
    (void)close(input);
    assert_int_equal(count, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_tsv_columns_in_any_order),
        cmocka_unit_test(test_bad_lines_of_tsv),
        cmocka_unit_test(test_bad_lines_say_where),
        cmocka_unit_test(test_ndjson),
        cmocka_unit_test(test_empty_files),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_progress_goes_by_lines),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_headers_that_will_not_do),
        cmocka_unit_test(test_files_that_cannot_be_opened),
        cmocka_unit_test(test_standard_input_in_pieces),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
