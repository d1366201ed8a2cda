#include "transport/redis_link.h"

#include "transport/clock.h"
#include "transport/redis_tls.h"

#include <hiredis/adapters/libev.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define SILENCE_S 2.0
#define BACKOFF_LEAST_S 0.05
#define BACKOFF_MOST_S 2.0

/* ---- waiting ---- */

static uint64_t next_random(struct redis_link *link)
{
    link->random ^= link->random << 13;
    link->random ^= link->random >> 7;
    link->random ^= link->random << 17;
    return link->random;
}

/* Between half of the back-off and all of it, so that many daemons do not come back at once. */
static void try_later(struct redis_link *link)
{
    double part = .5 + .5 * (double)(next_random(link) >> 11) / 9007199254740992.0;
    ev_timer_stop(link->loop, &link->retry_timer);
    ev_timer_set(&link->retry_timer, link->backoff_s * part, 0.);
    ev_timer_start(link->loop, &link->retry_timer);
    link->backoff_s = link->backoff_s * 2 < BACKOFF_MOST_S ? link->backoff_s * 2 : BACKOFF_MOST_S;
}

/* hiredis has let go of the context already, or is about to. */
static void lost(struct redis_link *link, const struct error *why)
{
    bool was_up = link->up;
    link->context = NULL;
    link->up = false;
    link->awaited = 0;
    ev_timer_stop(link->loop, &link->silence_timer);
    log_every(&link->trouble, 10, LOG_LEVEL_WARNING, "redis %s: %s; trying again", link->name,
              why->text);
    try_later(link);
    if (was_up)
        link->owner.down(link->owner.context, why);
}

static void free_context(redisAsyncContext *context)
{
    context->data = NULL; /* its callbacks are nobody's any more */
    redisAsyncFree(context);
}

void redis_link_fail(struct redis_link *link, const char *format, ...)
{
    if (link->context == NULL)
        return;
    struct error why = {.status = STATUS_UNREACHABLE};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, sizeof why.text, format, arguments);
    va_end(arguments);
    free_context(link->context);
    lost(link, &why);
}

/* ---- silence ---- */

static void watch_silence(struct redis_link *link, double after_s)
{
    link->silence_due = ev_now(link->loop) + after_s;
    ev_timer_stop(link->loop, &link->silence_timer);
    ev_timer_set(&link->silence_timer, after_s, 0.);
    ev_timer_start(link->loop, &link->silence_timer);
}

static void await_reply(struct redis_link *link)
{
    if (link->awaited++ == 0)
        link->heard_at = ev_now(link->loop);
    if (!ev_is_active(&link->silence_timer))
        watch_silence(link, SILENCE_S);
}

void redis_link_heard(struct redis_link *link)
{
    if (link->awaited > 0)
        link->awaited--;
    link->heard_at = ev_now(link->loop);
}

static void on_silence(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    struct redis_link *link = timer->data;
    if (link->awaited == 0)
        return;
    double now = ev_now(loop);
    if (now - link->silence_due > .5) /* it was this process that stood still, not Redis */
        link->heard_at = now;
    double left = link->heard_at + SILENCE_S - now;
    if (left > .001)
        watch_silence(link, left);
    else
        redis_link_fail(link, "no reply for %g s", SILENCE_S);
}

/* ---- connecting ---- */

/* Whose reply it is, and that it came; NULL: nobody's any more. */
static struct redis_link *heard_by(const redisAsyncContext *context, const redisReply *reply)
{
    struct redis_link *link = context->data;
    if (reply == NULL || link == NULL)
        return NULL;
    redis_link_heard(link);
    return link;
}

static void on_auth(redisAsyncContext *context, void *answer, void *data)
{
    (void)data;
    const redisReply *reply = answer;
    struct redis_link *link = heard_by(context, reply);
    if (link != NULL && reply->type == REDIS_REPLY_ERROR)
        redis_link_fail(link, "the login is refused: %s", reply->str);
}

static void on_select(redisAsyncContext *context, void *answer, void *data)
{
    (void)data;
    const redisReply *reply = answer;
    struct redis_link *link = heard_by(context, reply);
    if (link != NULL && reply->type == REDIS_REPLY_ERROR)
        redis_link_fail(link, "database %d cannot be used: %s", link->address.database, reply->str);
}

/* The last greeting. The name is a nicety: a refusal is ignored. */
static void on_named(redisAsyncContext *context, void *answer, void *data)
{
    (void)data;
    struct redis_link *link = heard_by(context, answer);
    if (link == NULL)
        return;
    link->up = true;
    link->owner.up(link->owner.context);
}

static void greet(struct redis_link *link, const struct text *words, uint32_t size,
                  redisCallbackFn *fn)
{
    redis_link_send(link, command_words(&link->builder, words, size), fn, NULL);
}

static void greet_all(struct redis_link *link)
{
    const struct redis_address *address = &link->address;
    struct text user = text_of(address->user), password = text_of(address->password);
    if (user.size > 0)
        greet(link, (struct text[]){text_of("AUTH"), user, password}, 3, on_auth);
    else if (password.size > 0)
        greet(link, (struct text[]){text_of("AUTH"), password}, 2, on_auth);
    if (address->database != 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", address->database);
        greet(link, (struct text[]){text_of("SELECT"), text_of(number)}, 2, on_select);
    }
    greet(link, (struct text[]){text_of("CLIENT"), text_of("SETNAME"), text_of("tasted")}, 3,
          on_named);
}

static void on_connected(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    if (link == NULL)
        return;
    redis_link_heard(link);
    if (status == REDIS_OK) {
        greet_all(link);
        return;
    }
    struct error why;
    error_set(&why, STATUS_UNREACHABLE, "cannot connect: %s", context->errstr);
    lost(link, &why);
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    if (link == NULL)
        return;
    struct error why;
    error_set(&why, STATUS_UNREACHABLE, "connection lost: %s",
              status != REDIS_OK && context->errstr != NULL ? context->errstr : "closed");
    lost(link, &why);
}

static redisAsyncContext *open_context(const struct redis_address *address, const char *host,
                                       struct error *why)
{
    redisAsyncContext *context =
        address->unix_socket ? redisAsyncConnectUnix(host) : redisAsyncConnect(host, address->port);
    if (context == NULL) {
        error_set(why, STATUS_NO_MEMORY, "cannot connect: out of memory");
        return NULL;
    }
    if (context->err != 0)
        error_set(why, STATUS_UNREACHABLE, "cannot connect: %s", context->errstr);
    else if (redis_tls_start(&context->c, address, why) == STATUS_OK)
        return context;
    redisAsyncFree(context);
    return NULL;
}

/* To a numeric address, or a socket's path. */
static void connect_to(struct redis_link *link, const char *host)
{
    struct error why;
    redisAsyncContext *context = open_context(&link->address, host, &why);
    if (context == NULL) {
        lost(link, &why);
        return;
    }
    link->context = context;
    context->data = link;
    redisLibevAttach(link->loop, context);
    redisAsyncSetDisconnectCallback(context, on_disconnected);
    redisAsyncSetConnectCallback(context, on_connected); /* begins to wait: attached before */
    await_reply(link);
}

/* Of several addresses, each attempt takes the next. */
static void on_looked_up(void *self, const struct addresses *found, const struct error *error)
{
    struct redis_link *link = self;
    link->lookup = NULL;
    if (found->size > 0) {
        connect_to(link, found->at[link->attempts++ % found->size]);
        return;
    }
    struct error why;
    error_set(&why, STATUS_UNREACHABLE, "the host is not known: %.200s", error->text);
    lost(link, &why);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    struct redis_link *link = timer->data;
    struct error why;
    if (redis_read_password(&link->address, &why) != STATUS_OK) {
        lost(link, &why);
        return;
    }
    const char *host = link->address.host;
    if (link->address.unix_socket || address_is_numeric(host)) {
        connect_to(link, host);
        return;
    }
    link->lookup = lookup_start(loop, host, on_looked_up, link);
    if (link->lookup == NULL) {
        error_set(&why, STATUS_NO_MEMORY, "no thread to look the host up");
        lost(link, &why);
    }
}

/* ---- use ---- */

static void ignore_broken_pipes(void)
{
    /* hiredis writes without MSG_NOSIGNAL: a connection that breaks would end the process. */
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

enum status redis_link_init(struct redis_link *link, struct ev_loop *loop,
                            const struct redis_address *address,
                            const struct redis_link_owner *owner)
{
    *link = (struct redis_link){
        .loop = loop, .address = *address, .owner = *owner, .backoff_s = BACKOFF_LEAST_S};
    if (command_builder_init(&link->builder) != STATUS_OK)
        return STATUS_NO_MEMORY;
    ignore_broken_pipes();
    if (address->unix_socket)
        snprintf(link->name, sizeof link->name, "%s", address->host);
    else
        snprintf(link->name, sizeof link->name, "%s:%d", address->host, address->port);
    struct clock_source *clock = clock_of_machine();
    link->random =
        (uint64_t)clock->monotonic_ns(clock) * 2654435761U ^ (uint64_t)getpid() ^ 1U << 31;
    ev_timer_init(&link->retry_timer, on_retry, 0., 0.);
    ev_timer_init(&link->silence_timer, on_silence, 0., 0.);
    ev_set_priority(&link->silence_timer, EV_MINPRI); /* after what has just come in */
    link->retry_timer.data = link->silence_timer.data = link;
    ev_timer_start(loop, &link->retry_timer);
    return STATUS_OK;
}

void redis_link_finish(struct redis_link *link)
{
    ev_timer_stop(link->loop, &link->retry_timer);
    ev_timer_stop(link->loop, &link->silence_timer);
    lookup_cancel(link->lookup);
    link->lookup = NULL;
    if (link->context != NULL)
        free_context(link->context);
    link->context = NULL;
    command_builder_finish(&link->builder);
}

bool redis_link_is_open(const struct redis_link *link)
{
    return link->context != NULL &&
           !(link->context->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING));
}

void redis_link_push(struct redis_link *link)
{
    enum { MUCH = 32 * 1024 };
    if (link->unpushed < MUCH || !redis_link_is_open(link) ||
        (link->context->c.flags & REDIS_IN_CALLBACK) != 0)
        return;
    link->unpushed = 0;
    redisAsyncHandleWrite(link->context);
}

bool redis_link_send(struct redis_link *link, struct command command, redisCallbackFn *fn,
                     void *data)
{
    if (!redis_link_is_open(link) ||
        redisAsyncFormattedCommand(link->context, fn, data, command.bytes, command.size) !=
            REDIS_OK)
        return false;
    link->unpushed += command.size;
    if (fn != NULL)
        await_reply(link);
    return true;
}

void redis_link_works(struct redis_link *link)
{
    link->backoff_s = BACKOFF_LEAST_S;
}
