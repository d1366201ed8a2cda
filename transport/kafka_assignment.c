/*
 * Which partitions are read, and from where.
 *
 *     listed by the scout, or given by the group
 *       └► owner.where ─► offset known ──────────────────────► READ
 *                      └► not known ─► STARTING ─► located ──┘ │
 *                                                              │ offset out of range
 *                                      ASTRAY ─► located ─► READ again, from elsewhere
 *
 * In a group it is asked for each, while it is read, how far those have come who had it before.
 */
#include "transport/kafka_source.h"

#include "transport/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- telling librdkafka ---- */

/* The eager group protocol only takes whole assignments. */
static bool is_eager(struct kafka_source *self)
{
    const char *protocol = self->grouped ? rd_kafka_rebalance_protocol(self->client) : NULL;
    return protocol != NULL && strcmp(protocol, "EAGER") == 0;
}

rd_kafka_topic_partition_list_t *kafka_assignment_read(struct kafka_source *self)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (uint32_t t = 0; t < self->owned.size; t++)
        for (int32_t p = 0; p < self->owned.at[t].size; p++) {
            const struct kafka_part *part = &self->owned.at[t].at[p];
            if (part->state == KAFKA_PART_READ)
                rd_kafka_topic_partition_list_add(list, self->owned.at[t].name, p)->offset =
                    part->next < 0 ? RD_KAFKA_OFFSET_BEGINNING : part->next;
        }
    return list;
}

static void judge(struct kafka_source *self, const char *what, rd_kafka_error_t *error)
{
    if (error == NULL)
        return;
    kafka_source_complain(self, SOURCE_TROUBLE, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static void assign_all(struct kafka_source *self)
{
    rd_kafka_topic_partition_list_t *all = kafka_assignment_read(self);
    rd_kafka_resp_err_t answer = rd_kafka_assign(self->client, all);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_source_complain(self, SOURCE_TROUBLE, "taking %d partitions: %s", all->cnt,
                              rd_kafka_err2str(answer));
    rd_kafka_topic_partition_list_destroy(all);
}

static void fetch(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list)
{
    if (is_eager(self))
        assign_all(self);
    else
        judge(self, "taking partitions", rd_kafka_incremental_assign(self->client, list));
}

/* ---- how far others have come ---- */

/* What goes with a committed offset. What others commit says nothing, or not this. */
void kafka_reach_write(rd_kafka_topic_partition_t *at, int64_t reach)
{
    char text[32];
    snprintf(text, sizeof text, "lists<%" PRId64, reach);
    at->metadata = strdup(text);
    at->metadata_size = at->metadata == NULL ? 0 : strlen(text);
}

/* It is not terminated: librdkafka copies so many bytes. */
static int64_t read_reach(const rd_kafka_topic_partition_t *at)
{
    char text[32];
    int64_t reach;
    if (at->metadata == NULL || at->metadata_size >= sizeof text)
        return -1;
    memcpy(text, at->metadata, at->metadata_size);
    text[at->metadata_size] = '\0';
    return sscanf(text, "lists<%" SCNd64, &reach) == 1 && reach >= 0 ? reach : -1;
}

/* Of a partition that nobody has committed and the owner did not know nobody has written lists.
 * If the owner did know it, what was committed is forgotten, as it is some days after all left. */
static int64_t reach_of(const rd_kafka_topic_partition_t *at, const struct kafka_part *part)
{
    if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    if (at->offset < 0)
        return part->fresh ? 0 : -1;
    return read_reach(at);
}

static void take_recalled(struct kafka_source *self, const struct kafka_answer *answer)
{
    const rd_kafka_topic_partition_list_t *list = answer->partitions;
    bool known = answer->trouble.status == STATUS_OK;
    struct kafka_notice *notice = kafka_notice_create(SOURCE_REACHED, (uint32_t)list->cnt);
    if (!known)
        log_line(LOG_LEVEL_INFO, "kafka: %s", answer->trouble.text);
    for (int i = 0; i < list->cnt && notice != NULL; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        const struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
        if (part != NULL && part->asked == answer->ticket)
            kafka_notice_add(notice, at->topic, at->partition, known ? reach_of(at, part) : -1);
    }
    if (notice != NULL)
        kafka_source_tell(self, notice);
}

static void ask_reach(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list)
{
    if (!self->grouped)
        return;
    struct kafka_answer nothing = {.partitions = (rd_kafka_topic_partition_list_t *)list,
                                   .ticket = kafka_scout_recall(self->scout, list)};
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
        part->asked = nothing.ticket;
        part->fresh = self->owner.where(self->owner.context, at->topic, at->partition) < 0;
    }
    if (nothing.ticket != 0)
        return;
    error_set(&nothing.trouble, STATUS_NO_MEMORY, "no memory to ask what the group committed");
    take_recalled(self, &nothing);
}

/* ---- beginning ---- */

/* Reads the partitions of `list` from the offsets in it. */
static void begin(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_notice *notice = kafka_notice_create(SOURCE_ASSIGNED, (uint32_t)list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *part = kafka_owned_add(&self->owned, at->topic, at->partition);
        if (part == NULL || notice == NULL) {
            kafka_source_complain(self, SOURCE_FAILED, "no memory for %d partitions", list->cnt);
            free(notice);
            return;
        }
        part->state = KAFKA_PART_READ;
        part->ticket = 0;
        part->next = at->offset < 0 ? -1 : at->offset;
        kafka_notice_add(notice, at->topic, at->partition, part->next);
    }
    if (notice != NULL)
        kafka_source_tell(self, notice);
    fetch(self, list);
    ask_reach(self, list);
}

/* The offset the owner knows; else the beginning where that is right; else not valid: to be asked.
 * `appeared`: it came into being while we were looking, so nothing in it is from before. */
static int64_t wanted_offset(struct kafka_source *self, const char *topic, int32_t partition,
                             bool appeared)
{
    int64_t known = self->owner.where(self->owner.context, topic, partition);
    if (known >= 0)
        return known;
    if (appeared || self->start == KAFKA_EARLIEST)
        return RD_KAFKA_OFFSET_BEGINNING;
    return RD_KAFKA_OFFSET_INVALID;
}

static void await_places(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list,
                         enum kafka_part_state state)
{
    uint64_t ticket = kafka_scout_locate(self->scout, list);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *part = kafka_owned_add(&self->owned, at->topic, at->partition);
        if (part == NULL || ticket == 0) {
            kafka_source_complain(self, SOURCE_FAILED, "no memory for %d partitions", list->cnt);
            return;
        }
        if (state == KAFKA_PART_STARTING)
            part->next = at->offset;
        part->state = state;
        part->ticket = ticket;
    }
}

/* Begins at once where every offset is known, else when the scout has located them. */
static void begin_or_ask(struct kafka_source *self, rd_kafka_topic_partition_list_t *list)
{
    bool known = true;
    for (int i = 0; i < list->cnt; i++)
        known = known && list->elems[i].offset != RD_KAFKA_OFFSET_INVALID;
    if (known)
        begin(self, list);
    else
        await_places(self, list, KAFKA_PART_STARTING);
}

/* ---- the scout's answers ---- */

static void take_listed(struct kafka_source *self, const rd_kafka_topic_partition_list_t *listed)
{
    rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(16);
    for (int i = 0; i < listed->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &listed->elems[i];
        struct kafka_owned_topic *topic = kafka_owned_topic_find(&self->owned, at->topic);
        const struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
        if (part != NULL && part->state != KAFKA_PART_FREE)
            continue;
        bool appeared = topic != NULL && (topic->listed || topic->missing);
        rd_kafka_topic_partition_list_add(fresh, at->topic, at->partition)->offset =
            wanted_offset(self, at->topic, at->partition, appeared);
    }
    for (int i = 0; i < listed->cnt; i++) {
        struct kafka_owned_topic *topic =
            kafka_owned_topic_add(&self->owned, listed->elems[i].topic);
        if (topic != NULL)
            topic->listed = true;
    }
    if (fresh->cnt > 0)
        begin_or_ask(self, fresh);
    rd_kafka_topic_partition_list_destroy(fresh);
}

/* Where a partition goes on whose offset its broker does not have. */
static int64_t offset_after_astray(struct kafka_source *self, const rd_kafka_topic_partition_t *at,
                                   const struct kafka_part *part, const struct kafka_place *place)
{
    if (part->next >= place->low && part->next <= place->high)
        return part->next; /* it has come back meanwhile */
    int64_t offset = part->next < place->low ? place->low : place->start;
    if (part->next >= 0 && part->next < place->low)
        self->missed += (uint64_t)(place->low - part->next);
    const char *why = part->next < place->low
                          ? "the messages before were deleted (retention.ms, retention.bytes)"
                          : "the topic was made anew or cut off; going on by input.start";
    kafka_source_complain(
        self, SOURCE_TROUBLE,
        "%s [%d] has offsets %" PRId64 " to %" PRId64 ", not %" PRId64 ": %s, from %" PRId64,
        at->topic, at->partition, place->low, place->high, part->next, why, offset);
    return offset;
}

static void take_located(struct kafka_source *self, const struct kafka_answer *answer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    bool astray = false, mine = false;
    for (int i = 0; i < answer->partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &answer->partitions->elems[i];
        struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
        if (part == NULL || part->ticket != answer->ticket)
            continue; /* taken away meanwhile */
        int64_t offset = part->next;
        if (part->state == KAFKA_PART_ASTRAY)
            offset = offset_after_astray(self, at, part, &answer->places[i]);
        else if (offset == RD_KAFKA_OFFSET_INVALID)
            offset = answer->places[i].start;
        mine = true;
        astray = astray || part->state == KAFKA_PART_ASTRAY;
        rd_kafka_topic_partition_list_add(list, at->topic, at->partition)->offset = offset;
    }
    if (astray && !is_eager(self))
        judge(self, "starting anew", rd_kafka_incremental_unassign(self->client, list));
    if (mine)
        begin(self, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_assignment_answer(struct kafka_source *self, struct kafka_answer *answer)
{
    switch (answer->kind) {
    case KAFKA_ANSWER_LISTED:
        take_listed(self, answer->partitions);
        break;
    case KAFKA_ANSWER_LOCATED:
        take_located(self, answer);
        break;
    case KAFKA_ANSWER_RECALLED:
        take_recalled(self, answer);
        break;
    case KAFKA_ANSWER_MISSING: {
        struct kafka_owned_topic *topic =
            kafka_owned_topic_add(&self->owned, answer->partitions->elems[0].topic);
        if (topic != NULL)
            topic->missing = true;
        kafka_source_complain(self, SOURCE_TROUBLE, "%s", answer->trouble.text);
        break;
    }
    case KAFKA_ANSWER_REFUSED:
        kafka_source_complain(self, SOURCE_FAILED, "%s", answer->trouble.text);
        break;
    case KAFKA_ANSWER_NOTHING:
        break;
    }
}

void kafka_assignment_out_of_range(struct kafka_source *self, const char *topic, int32_t partition,
                                   int64_t offset)
{
    struct kafka_part *part = kafka_owned_find(&self->owned, topic, partition);
    if (part == NULL || part->state != KAFKA_PART_READ)
        return;
    if (part->next < 0)
        part->next = offset; /* what the beginning was when it was asked for */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    await_places(self, list, KAFKA_PART_ASTRAY);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- the group ---- */

static void unassign(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list)
{
    const char *protocol = rd_kafka_rebalance_protocol(self->client);
    if (protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0)
        judge(self, "giving partitions up", rd_kafka_incremental_unassign(self->client, list));
    else
        rd_kafka_assign(self->client, NULL);
}

/* From now on nothing of these partitions is given out; the owner is told of those it knows. */
static void take_away(struct kafka_source *self, const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(self->client) != 0;
    struct kafka_notice *notice =
        kafka_notice_create(lost ? SOURCE_LOST : SOURCE_REVOKED, (uint32_t)list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct kafka_part *part = kafka_owned_find(&self->owned, at->topic, at->partition);
        if (part == NULL || part->state == KAFKA_PART_FREE)
            continue;
        if (part->state != KAFKA_PART_STARTING && notice != NULL)
            kafka_notice_add(notice, at->topic, at->partition, part->next);
        part->state = KAFKA_PART_FREE;
        part->ticket = part->asked = 0;
    }
    if (notice == NULL || notice->size == 0) {
        free(notice);
        unassign(self, list);
        return;
    }
    if (self->leaving != NULL)
        rd_kafka_topic_partition_list_destroy(self->leaving);
    self->leaving = rd_kafka_topic_partition_list_copy(list);
    kafka_source_tell(self, notice);
}

void kafka_assignment_let_go(struct kafka_source *self)
{
    if (self->leaving == NULL)
        return;
    unassign(self, self->leaving);
    rd_kafka_topic_partition_list_destroy(self->leaving);
    self->leaving = NULL;
}

void kafka_assignment_rebalance(struct kafka_source *self, rd_kafka_resp_err_t what,
                                rd_kafka_topic_partition_list_t *list)
{
    switch (what) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset =
                wanted_offset(self, list->elems[i].topic, list->elems[i].partition, false);
        begin_or_ask(self, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        take_away(self, list);
        break;
    default:
        kafka_source_complain(self, SOURCE_TROUBLE, "the group's rebalance failed: %s",
                              rd_kafka_err2str(what));
        rd_kafka_assign(self->client, NULL);
        break;
    }
}
