/*
 * Messages on their way back to the threads that made them.
 *
 *     broker's thread ── makes messages ──► queue ──► our thread: reads, learns
 *           ▲                                              │ a batch at a time
 *           └── frees them when its next response is there ◄┘
 *
 * librdkafka makes each message on the thread of its broker. Freed on ours, both threads want the
 * lock of the same heap and the same counts of references at every message; freed there, nobody
 * waits, and the next messages lie where these were. Inside the Kafka part.
 */
#ifndef TRANSPORT_KAFKA_RETURNS_H
#define TRANSPORT_KAFKA_RETURNS_H

#include "model/status.h"

#include <librdkafka/rdkafka.h>

struct kafka_returns;

/* For the client that will be made of `conf`. */
enum status kafka_returns_create(rd_kafka_conf_t *conf, struct kafka_returns **out,
                                 struct error *error);
/* When the client has ended. NULL is legal. */
void kafka_returns_destroy(struct kafka_returns *returns);
/* From any thread; takes the messages. Those that would be too many on their way are freed here. */
void kafka_returns_give(struct kafka_returns *returns, rd_kafka_message_t *const *messages,
                        uint32_t size);
/* Frees here all that are on their way: a client does not end before. */
void kafka_returns_clear(struct kafka_returns *returns);

#endif
