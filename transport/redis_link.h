/*
 * One connection to Redis that keeps itself up: hiredis on libev, with what hiredis leaves out.
 *
 *     wait ─► look up, connect ─► AUTH, SELECT, CLIENT SETNAME ─► up() ─► send() … replies
 *      ▲                                                                     │
 *      └──── back-off, jittered ◄──── down(why) ◄──── lost, silent, or link_fail()
 *
 * Never blocks: a host's name is looked up by a thread. One loop's thread for all else.
 */
#ifndef TRANSPORT_REDIS_LINK_H
#define TRANSPORT_REDIS_LINK_H

#include "transport/log.h"
#include "transport/lookup.h"
#include "transport/redis.h"
#include "transport/redis_command.h"

#include <ev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

struct redis_link_owner {
    void *context;
    void (*up)(void *context);
    /* After up() only. Whatever was sent and not answered never will be. */
    void (*down)(void *context, const struct error *why);
};

struct redis_link {
    struct ev_loop *loop;
    struct redis_address address;
    struct redis_link_owner owner;
    struct command_builder builder;
    redisAsyncContext *context; /* NULL while waiting for the next attempt */
    struct lookup *lookup;      /* under way */
    uint32_t attempts;
    bool up;
    ev_timer retry_timer, silence_timer;
    double backoff_s;
    double silence_due; /* when silence_timer should fire */
    double heard_at;    /* last reply, or the first command after a rest */
    uint32_t awaited;   /* replies */
    size_t unpushed;    /* bytes handed over since the last push */
    uint64_t random;    /* for the jitter */
    struct log_limit trouble;
    char name[320]; /* "host:port" or the socket's path, for messages */
};

/* Copies what it is given; begins to connect on the loop's next turn. */
enum status redis_link_init(struct redis_link *link, struct ev_loop *loop,
                            const struct redis_address *address,
                            const struct redis_link_owner *owner);
/* Without down(). Callbacks of commands not answered are called with a NULL reply. */
void redis_link_finish(struct redis_link *link);

/* False: not connected. `fn` gets the reply, and calls redis_link_heard() for it; NULL while the
 * connection is torn down: then it must do nothing. Without `fn` the reply is not waited for. */
bool redis_link_send(struct redis_link *link, struct command command, redisCallbackFn *fn,
                     void *data);
/* Writes what waits to be sent when it has become much, instead of when the loop comes round: Redis
 * then works while we do. The connection may be lost by that, with down(). Not from a callback of
 * hiredis, where it does nothing. */
void redis_link_push(struct redis_link *link);
bool redis_link_is_open(const struct redis_link *link);
void redis_link_heard(struct redis_link *link);
/* The server does what it is there for: the next back-off begins small again. */
void redis_link_works(struct redis_link *link);
/* Gives this connection up and tries again later. */
void redis_link_fail(struct redis_link *link, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
