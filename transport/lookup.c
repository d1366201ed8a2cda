#include "transport/lookup.h"

#include <arpa/inet.h>
#include <ev.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of the thread and of the one who waits: whoever comes last frees it. */
struct lookup {
    pthread_mutex_t lock;
    bool over; /* under the lock: the other side is done with it */
    struct ev_loop *loop;
    ev_async wake;
    lookup_done *done;
    void *context;
    char host[256];
    struct addresses found;
    struct error error;
};

bool address_is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void take_family(struct addresses *found, const struct addrinfo *list, bool ipv4)
{
    for (; list != NULL && found->size < LOOKUP_ADDRESSES_MAX; list = list->ai_next) {
        if ((list->ai_family == AF_INET) == ipv4 &&
            getnameinfo(list->ai_addr, list->ai_addrlen, found->at[found->size], ADDRESS_TEXT_MAX,
                        NULL, 0, NI_NUMERICHOST) == 0)
            found->size++;
    }
}

static void look_up(struct lookup *lookup)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(lookup->host, NULL, &hints, &list);
    if (failure != 0) {
        error_set(&lookup->error, STATUS_UNREACHABLE, "%s", gai_strerror(failure));
        return;
    }
    take_family(&lookup->found, list, true);
    take_family(&lookup->found, list, false);
    freeaddrinfo(list);
    if (lookup->found.size == 0)
        error_set(&lookup->error, STATUS_UNREACHABLE, "no address");
}

/* True: the other side is done with it, and it is the caller's to free. */
static bool leave(struct lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool last = lookup->over;
    lookup->over = true;
    pthread_mutex_unlock(&lookup->lock);
    return last;
}

static void release(struct lookup *lookup)
{
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *thread_main(void *self)
{
    struct lookup *lookup = self;
    look_up(lookup);
    pthread_mutex_lock(&lookup->lock);
    bool cancelled = lookup->over;
    if (!cancelled) /* under the lock: the loop lives until it is cancelled */
        ev_async_send(lookup->loop, &lookup->wake);
    lookup->over = true;
    pthread_mutex_unlock(&lookup->lock);
    if (cancelled)
        release(lookup);
    return NULL;
}

static void on_wake(struct ev_loop *loop, ev_async *wake, int events)
{
    (void)events;
    struct lookup *lookup = wake->data;
    ev_async_stop(loop, wake);
    pthread_mutex_lock(&lookup->lock); /* until the thread has let go of it */
    pthread_mutex_unlock(&lookup->lock);
    lookup->done(lookup->context, &lookup->found, &lookup->error);
    release(lookup);
}

struct lookup *lookup_start(struct ev_loop *loop, const char *host, lookup_done *done,
                            void *context)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return NULL;
    lookup->loop = loop;
    lookup->done = done;
    lookup->context = context;
    snprintf(lookup->host, sizeof lookup->host, "%s", host);
    pthread_mutex_init(&lookup->lock, NULL);
    ev_async_init(&lookup->wake, on_wake);
    lookup->wake.data = lookup;
    ev_async_start(loop, &lookup->wake);
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, lookup) != 0) {
        ev_async_stop(loop, &lookup->wake);
        release(lookup);
        return NULL;
    }
    pthread_detach(thread);
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    ev_async_stop(lookup->loop, &lookup->wake);
    if (leave(lookup))
        release(lookup);
}
