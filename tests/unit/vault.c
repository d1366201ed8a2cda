/* What a vault of files promises: a background save is memory as it was, or the old file stays. */
#include "transport/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY = 3 << 20 };

struct bench {
    char folder[64], path[96];
    struct ev_loop *loop;
    struct vault *vault;
    unsigned char *memory; /* (MEMORY) what is saved */
    int calls;             /* of saved() */
    struct error last;
    uint64_t bytes;
};

static void saved(void *context, const struct error *error, uint64_t bytes, double seconds)
{
    struct bench *bench = context;
    bench->calls++;
    bench->last = *error;
    bench->bytes = bytes;
    assert_true(seconds >= 0 && seconds < 60);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct error error;
    strcpy(bench->folder, "/tmp/tasted-vault-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    snprintf(bench->path, sizeof bench->path, "%s/model", bench->folder);
    bench->loop = ev_default_loop(0);
    bench->memory = malloc(MEMORY);
    memset(bench->memory, 'a', MEMORY);
    struct vault_owner owner = {bench, saved};
    assert_int_equal(vault_of_files(bench->loop, bench->path, &owner, &bench->vault, &error),
                     STATUS_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    static const char *const ends[] = {"", ".tmp", ".previous", ".lock"};
    if (bench->vault != NULL)
        bench->vault->ops->destroy(bench->vault);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", bench->path, ends[i]);
        unlink(name);
    }
    int left = rmdir(bench->folder); /* nothing else was left there */
    free(bench->memory);
    free(bench);
    return left;
}

/* ---- what a save writes ---- */

static enum status fill_memory(void *context, struct snapshot_writer *writer)
{
    const struct bench *bench = context;
    struct state_writer *to = snapshot_section(writer, "MEMO");
    return to->write(to, bench->memory, MEMORY);
}

/* Not before the parent has changed its memory. */
static enum status fill_slowly(void *context, struct snapshot_writer *writer)
{
    usleep(100000);
    return fill_memory(context, writer);
}

static enum status fill_and_die(void *context, struct snapshot_writer *writer)
{
    fill_memory(context, writer);
    raise(SIGKILL);
    return STATUS_OK;
}

static enum status fill_and_fail(void *context, struct snapshot_writer *writer)
{
    fill_memory(context, writer);
    return STATUS_INTERNAL;
}

static enum status fill_and_exit(void *context, struct snapshot_writer *writer)
{
    fill_memory(context, writer);
    _exit(0);
}

static enum status fill_forever(void *context, struct snapshot_writer *writer)
{
    snapshot_section(writer, "EVER");
    alarm(20); /* should a test fail, not for ever after all */
    for (;;)
        pause();
    return *(enum status *)context;
}

static enum status take_memory(void *context, struct snapshot_reader *reader, struct error *error)
{
    struct state_reader *from = snapshot_find(reader, "MEMO");
    if (from == NULL || snapshot_left(reader) != MEMORY)
        return error_set(error, STATUS_BAD_DATA, "not what was saved");
    return from->read(from, context, MEMORY);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* Runs the loop until saved() was called once more, at most a minute. */
static void await_saved(struct bench *bench)
{
    int before = bench->calls;
    ev_timer limit;
    ev_now_update(bench->loop);
    ev_timer_init(&limit, on_limit, 60., 0.);
    ev_timer_start(bench->loop, &limit);
    while (bench->calls == before && ev_is_active(&limit))
        ev_run(bench->loop, EVRUN_ONCE);
    ev_timer_stop(bench->loop, &limit);
    assert_int_equal(bench->calls, before + 1);
    assert_false(bench->vault->ops->busy(bench->vault));
}

static void assert_kept(struct bench *bench, int byte)
{
    struct error error;
    unsigned char *back = malloc(MEMORY);
    assert_int_equal(bench->vault->ops->load(bench->vault, take_memory, back, &error), STATUS_OK);
    for (size_t i = 0; i < MEMORY; i++)
        if (back[i] != byte)
            fail_msg("byte %zu is %c, not %c", i, back[i], byte);
    free(back);
}

static void save_first(struct bench *bench)
{
    struct error error;
    assert_int_equal(bench->vault->ops->save_now(bench->vault, fill_memory, bench, &error),
                     STATUS_OK);
}

/* ---- the tests ---- */

static void saves_memory_as_it_was(void **state)
{
    struct bench *bench = *state;
    struct error error;
    assert_int_equal(bench->vault->ops->load(bench->vault, take_memory, NULL, &error),
                     STATUS_NOT_FOUND);
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_slowly, bench, &error), STATUS_OK);
    assert_true(bench->vault->ops->busy(bench->vault));
    memset(bench->memory, 'b', MEMORY);
    await_saved(bench);
    assert_int_equal(bench->last.status, STATUS_OK);
    assert_in_range(bench->bytes, MEMORY, MEMORY + 1000);
    assert_kept(bench, 'a');
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_memory, bench, &error), STATUS_OK);
    await_saved(bench);
    assert_kept(bench, 'b');
}

static void one_save_at_a_time(void **state)
{
    struct bench *bench = *state;
    struct error error;
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_slowly, bench, &error), STATUS_OK);
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_memory, bench, &error),
                     STATUS_INVALID);
    memset(bench->memory, 'z', MEMORY);
    save_first(bench); /* waits for the one under way, and tells its end */
    assert_int_equal(bench->calls, 1);
    assert_int_equal(bench->last.status, STATUS_OK);
    assert_false(bench->vault->ops->busy(bench->vault));
    assert_kept(bench, 'z');
    ev_run(bench->loop, EVRUN_NOWAIT);
    assert_int_equal(bench->calls, 1);
}

/* However the child ends without having finished, it is told, and the old file stays. */
static void a_lost_save_leaves_the_old_file(void **state)
{
    static vault_fill *const fills[] = {fill_and_die, fill_and_fail, fill_and_exit};
    static const char *const words[] = {"signal 9", "internal error", "without a result"};
    struct bench *bench = *state;
    struct error error;
    save_first(bench);
    memset(bench->memory, 'b', MEMORY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench->vault->ops->save(bench->vault, fills[i], bench, &error), STATUS_OK);
        await_saved(bench);
        assert_int_not_equal(bench->last.status, STATUS_OK);
        assert_non_null(strstr(bench->last.text, words[i]));
        assert_non_null(strstr(bench->last.text, bench->path));
        assert_kept(bench, 'a');
        char name[128];
        snprintf(name, sizeof name, "%s.tmp", bench->path);
        assert_int_equal(access(name, F_OK), -1);
    }
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_memory, bench, &error), STATUS_OK);
    await_saved(bench);
    assert_kept(bench, 'b');
}

static void assert_previous(struct bench *bench, int byte)
{
    struct error error;
    unsigned char *back = malloc(MEMORY);
    char name[128];
    snprintf(name, sizeof name, "%s.previous", bench->path);
    assert_int_equal(snapshot_load(name, take_memory, back, &error), STATUS_OK);
    assert_int_equal(back[0], byte);
    assert_int_equal(back[MEMORY - 1], byte);
    free(back);
}

static void save_again(struct bench *bench, bool in_background, int byte)
{
    struct error error;
    memset(bench->memory, byte, MEMORY);
    if (!in_background) {
        save_first(bench);
        return;
    }
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_memory, bench, &error), STATUS_OK);
    await_saved(bench);
    assert_int_equal(bench->last.status, STATUS_OK);
}

/* Loads the previous one, 'a', for the newest is lost. */
static void fall_back(struct bench *bench, int size)
{
    struct error error;
    unsigned char *back = malloc(MEMORY);
    if (size < 0)
        assert_int_equal(unlink(bench->path), 0);
    else
        assert_int_equal(truncate(bench->path, size), 0);
    assert_int_equal(bench->vault->ops->load(bench->vault, take_memory, back, &error), STATUS_OK);
    assert_int_not_equal(error.status, STATUS_OK);
    assert_int_equal(back[0], 'a');
    free(back);
}

/* However the newest was lost, the one that was used instead stays until there are two again. */
static void what_was_fallen_back_to_is_kept(void **state)
{
    static const int sizes[] = {MEMORY / 2, 0, -1 /* missing */};
    struct bench *bench = *state;
    struct error error;
    for (int n = 0; n < 6; n++) {
        bool in_background = n % 2 == 0;
        save_again(bench, in_background, 'a');
        save_again(bench, in_background, 'b');
        fall_back(bench, sizes[n / 2]);
        assert_int_equal(bench->vault->ops->save(bench->vault, fill_and_die, bench, &error),
                         STATUS_OK);
        await_saved(bench);
        assert_int_not_equal(bench->last.status, STATUS_OK);
        assert_previous(bench, 'a'); /* a save that failed changes nothing */
        save_again(bench, in_background, 'c');
        assert_kept(bench, 'c');
        assert_previous(bench, 'a');
        fall_back(bench, MEMORY / 3);
        save_again(bench, in_background, 'd');
        assert_previous(bench, 'a');
        save_again(bench, in_background, 'e');
        assert_kept(bench, 'e');
        assert_previous(bench, 'd');
    }
}

/* A signal to the whole group must not run the parent's handlers in the child. */
static atomic_int handled_in_child;
static pid_t parent;
static void on_term(int number)
{
    (void)number;
    if (getpid() != parent)
        handled_in_child = 1;
}

static enum status fill_under_signal(void *context, struct snapshot_writer *writer)
{
    raise(SIGTERM); /* ends the child, as systemd may */
    return handled_in_child ? STATUS_INTERNAL : fill_memory(context, writer);
}

static void the_parents_handlers_stay_out(void **state)
{
    struct bench *bench = *state;
    struct error error;
    parent = getpid();
    void (*before)(int) = signal(SIGTERM, on_term);
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_under_signal, bench, &error),
                     STATUS_OK);
    await_saved(bench);
    signal(SIGTERM, before);
    assert_non_null(strstr(bench->last.text, "signal 15"));
}

static void destroying_ends_a_save(void **state)
{
    struct bench *bench = *state;
    struct error error;
    save_first(bench);
    assert_int_equal(bench->vault->ops->save(bench->vault, fill_forever, bench, &error), STATUS_OK);
    bench->vault->ops->destroy(bench->vault);
    bench->vault = NULL;
    assert_int_equal(bench->calls, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    struct vault_owner owner = {bench, saved};
    assert_int_equal(vault_of_files(bench->loop, bench->path, &owner, &bench->vault, &error),
                     STATUS_OK);
    assert_kept(bench, 'a');
}

static void two_daemons_never_share_a_snapshot(void **state)
{
    struct bench *bench = *state;
    struct vault_owner owner = {bench, saved};
    struct vault *second = NULL;
    struct error error;
    char said[400] = "";
    FILE *log = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_true(log != NULL && dup2(fileno(log), STDERR_FILENO) >= 0);
    enum status status = vault_of_files(bench->loop, bench->path, &owner, &second, &error);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    assert_int_equal(status, STATUS_CANNOT_WRITE);
    assert_true(pread(fileno(log), said, sizeof said - 1, 0) > 0);
    fclose(log);
    assert_non_null(strstr(said, bench->path));
    assert_non_null(strstr(said, ".lock, 2 s at most"));
    assert_null(second);
    assert_non_null(strstr(error.text, bench->path));
    assert_non_null(strstr(error.text, "another tasted"));
}

static void names_a_folder_that_is_missing(void **state)
{
    struct bench *bench = *state;
    struct vault_owner owner = {bench, saved};
    struct vault *vault = NULL;
    struct error error;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/model", bench->folder);
    assert_int_equal(vault_of_files(bench->loop, path, &owner, &vault, &error),
                     STATUS_CANNOT_WRITE);
    assert_non_null(strstr(error.text, path));
}

/* A daemon killed while its child saves: the child goes too, and the next daemon gets the lock. */
static void a_killed_daemon_takes_its_save_along(void **state)
{
    struct bench *bench = *state;
    struct error error;
    save_first(bench);
    bench->vault->ops->destroy(bench->vault);
    bench->vault = NULL;
    struct vault_owner owner = {bench, saved};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct vault *own = NULL;
        ev_loop_fork(bench->loop);
        if (vault_of_files(bench->loop, bench->path, &owner, &own, &error) == STATUS_OK)
            own->ops->save(own, fill_forever, bench, &error);
        usleep(50000); /* let the child begin */
        ssize_t done = write(ends[1], "x", 1);
        (void)done;
        for (;;)
            pause();
    }
    close(ends[1]);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    close(ends[0]);
    assert_int_equal(vault_of_files(bench->loop, bench->path, &owner, &bench->vault, &error),
                     STATUS_OK);
    assert_kept(bench, 'a');
}

/* Other threads that hold malloc's locks at the fork, as librdkafka's may. */
static atomic_bool stop_churning;
static void *churn(void *context)
{
    (void)context;
    while (!stop_churning) {
        void *volatile block = malloc((size_t)rand() % 100000 + 1);
        free(block);
        char text[64];
        snprintf(text, sizeof text, "%f %s", 1.5, strerror(5));
    }
    return NULL;
}

static void saves_while_threads_allocate(void **state)
{
    struct bench *bench = *state;
    struct error error;
    pthread_t threads[3];
    stop_churning = false;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (int i = 0; i < 30; i++) {
        vault_fill *fill = i % 3 == 2 ? fill_and_fail : fill_memory;
        assert_int_equal(bench->vault->ops->save(bench->vault, fill, bench, &error), STATUS_OK);
        await_saved(bench);
        assert_int_equal(bench->last.status, i % 3 == 2 ? STATUS_INTERNAL : STATUS_OK);
    }
    stop_churning = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_kept(bench, 'a');
}

#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(saves_memory_as_it_was),
        ON_A_BENCH(one_save_at_a_time),
        ON_A_BENCH(a_lost_save_leaves_the_old_file),
        ON_A_BENCH(what_was_fallen_back_to_is_kept),
        ON_A_BENCH(the_parents_handlers_stay_out),
        ON_A_BENCH(destroying_ends_a_save),
        ON_A_BENCH(two_daemons_never_share_a_snapshot),
        ON_A_BENCH(names_a_folder_that_is_missing),
        ON_A_BENCH(a_killed_daemon_takes_its_save_along),
        ON_A_BENCH(saves_while_threads_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
