/*
 * A small read-only HTTP server on the loop (libmicrohttpd): GET and HEAD of a few paths.
 * Bounded: 64 connections, 16 KiB a request, 5 s of silence.
 */
#ifndef TRANSPORT_HTTP_H
#define TRANSPORT_HTTP_H

#include "model/status.h"

#include <stddef.h>

struct ev_loop;
struct http_server; /* opaque */

struct http_answer {
    int status;
    const char *content_type;
    char *body; /* malloc'd by the page; freed by the server; may be NULL */
    size_t size;
};

struct http_page {
    const char *path; /* "/metrics" */
    void (*answer)(void *context, struct http_answer *answer);
};

/* `listen` is "host:port", "[v6]:port"; port 0: any free one. `pages` must outlive the server, and
 * ends with a NULL path. STATUS_BAD_CONFIG for an address that cannot be read or bound. */
enum status http_create(struct ev_loop *loop, const char *listen, const struct http_page *pages,
                        void *context, struct http_server **out, struct error *error);
int http_port(const struct http_server *server);
void http_destroy(struct http_server *server); /* NULL is legal */

#endif
