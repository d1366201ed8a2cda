/* Inside the Kafka part: which partitions the source reads, and how far it has given them out. */
#ifndef TRANSPORT_KAFKA_OWNED_H
#define TRANSPORT_KAFKA_OWNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kafka_part_state {
    KAFKA_PART_FREE,     /* not ours: messages of it are stale */
    KAFKA_PART_STARTING, /* ours, but where to begin is being asked */
    KAFKA_PART_READ,
    KAFKA_PART_ASTRAY, /* its offset is out of range; where to go on is being asked */
};

struct kafka_part {
    enum kafka_part_state state;
    uint64_t ticket; /* of the question under way */
    uint64_t asked;  /* likewise, of how far others have come */
    bool fresh;      /* the owner knew no offset of it when it began */
    int64_t next;    /* offset after the last message given out; < 0: none yet */
};

struct kafka_owned_topic {
    char *name;   /* stays where it is as long as there is a source */
    bool listed;  /* its partitions have been seen */
    bool missing; /* it did not exist when it was first asked for */
    int32_t size;
    struct kafka_part *at; /* (size) by partition */
};

struct kafka_owned {
    uint32_t size;
    struct kafka_owned_topic *at;
    uint32_t last; /* the one found last */
};

void kafka_owned_finish(struct kafka_owned *owned);
/* NULL: not known (find), no memory (add). */
struct kafka_owned_topic *kafka_owned_topic_find(struct kafka_owned *owned, const char *topic);
struct kafka_owned_topic *kafka_owned_topic_add(struct kafka_owned *owned, const char *topic);
static inline struct kafka_part *kafka_owned_part(const struct kafka_owned_topic *topic,
                                                  int32_t partition)
{
    return partition >= 0 && partition < topic->size ? &topic->at[partition] : NULL;
}
struct kafka_part *kafka_owned_find(struct kafka_owned *owned, const char *topic,
                                    int32_t partition);
struct kafka_part *kafka_owned_add(struct kafka_owned *owned, const char *topic, int32_t partition);

#endif
