/* The store against a real Redis: every format, every way a write can fail, Redis coming and going,
 * and coming back empty. */
#include "transport/redis.h"

#include "redis_server.h"

#include <ev.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define EPOCH "0123456789abcdef0123456789abcdef"

enum { TICKETS_MAX = 4096, PATIENCE_S = 30 /* for what takes no time where there is some */ };

/* The owner: writes down what it is told. */
struct world {
    struct redis_server server;
    struct ev_loop *loop;
    struct store *store;
    uint32_t connected, disconnected, rooms;
    bool ours;
    struct error why;
    uint32_t done, written;
    uint8_t answers[TICKETS_MAX]; /* how often each ticket was answered */
};

static void told_connected(void *context, bool ours)
{
    struct world *world = context;
    world->connected++;
    world->ours = ours;
}

static void told_disconnected(void *context, const struct error *why)
{
    struct world *world = context;
    world->disconnected++;
    world->why = *why;
}

static void told_done(void *context, uint64_t ticket, bool written)
{
    struct world *world = context;
    world->done++;
    world->written += written;
    assert_true(ticket < TICKETS_MAX);
    world->answers[ticket]++;
}

static void told_room(void *context)
{
    struct world *world = context;
    world->rooms++;
}

static void stop_waiting(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    *(bool *)timer->data = true;
}

/* Runs the loop until `*counter` has reached `least`; false after `seconds`. */
static bool wait_so_long(struct world *world, const uint32_t *counter, uint32_t least,
                         double seconds)
{
    bool over = false;
    ev_timer timer;
    ev_now_update(world->loop);
    ev_timer_init(&timer, stop_waiting, seconds, 0.);
    timer.data = &over;
    ev_timer_start(world->loop, &timer);
    while (*counter < least && !over)
        ev_run(world->loop, EVRUN_ONCE);
    ev_timer_stop(world->loop, &timer);
    return *counter >= least;
}

static bool wait_for(struct world *world, const uint32_t *counter, uint32_t least)
{
    return wait_so_long(world, counter, least, PATIENCE_S);
}

static void pass_time(struct world *world, double seconds)
{
    uint32_t never = 0;
    wait_so_long(world, &never, 1, seconds);
}

/* What the process before remembers of the store. */
static uint64_t left_mark;
static bool left_ended = true;

static void open_store(struct world *world, const char *url, enum list_format format)
{
    struct redis_settings settings = {url, "taste:", EPOCH, left_mark, format, left_ended};
    struct store_owner owner = {world, told_connected, told_disconnected, told_done, told_room};
    struct error error = {0};
    enum status status = redis_store_create(world->loop, &settings, &owner, &world->store, &error);
    if (status != STATUS_OK)
        fail_msg("%s", error.text);
}

/* As an orderly end does. */
static void close_store(struct world *world)
{
    if (world->store != NULL)
        left_mark = world->store->ops->mark(world->store);
    if (world->store != NULL)
        world->store->ops->destroy(world->store);
    world->store = NULL;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    redis_server_init(&world->server);
    world->loop = ev_loop_new(0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    close_store(world);
    ev_loop_destroy(world->loop);
    redis_server_finish(&world->server);
    free(world);
    return 0;
}

static void start_redis(struct world *world, const char *const *more)
{
    if (!redis_server_start(&world->server, more))
        fail_msg("redis-server does not start; is it installed?");
}

static void start_both(struct world *world, enum list_format format)
{
    start_redis(world, NULL);
    open_store(world, world->server.url, format);
    assert_true(wait_for(world, &world->connected, 1));
}

static const struct list *small_list(void)
{
    static struct list list;
    list.size = 3;
    list.at[0] = (struct list_entry){.item = text_of("b\"1"), .score = 2.5F};
    list.at[1] = (struct list_entry){.item = text_of("a"), .score = 1.25F};
    list.at[2] = (struct list_entry){.item = text_of("42"), .score = -.1F};
    return &list;
}

static struct store_write write_of(const char *user, uint64_t ticket)
{
    return (struct store_write){.key = KEY_TOP,
                                .name = text_of(user),
                                .list = small_list(),
                                .at_ms = 1700000000123,
                                .version = 7,
                                .ttl_s = 1000,
                                .ticket = ticket};
}

static void put_and_wait(struct world *world, const struct store_write *write)
{
    uint32_t done = world->done;
    assert_true(world->store->ops->put(world->store, write));
    assert_true(wait_for(world, &world->done, done + 1));
}

static void assert_text(const struct world *world, const char *command, const char *expected)
{
    redisReply *reply = redis_server_ask(&world->server, command);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_string_equal(reply->str, expected);
    freeReplyObject(reply);
}

/* As a number: newer servers write as few digits as tell it. */
static void assert_score(const struct world *world, const char *command, double expected)
{
    redisReply *reply = redis_server_ask(&world->server, command);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    double score = strtod(reply->str, NULL);
    assert_true(score == expected);
    freeReplyObject(reply);
}

static long long ask_number(const struct world *world, const char *command)
{
    redisReply *reply = redis_server_ask(&world->server, command);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    long long number = reply->integer;
    freeReplyObject(reply);
    return number;
}

static void tell_redis(const struct world *world, const char *command)
{
    redisReply *reply = redis_server_ask(&world->server, command);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
}

/* ---- the tests ---- */

static void json_is_written_whole_with_its_expiry(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    assert_false(world->ours);
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    assert_int_equal(world->written, 1);
    assert_text(world, "GET taste:top:u1",
                "{\"items\":[\"b\\\"1\",\"a\",\"42\"],\"scores\":[2.5,1.25,-0.1],"
                "\"at\":1700000000123,\"v\":7}");
    assert_in_range(ask_number(world, "TTL taste:top:u1"), 990, 1000);

    write.ttl_s = 0;
    write.key = KEY_POPULAR;
    write.name = (struct text){0};
    put_and_wait(world, &write);
    assert_int_equal(ask_number(world, "TTL taste:popular"), -1);
}

static void plain_lists_and_sorted_sets_are_replaced_as_a_whole(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_IDS);
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    put_and_wait(world, &write);
    assert_int_equal(ask_number(world, "LLEN taste:top:u1"), 3);
    assert_text(world, "LINDEX taste:top:u1 0", "b\"1");
    assert_in_range(ask_number(world, "TTL taste:top:u1"), 990, 1000);
    close_store(world);

    open_store(world, world->server.url, LIST_ZSET);
    assert_true(wait_for(world, &world->connected, 2));
    put_and_wait(world, &write);
    assert_int_equal(ask_number(world, "ZCARD taste:top:u1"), 3);
    assert_score(world, "ZSCORE taste:top:u1 42", -0.1);
    assert_int_equal(world->written, 3);
}

static void an_empty_list_deletes_the_key(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    static const struct list empty = {0};
    write.list = &empty;
    put_and_wait(world, &write);
    assert_int_equal(world->written, 2);
    assert_int_equal(ask_number(world, "EXISTS taste:top:u1"), 0);
}

static void expiry_is_renewed_and_a_lost_key_is_told(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    assert_true(world->store->ops->expire(world->store, KEY_TOP, text_of("u1"), 5000, 2));
    assert_true(world->store->ops->expire(world->store, KEY_TOP, text_of("nobody"), 5000, 3));
    assert_true(wait_for(world, &world->done, 3));
    assert_int_equal(world->written, 2);
    assert_in_range(ask_number(world, "TTL taste:top:u1"), 4990, 5000);
}

static void refreshed_lists_are_published(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    redisContext *listener = redis_server_connect(&world->server);
    freeReplyObject(redisCommand(listener, "SUBSCRIBE taste:refreshed"));
    struct store_write write = write_of("u1", 1);
    write.notify = true;
    put_and_wait(world, &write);
    redisReply *heard = NULL;
    redisSetTimeout(listener, (struct timeval){PATIENCE_S, 0});
    assert_int_equal(redisGetReply(listener, (void **)&heard), REDIS_OK);
    assert_string_equal(heard->element[1]->str, "taste:refreshed");
    assert_string_equal(heard->element[2]->str, "u1");
    freeReplyObject(heard);
    redisFree(listener);
}

static void no_more_than_256_are_in_flight_and_each_is_answered_once(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    uint32_t next = 0;
    char user[16];
    while (next < TICKETS_MAX) {
        snprintf(user, sizeof user, "u%u", next);
        struct store_write write = write_of(user, next);
        if (world->store->ops->put(world->store, &write)) {
            next++;
            assert_true(world->store->ops->in_flight(world->store) <= 256);
        } else {
            uint32_t rooms = world->rooms;
            assert_int_equal(world->store->ops->in_flight(world->store), 256);
            assert_true(wait_for(world, &world->rooms, rooms + 1));
            assert_true(world->store->ops->has_room(world->store));
        }
    }
    assert_true(wait_for(world, &world->done, TICKETS_MAX));
    for (uint32_t i = 0; i < TICKETS_MAX; i++)
        assert_int_equal(world->answers[i], 1);
    assert_int_equal(world->written, TICKETS_MAX);
    assert_int_equal(ask_number(world, "DBSIZE"), TICKETS_MAX);
}

static void put_status(struct world *world)
{
    struct store_field fields[] = {{"events", "10"}, {"users", "3"}};
    assert_true(world->store->ops->put_status(world->store, fields, 2));
    double end = ev_time() + PATIENCE_S;
    while (world->store->ops->in_flight(world->store) > 0 && ev_time() < end)
        ev_run(world->loop, EVRUN_ONCE);
    assert_int_equal(world->store->ops->in_flight(world->store), 0);
}

static void redis_may_die_with_writes_in_flight_and_return(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    kill(world->server.pid, SIGSTOP);
    for (uint64_t ticket = 0; ticket < 100; ticket++) {
        struct store_write write = write_of("u", ticket);
        assert_true(world->store->ops->put(world->store, &write));
    }
    pass_time(world, .1);
    redis_server_kill(&world->server);
    assert_true(wait_for(world, &world->disconnected, 1));
    assert_int_equal(world->done, 100);
    assert_int_equal(world->written, 0);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(world->answers[i], 1);
    assert_false(world->store->ops->has_room(world->store));
    struct store_write write = write_of("u", 200);
    assert_false(world->store->ops->put(world->store, &write));

    pass_time(world, .3);
    start_redis(world, NULL);
    assert_true(wait_for(world, &world->connected, 2));
    assert_false(world->ours); /* it came back empty */
    put_and_wait(world, &write);
    assert_int_equal(world->written, 1);
}

static void what_is_still_there_is_known_as_ours(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    close_store(world);
    open_store(world, world->server.url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 2));
    assert_true(world->ours);
    assert_text(world, "HGET taste:status events", "10");
    assert_text(world, "HGET taste:status epoch", EPOCH);
    close_store(world);

    left_mark--; /* a process of ours wrote since, and came to a sudden end */
    open_store(world, world->server.url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 3));
    assert_false(world->ours);
    close_store(world);

    tell_redis(world, "HSET taste:status epoch another"); /* somebody else was at it meanwhile */
    open_store(world, world->server.url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 4));
    assert_false(world->ours);
}

static void the_mark_goes_on_from_what_was_left_or_found(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    uint64_t found = world->store->ops->mark(world->store);
    close_store(world);
    left_ended = false; /* saved, and lists were written in the same second */
    open_store(world, world->server.url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 2));
    assert_false(world->ours);
    close_store(world);
    left_ended = true;
    left_mark = 0; /* saved early, and nothing after */
    open_store(world, world->server.url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 3));
    assert_int_equal(world->store->ops->mark(world->store), found);
    close_store(world);
    left_mark = found + 100; /* saved late, and Redis lost what came last */
    open_store(world, world->server.url, LIST_JSON);
    assert_int_equal(world->store->ops->mark(world->store), found + 100);
    assert_true(wait_for(world, &world->connected, 4));
    assert_false(world->ours);
    put_status(world);
    assert_int_equal(world->store->ops->mark(world->store), found + 101);
}

static void emptying_redis_is_noticed_while_connected(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    put_status(world);
    assert_int_equal(world->connected, 1);
    tell_redis(world, "FLUSHALL");
    put_status(world);
    assert_int_equal(world->connected, 2);
    assert_false(world->ours);
    put_status(world);
    assert_int_equal(world->connected, 2);
    tell_redis(world, "HSET taste:status epoch another"); /* an instance beside this one */
    put_status(world);
    assert_int_equal(world->connected, 2);
}

static void an_older_copy_of_redis_is_not_ours(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    tell_redis(world, "SAVE");
    put_status(world);
    redis_server_kill(&world->server);
    assert_true(wait_for(world, &world->disconnected, 1));
    start_redis(world, NULL); /* with the dump of before */
    assert_text(world, "HGET taste:status epoch", EPOCH);
    assert_true(wait_for(world, &world->connected, 2));
    assert_false(world->ours);
}

static void a_connection_lost_alone_leaves_all_as_ours(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    put_status(world);
    tell_redis(world, "CLIENT KILL TYPE normal");
    assert_true(wait_for(world, &world->disconnected, 1));
    assert_true(wait_for(world, &world->connected, 2));
    assert_true(world->ours);
}

static void refusals_are_not_written_and_do_not_spin(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_IDS);
    tell_redis(world, "CONFIG SET maxmemory 1");
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    assert_int_equal(world->written, 0);
    assert_false(world->store->ops->has_room(world->store)); /* held for a moment */
    assert_true(wait_for(world, &world->rooms, 1));
    assert_int_equal(world->disconnected, 0);
    tell_redis(world, "CONFIG SET maxmemory 0");
    put_and_wait(world, &write);
    assert_int_equal(world->written, 1);
    assert_int_equal(ask_number(world, "LLEN taste:top:u1"), 3);
}

static void a_replica_is_left_until_it_is_a_master(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    tell_redis(world, "REPLICAOF 127.0.0.1 1");
    struct store_write write = write_of("u1", 1);
    put_and_wait(world, &write);
    assert_int_equal(world->written, 0);
    assert_int_equal(world->disconnected, 1);
    tell_redis(world, "REPLICAOF NO ONE");
    assert_true(wait_for(world, &world->connected, 2));
    pass_time(world, .3);
    put_and_wait(world, &write);
    assert_int_equal(world->written, 1);
}

static void a_wrong_password_is_tried_again(void **state)
{
    struct world *world = *state;
    start_redis(world, (const char *const[]){"--requirepass", "secret", NULL});
    char url[256];
    snprintf(url, sizeof url, "unix://:wrong@%s", world->server.socket);
    open_store(world, url, LIST_JSON);
    assert_false(wait_so_long(world, &world->connected, 1, .6));
    close_store(world);
    open_store(world, world->server.url, LIST_JSON); /* none at all */
    assert_false(wait_so_long(world, &world->connected, 1, .3));
    close_store(world);
    snprintf(url, sizeof url, "unix://:secret@%s?db=3", world->server.socket);
    open_store(world, url, LIST_JSON);
    assert_true(wait_for(world, &world->connected, 1));
}

/* What the documentation tells to grant. */
static void the_least_privileges_are_enough(void **state)
{
    struct world *world = *state;
    start_redis(world, NULL);
    tell_redis(world, "ACL SETUSER tasted on >pw resetchannels &taste:* ~taste:* -@all +auth "
                      "+client|setname +select +set +del +expire +publish +multi +exec +hset +hget "
                      "+rpush +zadd");
    static const enum list_format formats[] = {LIST_JSON, LIST_MSGPACK, LIST_IDS, LIST_ZSET};
    char url[256];
    left_mark = 0;
    snprintf(url, sizeof url, "unix://tasted:pw@%s", world->server.socket);
    for (uint32_t i = 0; i < 4; i++) {
        open_store(world, url, formats[i]);
        assert_true(wait_for(world, &world->connected, i + 1));
        assert_false(world->ours); /* lists of another format are not what is wanted */
        put_status(world);
        struct store_write write = write_of("u1", i);
        write.notify = true;
        put_and_wait(world, &write);
        assert_true(world->store->ops->expire(world->store, KEY_TOP, text_of("u1"), 9, 10));
        assert_true(wait_for(world, &world->done, 2 * (i + 1)));
        assert_int_equal(world->written, 2 * (i + 1));
        close_store(world);
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void silence_ends_a_connection(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_JSON);
    kill(world->server.pid, SIGSTOP);
    struct store_write write = write_of("u1", 1);
    assert_true(world->store->ops->put(world->store, &write));
    assert_false(wait_so_long(world, &world->done, 1, .5)); /* 2 s are meant */
    assert_true(wait_so_long(world, &world->done, 1, 10));
    assert_int_equal(world->written, 0);
    assert_int_equal(world->disconnected, 1);
    assert_non_null(strstr(world->why.text, "no reply"));
    kill(world->server.pid, SIGCONT);
    assert_true(wait_for(world, &world->connected, 2));
}

static void a_server_that_never_answers_is_given_up(void **state)
{
    struct world *world = *state;
    int fd = listen_at(world->server.socket);
    open_store(world, world->server.url, LIST_JSON);
    assert_false(wait_so_long(world, &world->connected, 1, 2.2));
    close(fd);
    unlink(world->server.socket);
    start_redis(world, NULL);
    assert_true(wait_for(world, &world->connected, 1));
}

/* By TCP, a name to look up, and a port on which nobody answers at first. */
static void a_host_is_looked_up(void **state)
{
    struct world *world = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* to find a free port */
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    char url[64], port[8];
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    snprintf(url, sizeof url, "redis://localhost:%s", port);
    open_store(world, url, LIST_JSON);
    assert_false(wait_so_long(world, &world->connected, 1, .2));
    start_redis(world, (const char *const[]){"--port", port, "--bind", "127.0.0.1", NULL});
    assert_true(wait_for(world, &world->connected, 1));
    close_store(world);

    open_store(world, "redis://no-such-host.invalid", LIST_JSON);
    assert_false(wait_so_long(world, &world->connected, 2, .2));
    close_store(world);
    open_store(world, "redis://no-such-host.invalid", LIST_JSON); /* given up while looking */
}

static void destroying_answers_what_is_in_flight(void **state)
{
    struct world *world = *state;
    start_both(world, LIST_ZSET);
    for (uint64_t ticket = 0; ticket < 10; ticket++) {
        struct store_write write = write_of("u", ticket);
        assert_true(world->store->ops->put(world->store, &write));
    }
    close_store(world);
    assert_int_equal(world->done, 10);
    assert_int_equal(world->written, 0);
}

#define REDIS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void write_password(const char *path, const char *password)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(password, file);
    assert_int_equal(fclose(file), 0);
}

static void a_new_password_in_its_file_is_taken_without_a_restart(void **state)
{
    struct world *world = *state;
    char path[96], url[256];
    snprintf(path, sizeof path, "%s/password", world->server.folder);
    snprintf(url, sizeof url, "unix://:@%s@%s", path, world->server.socket);
    start_redis(world, (const char *const[]){"--requirepass", "new", NULL});
    write_password(path, "old\n");
    open_store(world, url, LIST_JSON);
    assert_false(wait_so_long(world, &world->connected, 1, .3)); /* the login is refused */
    unlink(path);
    assert_false(wait_so_long(world, &world->connected, 1, .5));
    write_password(path, "new\n");
    assert_true(wait_for(world, &world->connected, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(json_is_written_whole_with_its_expiry),
        REDIS_TEST(plain_lists_and_sorted_sets_are_replaced_as_a_whole),
        REDIS_TEST(an_empty_list_deletes_the_key),
        REDIS_TEST(expiry_is_renewed_and_a_lost_key_is_told),
        REDIS_TEST(refreshed_lists_are_published),
        REDIS_TEST(no_more_than_256_are_in_flight_and_each_is_answered_once),
        REDIS_TEST(redis_may_die_with_writes_in_flight_and_return),
        REDIS_TEST(what_is_still_there_is_known_as_ours),
        REDIS_TEST(the_mark_goes_on_from_what_was_left_or_found),
        REDIS_TEST(emptying_redis_is_noticed_while_connected),
        REDIS_TEST(an_older_copy_of_redis_is_not_ours),
        REDIS_TEST(a_connection_lost_alone_leaves_all_as_ours),
        REDIS_TEST(refusals_are_not_written_and_do_not_spin),
        REDIS_TEST(a_replica_is_left_until_it_is_a_master),
        REDIS_TEST(a_wrong_password_is_tried_again),
        REDIS_TEST(a_new_password_in_its_file_is_taken_without_a_restart),
        REDIS_TEST(the_least_privileges_are_enough),
        REDIS_TEST(silence_ends_a_connection),
        REDIS_TEST(a_server_that_never_answers_is_given_up),
        REDIS_TEST(a_host_is_looked_up),
        REDIS_TEST(destroying_answers_what_is_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
