/* The blocking client: reads what the store wrote, in every format, and says what is wrong. */
#include "transport/redis.h"

#include "redis_server.h"

#include <ev.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static struct redis_server server;
static char ids[1000];

static int start(void **state)
{
    (void)state;
    redis_server_init(&server);
    return redis_server_start(&server, (const char *const[]){"--requirepass", "secret", NULL}) ? 0
                                                                                               : -1;
}

static int stop(void **state)
{
    (void)state;
    redis_server_finish(&server);
    return 0;
}

static const char *login(const char *password)
{
    static char url[256];
    snprintf(url, sizeof url, "unix://:%s@%s", password, server.socket);
    return url;
}

static void told_connected(void *context, bool ours)
{
    (void)ours;
    *(int *)context = 1;
}

static void told_disconnected(void *context, const struct error *why)
{
    (void)context, (void)why;
}

static void told_done(void *context, uint64_t ticket, bool written)
{
    (void)ticket;
    *(int *)context = written ? 2 : -1;
}

static void told_room(void *context)
{
    (void)context;
}

/* Writes one list by the store, as the daemon does. */
static void write_list(enum list_format format, const struct list *list)
{
    int reached = 0;
    struct redis_settings settings = {login("secret"), "taste:", "e", 0, format, false};
    struct store_owner owner = {&reached, told_connected, told_disconnected, told_done, told_room};
    struct ev_loop *loop = ev_loop_new(0);
    struct store *store = NULL;
    assert_int_equal(redis_store_create(loop, &settings, &owner, &store, NULL), STATUS_OK);
    double end = ev_time() + 30;
    while (reached == 0 && ev_time() < end)
        ev_run(loop, EVRUN_ONCE);
    struct store_write write = {.name = text_of("u"), .list = list, .at_ms = 1234567890123};
    assert_true(store->ops->put(store, &write));
    while (reached == 1 && ev_time() < end)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(reached, 2);
    store->ops->destroy(store);
    ev_loop_destroy(loop);
}

static void every_format_is_read_back(void **state)
{
    (void)state;
    static struct list list, read;
    static const char *const names[] = {"with \"quotes\"", "42", "物品"};
    list.size = 3;
    for (uint32_t i = 0; i < 3; i++)
        list.at[i] = (struct list_entry){.item = text_of(names[i]), .score = .7F - (float)i};
    struct redis_client *client = NULL;
    assert_int_equal(redis_connect(login("secret"), 30000, &client, NULL), STATUS_OK);
    for (enum list_format format = LIST_JSON; format <= LIST_ZSET; format++) {
        write_list(format, &list);
        int64_t at_ms = -1;
        struct error error = {0};
        enum status status =
            redis_read_list(client, "taste:top:u", &read, ids, sizeof ids, &at_ms, &error);
        if (status != STATUS_OK)
            fail_msg("%s", error.text);
        assert_int_equal(read.size, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_true(text_equal(read.at[i].item, list.at[i].item));
            assert_true(format == LIST_IDS ? isnan(read.at[i].score)
                                           : read.at[i].score == list.at[i].score);
        }
        assert_int_equal(at_ms, format <= LIST_MSGPACK ? 1234567890123 : 0);
    }
    redis_disconnect(client);
}

static void what_is_not_there_is_told(void **state)
{
    (void)state;
    struct redis_client *client = NULL;
    struct error error = {0};
    assert_int_equal(redis_connect(login("secret"), 30000, &client, NULL), STATUS_OK);
    static struct list list;
    int64_t at_ms;
    char value[8];
    assert_int_equal(redis_read_list(client, "taste:none", &list, ids, sizeof ids, &at_ms, &error),
                     STATUS_NOT_FOUND);
    assert_int_equal(redis_read_hash_field(client, "taste:none", "f", value, sizeof value, &error),
                     STATUS_NOT_FOUND);
    redisContext *other = redis_server_connect(&server);
    freeReplyObject(redisCommand(other, "AUTH secret"));
    freeReplyObject(redisCommand(other, "HSET taste:status short 1234567 long 12345678"));
    freeReplyObject(redisCommand(other, "SET taste:text x"));
    redisFree(other);
    const char *key = "taste:status";
    assert_int_equal(redis_read_hash_field(client, key, "short", value, sizeof value, &error),
                     STATUS_OK);
    assert_string_equal(value, "1234567");
    assert_int_equal(redis_read_hash_field(client, key, "long", value, sizeof value, &error),
                     STATUS_BAD_DATA);
    assert_int_equal(redis_read_hash_field(client, "taste:text", "f", value, sizeof value, &error),
                     STATUS_BAD_DATA);
    assert_int_equal(redis_read_list(client, key, &list, ids, sizeof ids, &at_ms, &error),
                     STATUS_BAD_DATA);
    assert_int_equal(redis_read_list(client, "taste:text", &list, ids, sizeof ids, &at_ms, &error),
                     STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "taste:text: this is not a list"));
    redis_disconnect(client);
}

static void a_login_that_fails_is_told(void **state)
{
    (void)state;
    struct redis_client *client = NULL;
    struct error error = {0};
    assert_int_equal(redis_connect(login("wrong"), 30000, &client, &error), STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, "WRONGPASS"));
    assert_non_null(strstr(error.text, "; see redis.url"));
    assert_int_equal(redis_connect(server.url, 30000, &client, &error), STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, "NOAUTH"));
    assert_null(client);
}

static void silence_is_bounded(void **state)
{
    (void)state;
    struct redis_client *client = NULL;
    struct error error = {0};
    kill(server.pid, SIGSTOP);
    double start_s = ev_time();
    assert_int_equal(redis_connect(login("secret"), 300, &client, &error), STATUS_UNREACHABLE);
    assert_true(ev_time() - start_s < 10);
    assert_non_null(strstr(error.text, "no answer within 0.3 s; see redis.url"));
    kill(server.pid, SIGCONT);
    assert_int_equal(redis_connect("redis://127.0.0.1:1", 300, &client, &error),
                     STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, "127.0.0.1:1: Connection refused; start it, or set "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_read_back),
        cmocka_unit_test(what_is_not_there_is_told),
        cmocka_unit_test(a_login_that_fails_is_told),
        cmocka_unit_test(silence_is_bounded),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
