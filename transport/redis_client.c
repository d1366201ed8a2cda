/* The blocking client of the one-shot commands. */
#include "transport/list_parse.h"
#include "transport/redis.h"
#include "transport/redis_tls.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct redis_client {
    redisContext *context;
    struct redis_address address;
    int timeout_ms;
};

static enum status unreachable(const struct redis_client *client, const char *why,
                               struct error *error)
{
    const struct redis_address *at = &client->address;
    if (at->unix_socket)
        return error_set(error, STATUS_UNREACHABLE, "redis %s: %s", at->host, why);
    return error_set(error, STATUS_UNREACHABLE, "redis %s:%d: %s", at->host, at->port, why);
}

/* hiredis tells of its own timeout as of any other error of the socket. */
static bool timed_out(const redisContext *context, int number)
{
#ifdef REDIS_ERR_TIMEOUT
    if (context->err == REDIS_ERR_TIMEOUT)
        return true;
#endif
    return context->err == REDIS_ERR_IO &&
           (number == EAGAIN || number == EWOULDBLOCK || number == ETIMEDOUT);
}

/* Right after the call of hiredis that failed: errno is its. */
static enum status no_answer(const struct redis_client *client, struct error *error)
{
    int number = errno;
    const redisContext *context = client->context;
    char why[64];
    if (context == NULL)
        return unreachable(client, "out of memory", error);
    if (!timed_out(context, number))
        return unreachable(client, context->errstr, error);
    snprintf(why, sizeof why, "no answer within %g s", client->timeout_ms / 1e3);
    return unreachable(client, why, error);
}

/* What to do about it. */
static enum status advise(const char *advice, struct error *error)
{
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, "; %s", advice);
    return error->status;
}

/* Asks; *out is the reply, freed by the caller, and never an error. */
static enum status ask(struct redis_client *client, redisReply **out, struct error *error,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(client->context, format, arguments);
    va_end(arguments);
    *out = NULL;
    if (reply == NULL)
        return no_answer(client, error);
    if (reply->type != REDIS_REPLY_ERROR) {
        *out = reply;
        return STATUS_OK;
    }
    enum status status = unreachable(client, reply->str, error);
    if (strncmp(reply->str, "WRONGTYPE", 9) == 0)
        status = error->status = STATUS_BAD_DATA;
    freeReplyObject(reply);
    return status;
}

static enum status log_in(struct redis_client *client, struct error *error)
{
    const struct redis_address *at = &client->address;
    redisReply *reply = NULL;
    enum status status = STATUS_OK;
    if (at->user[0] != '\0')
        status = ask(client, &reply, error, "AUTH %s %s", at->user, at->password);
    else if (at->password[0] != '\0')
        status = ask(client, &reply, error, "AUTH %s", at->password);
    freeReplyObject(reply);
    reply = NULL;
    if (status == STATUS_OK && at->database != 0)
        status = ask(client, &reply, error, "SELECT %d", at->database);
    freeReplyObject(reply);
    return status;
}

/* Whether it talks to us at all. NOPERM is an answer too: the login was good. */
static enum status greet(struct redis_client *client, struct error *error)
{
    redisReply *reply = NULL;
    enum status status = ask(client, &reply, error, "PING");
    freeReplyObject(reply);
    return status != STATUS_OK && strstr(error->text, "NOPERM") != NULL ? STATUS_OK : status;
}

static enum status open_context(struct redis_client *client, struct error *error)
{
    const struct redis_address *at = &client->address;
    struct timeval timeout = {client->timeout_ms / 1000, client->timeout_ms % 1000 * 1000};
    client->context = at->unix_socket ? redisConnectUnixWithTimeout(at->host, timeout)
                                      : redisConnectWithTimeout(at->host, at->port, timeout);
    if (client->context == NULL || client->context->err != 0) {
        no_answer(client, error);
        return advise("start it, or set redis.url", error);
    }
    redisSetTimeout(client->context, timeout);
    struct error why;
    if (redis_tls_start(client->context, at, &why) == STATUS_OK)
        return STATUS_OK;
    unreachable(client, why.text, error);
    return advise("see redis.url", error);
}

enum status redis_connect(const char *url, int timeout_ms, struct redis_client **out,
                          struct error *error)
{
    struct error local;
    error = error != NULL ? error : &local;
    *out = NULL;
    struct redis_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return error_set(error, STATUS_NO_MEMORY, "redis: out of memory");
    client->timeout_ms = timeout_ms;
    enum status status = redis_parse(url, &client->address, error);
    if (status == STATUS_OK)
        status = open_context(client, error);
    if (status == STATUS_OK) {
        status = log_in(client, error);
        if (status == STATUS_OK)
            status = greet(client, error);
        if (status != STATUS_OK)
            advise("see redis.url", error);
    }
    if (status == STATUS_OK)
        *out = client;
    else
        redis_disconnect(client);
    return status;
}

void redis_disconnect(struct redis_client *client)
{
    if (client == NULL)
        return;
    if (client->context != NULL)
        redisFree(client->context);
    free(client);
}

static struct text text_of_reply(const redisReply *reply)
{
    bool has_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
    return has_text ? (struct text){reply->str, (uint32_t)reply->len} : (struct text){NULL, 0};
}

static enum status not_found(const char *key, struct error *error)
{
    return error_set(error, STATUS_NOT_FOUND, "redis has no %s", key);
}

static void name_key(const char *key, struct error *error)
{
    if (error == NULL)
        return;
    struct error why = *error;
    error_set(error, why.status, "redis: %.300s: %.160s", key, why.text);
}

/* `step` 2: every second reply is the score of the one before. */
static enum status take_array(const redisReply *reply, size_t step, struct list *list,
                              struct arena *arena, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i + step <= reply->elements && status == STATUS_OK; i += step) {
        const redisReply *score = step == 2 ? reply->element[i + 1] : NULL;
        bool scored = score != NULL && score->type == REDIS_REPLY_STRING;
        float value = scored ? strtof(score->str, NULL) : NAN;
        status = list_append(list, arena, text_of_reply(reply->element[i]), value, error);
    }
    return status;
}

enum status redis_read_list(struct redis_client *client, const char *key, struct list *list,
                            char *arena, size_t arena_size, int64_t *at_ms, struct error *error)
{
    struct arena room = {arena, arena_size};
    redisReply *kind = NULL, *reply = NULL;
    list->size = 0;
    *at_ms = 0;
    enum status status = ask(client, &kind, error, "TYPE %s", key);
    if (status != STATUS_OK)
        return status;
    struct text type = text_of_reply(kind);
    if (text_equal(type, text_of("string"))) {
        status = ask(client, &reply, error, "GET %s", key);
        if (status == STATUS_OK)
            status = reply->type == REDIS_REPLY_STRING
                         ? list_parse(text_of_reply(reply), list, &room, at_ms, error)
                         : not_found(key, error);
    } else if (text_equal(type, text_of("list"))) {
        status = ask(client, &reply, error, "LRANGE %s 0 %d", key, LIST_SIZE_MAX - 1);
        if (status == STATUS_OK)
            status = take_array(reply, 1, list, &room, error);
    } else if (text_equal(type, text_of("zset"))) {
        status = ask(client, &reply, error, "ZREVRANGE %s 0 %d WITHSCORES", key, LIST_SIZE_MAX - 1);
        if (status == STATUS_OK)
            status = take_array(reply, 2, list, &room, error);
    } else if (text_equal(type, text_of("none"))) {
        status = not_found(key, error);
    } else {
        status = error_set(error, STATUS_BAD_DATA, "redis: %s is a %.*s, not a list of tasted's",
                           key, (int)type.size, type.at);
    }
    if (status == STATUS_BAD_DATA && reply != NULL)
        name_key(key, error);
    freeReplyObject(reply);
    freeReplyObject(kind);
    return status;
}

enum status redis_read_hash_field(struct redis_client *client, const char *key, const char *field,
                                  char *out, size_t out_size, struct error *error)
{
    redisReply *reply = NULL;
    enum status status = ask(client, &reply, error, "HGET %s %s", key, field);
    if (status != STATUS_OK)
        return status;
    struct text value = text_of_reply(reply);
    if (reply->type == REDIS_REPLY_NIL)
        status = error_set(error, STATUS_NOT_FOUND, "redis has no %s in %s", field, key);
    else if (value.size >= out_size)
        status = error_set(error, STATUS_BAD_DATA, "redis: %s of %s is too long", field, key);
    else
        snprintf(out, out_size, "%.*s", (int)value.size, value.at);
    freeReplyObject(reply);
    return status;
}
