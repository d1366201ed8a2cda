#include "transport/http.h"

#include <errno.h>
#include <ev.h>
#include <math.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, CONNECTION_BYTES = 16 * 1024, SILENCE_S = 5 };

/* Who has been silent longest gives way when there are too many. */
struct client {
    enum { CLIENT_NONE, CLIENT_SILENT, CLIENT_ANSWERED, CLIENT_LEAVING } state;
    int socket;
    uint64_t since; /* a serial number: of its coming, or of the end of its last answer */
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct ev_loop *loop;
    ev_io readiness; /* of the daemon's epoll descriptor */
    ev_timer deadline;
    const struct http_page *pages;
    void *context;
    int port;
    struct client clients[CONNECTIONS_MAX];
    uint64_t serial;
};

/* ---- who is there ---- */

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static struct client *enter(struct http_server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (int i = 0; i < CONNECTIONS_MAX && info != NULL; i++) {
        struct client *client = &server->clients[i];
        if (client->state != CLIENT_NONE)
            continue;
        *client = (struct client){CLIENT_SILENT, info->connect_fd, server->serial++};
        return client;
    }
    return NULL;
}

static void on_connection(void *self, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct client *client = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *context = enter(self, connection);
    else if (client != NULL)
        client->state = CLIENT_NONE;
}

static void on_answered(void *self, struct MHD_Connection *connection, void **seen,
                        enum MHD_RequestTerminationCode why)
{
    (void)seen, (void)why;
    struct http_server *server = self;
    struct client *client = client_of(connection);
    if (client == NULL || client->state != CLIENT_ANSWERED)
        return;
    client->state = CLIENT_SILENT;
    client->since = server->serial++;
}

/* The daemon sees the end, and closes. False: all are being answered. */
static bool make_room(struct http_server *server)
{
    struct client *longest = NULL;
    for (struct client *at = server->clients; at < server->clients + CONNECTIONS_MAX; at++)
        if (at->state == CLIENT_SILENT && (longest == NULL || at->since < longest->since))
            longest = at;
    if (longest == NULL)
        return false;
    longest->state = CLIENT_LEAVING;
    shutdown(longest->socket, SHUT_RDWR);
    return true;
}

/* ---- answering ---- */

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             const char *content_type, void *body, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    struct client *client = client_of(connection);
    if (client != NULL && client->state == CLIENT_SILENT)
        client->state = CLIENT_ANSWERED;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result queue_text(struct MHD_Connection *connection, unsigned status,
                                  const char *text)
{
    char *body = strdup(text);
    if (body == NULL)
        return MHD_NO;
    return queue(connection, status, "text/plain; charset=utf-8", body, strlen(body));
}

static const struct http_page *find_page(const struct http_server *server, const char *path)
{
    for (const struct http_page *page = server->pages; page->path != NULL; page++) {
        if (strcmp(page->path, path) == 0)
            return page;
    }
    return NULL;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **seen)
{
    (void)version, (void)upload;
    struct http_server *server = self;
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    if (!get && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return queue_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "read-only: GET and HEAD\n");
    if (*seen == NULL) { /* the headers alone; what follows is read before the answer */
        *seen = server;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* a body that nobody wants */
        *upload_size = 0;
        return MHD_YES;
    }
    const struct http_page *page = find_page(server, path);
    if (page == NULL)
        return queue_text(connection, MHD_HTTP_NOT_FOUND, "not found\n");
    struct http_answer answer = {.status = MHD_HTTP_OK,
                                 .content_type = "text/plain; charset=utf-8"};
    page->answer(server->context, &answer);
    return queue(connection, (unsigned)answer.status, answer.content_type, answer.body,
                 answer.size);
}

/* ---- the loop ---- */

/* At its limit the daemon stops listening; that it may listen again does not wake the loop. So one
 * place is kept free. */
static bool is_full(const struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL || info->num_connections >= CONNECTIONS_MAX;
}

static void run_daemon(struct http_server *server)
{
    bool was_full = is_full(server);
    MHD_run(server->daemon);
    bool full = is_full(server);
    MHD_UNSIGNED_LONG_LONG wait_ms = 60000;
    ev_timer_stop(server->loop, &server->deadline);
    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES && !full && !was_full)
        return;
    double wait_s = (double)wait_ms / 1e3;
    if (full || was_full)
        wait_s = full && !make_room(server) ? fmin(wait_s, .1) : 0.;
    ev_timer_set(&server->deadline, wait_s, 0.);
    ev_timer_start(server->loop, &server->deadline);
}

static void on_readiness(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    run_daemon(watcher->data);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    run_daemon(timer->data);
}

/* ---- listening ---- */

/* "host:port" or "[v6]:port" */
static enum status split(const char *listen, char host[256], char port[8], struct error *error)
{
    const char *colon = strrchr(listen, ':');
    const char *start = listen, *end = colon;
    if (colon != NULL && *listen == '[') {
        start = listen + 1;
        end = colon > start && colon[-1] == ']' ? colon - 1 : NULL;
    } else if (colon != NULL && memchr(listen, ':', (size_t)(colon - listen)) != NULL) {
        end = NULL; /* a bare IPv6 address */
    }
    size_t port_size = colon != NULL ? strlen(colon + 1) : 0;
    bool digits = port_size > 0 && port_size < 6 && strspn(colon + 1, "0123456789") == port_size &&
                  atoi(colon + 1) < 65536;
    if (end == NULL || end <= start || end - start > 255 || !digits)
        return error_set(error, STATUS_BAD_CONFIG,
                         "http.listen: \"%s\" is not an address and a port from 0 to 65535, as in "
                         "127.0.0.1:9464 or [::1]:9464, or \"off\"",
                         listen);
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    memcpy(port, colon + 1, port_size + 1);
    return STATUS_OK;
}

static int listen_at(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Who finds no room to wait tries again a second later, which looks as if nobody answered. */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static enum status open_socket(const char *listen, int *out, struct error *error)
{
    char host[256], port[8];
    enum status status = split(listen, host, port, error);
    if (status != STATUS_OK)
        return status;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure != 0)
        return error_set(error, STATUS_BAD_CONFIG, "http.listen: \"%s\": %s", listen,
                         gai_strerror(failure));
    *out = -1;
    for (const struct addrinfo *at = found; at != NULL && *out < 0; at = at->ai_next)
        *out = listen_at(at);
    int saved = errno;
    freeaddrinfo(found);
    if (*out < 0)
        return error_set(error, STATUS_BAD_CONFIG,
                         "http.listen: cannot listen at \"%s\": %s (another address, port 0 for "
                         "any free one, or \"off\")",
                         listen, strerror(saved));
    return STATUS_OK;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char port[8];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port,
                    NI_NUMERICSERV) != 0)
        return 0;
    return atoi(port);
}

enum status http_create(struct ev_loop *loop, const char *listen, const struct http_page *pages,
                        void *context, struct http_server **out, struct error *error)
{
    int fd = -1;
    enum status status = open_socket(listen, &fd, error);
    if (status != STATUS_OK)
        return status;
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        goto no_memory;
    *server =
        (struct http_server){.loop = loop, .pages = pages, .context = context, .port = port_of(fd)};
    /* Takes the socket over, and closes it at the end. */
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
        on_answered, server, MHD_OPTION_END);
    if (server->daemon == NULL)
        goto no_memory;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&server->readiness, on_readiness, info->epoll_fd, EV_READ);
    ev_timer_init(&server->deadline, on_deadline, 0., 0.);
    server->readiness.data = server->deadline.data = server;
    ev_io_start(loop, &server->readiness);
    *out = server;
    return STATUS_OK;

no_memory:
    free(server);
    close(fd);
    return error_set(error, STATUS_NO_MEMORY, "http: cannot start the server: out of memory");
}

int http_port(const struct http_server *server)
{
    return server->port;
}

void http_destroy(struct http_server *server)
{
    if (server == NULL)
        return;
    ev_io_stop(server->loop, &server->readiness);
    ev_timer_stop(server->loop, &server->deadline);
    MHD_stop_daemon(server->daemon);
    free(server);
}
