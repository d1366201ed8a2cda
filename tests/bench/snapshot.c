/*
 * Saving beside learning, and loading.
 *
 *     snapshot save FILE --users 1000000 --items 100000 --events 3000000 --saves 3
 *
 * Learns a made-up crowd's events, then goes on at full speed on an event loop with the default
 * parts, in the daemon's turns (engine.h: so long, and so many events between two looks at the
 * clock), while the vault saves into FILE. For each save {"ms": the longest turn of the loop from
 * the fork, which is part of the first, until the save is told, "mending_ms" and "mending_s":
 * likewise until memory is mended afterwards, and how long that takes, "calm_ms" and "gap_ms": the
 * controls, see below, "wall_ms", "own_ms", "steal_ms": likewise, "fork_ms": the call that forks,
 * "events_us" and "calm_events_us": processor time an event, "extra_s": what the save cost the loop
 * by that, "bytes", "seconds"}. The longest turn tells how long a message may have to wait.
 *
 * Of a turn's time, as the clock on the wall has it ("wall_ms"), that in which the kernel had the
 * loop wait for a processor is left out of "ms": it says who else was there. In what is left the
 * loop worked, or slept for a lock, or the virtual machine's host had taken the processor away,
 * which no guest can help; and where the loop never slept, it was the host. "own_ms" is the longest
 * turn without that, and "steal_ms" what the kernel counted as taken, from all processors. But of
 * what a host takes a guest may be told nothing: then it looks like work. So afterwards, for as
 * long each, the loop goes on without a save, "calm_ms" its longest turn, and then nothing is done
 * but to look at the clock, "gap_ms" the longest time between two looks, without what the kernel
 * told of: what this machine does to a program that does nothing. "turns" tells of the longest turn
 * of save, mending and calm each: {"ms", "faults": pages the kernel had to make ready or copy,
 * "switches": how often another thread or process ran}: with none of either it was the host.
 *
 *     snapshot read --seconds 3
 *
 * The control that touches memory: a loop of turns as long that does nothing but read 1 GiB of its
 * own here and there. It saves nothing, has no other process or thread, and all of its memory was
 * there some seconds before. {"ms": its longest turn, likewise without what the kernel told of,
 * "turns", "over_5ms", "faults": in all of them}.
 *
 *     snapshot load FILE [--cold 1]
 *
 * {"read_s": plain read() of all its bytes into one buffer of 1 MiB, again and again, "kept_s":
 * into new memory of the file's size, in huge pages where there are any, "load_s": until the model
 * can be used, "read_cpu_s", "load_cpu_s": processor time of that thread alone, "bytes"}; with
 * --cold each from the disk, as far as the kernel lets go of what it has cached.
 */
#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"

#include "daemon/checkpoint.h"
#include "daemon/engine.h"
#include "daemon/mending.h"
#include "daemon/preparing.h"
#include "transport/vault.h"

#include <ev.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_AT_A_TIME = 1 << 20 };

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
    struct longest {
        uint64_t ns, wall_ns, own_ns;
        long faults, switches; /* in that of `ns` */
    } longest;
    uint64_t events, spent_ns;
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

/* Where the time of this thread went so far. */
struct times {
    uint64_t wall_ns, waited_ns, cpu_ns;
    long slept, switched, faults; /* how often */
};

static struct times look(const struct bench *bench)
{
    char text[64] = "";
    ssize_t size = pread(bench->waits, text, sizeof text - 1, 0);
    unsigned long long ran, waited = 0;
    if (size <= 0 || sscanf(text, "%llu %llu", &ran, &waited) != 2)
        waited = 0;
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (struct times){bench_now_ns(),
                          waited,
                          bench_cpu_ns(),
                          usage.ru_nvcsw,
                          usage.ru_nvcsw + usage.ru_nivcsw,
                          usage.ru_minflt + usage.ru_majflt};
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void keep_longest(uint64_t *longest, uint64_t took)
{
    *longest = took > *longest ? took : *longest;
}

static void end_turn(struct bench *bench, const struct times *begun)
{
    struct times ended = look(bench);
    uint64_t wall = ended.wall_ns - begun->wall_ns, cpu = ended.cpu_ns - begun->cpu_ns;
    uint64_t took = difference(wall, ended.waited_ns - begun->waited_ns);
    bool slept = ended.slept != begun->slept;
    bench->spent_ns += cpu;
    if (took > bench->longest.ns) {
        bench->longest.faults = ended.faults - begun->faults;
        bench->longest.switches = ended.switched - begun->switched;
    }
    keep_longest(&bench->longest.wall_ns, wall);
    keep_longest(&bench->longest.ns, took);
    keep_longest(&bench->longest.own_ns, slept || took < cpu ? took : cpu);
}

/* Of all processors, in ms; as coarse as the kernel tells it. */
static double stolen_ms(void)
{
    unsigned long long field[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL ||
        fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1], &field[2],
               &field[3], &field[4], &field[5], &field[6], &field[7]) != 8)
        field[7] = 0;
    if (file != NULL)
        fclose(file);
    return (double)field[7] * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

static void fork_once(struct bench *bench, double *ms)
{
    struct error error = {0};
    uint64_t begun = bench_now_ns();
    if (bench->vault->ops->save(bench->vault, checkpoint_fill, &bench->checkpoint, &error) !=
        STATUS_OK)
        fail("saving", error.text);
    *ms = (double)(bench_now_ns() - begun) / 1e6;
    bench->saving = true;
}

/* `forking`: with a save begun in it, as long as that takes; NULL: without. */
static void turn(struct bench *bench, double *forking)
{
    const uint32_t look_every = bench->saving || forking ? ENGINE_LOOK_SAVING : ENGINE_LOOK;
    if (bench->next + CROWD_BLOCK / 2 >
        CROWD_BLOCK) { /* making the crowd is not what is measured */
        bench->next = 0;
        crowd_make(&bench->crowd, CROWD_BLOCK);
    }
    struct times begun = look(bench);
    if (forking != NULL)
        fork_once(bench, forking);
    uint64_t until = bench_now_ns() + ENGINE_SLICE_NS;
    do {
        learn(bench, look_every);
        bench->events += look_every;
    } while (bench_now_ns() < until && bench->next + look_every <= CROWD_BLOCK);
    ev_run(bench->loop, EVRUN_NOWAIT);
    end_turn(bench, &begun);
}

static void begin(struct bench *bench)
{
    bench->longest = (struct longest){0};
    bench->events = bench->spent_ns = 0;
}

static double spent_us(const struct bench *bench)
{
    return (double)bench->spent_ns / 1e3 / (double)bench->events;
}

static double ms_of(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* The control of the control: nothing but to look at the clock, for so long. */
static uint64_t longest_gap(const struct bench *bench, uint64_t ns)
{
    enum { EVERY_NS = 1000000 }; /* as often as the kernel is asked what it knows */
    uint64_t longest = 0, until = bench_now_ns() + ns;
    for (uint64_t now = bench_now_ns(); now < until;) {
        struct times begun = look(bench), ended;
        uint64_t gap = 0;
        for (now = bench_now_ns(); now < begun.wall_ns + EVERY_NS;) {
            uint64_t next = bench_now_ns();
            keep_longest(&gap, next - now);
            now = next;
        }
        ended = look(bench);
        keep_longest(&longest, difference(gap, ended.waited_ns - begun.waited_ns));
    }
    return longest;
}

/* Reads `memory`, of 2^n bytes, here and there, as long as one of the daemon's turns. */
static uint64_t read_about(const unsigned char *memory, size_t size, uint64_t *random)
{
    enum { LOOK = 2000 };
    uint64_t sum = 0, until = bench_now_ns() + ENGINE_SLICE_NS;
    do {
        for (int n = 0; n < LOOK; n++) {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            sum += memory[*random & (size - 1)];
        }
    } while (bench_now_ns() < until);
    return sum;
}

static int only_read(int argc, char **argv)
{
    enum { SETTLE_S = 2, LONG_NS = 5000000 };
    const size_t size = (size_t)1 << 30;
    const unsigned char *memory = bench_huge(size);
    static struct bench bench;
    bench.waits = open("/proc/thread-self/schedstat", O_RDONLY);
    uint64_t random = 88172645463325252U, sum = 0, longest = 0;
    long turns = 0, over = 0;
    sleep(SETTLE_S);
    struct times first = look(&bench), ended = first;
    uint64_t until = first.wall_ns + (uint64_t)(bench_number(argc, argv, "--seconds", 3) * 1e9);
    for (; ended.wall_ns < until; turns++) {
        struct times begun = look(&bench);
        sum += read_about(memory, size, &random);
        ended = look(&bench);
        uint64_t took =
            difference(ended.wall_ns - begun.wall_ns, ended.waited_ns - begun.waited_ns);
        over += took > LONG_NS;
        keep_longest(&longest, took);
    }
    printf("{\"ms\": %.3f, \"turns\": %ld, \"over_5ms\": %ld, \"faults\": %ld}\n", ms_of(longest),
           turns, over, ended.faults - first.faults);
    return sum != 0; /* it is all zero */
}

static void print_turn(const char *name, const struct longest *longest)
{
    printf("\"%s\": {\"ms\": %.3f, \"faults\": %ld, \"switches\": %ld}", name, ms_of(longest->ns),
           longest->faults, longest->switches);
}

/* One after the other, each with its longest turn. */
struct phases {
    struct longest saving, mending, calm;
    uint64_t events, save_ns, mending_ns, gap_ns;
    double fork_ms, us, calm_us, stolen_ms;
};

static void run_phases(struct bench *bench, struct phases *phases)
{
    uint64_t begun = bench_now_ns();
    phases->stolen_ms = stolen_ms();
    begin(bench);
    for (turn(bench, &phases->fork_ms); bench->saving;)
        turn(bench, NULL);
    phases->saving = bench->longest;
    phases->us = spent_us(bench);
    phases->events = bench->events;
    phases->save_ns = bench_now_ns() - begun;
    begin(bench);
    mending_begin(&bench->mending);
    while (!mending_is_done(&bench->mending))
        turn(bench, NULL);
    phases->mending = bench->longest;
    phases->mending_ns = bench_now_ns() - begun - phases->save_ns;
    phases->stolen_ms = stolen_ms() - phases->stolen_ms;
    begin(bench);
    for (uint64_t calm = bench_now_ns(), ns = calm - begun; bench_now_ns() - calm < ns;)
        turn(bench, NULL);
    phases->calm = bench->longest;
    phases->calm_us = spent_us(bench);
    phases->gap_ns = longest_gap(bench, phases->save_ns + phases->mending_ns);
}

static void save_once(struct bench *bench)
{
    struct phases phases = {0};
    run_phases(bench, &phases);
    const struct longest *saving = &phases.saving, *mending = &phases.mending;
    uint64_t own = saving->own_ns > mending->own_ns ? saving->own_ns : mending->own_ns;
    printf("{\"ms\": %.3f, \"mending_ms\": %.3f, \"calm_ms\": %.3f, \"gap_ms\": %.3f, "
           "\"wall_ms\": %.3f, \"own_ms\": %.3f, \"steal_ms\": %.0f, \"fork_ms\": %.3f, "
           "\"mending_s\": %.3f, \"events_us\": %.2f, \"calm_events_us\": %.2f, \"extra_s\": %.3f, "
           "\"bytes\": %llu, \"seconds\": %.3f, \"turns\": {",
           ms_of(saving->ns), ms_of(mending->ns), ms_of(phases.calm.ns), ms_of(phases.gap_ns),
           ms_of(saving->wall_ns), ms_of(own), phases.stolen_ms, phases.fork_ms,
           ms_of(phases.mending_ns) / 1e3, phases.us, phases.calm_us,
           (phases.us - phases.calm_us) / 1e6 * (double)phases.events,
           (unsigned long long)bench->bytes, bench->seconds);
    print_turn("save", saving);
    printf(", ");
    print_turn("mending", mending);
    printf(", ");
    print_turn("calm", &phases.calm);
    printf("}}\n");
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
    preparing_begin();
    learn(bench, (uint32_t)bench_number(argc, argv, "--events", 3e6));
    checkpoint_init(&bench->checkpoint);
    bench->checkpoint.settings = &settings;
    bench->checkpoint.model = bench->engine.model;
    for (int n = (int)bench_number(argc, argv, "--saves", 3); n > 0; n--)
        save_once(bench);
    mending_finish(&bench->mending);
    preparing_finish();
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

/* Seconds; what anybody needs who wants to have the bytes. */
static double read_and_keep(const char *path, uint64_t bytes)
{
    int file = open(path, O_RDONLY);
    uint64_t begun = bench_now_ns(), at = 0;
    char *kept = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file < 0 || kept == MAP_FAILED)
        fail(path, "cannot be read");
    (void)madvise(kept, bytes, MADV_HUGEPAGE);
    for (ssize_t size; at < bytes && (size = read(file, kept + at, bytes - at)) > 0;)
        at += (uint64_t)size;
    double seconds = (double)(bench_now_ns() - begun) / 1e9;
    close(file);
    munmap(kept, bytes);
    return seconds;
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
    double kept_s = read_and_keep(argv[2], bytes);
    if (cold)
        forget_cached(argv[2]);
    uint64_t begun = bench_now_ns(), spent = bench_cpu_ns();
    if (checkpoint_open(argv[2], NULL, &checkpoint, &error) != STATUS_OK)
        fail(argv[2], error.text);
    double load_s = (double)(bench_now_ns() - begun) / 1e9;
    double load_cpu_s = (double)(bench_cpu_ns() - spent) / 1e9;
    printf("{\"read_s\": %.4f, \"kept_s\": %.4f, \"load_s\": %.4f, \"read_cpu_s\": %.4f, "
           "\"load_cpu_s\": %.4f, "
           "\"bytes\": %llu}\n",
           read_s, kept_s, load_s, read_cpu_s, load_cpu_s, (unsigned long long)bytes);
    checkpoint_finish(&checkpoint);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "save") == 0)
        return save(argc, argv);
    if (argc > 2 && strcmp(argv[1], "load") == 0)
        return load(argc, argv);
    if (argc > 1 && strcmp(argv[1], "read") == 0)
        return only_read(argc, argv);
    fprintf(stderr, "snapshot save|load FILE, snapshot read …: see tests/bench/snapshot.c\n");
    return 64;
}
