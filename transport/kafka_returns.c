#include "transport/kafka_returns.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* So many come with a few responses; a message keeps the whole response that it came with. */
enum { RETURNS_MAX = 1 << 15, RETURNS_BYTES = 8 << 20 };

struct pile {
    uint32_t size;
    size_t bytes;
    rd_kafka_message_t *at[RETURNS_MAX];
};

struct kafka_returns {
    pthread_mutex_t lock;
    struct pile *waiting;
    /* Who holds this empties one pile, while what is given comes to the other. */
    pthread_mutex_t emptying;
    struct pile *spare;
    struct pile piles[2];
};

static void free_messages(rd_kafka_message_t *const *messages, uint32_t size)
{
    for (uint32_t n = 0; n < size; n++)
        rd_kafka_message_destroy(messages[n]);
}

/* With `emptying` held. */
static void empty(struct kafka_returns *returns)
{
    pthread_mutex_lock(&returns->lock);
    struct pile *pile = returns->waiting;
    returns->waiting = returns->spare;
    pthread_mutex_unlock(&returns->lock);
    free_messages(pile->at, pile->size);
    pile->size = 0;
    pile->bytes = 0;
    returns->spare = pile;
}

/* On a broker's thread, before what came is made into messages. There no function of the client
 * may be called; freeing a message is none. */
static rd_kafka_resp_err_t on_response(rd_kafka_t *client, int socket, const char *broker,
                                       int32_t broker_id, int16_t request, int16_t version,
                                       int32_t correlation, size_t size, int64_t took_us,
                                       rd_kafka_resp_err_t answer, void *context)
{
    (void)client, (void)socket, (void)broker, (void)broker_id, (void)request, (void)version;
    (void)correlation, (void)size, (void)took_us, (void)answer;
    struct kafka_returns *returns = context;
    if (pthread_mutex_trylock(&returns->emptying) != 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR; /* another broker's thread is at it */
    empty(returns);
    pthread_mutex_unlock(&returns->emptying);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *context,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    return rd_kafka_interceptor_add_on_response_received(client, "returns", on_response, context);
}

enum status kafka_returns_create(rd_kafka_conf_t *conf, struct kafka_returns **out,
                                 struct error *error)
{
    struct kafka_returns *returns = calloc(1, sizeof *returns);
    if (returns == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for Kafka's messages");
    pthread_mutex_init(&returns->lock, NULL);
    pthread_mutex_init(&returns->emptying, NULL);
    returns->waiting = &returns->piles[0];
    returns->spare = &returns->piles[1];
    if (rd_kafka_conf_interceptor_add_on_new(conf, "returns", on_new, returns) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_returns_destroy(returns);
        return error_set(error, STATUS_INTERNAL, "librdkafka does not take an interceptor");
    }
    *out = returns;
    return STATUS_OK;
}

void kafka_returns_destroy(struct kafka_returns *returns)
{
    if (returns == NULL)
        return;
    kafka_returns_clear(returns);
    pthread_mutex_destroy(&returns->lock);
    pthread_mutex_destroy(&returns->emptying);
    free(returns);
}

static size_t bytes_of(rd_kafka_message_t *const *messages, uint32_t size)
{
    size_t bytes = 0;
    for (uint32_t n = 0; n < size; n++)
        bytes += messages[n]->len;
    return bytes;
}

/* False: they do not fit. */
static bool pile_up(struct pile *pile, rd_kafka_message_t *const *messages, uint32_t size,
                    size_t bytes)
{
    if (pile->size + size > RETURNS_MAX || pile->bytes + bytes > RETURNS_BYTES)
        return false;
    for (uint32_t n = 0; n < size; n++)
        pile->at[pile->size + n] = messages[n];
    pile->size += size;
    pile->bytes += bytes;
    return true;
}

void kafka_returns_give(struct kafka_returns *returns, rd_kafka_message_t *const *messages,
                        uint32_t size)
{
    const size_t bytes = bytes_of(messages, size);
    pthread_mutex_lock(&returns->lock);
    const bool fit = pile_up(returns->waiting, messages, size, bytes);
    pthread_mutex_unlock(&returns->lock);
    if (!fit)
        free_messages(messages, size);
}

void kafka_returns_clear(struct kafka_returns *returns)
{
    pthread_mutex_lock(&returns->emptying);
    empty(returns);
    pthread_mutex_unlock(&returns->emptying);
}
