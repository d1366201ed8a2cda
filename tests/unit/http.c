/* The HTTP server on the loop, spoken to over a plain socket. */
#include "transport/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = 8 << 20 }; /* more than the kernel takes off the server's hands */
enum { PATIENCE_S = 30 }; /* for what takes no time where there is some */

static struct ev_loop *loop;
static struct http_server *server;
static int asked;

static void answer_metrics(void *context, struct http_answer *answer)
{
    (void)context;
    asked++;
    answer->content_type = "text/plain; version=0.0.4";
    answer->body = strdup("up 1\n");
    answer->size = 5;
}

static void answer_not_ready(void *context, struct http_answer *answer)
{
    answer->status = 503;
    answer->body = strdup(context);
    answer->size = strlen(context);
}

static void answer_large(void *context, struct http_answer *answer)
{
    (void)context;
    answer->size = LARGE;
    answer->body = malloc(answer->size);
    memset(answer->body, 'x', answer->size);
}

static void answer_empty(void *context, struct http_answer *answer)
{
    (void)context;
    answer->status = 204;
}

static int set_up(void **state)
{
    (void)state;
    static const struct http_page pages[] = {{"/metrics", answer_metrics},
                                             {"/health/ready", answer_not_ready},
                                             {"/large", answer_large},
                                             {"/empty", answer_empty},
                                             {NULL, NULL}};
    struct error error;
    loop = ev_loop_new(0);
    asked = 0;
    return http_create(loop, "127.0.0.1:0", pages, "waiting for Redis\n", &server, &error) ==
                   STATUS_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    http_destroy(server);
    ev_loop_destroy(loop);
    return 0;
}

static int connect_to_server(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Runs the loop and reads until the server closes, or `seconds` are over; how much was read. */
static size_t read_all(int fd, char *response, size_t room, double seconds)
{
    double end = ev_time() + seconds;
    size_t used = 0;
    while (ev_time() < end) {
        ev_run(loop, EVRUN_NOWAIT);
        ssize_t size = recv(fd, response + used, room - 1 - used, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN))
            break;
        if (size > 0)
            used += (size_t)size;
        else
            usleep(1000);
    }
    response[used] = '\0';
    return used;
}

static size_t exchange(const char *request, char *response, size_t room)
{
    int fd = connect_to_server();
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    size_t used = read_all(fd, response, room, PATIENCE_S);
    close(fd);
    return used;
}

static bool has(const char *response, const char *part)
{
    return strstr(response, part) != NULL;
}

#define END "Host: x\r\nConnection: close\r\n\r\n"

static void a_page_is_answered(void **state)
{
    (void)state;
    char response[4096];
    exchange("GET /metrics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 "));
    assert_true(has(response, "Content-Type: text/plain; version=0.0.4\r\n"));
    assert_true(has(response, "\r\n\r\nup 1\n"));
    assert_int_equal(asked, 1);
}

static void the_status_is_the_pages(void **state)
{
    (void)state;
    char response[4096];
    exchange("GET /health/ready?x=1 HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 503 "));
    assert_true(has(response, "\r\n\r\nwaiting for Redis\n"));
    exchange("GET /empty HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 204 "));
}

static void head_has_no_body(void **state)
{
    (void)state;
    char response[4096];
    exchange("HEAD /metrics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 "));
    assert_true(has(response, "Content-Length: 5\r\n"));
    assert_false(has(response, "up 1"));
}

static void other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    char response[4096];
    exchange("GET /metrics/ HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 404 "));
    exchange("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n" END "abc", response,
             sizeof response);
    assert_true(has(response, "HTTP/1.1 405 "));
    assert_true(has(response, "Allow: GET, HEAD\r\n"));
    assert_int_equal(asked, 0);
}

static void a_large_page_arrives_whole(void **state)
{
    (void)state;
    size_t room = LARGE + 4096;
    char *response = malloc(room);
    exchange("GET /large HTTP/1.1\r\n" END, response, room);
    char *body = strstr(response, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), LARGE);
    free(response);
}

static void too_large_a_request_is_refused(void **state)
{
    (void)state;
    enum { SIZE = 40000 };
    char *request = malloc(SIZE + 1), response[4096];
    int used = snprintf(request, SIZE, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
    memset(request + used, 'y', (size_t)(SIZE - used));
    memcpy(request + SIZE - 4, "\r\n\r\n", 5);
    exchange(request, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 431 ") || has(response, "HTTP/1.1 413 "));
    free(request);
}

/* A client that says nothing is let go after 5 s, and does not keep others waiting. */
static void silence_is_bounded(void **state)
{
    (void)state;
    char response[4096];
    int fd = connect_to_server();
    assert_int_equal(send(fd, "GET /met", 8, MSG_NOSIGNAL), 8);
    exchange("GET /metrics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 "));
    double start = ev_time();
    read_all(fd, response, sizeof response, PATIENCE_S);
    assert_true(ev_time() - start < 15);
    close(fd);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    int fds[100];
    char response[4096];
    for (int i = 0; i < 100; i++) {
        fds[i] = connect_to_server();
        ev_run(loop, EVRUN_NOWAIT);
    }
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    exchange("GET /metrics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 "));
}

/* While the loop is busy with something else; nobody has to come again, who may be asking. */
static void many_may_wait_to_be_let_in(void **state)
{
    (void)state;
    enum { AT_ONCE = 120 };
    int fds[AT_ONCE];
    char response[4096];
    for (int i = 0; i < AT_ONCE; i++)
        fds[i] = connect_to_server();
    exchange("GET /metrics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 "));
    for (int i = 0; i < AT_ONCE; i++)
        close(fds[i]);
}

static size_t ask(int fd, const char *request, char *response, size_t room)
{
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return read_all(fd, response, room, PATIENCE_S);
}

/* However many say nothing, or begin a request only: who asks is answered at once. */
static void the_silent_give_way(void **state)
{
    (void)state;
    enum { SILENT = 150 };
    static const char *const begun[] = {
        "", "GET /met", "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"};
    int fds[SILENT];
    char response[4096];
    for (int i = 0; i < SILENT; i++) {
        const char *request = begun[i % 3];
        fds[i] = connect_to_server();
        assert_int_equal(send(fds[i], request, strlen(request), MSG_NOSIGNAL), strlen(request));
        ev_run(loop, EVRUN_NOWAIT);
    }
    for (int i = 0; i < 5; i++) {
        double start = ev_time();
        exchange("GET /metrics HTTP/1.1\r\n" END, response, sizeof response);
        assert_true(has(response, "HTTP/1.1 200 "));
        assert_true(ev_time() - start < 4); /* they would be let go after 5 s anyway */
    }
    assert_int_equal(read_all(fds[0], response, sizeof response, 1), 0); /* the first has gone */
    ask(fds[SILENT - 2], "rics HTTP/1.1\r\n" END, response, sizeof response);
    assert_true(has(response, "HTTP/1.1 200 ")); /* the last ones have not */
    for (int i = 0; i < SILENT; i++)
        close(fds[i]);
}

/* A large answer that its client takes its time to read is no silence. */
static void who_is_answered_does_not_give_way(void **state)
{
    (void)state;
    enum { SILENT = 100, ROOM = LARGE + 4096 };
    static const char request[] = "GET /large HTTP/1.1\r\n" END;
    int fds[SILENT], fd = connect_to_server();
    char *response = malloc(ROOM);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (int i = 0; i < 10; i++)
        ev_run(loop, EVRUN_NOWAIT);
    for (int i = 0; i < SILENT; i++) {
        fds[i] = connect_to_server();
        ev_run(loop, EVRUN_NOWAIT);
    }
    read_all(fd, response, ROOM, PATIENCE_S);
    char *body = strstr(response, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), LARGE);
    for (int i = 0; i < SILENT; i++)
        close(fds[i]);
    close(fd);
    free(response);
}

static void bad_addresses_say_why(void **state)
{
    (void)state;
    static const struct http_page none[] = {{NULL, NULL}};
    static const char *const bad[] = {
        "",      "9464",         "127.0.0.1",       "127.0.0.1:", ":9464",
        "a:b",   "::1:80",       "127.0.0.1:65536", "[::1]",      "[::1:80",
        "[]:80", "300.0.0.1:80", "1.2.3.4:5" /* not an address of this machine */};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_server *made = NULL;
        struct error error = {0};
        if (http_create(loop, bad[i], none, NULL, &made, &error) != STATUS_BAD_CONFIG)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_true(has(error.text, "http.listen"));
        assert_null(made);
    }
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", http_port(server));
    struct http_server *made = NULL;
    struct error error = {0};
    assert_int_equal(http_create(loop, taken, none, NULL, &made, &error), STATUS_BAD_CONFIG);
    assert_true(has(error.text, "in use"));
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(a_page_is_answered),
        HTTP_TEST(the_status_is_the_pages),
        HTTP_TEST(head_has_no_body),
        HTTP_TEST(other_paths_and_methods_are_refused),
        HTTP_TEST(a_large_page_arrives_whole),
        HTTP_TEST(too_large_a_request_is_refused),
        HTTP_TEST(silence_is_bounded),
        HTTP_TEST(connections_are_bounded),
        HTTP_TEST(many_may_wait_to_be_let_in),
        HTTP_TEST(the_silent_give_way),
        HTTP_TEST(who_is_answered_does_not_give_way),
        HTTP_TEST(bad_addresses_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
