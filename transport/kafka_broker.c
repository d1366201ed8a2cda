/* The embedded broker: librdkafka's mock cluster, on loopback, in memory, within its limits: 5 MiB
 * or 100,000 message sets a partition, then the start of the log moves; aborted transactions stay
 * visible; times cannot be looked up. */
#include "transport/kafka_conf.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

struct kafka_broker {
    rd_kafka_t *host; /* the client whose threads run the cluster */
    rd_kafka_mock_cluster_t *cluster;
    uint32_t size;
};

enum status kafka_broker_create(uint32_t brokers, const char *topic, int partitions,
                                struct kafka_broker **out, struct error *error)
{
    struct kafka_broker *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the embedded broker");
    enum status status = STATUS_INTERNAL;
    const struct kafka_pairs none = {NULL, 0};
    rd_kafka_conf_t *conf = kafka_conf_create(&none, error);
    if (conf == NULL)
        goto failed;
    status = kafka_client_create(RD_KAFKA_PRODUCER, conf, &self->host, error);
    if (status != STATUS_OK)
        goto failed;
    self->size = brokers;
    self->cluster = rd_kafka_mock_cluster_new(self->host, (int)brokers);
    if (self->cluster == NULL) {
        status = error_set(error, STATUS_INTERNAL,
                           "the embedded broker does not start: no free port on loopback?");
        goto failed;
    }
    rd_kafka_resp_err_t made =
        rd_kafka_mock_topic_create(self->cluster, topic, partitions, (int)brokers);
    if (made != RD_KAFKA_RESP_ERR_NO_ERROR) {
        status = error_set(error, STATUS_INVALID, "the embedded broker refuses topic %s: %s", topic,
                           rd_kafka_err2str(made));
        goto failed;
    }
    *out = self;
    return STATUS_OK;
failed:
    kafka_broker_destroy(self);
    return status;
}

const char *kafka_broker_address(const struct kafka_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void kafka_broker_set_up(struct kafka_broker *broker, bool up)
{
    for (int32_t id = 1; id <= (int32_t)broker->size; id++) {
        if (up)
            rd_kafka_mock_broker_set_up(broker->cluster, id);
        else
            rd_kafka_mock_broker_set_down(broker->cluster, id);
    }
}

void kafka_broker_refuse_batches(struct kafka_broker *broker, uint32_t batches)
{
    enum { PRODUCE = 0 }; /* the request's number in the protocol */
    for (uint32_t i = 0; i < batches; i++)
        rd_kafka_mock_push_request_errors(broker->cluster, PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

void kafka_broker_destroy(struct kafka_broker *broker)
{
    if (broker == NULL)
        return;
    if (broker->cluster != NULL)
        rd_kafka_mock_cluster_destroy(broker->cluster);
    kafka_client_destroy(broker->host, 5000);
    free(broker);
}
