#include "daemon/offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void offsets_finish(struct offsets *offsets)
{
    free(offsets->at);
    *offsets = (struct offsets){0};
}

static bool is(const struct partition *at, const char *topic, int32_t partition)
{
    return at->position.partition == partition && strcmp(at->position.topic, topic) == 0;
}

struct partition *offsets_find(struct offsets *offsets, const char *topic, int32_t partition)
{
    if (offsets->last < offsets->size && is(&offsets->at[offsets->last], topic, partition))
        return &offsets->at[offsets->last];
    for (uint32_t i = 0; i < offsets->size; i++)
        if (is(&offsets->at[i], topic, partition)) {
            offsets->last = i;
            return &offsets->at[i];
        }
    return NULL;
}

static uint32_t number_of(const char *topic, int32_t partition)
{
    uint32_t number = XXH32(topic, strlen(topic), (uint32_t)partition);
    return number != 0 ? number : 1;
}

struct partition *offsets_add(struct offsets *offsets, const char *topic, int32_t partition)
{
    struct partition *found = offsets_find(offsets, topic, partition);
    if (found != NULL)
        return found;
    if (offsets->size == offsets->room) {
        uint32_t room = offsets->room == 0 ? 16 : 2 * offsets->room;
        struct partition *at = realloc(offsets->at, room * sizeof *at);
        if (at == NULL)
            return NULL;
        offsets->at = at;
        offsets->room = room;
    }
    struct partition *added = &offsets->at[offsets->size++];
    *added = (struct partition){.read_to = -1, .kept = -1, .goal = GOAL_UNTOLD, .reach = -1};
    snprintf(added->position.topic, sizeof added->position.topic, "%s", topic);
    added->position.partition = partition;
    added->position.next_offset = -1;
    added->number = number_of(topic, partition);
    return added;
}

/* Messages come in runs, and a topic of the same memory is the same. */
static struct partition *partition_of(struct offsets *offsets, const struct message *message)
{
    if (offsets->last < offsets->size) {
        struct partition *last = &offsets->at[offsets->last];
        if (last->topic == message->topic && last->position.partition == message->partition)
            return last;
    }
    struct partition *found = offsets_find(offsets, message->topic, message->partition);
    if (found != NULL)
        found->topic = message->topic;
    return found;
}

struct partition *offsets_admit(struct offsets *offsets, const struct message *message)
{
    struct partition *partition = partition_of(offsets, message);
    if (partition == NULL || !partition->owned) {
        offsets->dropped++;
        return NULL;
    }
    int64_t next = partition->position.next_offset;
    if (next >= 0 && message->offset < next) {
        offsets->skipped++;
        return NULL;
    }
    if (next >= 0 && message->offset > next)
        offsets->gaps++;
    if (partition->kept < 0)
        partition->kept = message->offset;
    return partition;
}

/* How far our lists tell of what was read, or else those of others; -1: not known. */
static int64_t reach_now(const struct partition *partition)
{
    int64_t next = partition->position.next_offset;
    if (partition->goal == GOAL_UNTOLD)
        return -1;
    return partition->level && next > partition->goal ? next : partition->goal;
}

static void begin_to_own(struct partition *partition, int64_t next_offset)
{
    /* Another than ours when the broker no longer has ours: the topic was made anew. */
    if (next_offset >= 0)
        partition->position.next_offset = next_offset;
    if (partition->kept < 0 || partition->kept > partition->position.next_offset)
        partition->kept = partition->position.next_offset;
    partition->leaving = false;
    partition->reach = -1;
}

static void begin_to_leave(struct partition *partition)
{
    partition->leaving = true;
    partition->reach = reach_now(partition);
}

void offsets_own(struct offsets *offsets, const struct assignment *change, bool owned)
{
    for (uint32_t i = 0; i < change->size; i++) {
        const struct position *position = &change->at[i];
        struct partition *partition = offsets_add(offsets, position->topic, position->partition);
        if (partition == NULL)
            continue;
        if (owned)
            begin_to_own(partition, position->next_offset);
        else if (partition->owned)
            begin_to_leave(partition);
        partition->owned = owned;
        partition->level = false;
        partition->read_to = -1;
        partition->goal = GOAL_UNTOLD;
    }
}

void offsets_let_go(struct offsets *offsets)
{
    for (uint32_t i = 0; i < offsets->size; i++)
        offsets->at[i].leaving = false;
}

uint32_t offsets_owned(const struct offsets *offsets)
{
    uint32_t owned = 0;
    for (uint32_t i = 0; i < offsets->size; i++)
        owned += offsets->at[i].owned;
    return owned;
}

/* Next after all that was read, and what else stood there for nobody to read; -1: not known. */
static int64_t read_up_to(const struct partition *partition)
{
    int64_t next = partition->position.next_offset;
    return next < partition->read_to ? partition->read_to : next;
}

void offsets_set_goal(struct partition *partition, int64_t reach)
{
    if (!partition->level && partition->goal == GOAL_UNTOLD)
        partition->goal = reach;
}

bool offsets_come_level(struct partition *partition, int64_t end)
{
    if (partition->level || !partition->owned)
        return false;
    if (partition->goal < 0 || (end >= 0 && end < partition->goal))
        partition->goal = end;
    partition->level =
        partition->goal == 0 || (partition->goal > 0 && read_up_to(partition) >= partition->goal);
    return partition->level;
}

void offsets_set_reach(struct offsets *offsets, bool ahead)
{
    for (uint32_t i = 0; i < offsets->size; i++) {
        struct partition *partition = &offsets->at[i];
        if (!partition->owned || !partition->level || partition->kept < 0)
            continue;
        partition->reach = reach_now(partition) + (ahead ? OFFSETS_AHEAD : 0);
    }
}

void offsets_keep(struct offsets *offsets, const struct position *positions, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        const struct position *at = &positions[i];
        struct partition *partition = offsets_find(offsets, at->topic, at->partition);
        if (partition != NULL)
            partition->kept = at->next_offset;
    }
}

static int64_t reach_to_commit(const struct partition *partition)
{
    if (partition->leaving || partition->level)
        return partition->reach;
    return partition->owned ? reach_now(partition) : -1;
}

enum status offsets_commitments(const struct offsets *offsets, bool grouped,
                                struct commitment **out, uint32_t *size)
{
    *size = 0;
    *out = calloc(offsets->size + 1, sizeof **out);
    if (*out == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < offsets->size; i++) {
        const struct partition *partition = &offsets->at[i];
        struct commitment *commitment = &(*out)[*size];
        *commitment = (struct commitment){partition->position, -1};
        commitment->position.next_offset = partition->kept;
        if (grouped)
            commitment->reach = reach_to_commit(partition);
        if (partition->kept >= 0 && (!grouped || commitment->reach >= 0))
            ++*size;
    }
    return STATUS_OK;
}

bool offsets_level_number(const struct offsets *offsets, uint32_t number)
{
    for (uint32_t i = 0; i < offsets->size; i++)
        if (offsets->at[i].level && offsets->at[i].number == number)
            return true;
    return false;
}

enum status offsets_copy(const struct offsets *offsets, struct position **out, uint32_t *size)
{
    *out = NULL;
    *size = 0;
    if (offsets->size == 0)
        return STATUS_OK;
    struct position *copy = malloc(offsets->size * sizeof *copy);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < offsets->size; i++)
        if (offsets->at[i].position.next_offset >= 0)
            copy[(*size)++] = offsets->at[i].position;
    *out = copy;
    return STATUS_OK;
}

int64_t offsets_behind(const struct partition *partition, int64_t end)
{
    int64_t at = read_up_to(partition);
    if (at < 0 || end < 0)
        return -1;
    return end > at ? end - at : 0;
}
