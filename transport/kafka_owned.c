#include "transport/kafka_owned.h"

#include <stdlib.h>
#include <string.h>

enum { PARTITIONS_MAX = 1 << 20 };

void kafka_owned_finish(struct kafka_owned *owned)
{
    for (uint32_t i = 0; i < owned->size; i++) {
        free(owned->at[i].at);
        free(owned->at[i].name);
    }
    free(owned->at);
    *owned = (struct kafka_owned){0};
}

struct kafka_owned_topic *kafka_owned_topic_find(struct kafka_owned *owned, const char *topic)
{
    if (owned->last < owned->size && strcmp(owned->at[owned->last].name, topic) == 0)
        return &owned->at[owned->last];
    for (uint32_t i = 0; i < owned->size; i++)
        if (strcmp(owned->at[i].name, topic) == 0) {
            owned->last = i;
            return &owned->at[i];
        }
    return NULL;
}

struct kafka_owned_topic *kafka_owned_topic_add(struct kafka_owned *owned, const char *topic)
{
    struct kafka_owned_topic *found = kafka_owned_topic_find(owned, topic);
    if (found != NULL)
        return found;
    struct kafka_owned_topic *grown = realloc(owned->at, (owned->size + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    owned->at = grown;
    char *name = strdup(topic);
    if (name == NULL)
        return NULL;
    grown[owned->size] = (struct kafka_owned_topic){.name = name};
    return &grown[owned->size++];
}

struct kafka_part *kafka_owned_find(struct kafka_owned *owned, const char *topic, int32_t partition)
{
    struct kafka_owned_topic *found = kafka_owned_topic_find(owned, topic);
    return found == NULL ? NULL : kafka_owned_part(found, partition);
}

struct kafka_part *kafka_owned_add(struct kafka_owned *owned, const char *topic, int32_t partition)
{
    struct kafka_owned_topic *found = kafka_owned_topic_add(owned, topic);
    if (found == NULL || partition < 0 || partition >= PARTITIONS_MAX)
        return NULL;
    if (partition >= found->size) {
        size_t old = (size_t)found->size, size = (size_t)partition + 1;
        struct kafka_part *grown = realloc(found->at, size * sizeof *grown);
        if (grown == NULL)
            return NULL;
        memset(grown + old, 0, (size - old) * sizeof *grown);
        found->at = grown;
        found->size = (int32_t)size;
    }
    return &found->at[partition];
}
