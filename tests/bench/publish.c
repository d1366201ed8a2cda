/*
 * Publishing lists of 100 entries as JSON: our store against a bare hiredis pipeline that sets the
 * very same bytes, formatted beforehand. In turns, to the same private redis-server, with 256
 * commands in flight.
 *
 *     publish [--rounds N] [--lists N]     one line of JSON a round
 *
 * Rates are by the wall clock, as Redis takes its part of the time. Of each of our lists "user_us"
 * is the CPU time that this process used outside of the kernel, "kernel_us" within, "queued_us" how
 * long it waited for a processor, "asleep_us" for Redis; "redis_us" is Redis' own CPU time.
 */
#include "bench.h"
#include "tests/unit/redis_server.h"
#include "transport/redis.h"

#include <ev.h>
#include <hiredis/adapters/libev.h>
#include <hiredis/async.h>
#include <sys/resource.h>

enum { ENTRIES = 100, POOL = 128, USERS = 20000, DEPTH = 256, TTL_S = 2592000 };

struct command {
    char *bytes, *name; /* the user's name within */
    size_t size;
};

struct bench {
    struct redis_server server;
    struct ev_loop *loop;
    struct store *store;
    redisAsyncContext *bare;
    struct list *lists; /* (POOL): as many as the daemon ranks before it publishes them */
    char (*items)[ENTRIES][16];
    struct command *commands; /* (POOL), as the bare pipeline sends them */
    uint32_t wanted, sent, answered;
    bool connected;
};

static void die(const char *what)
{
    fprintf(stderr, "publish: %s\n", what);
    exit(70);
}

static void *need(void *memory)
{
    if (memory == NULL)
        die("no memory");
    return memory;
}

/* ---- lists ---- */

static void make_list(struct bench *bench, uint32_t n)
{
    struct list *list = &bench->lists[n];
    float score = 7;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        char *item = bench->items[n][i];
        int size = snprintf(item, sizeof bench->items[n][i], "track:%d", rand() % 100000);
        score -= (float)(rand() % 10000) / 1e6F;
        list->at[i] = (struct list_entry){.item = {item, (uint32_t)size}, .score = score};
    }
    list->size = ENTRIES;
}

enum { NAME_BYTES = 11 };

static void name_user(char name[NAME_BYTES], uint32_t n)
{
    uint32_t user = (n * 2654435761U) % USERS;
    memcpy(name, "user-", 5);
    for (int i = NAME_BYTES; i-- > 5; user /= 10)
        name[i] = (char)('0' + user % 10);
}

/* What our own store sends, but for the version; the user's name is set when it is sent. */
static struct command make_command(const struct list *list, uint32_t n)
{
    static char value[1 << 16];
    size_t size = list_format_bytes(LIST_JSON, list, 1700000000000, n, value, sizeof value);
    char *text;
    int all = redisFormatCommand(&text, "SET taste:top:user-000000 %b EX %d", value, size, TTL_S);
    if (all < 0)
        die("no memory");
    return (struct command){text, strstr(text, "user-"), (size_t)all};
}

/* ---- ours ---- */

static void on_connected(void *context, bool ours)
{
    (void)ours;
    struct bench *bench = context;
    bench->connected = true;
    ev_break(bench->loop, EVBREAK_ONE);
}

static void on_disconnected(void *context, const struct error *why)
{
    (void)context;
    die(why->text);
}

static void put_all(struct bench *bench)
{
    char name[NAME_BYTES];
    while (bench->sent < bench->wanted && bench->store->ops->has_room(bench->store)) {
        name_user(name, bench->sent);
        struct store_write write = {.key = KEY_TOP,
                                    .name = {name, sizeof name},
                                    .list = &bench->lists[bench->sent % POOL],
                                    .at_ms = 1700000000000,
                                    .version = bench->sent,
                                    .ttl_s = TTL_S,
                                    .ticket = bench->sent};
        if (!bench->store->ops->put(bench->store, &write))
            break;
        bench->sent++;
    }
}

static void on_done(void *context, uint64_t ticket, bool written)
{
    (void)ticket;
    struct bench *bench = context;
    if (!written)
        die("Redis refused a list");
    if (++bench->answered == bench->wanted)
        ev_break(bench->loop, EVBREAK_ONE);
}

static void on_room(void *context)
{
    put_all(context);
}

/* As the daemon's turn does: what there is room for, whenever the loop comes round. */
static void on_turn(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)loop, (void)events;
    put_all(watcher->data);
}

static void open_store(struct bench *bench)
{
    struct redis_settings settings = {bench->server.url, "taste:", "bench", 0, LIST_JSON, false};
    struct store_owner owner = {bench, on_connected, on_disconnected, on_done, on_room};
    struct error error;
    if (redis_store_create(bench->loop, &settings, &owner, &bench->store, &error) != STATUS_OK)
        die(error.text);
    while (!bench->connected)
        ev_run(bench->loop, 0);
}

/* Where the time went so far, ours and Redis', in us. */
enum spent { WALL, USER, KERNEL, QUEUED, REDIS, SPENT };

/* A process' first thread: what it ran, and what it waited for a processor. */
static void read_schedstat(pid_t pid, double *ran_us, double *queued_us)
{
    char name[64];
    unsigned long long ran = 0, queued = 0;
    snprintf(name, sizeof name, "/proc/%d/schedstat", (int)pid);
    FILE *file = fopen(name, "r");
    if (file == NULL || fscanf(file, "%llu %llu", &ran, &queued) != 2)
        die("the kernel tells nothing of the threads' time");
    fclose(file);
    *ran_us = (double)ran / 1e3;
    *queued_us = (double)queued / 1e3;
}

static double us_of(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

/* Adds what it is now, or takes it away: what is between the two stays. */
static void look(const struct bench *bench, double sign, double sum[SPENT])
{
    double now[SPENT], ran, queued;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    now[WALL] = (double)bench_now_ns() / 1e3;
    now[USER] = us_of(usage.ru_utime);
    now[KERNEL] = us_of(usage.ru_stime);
    read_schedstat(getpid(), &ran, &now[QUEUED]);
    read_schedstat(bench->server.pid, &now[REDIS], &queued);
    for (int i = 0; i < SPENT; i++)
        sum[i] += sign * now[i];
}

static double publish_ours(struct bench *bench, uint32_t lists)
{
    ev_prepare turn;
    ev_prepare_init(&turn, on_turn);
    turn.data = bench;
    bench->wanted = lists;
    bench->sent = bench->answered = 0;
    uint64_t began = bench_now_ns();
    ev_prepare_start(bench->loop, &turn);
    while (bench->answered < bench->wanted)
        ev_run(bench->loop, 0);
    ev_prepare_stop(bench->loop, &turn);
    return lists / ((double)(bench_now_ns() - began) / 1e9);
}

/* ---- the floor ---- */

static void on_bare(redisAsyncContext *context, void *answer, void *data);

static const struct command *next_command(struct bench *bench)
{
    const struct command *command = &bench->commands[bench->sent % POOL];
    name_user(command->name, bench->sent++);
    return command;
}

static void send_bare(struct bench *bench)
{
    const struct command *command = next_command(bench);
    if (redisAsyncFormattedCommand(bench->bare, on_bare, bench, command->bytes, command->size) !=
        REDIS_OK)
        die("the bare pipeline broke");
}

static void on_bare(redisAsyncContext *context, void *answer, void *data)
{
    (void)context;
    struct bench *bench = data;
    const redisReply *reply = answer;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        die("the bare pipeline broke");
    if (bench->sent < bench->wanted)
        send_bare(bench);
    if (++bench->answered == bench->wanted)
        ev_break(bench->loop, EVBREAK_ONE);
}

static double publish_bare(struct bench *bench, uint32_t lists)
{
    bench->wanted = lists;
    bench->sent = bench->answered = 0;
    uint64_t began = bench_now_ns();
    while (bench->sent < DEPTH && bench->sent < lists)
        send_bare(bench);
    while (bench->answered < bench->wanted)
        ev_run(bench->loop, 0);
    return lists / ((double)(bench_now_ns() - began) / 1e9);
}

/* The same without a loop: the calls that block, 256 at a time. */
static double publish_blocking(struct bench *bench, uint32_t lists)
{
    redisContext *context = redis_server_connect(&bench->server);
    if (context == NULL)
        die("no connection");
    uint64_t began = bench_now_ns();
    bench->sent = 0;
    while (bench->sent < lists) {
        for (uint32_t i = 0; i < DEPTH; i++) {
            const struct command *command = next_command(bench);
            redisAppendFormattedCommand(context, command->bytes, command->size);
        }
        for (uint32_t i = 0; i < DEPTH; i++) {
            void *reply;
            if (redisGetReply(context, &reply) != REDIS_OK)
                die("the blocking pipeline broke");
            freeReplyObject(reply);
        }
    }
    double rate = bench->sent / ((double)(bench_now_ns() - began) / 1e9);
    redisFree(context);
    return rate;
}

/* ---- the program ---- */

static void begin(struct bench *bench)
{
    redis_server_init(&bench->server);
    if (!redis_server_start(&bench->server, NULL))
        die("redis-server did not start");
    bench->loop = ev_default_loop(0);
    bench->lists = need(calloc(POOL, sizeof *bench->lists));
    bench->items = need(calloc(POOL, sizeof *bench->items));
    bench->commands = need(calloc(POOL, sizeof *bench->commands));
    srand(1);
    for (uint32_t n = 0; n < POOL; n++) {
        make_list(bench, n);
        bench->commands[n] = make_command(&bench->lists[n], n);
    }
    open_store(bench);
    bench->bare = redisAsyncConnectUnix(bench->server.socket);
    if (bench->bare == NULL || bench->bare->err != 0)
        die("no connection");
    redisLibevAttach(bench->loop, bench->bare);
}

static void end(struct bench *bench)
{
    bench->store->ops->destroy(bench->store);
    redisAsyncFree(bench->bare);
    for (uint32_t n = 0; n < POOL; n++)
        redisFreeCommand(bench->commands[n].bytes);
    free(bench->commands);
    free(bench->items);
    free(bench->lists);
    redis_server_finish(&bench->server);
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Many short turns, of each the median: whoever else uses the machine disturbs all alike. Where the
 * time goes is of all of them: the kernel tells it too coarsely for one. */
static void run_round(struct bench *bench, uint32_t lists)
{
    enum { TURNS = 51, OURS = 0, BARE, BLOCKING, FIGURES };
    double figures[FIGURES][TURNS], spent[SPENT] = {0};
    uint32_t each = lists < TURNS ? 1 : lists / TURNS;
    for (int turn = 0; turn < TURNS; turn++) {
        look(bench, -1, spent);
        figures[OURS][turn] = publish_ours(bench, each);
        look(bench, 1, spent);
        figures[BARE][turn] = publish_bare(bench, each);
        figures[BLOCKING][turn] = publish_blocking(bench, each);
    }
    for (int i = 0; i < FIGURES; i++)
        qsort(figures[i], TURNS, sizeof figures[i][0], compare_numbers);
    for (int i = 0; i < SPENT; i++)
        spent[i] /= (double)TURNS * each;
    const int middle = TURNS / 2;
    printf("{\"ours\":%.0f,\"bare\":%.0f,\"blocking\":%.0f,\"user_us\":%.3f,\"kernel_us\":%.3f,"
           "\"queued_us\":%.3f,\"asleep_us\":%.3f,\"redis_us\":%.3f}\n",
           figures[OURS][middle], figures[BARE][middle], figures[BLOCKING][middle], spent[USER],
           spent[KERNEL], spent[QUEUED], spent[WALL] - spent[USER] - spent[KERNEL] - spent[QUEUED],
           spent[REDIS]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    int rounds = (int)bench_number(argc, argv, "--rounds", 5);
    uint32_t lists = (uint32_t)bench_number(argc, argv, "--lists", 100000);
    begin(&bench);
    publish_ours(&bench, USERS); /* every key is there: all that follows replaces */
    for (int round = 0; round < rounds; round++)
        run_round(&bench, lists);
    end(&bench);
    return 0;
}
