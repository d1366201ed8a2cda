#include "transport/kafka_keys.h"

#include "transport/kafka_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool kafka_key_known(const char *key)
{
    char text[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool known = rd_kafka_conf_set(conf, key, "", text, sizeof text) != RD_KAFKA_CONF_UNKNOWN;
    rd_kafka_conf_destroy(conf);
    return known;
}

enum status kafka_key_check(const struct kafka_pair *pair, struct error *error)
{
    struct kafka_pairs pairs = {pair, 1};
    rd_kafka_conf_t *conf = kafka_conf_create(&pairs, error);
    if (!conf)
        return error->status;
    rd_kafka_conf_destroy(conf);
    return STATUS_OK;
}

/* librdkafka lists its properties as a table for people only: "name | * | range | …" lines, below a
 * rule. */
void kafka_keys_each(void (*offer)(void *context, const char *key), void *context)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    rd_kafka_conf_properties_show(out);
    fclose(out);
    char *rest = NULL;
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strcspn(line, " |");
        bool is_name = length > 0 && strchr(line, '|') && islower((unsigned char)line[0]);
        line[length] = '\0';
        if (is_name)
            offer(context, line);
    }
    free(text);
}
