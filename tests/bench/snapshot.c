/*
 * Saving beside learning, and loading.
 *
 *     snapshot save FILE --users 1000000 --items 100000 --events 3000000 --saves 3
 *
 * Learns a made-up crowd's events, then goes on at full speed on an event loop, as the daemon does,
 * with the default parts, while the vault saves into FILE. For each save {"ms": the longest turn of
 * the loop from the fork until the save is told, "fork_ms": the call that forks, "mending_ms" and
 * "mending_s": likewise until memory is mended afterwards, and how long that takes, "calm_ms": the
 * longest turn without a save, in a second, "events_us" and "calm_events_us": processor time an
 * event, "extra_s": what the save cost the loop by that, "bytes", "seconds"}. A turn learns 32
 * events; the longest tells how long a message may have to wait. Time in which the kernel had the
 * loop wait for a processor is left out ("wall_ms" has it): it says who else was there.
 *
 *     snapshot load FILE [--cold 1]
 *
 * {"read_s": plain read() of all its bytes into one buffer, "load_s": until the model can be used,
 * "read_cpu_s", "load_cpu_s": processor time of that thread alone, "bytes"}; with --cold each from
 * the disk, as far as the kernel lets go of what it has cached.
 */
#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"

#include "daemon/checkpoint.h"
#include "daemon/engine.h"
#include "daemon/mending.h"
#include "transport/vault.h"

#include <ev.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURN = 32, READ_AT_A_TIME = 1 << 20 };

struct bench {
    struct ev_loop *loop;
    struct crowd crowd;
    uint32_t next; /* in the crowd's block */
    struct engine engine;
    struct checkpoint checkpoint;
    struct vault *vault;
    bool saving;
    struct mending mending;
    int waits; /* /proc/thread-self/schedstat */
    uint64_t longest_ns, longest_wall_ns, events, spent_ns;
    double seconds;
    uint64_t bytes;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "snapshot: %s: %s\n", what, why);
    exit(70);
}

static void learn(struct bench *bench, uint32_t events)
{
    for (uint32_t n = 0; n < events; n++) {
        struct learned learned;
        if (bench->next == CROWD_BLOCK)
            bench->next = 0;
        if (bench->next == 0)
            crowd_make(&bench->crowd, CROWD_BLOCK);
        engine_take_event(&bench->engine, &bench->crowd.event[bench->next++], &learned);
        if (learned.status != STATUS_OK)
            fail("learning", "out of memory");
    }
}

static void saved(void *context, const struct error *error, uint64_t bytes, double seconds)
{
    struct bench *bench = context;
    if (error->status != STATUS_OK)
        fail("saving", error->text);
    bench->saving = false;
    bench->bytes = bytes;
    bench->seconds = seconds;
}

/* For a processor, of this thread so far. */
static uint64_t waited_ns(const struct bench *bench)
{
    char text[64] = "";
    ssize_t size = pread(bench->waits, text, sizeof text - 1, 0);
    unsigned long long ran, waited = 0;
    return size > 0 && sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

static void keep_longest(uint64_t *longest, uint64_t took)
{
    *longest = took > *longest ? took : *longest;
}

static void turn(struct bench *bench)
{
    if (bench->next + TURN > CROWD_BLOCK) { /* making the crowd is not what is measured */
        bench->next = 0;
        crowd_make(&bench->crowd, CROWD_BLOCK);
        return;
    }
    uint64_t waited = waited_ns(bench), begun = bench_now_ns(), spent = bench_cpu_ns();
    learn(bench, TURN);
    ev_run(bench->loop, EVRUN_NOWAIT);
    uint64_t took = bench_now_ns() - begun;
    bench->spent_ns += bench_cpu_ns() - spent;
    waited = waited_ns(bench) - waited;
    keep_longest(&bench->longest_wall_ns, took);
    keep_longest(&bench->longest_ns, waited < took ? took - waited : 0);
    bench->events += TURN;
}

static void begin(struct bench *bench)
{
    bench->longest_ns = bench->longest_wall_ns = 0;
    bench->events = bench->spent_ns = 0;
}

static double spent_us(const struct bench *bench)
{
    return (double)bench->spent_ns / 1e3 / (double)bench->events;
}

static double fork_once(struct bench *bench)
{
    struct error error = {0};
    uint64_t waited = waited_ns(bench), begun = bench_now_ns();
    if (bench->vault->ops->save(bench->vault, checkpoint_fill, &bench->checkpoint, &error) !=
        STATUS_OK)
        fail("saving", error.text);
    uint64_t took = bench_now_ns() - begun;
    waited = waited_ns(bench) - waited;
    return waited < took ? (double)(took - waited) / 1e6 : 0.0;
}

static void save_once(struct bench *bench)
{
    begin(bench);
    double fork_ms = fork_once(bench);
    for (bench->saving = true; bench->saving;)
        turn(bench);
    double us = spent_us(bench);
    uint64_t events = bench->events;
    double ms = (double)bench->longest_ns / 1e6, wall_ms = (double)bench->longest_wall_ns / 1e6;
    uint64_t mending = bench_now_ns();
    bench->longest_ns = 0;
    mending_begin(&bench->mending);
    while (!mending_is_done(&bench->mending))
        turn(bench);
    double mending_ms = (double)bench->longest_ns / 1e6;
    double mending_s = (double)(bench_now_ns() - mending) / 1e9;
    begin(bench);
    for (uint64_t calm = bench_now_ns(); bench_now_ns() - calm < 1000000000;)
        turn(bench);
    printf("{\"ms\": %.3f, \"fork_ms\": %.3f, \"mending_ms\": %.3f, \"mending_s\": %.3f, "
           "\"wall_ms\": %.3f, "
           "\"calm_ms\": %.3f, \"events_us\": %.2f, \"calm_events_us\": %.2f, \"extra_s\": %.3f, "
           "\"bytes\": %llu, "
           "\"seconds\": %.3f}\n",
           ms > fork_ms ? ms : fork_ms, fork_ms, mending_ms, mending_s, wall_ms,
           (double)bench->longest_ns / 1e6, us, spent_us(bench),
           (us - spent_us(bench)) / 1e6 * (double)events, (unsigned long long)bench->bytes,
           bench->seconds);
    fflush(stdout);
}

static int save(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct recommender_settings settings;
    struct error error = {0};
    recommender_settings_init(&settings);
    if (bench == NULL || recommender_create(&settings, &bench->engine.model, &error) != STATUS_OK)
        fail("model", "out of memory");
    bench->crowd.users = (uint32_t)bench_number(argc, argv, "--users", 1e6);
    bench->crowd.items = (uint32_t)bench_number(argc, argv, "--items", 1e5);
    bench->waits = open("/proc/thread-self/schedstat", O_RDONLY);
    bench->loop = ev_default_loop(0);
    struct vault_owner owner = {bench, saved};
    if (vault_of_files(bench->loop, argv[2], &owner, &bench->vault, &error) != STATUS_OK)
        fail(argv[2], error.text);
    learn(bench, (uint32_t)bench_number(argc, argv, "--events", 3e6));
    checkpoint_init(&bench->checkpoint);
    bench->checkpoint.settings = &settings;
    bench->checkpoint.model = bench->engine.model;
    for (int n = (int)bench_number(argc, argv, "--saves", 3); n > 0; n--)
        save_once(bench);
    mending_finish(&bench->mending);
    bench->vault->ops->destroy(bench->vault);
    recommender_destroy(bench->engine.model);
    free(bench);
    return 0;
}

static void forget_cached(const char *path)
{
    int file = open(path, O_RDONLY);
    if (file < 0 || fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0)
        fail(path, "cannot be dropped from the cache");
    close(file);
}

static uint64_t read_plainly(const char *path, double *seconds, double *cpu)
{
    char *buffer = malloc(READ_AT_A_TIME);
    int file = open(path, O_RDONLY);
    if (buffer == NULL || file < 0)
        fail(path, "cannot be read");
    memset(buffer, 1, READ_AT_A_TIME);
    uint64_t begun = bench_now_ns(), spent = bench_cpu_ns(), bytes = 0;
    for (ssize_t size; (size = read(file, buffer, READ_AT_A_TIME)) > 0;)
        bytes += (uint64_t)size;
    *seconds = (double)(bench_now_ns() - begun) / 1e9;
    *cpu = (double)(bench_cpu_ns() - spent) / 1e9;
    close(file);
    free(buffer);
    return bytes;
}

static int load(int argc, char **argv)
{
    bool cold = bench_number(argc, argv, "--cold", 0) > 0;
    struct checkpoint checkpoint;
    struct error error = {0};
    double read_s, read_cpu_s;
    if (cold)
        forget_cached(argv[2]);
    uint64_t bytes = read_plainly(argv[2], &read_s, &read_cpu_s);
    if (cold)
        forget_cached(argv[2]);
    uint64_t begun = bench_now_ns(), spent = bench_cpu_ns();
    if (checkpoint_open(argv[2], NULL, &checkpoint, &error) != STATUS_OK)
        fail(argv[2], error.text);
    double load_s = (double)(bench_now_ns() - begun) / 1e9;
    double load_cpu_s = (double)(bench_cpu_ns() - spent) / 1e9;
    printf("{\"read_s\": %.4f, \"load_s\": %.4f, \"read_cpu_s\": %.4f, \"load_cpu_s\": %.4f, "
           "\"bytes\": %llu}\n",
           read_s, load_s, read_cpu_s, load_cpu_s, (unsigned long long)bytes);
    checkpoint_finish(&checkpoint);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "save") == 0)
        return save(argc, argv);
    if (argc > 2 && strcmp(argv[1], "load") == 0)
        return load(argc, argv);
    fprintf(stderr, "snapshot save|load FILE …: see tests/bench/snapshot.c\n");
    return 64;
}
