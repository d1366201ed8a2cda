/* TLS to a Redis with a certificate of its own; needs hiredis_ssl, and openssl(1) for the
 * certificate. */
#include "transport/redis.h"

#include "redis_server.h"

#include <ev.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#ifdef TASTED_HAVE_HIREDIS_SSL

static struct redis_server server;
static char key[128], certificate[128], port[8];

static void find_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    close(fd);
}

static int start(void **state)
{
    (void)state;
    char command[512];
    redis_server_init(&server);
    snprintf(key, sizeof key, "%s/key", server.folder);
    snprintf(certificate, sizeof certificate, "%s/certificate", server.folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
             "subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null",
             key, certificate);
    if (system(command) != 0)
        return -1;
    find_port();
    return redis_server_start(&server, (const char *const[]){"--tls-port", port, "--tls-key-file",
                                                             key, "--tls-cert-file", certificate,
                                                             "--tls-auth-clients", "no", NULL})
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    redis_server_finish(&server);
    return 0;
}

static const char *address_of(const char *host)
{
    static char url[64];
    snprintf(url, sizeof url, "rediss://%s:%s", host, port);
    return url;
}

static void told_connected(void *context, bool ours)
{
    (void)ours;
    *(int *)context += 1;
}

static void told_disconnected(void *context, const struct error *why)
{
    (void)context, (void)why;
}

static void told_done(void *context, uint64_t ticket, bool written)
{
    (void)ticket;
    *(int *)context += written ? 10 : 100;
}

static void told_room(void *context)
{
    (void)context;
}

static void on_time_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void run_for(struct ev_loop *loop, double seconds)
{
    ev_timer timer;
    ev_timer_init(&timer, on_time_over, seconds, 0.);
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
}

/* 1 when it connected, 11 when a large list was written as well. */
static int try_store(const char *url)
{
    int told = 0;
    struct redis_settings settings = {url, "taste:", "e", 0, LIST_JSON, false};
    struct store_owner owner = {&told, told_connected, told_disconnected, told_done, told_room};
    struct ev_loop *loop = ev_loop_new(0);
    struct store *store = NULL;
    assert_int_equal(redis_store_create(loop, &settings, &owner, &store, NULL), STATUS_OK);
    run_for(loop, .5);
    static struct list list;
    for (list.size = 0; list.size < LIST_SIZE_MAX; list.size++)
        list.at[list.size] = (struct list_entry){.item = text_of("0123456789"), .score = .3F};
    struct store_write write = {.name = text_of("u"), .list = &list};
    if (store->ops->put(store, &write))
        run_for(loop, .5);
    store->ops->destroy(store);
    ev_loop_destroy(loop);
    return told;
}

static enum status try_client(const char *url, struct error *error)
{
    struct redis_client *client = NULL;
    enum status status = redis_connect(url, 1000, &client, error);
    redis_disconnect(client);
    return status;
}

static void a_trusted_server_is_used(void **state)
{
    (void)state;
    struct error error = {0};
    setenv("SSL_CERT_FILE", certificate, 1);
    if (try_client(address_of("localhost"), &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(try_store(address_of("localhost")), 11);
}

static void a_certificate_for_another_host_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    setenv("SSL_CERT_FILE", certificate, 1);
    assert_int_equal(try_client(address_of("127.0.0.1"), &error), STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, "mismatch"));
    assert_int_equal(try_store(address_of("127.0.0.1")), 0);
}

static void a_server_nobody_vouches_for_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    unsetenv("SSL_CERT_FILE");
    assert_int_equal(try_client(address_of("localhost"), &error), STATUS_UNREACHABLE);
    assert_non_null(strstr(error.text, "self-signed"));
    assert_int_equal(try_store(address_of("localhost")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_server_is_used),
        cmocka_unit_test(a_certificate_for_another_host_is_refused),
        cmocka_unit_test(a_server_nobody_vouches_for_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

#else

static void tls_is_not_built_in(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tls_is_not_built_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
