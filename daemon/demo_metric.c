/* Reads one sample of the daemon's metrics over HTTP. */
#include "daemon/demo_stage.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PAGE_MAX = 64 * 1024, PATIENCE_US = 500 * 1000 };

/* A connection that gives up soon; -1: none. */
static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {0, PATIENCE_US};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The whole answer, header included, terminated; empty when there is none. */
static void get_page(int port, char page[PAGE_MAX])
{
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    size_t size = 0;
    int fd = connect_to(port);
    if (fd >= 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0) {
        ssize_t part;
        while ((part = recv(fd, page + size, PAGE_MAX - 1 - size, 0)) > 0)
            size += (size_t)part;
    }
    if (fd >= 0)
        close(fd);
    page[size] = '\0';
}

double stage_metric(const struct stage *stage, const char *sample)
{
    double value = NAN;
    size_t size = strlen(sample);
    char *page = malloc(PAGE_MAX);
    if (page == NULL)
        return NAN;
    get_page(stage->http_port, page);
    for (const char *at = strchr(page, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        if (strncmp(at + 1, sample, size) == 0 && at[1 + size] == ' ') {
            value = strtod(at + 1 + size, NULL);
            break;
        }
    }
    free(page);
    return value;
}
