/* Inside the Kafka part: how every client of librdkafka is configured, made and ended. */
#ifndef TRANSPORT_KAFKA_CONF_H
#define TRANSPORT_KAFKA_CONF_H

#include "transport/kafka.h"

#include <librdkafka/rdkafka.h>

/* Defaults, then `pairs`, then what is reserved. NULL with STATUS_BAD_CONFIG in `error`. */
rd_kafka_conf_t *kafka_conf_create(const struct kafka_pairs *pairs, struct error *error);
/* For our own settings: the key must be known. */
enum status kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                           struct error *error);
/* True if `pairs` name the key. */
bool kafka_pairs_have(const struct kafka_pairs *pairs, const char *key);
/* What a message calls the cluster: the value of bootstrap.servers. */
const char *kafka_pairs_brokers(const struct kafka_pairs *pairs);

/* Takes `conf` over in any case. */
enum status kafka_client_create(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
                                struct error *error);
/* Ends it in a thread of its own and waits at most `timeout_ms`: rd_kafka_destroy() can block for
 * ever (a partition that was removed). What is not over by then ends with the process: false, and
 * what its threads use must stay. NULL is legal. */
bool kafka_client_destroy(rd_kafka_t *client, int timeout_ms);

/* The names in a comma-separated list, blanks trimmed, as a list of partition RD_KAFKA_PARTITION_UA
 * each. NULL if there is none or one is no topic name (STATUS_INVALID) or memory is short. */
rd_kafka_topic_partition_list_t *kafka_topics_parse(const char *topics, struct error *error);

#endif
