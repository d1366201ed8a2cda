/*
 * librdkafka's mock cluster for the quick system tests. Prints its address, then obeys lines on
 * standard input, answering each with "ok" or what went wrong; ends when standard input does.
 *
 *     topic NAME PARTITIONS     creates a topic
 *     down                      the broker is out of reach; what it holds stays
 *     up                        it is back
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

enum { BROKER = 1 };

static const char *obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
    char topic[250];
    int partitions;
    rd_kafka_resp_err_t code;

    if (sscanf(line, "topic %249s %d", topic, &partitions) == 2) {
        code = rd_kafka_mock_topic_create(cluster, topic, partitions, 1);
    } else if (strcmp(line, "down\n") == 0) {
        code = rd_kafka_mock_broker_set_down(cluster, BROKER);
    } else if (strcmp(line, "up\n") == 0) {
        code = rd_kafka_mock_broker_set_up(cluster, BROKER);
    } else {
        return "not a command";
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok" : rd_kafka_err2str(code);
}

int main(void)
{
    char line[512];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), line, sizeof line);
    if (client == NULL) {
        fprintf(stderr, "broker: %s\n", line);
        return 1;
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, 1);
    if (cluster == NULL) {
        fprintf(stderr, "broker: the mock cluster does not start\n");
        rd_kafka_destroy(client);
        return 1;
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        printf("%s\n", obey(cluster, line));
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    return 0;
}
