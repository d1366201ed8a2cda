/*
 * The store in Redis: lists go out as pipelined commands, each answered by exactly one done().
 *
 *     put() ─► ring of operations in flight ─► reply ─► done(true)
 *                                        └── refused, or the connection is lost ─► done(false)
 *
 * Replies come in the order of the commands, so the ring's oldest operation is the one answered.
 *
 * How an emptied Redis is noticed: taste:status has a field of this lineage's own, the canary,
 * which counts up with every put_status(). It is read in the same transaction that writes it; if it
 * is gone, or lower than what Redis had confirmed (an older dump was loaded), so are the lists.
 * It names their format: lists of another one are as good as gone.
 */
#include "transport/log.h"
#include "transport/redis.h"
#include "transport/redis_command.h"
#include "transport/redis_link.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HOLD_LEAST_S 0.1
#define HOLD_MOST_S 5.0

enum {
    OPERATIONS_MAX = 256,
    OPERATIONS_LOW = 192, /* room() is told when so few are left */
    BYTES_MAX = 8 << 20,  /* sent or waiting to be, not answered */
    STATUS_FIELDS_MAX = 32,
    EPOCH_MAX = 32,
};

enum operation_kind { OPERATION_WRITE, OPERATION_EXPIRE, OPERATION_STATUS };

struct operation {
    struct redis_store *store;
    enum operation_kind kind;
    uint32_t bytes;
    uint64_t ticket; /* of a status: the canary's new value */
};

struct redis_store {
    struct store store; /* first: a store is this */
    struct redis_link link;
    struct store_owner owner;
    enum list_format format;
    bool ready;     /* up, and the canary has been read */
    bool full;      /* the owner was told that there is no room */
    bool reconnect; /* this server will not take writes: look for it anew */
    char prefix[REDIS_PREFIX_MAX + 1], status_key[REDIS_PREFIX_MAX + 8];
    char epoch[EPOCH_MAX + 1], canary_field[EPOCH_MAX + 16];
    bool epoch_found;
    uint64_t left;                     /* the mark that the process before ended with, or 0 */
    uint64_t canary, canary_confirmed; /* last sent; last known to be in Redis, or 0 */
    struct operation operations[OPERATIONS_MAX];
    uint32_t oldest, in_flight;
    size_t bytes;
    ev_timer hold_timer; /* active: Redis refuses writes for now */
    double hold_s;
    struct log_limit refusals;
};

/* ---- room ---- */

static bool has_room(const struct store *self)
{
    const struct redis_store *store = (const struct redis_store *)self;
    return store->ready && redis_link_is_open(&store->link) && store->in_flight < OPERATIONS_MAX &&
           store->bytes < BYTES_MAX && !ev_is_active(&store->hold_timer);
}

static void tell_room(struct redis_store *store)
{
    if (!store->full || !has_room(&store->store) || store->in_flight > OPERATIONS_LOW)
        return;
    store->full = false;
    store->owner.room(store->owner.context);
}

static void on_hold_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    tell_room(timer->data);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* OOM, READONLY, LOADING, MISCONF, NOPERM, …: nothing is lost, but asking at full speed would not
 * help. A replica, or a server that wants a new login, is left for another try. */
static void refused(struct redis_store *store, const char *reason)
{
    log_every(&store->refusals, 10, LOG_LEVEL_WARNING,
              "redis %s: refuses a write: %s; it will be written again", store->link.name, reason);
    if (starts_with(reason, "READONLY") || starts_with(reason, "NOAUTH"))
        store->reconnect = true;
    if (ev_is_active(&store->hold_timer))
        return;
    store->hold_s = store->hold_s * 2 < HOLD_LEAST_S ? HOLD_LEAST_S : store->hold_s * 2;
    if (store->hold_s > HOLD_MOST_S)
        store->hold_s = HOLD_MOST_S;
    ev_timer_set(&store->hold_timer, store->hold_s, 0.);
    ev_timer_start(store->link.loop, &store->hold_timer);
    store->full = true;
}

static void accepted(struct redis_store *store)
{
    store->hold_s = 0;
    redis_link_works(&store->link);
}

/* ---- operations ---- */

static struct operation *begin_operation(struct redis_store *store, enum operation_kind kind,
                                         uint64_t ticket)
{
    struct operation *operation =
        &store->operations[(store->oldest + store->in_flight++) % OPERATIONS_MAX];
    *operation = (struct operation){store, kind, 0, ticket};
    return operation;
}

static void end_oldest(struct redis_store *store)
{
    assert(store->in_flight > 0);
    store->bytes -= store->operations[store->oldest].bytes;
    store->oldest = (store->oldest + 1) % OPERATIONS_MAX;
    store->in_flight--;
}

static void answer_oldest(struct redis_store *store, bool written)
{
    struct operation operation = store->operations[store->oldest];
    end_oldest(store);
    if (operation.kind != OPERATION_STATUS)
        store->owner.done(store->owner.context, operation.ticket, written);
}

static void answer_all(struct redis_store *store)
{
    while (store->in_flight > 0)
        answer_oldest(store, false);
}

/* The connection can only have gone away unnoticed: then down() answers the operation. */
static void send(struct operation *operation, struct command command, redisCallbackFn *fn)
{
    struct redis_store *store = operation->store;
    if (!redis_link_send(&store->link, command, fn, operation))
        return;
    operation->bytes += (uint32_t)command.size;
    store->bytes += command.size;
}

/* ---- replies ---- */

static const char *error_in(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return reply->str;
    if (reply->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR)
            return reply->element[i]->str;
    }
    return NULL;
}

/* MULTI and what is queued after it: a refusal here says more than the EXECABORT that follows. */
static void on_part(redisAsyncContext *context, void *answer, void *data)
{
    const redisReply *reply = answer;
    if (reply == NULL || context->data == NULL)
        return;
    struct redis_store *store = ((struct operation *)data)->store;
    redis_link_heard(&store->link);
    const char *error = error_in(reply);
    if (error != NULL)
        refused(store, error);
}

static bool is_written(const struct operation *operation, const redisReply *reply)
{
    if (operation->kind == OPERATION_EXPIRE)
        return reply->type == REDIS_REPLY_INTEGER && reply->integer == 1; /* 0: no such key */
    return reply->type != REDIS_REPLY_NIL;
}

/* The last reply of an operation. */
static void on_end(redisAsyncContext *context, void *answer, void *data)
{
    const redisReply *reply = answer;
    struct operation *operation = data;
    if (reply == NULL || context->data == NULL)
        return;
    struct redis_store *store = operation->store;
    assert(operation == &store->operations[store->oldest]);
    redis_link_heard(&store->link);
    const char *error = error_in(reply);
    if (error == NULL)
        accepted(store);
    else if (!starts_with(error, "EXECABORT"))
        refused(store, error);
    answer_oldest(store, error == NULL && is_written(operation, reply));
    if (store->reconnect)
        redis_link_fail(&store->link, "it does not take writes");
    else
        tell_room(store);
}

/* ---- the canary ---- */

static uint64_t canary_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
}

/* EXEC of put_status(): what the canary was, and the count of new fields. */
static void on_status(redisAsyncContext *context, void *answer, void *data)
{
    const redisReply *reply = answer;
    struct operation *operation = data;
    if (reply == NULL || context->data == NULL)
        return;
    struct redis_store *store = operation->store;
    uint64_t sent = operation->ticket;
    bool gone = false;
    if (error_in(reply) == NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        uint64_t found = canary_of(reply->element[0]);
        gone = found < store->canary_confirmed;
        store->canary_confirmed = sent;
        if (store->canary < found)
            store->canary = found;
    }
    on_end(context, answer, data);
    if (gone)
        store->owner.connected(store->owner.context, false);
}

static bool handshake_refused(struct redis_store *store, const redisReply *reply)
{
    redis_link_heard(&store->link);
    /* A key of another type under our name is somebody's mistake that put_status() will tell. */
    if (reply->type != REDIS_REPLY_ERROR || starts_with(reply->str, "WRONGTYPE"))
        return false;
    redis_link_fail(&store->link, "%s cannot be read: %s", store->status_key, reply->str);
    return true;
}

static void on_epoch(redisAsyncContext *context, void *answer, void *data)
{
    struct redis_store *store = data;
    const redisReply *reply = answer;
    if (reply == NULL || context->data == NULL || handshake_refused(store, reply))
        return;
    store->epoch_found = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, store->epoch) == 0;
}

/* Another lineage may have written over our lists while this process was not there: then the epoch
 * is its. Or one of our own that came to a sudden end: then the mark is not the one that our
 * snapshot remembers. While this process lives the canary alone tells, as several instances may
 * share Redis. */
static void on_canary(redisAsyncContext *context, void *answer, void *data)
{
    struct redis_store *store = data;
    const redisReply *reply = answer;
    if (reply == NULL || context->data == NULL || handshake_refused(store, reply))
        return;
    uint64_t found = canary_of(reply);
    bool ours = store->canary_confirmed > 0
                    ? found >= store->canary_confirmed
                    : found > 0 && found == store->left && store->epoch_found;
    store->canary_confirmed = ours ? found : 0;
    if (store->canary < found)
        store->canary = found;
    store->ready = true;
    store->full = false;
    log_line(LOG_LEVEL_DEBUG, "redis %s: connected", store->link.name);
    store->owner.connected(store->owner.context, ours);
}

static void read_canary(void *self)
{
    struct redis_store *store = self;
    struct text key = text_of(store->status_key);
    struct command_builder *builder = &store->link.builder;
    redis_link_send(
        &store->link,
        command_words(builder, (struct text[]){text_of("HGET"), key, text_of("epoch")}, 3),
        on_epoch, store);
    redis_link_send(
        &store->link,
        command_words(builder, (struct text[]){text_of("HGET"), key, text_of(store->canary_field)},
                      3),
        on_canary, store);
}

static void connection_down(void *self, const struct error *why)
{
    struct redis_store *store = self;
    bool was_ready = store->ready;
    store->ready = false;
    store->reconnect = false;
    answer_all(store);
    if (was_ready)
        store->owner.disconnected(store->owner.context, why);
}

/* ---- the interface ---- */

static void send_list(struct redis_store *store, struct operation *operation,
                      struct command_key key, const struct store_write *write)
{
    struct command_builder *builder = &store->link.builder;
    if (write->list->size == 0) {
        send(operation, command_delete(builder, key), on_end);
        return;
    }
    if (store->format == LIST_JSON || store->format == LIST_MSGPACK) {
        send(operation, command_set(builder, key, store->format, write), on_end);
        return;
    }
    struct text multi = text_of("MULTI"), exec = text_of("EXEC");
    send(operation, command_words(builder, &multi, 1), on_part);
    send(operation, command_delete(builder, key), on_part);
    send(operation, command_push(builder, key, store->format, write->list), on_part);
    if (write->ttl_s > 0)
        send(operation, command_expire(builder, key, write->ttl_s), on_part);
    send(operation, command_words(builder, &exec, 1), on_end);
}

static bool put(struct store *self, const struct store_write *write)
{
    struct redis_store *store = (struct redis_store *)self;
    redis_link_push(&store->link);
    if (!has_room(self)) {
        store->full = true;
        return false;
    }
    assert(write->name.size <= REDIS_NAME_MAX && write->list->size <= LIST_SIZE_MAX);
    struct text prefix = text_of(store->prefix);
    struct operation *operation = begin_operation(store, OPERATION_WRITE, write->ticket);
    send_list(store, operation, key_of(prefix, write->key, write->name), write);
    if (write->notify && write->name.size > 0)
        send(operation, command_publish(&store->link.builder, prefix, write->name), NULL);
    store->full = !has_room(self);
    return true;
}

static bool expire(struct store *self, enum store_key key, struct text name, int64_t ttl_s,
                   uint64_t ticket)
{
    struct redis_store *store = (struct redis_store *)self;
    if (!has_room(self)) {
        store->full = true;
        return false;
    }
    assert(name.size <= REDIS_NAME_MAX && ttl_s > 0);
    struct operation *operation = begin_operation(store, OPERATION_EXPIRE, ticket);
    send(operation,
         command_expire(&store->link.builder, key_of(text_of(store->prefix), key, name), ttl_s),
         on_end);
    store->full = !has_room(self);
    return true;
}

/* HSET status field value … epoch E canary:json:E n */
static struct command status_command(struct redis_store *store, const struct store_field *fields,
                                     uint32_t size)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, store->canary);
    struct text words[6 + 2 * STATUS_FIELDS_MAX] = {text_of("HSET"), text_of(store->status_key)};
    uint32_t used = 2;
    for (uint32_t i = 0; i < size; i++) {
        words[used++] = text_of(fields[i].name);
        words[used++] = text_of(fields[i].value);
    }
    words[used++] = text_of("epoch");
    words[used++] = text_of(store->epoch);
    words[used++] = text_of(store->canary_field);
    words[used++] = text_of(number);
    return command_words(&store->link.builder, words, used);
}

static bool put_status(struct store *self, const struct store_field *fields, uint32_t size)
{
    struct redis_store *store = (struct redis_store *)self;
    assert(size <= STATUS_FIELDS_MAX);
    if (!has_room(self)) {
        store->full = true;
        return false;
    }
    struct command_builder *builder = &store->link.builder;
    struct text multi = text_of("MULTI"), exec = text_of("EXEC");
    struct text read[] = {text_of("HGET"), text_of(store->status_key),
                          text_of(store->canary_field)};
    struct operation *operation = begin_operation(store, OPERATION_STATUS, ++store->canary);
    send(operation, command_words(builder, &multi, 1), on_part);
    send(operation, command_words(builder, read, 3), on_part);
    send(operation, status_command(store, fields, size), on_part);
    send(operation, command_words(builder, &exec, 1), on_status);
    return true;
}

static uint64_t mark(const struct store *self)
{
    return ((const struct redis_store *)self)->canary;
}

static uint32_t count_in_flight(const struct store *self)
{
    return ((const struct redis_store *)self)->in_flight;
}

static bool is_connected(const struct store *self)
{
    const struct redis_store *store = (const struct redis_store *)self;
    return store->ready && redis_link_is_open(&store->link);
}

static void destroy(struct store *self)
{
    struct redis_store *store = (struct redis_store *)self;
    store->ready = false;
    ev_timer_stop(store->link.loop, &store->hold_timer);
    redis_link_finish(&store->link);
    answer_all(store);
    free(store);
}

static const struct store_ops redis_store_ops = {
    .has_room = has_room,
    .put = put,
    .expire = expire,
    .put_status = put_status,
    .mark = mark,
    .in_flight = count_in_flight,
    .is_connected = is_connected,
    .destroy = destroy,
};

enum status redis_store_create(struct ev_loop *loop, const struct redis_settings *settings,
                               const struct store_owner *owner, struct store **out,
                               struct error *error)
{
    struct redis_address address;
    enum status status = redis_parse(settings->url, &address, error);
    if (status != STATUS_OK)
        return status;
    if (strlen(settings->prefix) > REDIS_PREFIX_MAX)
        return error_set(error, STATUS_BAD_CONFIG, "redis.prefix: longer than %d bytes",
                         REDIS_PREFIX_MAX);
    assert(strlen(settings->epoch) <= EPOCH_MAX);
    struct redis_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return error_set(error, STATUS_NO_MEMORY, "redis: out of memory");
    store->store.ops = &redis_store_ops;
    store->owner = *owner;
    store->format = settings->format;
    store->canary = settings->mark;
    store->left = settings->ended ? settings->mark : 0;
    snprintf(store->prefix, sizeof store->prefix, "%s", settings->prefix);
    snprintf(store->status_key, sizeof store->status_key, "%sstatus", settings->prefix);
    snprintf(store->epoch, sizeof store->epoch, "%s", settings->epoch);
    static const char *const formats[] = {"json", "msgpack", "list", "zset"};
    snprintf(store->canary_field, sizeof store->canary_field, "canary:%s:%s",
             formats[settings->format], settings->epoch);
    ev_timer_init(&store->hold_timer, on_hold_over, 0., 0.);
    store->hold_timer.data = store;
    struct redis_link_owner link_owner = {store, read_canary, connection_down};
    if (redis_link_init(&store->link, loop, &address, &link_owner) != STATUS_OK) {
        free(store);
        return error_set(error, STATUS_NO_MEMORY, "redis: out of memory");
    }
    *out = &store->store;
    return STATUS_OK;
}
