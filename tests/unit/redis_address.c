/* What may stand in redis.url. */
#include "transport/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct redis_address parsed(const char *url)
{
    struct redis_address address;
    struct error error = {0};
    if (redis_parse(url, &address, &error) != STATUS_OK)
        fail_msg("%s: %s", url, error.text);
    return address;
}

static void assert_tcp(const char *url, const char *host, int port, int database)
{
    struct redis_address address = parsed(url);
    assert_false(address.unix_socket);
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, port);
    assert_int_equal(address.database, database);
}

static void hosts_ports_and_databases(void **state)
{
    (void)state;
    assert_tcp("redis://localhost:6379/0", "localhost", 6379, 0);
    assert_tcp("redis://cache.example", "cache.example", 6379, 0);
    assert_tcp("redis://10.0.0.1:7000/12", "10.0.0.1", 7000, 12);
    assert_tcp("redis://[::1]:7000/3", "::1", 7000, 3);
    assert_tcp("redis://[fe80::1]", "fe80::1", 6379, 0);
    assert_tcp("redis://", "localhost", 6379, 0);
    assert_tcp("redis://:6380", "localhost", 6380, 0);
    assert_tcp("redis://h/", "h", 6379, 0);
    assert_tcp("redis://h?db=4", "h", 6379, 4);
    assert_tcp("redis://u:p@h:1/2", "h", 1, 2);
}

static void logins(void **state)
{
    (void)state;
    struct redis_address address = parsed("redis://user:pa%40ss%3A@h");
    assert_string_equal(address.user, "user");
    assert_string_equal(address.password, "pa@ss:");
    address = parsed("redis://:p@ss@h");
    assert_string_equal(address.user, "");
    assert_string_equal(address.password, "p@ss");
    address = parsed("redis://only@h");
    assert_string_equal(address.user, "only");
    assert_string_equal(address.password, "");
    address = parsed("unix://u:p@/run/redis.sock?db=2");
    assert_true(address.unix_socket);
    assert_string_equal(address.user, "u");
    assert_string_equal(address.host, "/run/redis.sock");
    assert_int_equal(address.database, 2);
}

static void sockets(void **state)
{
    (void)state;
    struct redis_address address = parsed("unix:///run/a@/redis.sock");
    assert_true(address.unix_socket);
    assert_string_equal(address.host, "/run/a@/redis.sock");
}

static void passwords_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/tasted-secret-XXXXXX", url[256];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "s3cr:t/@\nrest\n", 14), 14);
    close(fd);
    snprintf(url, sizeof url, "redis://user:@%s@host:7000/1", path);
    struct redis_address address = parsed(url);
    assert_string_equal(address.password, "s3cr:t/@");
    assert_string_equal(address.host, "host");
    assert_int_equal(address.database, 1);
    snprintf(url, sizeof url, "unix://user:@%s@/run/redis.sock", path);
    address = parsed(url);
    assert_string_equal(address.password, "s3cr:t/@");
    assert_string_equal(address.host, "/run/redis.sock");
    unlink(path);
    struct error error;
    assert_int_equal(redis_parse(url, &address, &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, path));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", "redis://"},
        {"localhost:6379", "redis://"},
        {"http://localhost", "redis://"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:x", "port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/99999999999999999999", "database"},
        {"redis://h?database=1", "?db=N"},
        {"redis://::1:6379", "brackets"},
        {"redis://[::1", "brackets"},
        {"redis://[::1]x", "brackets"},
        {"redis://u:%zz@h", "hexadecimal"},
        {"redis://u:%4@h", "hexadecimal"},
        {"redis://u:%00@h", "hexadecimal"},
        {"unix://relative/path", "whole path"},
        {"unix://", "whole path"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct redis_address address;
        struct error error = {0};
        if (redis_parse(wrong[i][0], &address, &error) != STATUS_BAD_CONFIG)
            fail_msg("\"%s\" is taken", wrong[i][0]);
        if (strstr(error.text, wrong[i][1]) == NULL || strstr(error.text, "redis.url") == NULL)
            fail_msg("\"%s\": %s", wrong[i][0], error.text);
    }
    char longer[1024] = "redis://";
    memset(longer + 8, 'h', 1000);
    struct redis_address address;
    assert_int_equal(redis_parse(longer, &address, NULL), STATUS_BAD_CONFIG);
}

static void tls_is_refused_where_it_is_not_built_in(void **state)
{
    (void)state;
    struct redis_address address;
    struct error error = {0};
    enum status status = redis_parse("rediss://h", &address, &error);
#ifdef TASTED_HAVE_HIREDIS_SSL
    assert_int_equal(status, STATUS_OK);
    assert_true(address.tls);
#else
    assert_int_equal(status, STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "hiredis_ssl"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_ports_and_databases),
        cmocka_unit_test(logins),
        cmocka_unit_test(sockets),
        cmocka_unit_test(passwords_from_files),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(tls_is_refused_where_it_is_not_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
