/* From the words of --from and --to to offsets. */
#include "transport/clock.h"
#include "transport/kafka_range.h"
#include "transport/kafka_scout.h"
#include "transport/log.h"
#include "transport/time_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIND_MS = 15000, QUESTION_MS = 1000 };

struct bound {
    enum kafka_start at;
    int64_t ms;
    const char *offsets; /* "P:OFF,…"; partitions that are not named go by `at` */
};

/* ---- words ---- */

/* Moves over "P:OFF" and a comma after it; false if it is not so. */
static bool read_offset(const char **at, int32_t *partition, int64_t *offset)
{
    char *end;
    errno = 0;
    long p = strtol(*at, &end, 10);
    if (end == *at || *end != ':' || **at == '-' || p > INT32_MAX || errno != 0)
        return false;
    const char *digits = end + 1;
    long long o = strtoll(digits, &end, 10);
    if (end == digits || *digits == '-' || errno != 0 || (*end != ',' && *end != '\0'))
        return false;
    *partition = (int32_t)p;
    *offset = o;
    *at = *end == ',' ? end + 1 : end;
    return *end == '\0' || **at != '\0';
}

static enum status parse_bound(const char *name, const char *text, enum kafka_start otherwise,
                               struct bound *bound, struct error *error)
{
    *bound = (struct bound){.at = otherwise};
    if (text == NULL || text[0] == '\0')
        return STATUS_OK;
    if (strcmp(text, "earliest") == 0) {
        bound->at = KAFKA_EARLIEST;
        return STATUS_OK;
    }
    if (strcmp(text, "latest") == 0) {
        bound->at = KAFKA_LATEST;
        return STATUS_OK;
    }
    if (time_text_parse(text, &bound->ms)) {
        bound->at = KAFKA_TIME;
        return STATUS_OK;
    }
    int32_t partition;
    int64_t offset;
    for (const char *at = bound->offsets = text; *at != '\0';)
        if (!read_offset(&at, &partition, &offset))
            return error_set(error, STATUS_INVALID,
                             "--%s %s: earliest, latest, a time (ms since 1970, or RFC 3339 as "
                             "2026-01-31T12:00:00Z) or PARTITION:OFFSET,… is needed",
                             name, text);
    return STATUS_OK;
}

static int64_t offset_of(const struct bound *bound, int32_t partition, int64_t otherwise)
{
    int32_t named;
    int64_t offset;
    for (const char *at = bound->offsets; at != NULL && read_offset(&at, &named, &offset);) {
        if (named == partition)
            return offset;
        if (*at == '\0')
            break;
    }
    return otherwise;
}

static enum status check_once(const char *name, const struct bound *bound, struct error *error)
{
    int32_t named, other;
    int64_t offset;
    for (const char *at = bound->offsets; at != NULL && *at != '\0';) {
        if (!read_offset(&at, &named, &offset))
            break;
        for (const char *next = at; *next != '\0' && read_offset(&next, &other, &offset);)
            if (other == named)
                return error_set(error, STATUS_INVALID, "--%s %s names partition %" PRId32 " twice",
                                 name, bound->offsets, named);
    }
    return STATUS_OK;
}

/* What can be told without asking a broker. */
static bool ends_before_it_begins(const struct bound *from, const struct bound *to)
{
    int32_t partition;
    int64_t offset;
    for (const char *at = from->offsets; at != NULL && *at != '\0';)
        if (!read_offset(&at, &partition, &offset) || offset > offset_of(to, partition, INT64_MAX))
            return true;
    return from->at == KAFKA_TIME && to->at == KAFKA_TIME && from->ms > to->ms;
}

static enum status parse_bounds(const struct kafka_range_settings *settings, struct bound *from,
                                struct bound *to, struct error *error)
{
    enum status status = parse_bound("from", settings->from, KAFKA_EARLIEST, from, error);
    if (status == STATUS_OK)
        status = parse_bound("to", settings->to, KAFKA_LATEST, to, error);
    if (status == STATUS_OK)
        status = check_once("from", from, error);
    if (status == STATUS_OK)
        status = check_once("to", to, error);
    if (status == STATUS_OK && ends_before_it_begins(from, to))
        status = error_set(error, STATUS_INVALID, "--from %s is behind --to %s", settings->from,
                           settings->to);
    return status;
}

/* A partition that is named must be there. */
static enum status check_bound(const char *name, const struct bound *bound,
                               const rd_kafka_topic_partition_list_t *list, struct error *error)
{
    int32_t named;
    int64_t offset;
    for (const char *at = bound->offsets; at != NULL && *at != '\0';) {
        if (!read_offset(&at, &named, &offset))
            break;
        bool there = false;
        for (int i = 0; i < list->cnt && !there; i++)
            there = list->elems[i].partition == named;
        if (!there)
            return error_set(error, STATUS_NOT_FOUND, "--%s %s: there is no partition %" PRId32,
                             name, bound->offsets, named);
    }
    return STATUS_OK;
}

/* ---- brokers ---- */

static bool is_over(int64_t deadline_ns)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock) > deadline_ns;
}

static enum status list_topic(struct kafka_range *range, const char *name, int64_t deadline_ns,
                              rd_kafka_topic_partition_list_t *found, struct error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(range->client, name, NULL);
    rd_kafka_resp_err_t answer;
    do {
        answer = rd_kafka_metadata(range->client, 0, topic, &metadata, QUESTION_MS);
        kafka_range_listen(range);
    } while (answer != RD_KAFKA_RESP_ERR_NO_ERROR && !is_over(deadline_ns));
    rd_kafka_topic_destroy(topic);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *why =
            range->last_words[0] != '\0' ? range->last_words : rd_kafka_err2str(answer);
        return error_set(error, STATUS_UNREACHABLE,
                         "Kafka at %s is out of reach: %s; start it, or set "
                         "kafka.bootstrap.servers",
                         range->brokers, why);
    }
    rd_kafka_resp_err_t state = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                         : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (state == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
            rd_kafka_topic_partition_list_add(found, name, metadata->topics[0].partitions[i].id);
    rd_kafka_metadata_destroy(metadata);
    if (state == RD_KAFKA_RESP_ERR_NO_ERROR)
        return STATUS_OK;
    bool missing = state == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return error_set(error, missing ? STATUS_NOT_FOUND : STATUS_UNREACHABLE, "topic %s at %s: %s",
                     name, range->brokers,
                     missing ? "there is no such topic" : rd_kafka_err2str(state));
}

static enum status list_topics(struct kafka_range *range, const char *topics, int64_t deadline_ns,
                               rd_kafka_topic_partition_list_t *found, struct error *error)
{
    rd_kafka_topic_partition_list_t *names = kafka_topics_parse(topics, error);
    if (names == NULL)
        return STATUS_INVALID;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < names->cnt; i++)
        status = list_topic(range, names->elems[i].topic, deadline_ns, found, error);
    rd_kafka_topic_partition_list_destroy(names);
    rd_kafka_topic_partition_list_sort(found, NULL, NULL);
    return status;
}

static enum status ask_places(struct kafka_range *range,
                              const rd_kafka_topic_partition_list_t *list,
                              const struct bound *bound, int64_t deadline_ns,
                              struct kafka_place *places, struct error *error)
{
    while (!kafka_places_ask(range->client, list, bound->at, bound->ms, QUESTION_MS, places, error))
        if (is_over(deadline_ns))
            return STATUS_UNREACHABLE;
    return STATUS_OK;
}

/* ---- both ends ---- */

static int64_t clamp(int64_t offset, int64_t low, int64_t high)
{
    return offset < low ? low : offset > high ? high : offset;
}

static const struct position *position_of(const struct kafka_range_settings *settings,
                                          const rd_kafka_topic_partition_t *at)
{
    for (uint32_t i = 0; i < settings->position_count; i++)
        if (settings->positions[i].partition == at->partition &&
            settings->positions[i].next_offset >= 0 &&
            strcmp(settings->positions[i].topic, at->topic) == 0)
            return &settings->positions[i];
    return NULL;
}

static enum status fill_part(struct kafka_range_part *part, const rd_kafka_topic_partition_t *at,
                             int64_t from, int64_t to, const struct kafka_place *place,
                             const struct position *position, struct error *error)
{
    if (position != NULL &&
        (position->next_offset < place->low || position->next_offset > place->high))
        return error_set(error, STATUS_BAD_DATA,
                         "the snapshot goes on at offset %" PRId64 " of %s [%d], but the topic "
                         "holds %" PRId64 " to %" PRId64 ": what is between is gone",
                         position->next_offset, at->topic, at->partition, place->low, place->high);
    snprintf(part->topic, sizeof part->topic, "%s", at->topic);
    part->partition = at->partition;
    part->begin = position != NULL ? position->next_offset : clamp(from, place->low, place->high);
    if (position == NULL && from < place->low)
        log_line(LOG_LEVEL_WARNING, "%s [%d] begins at offset %" PRId64 ", not at %" PRId64,
                 at->topic, at->partition, place->low, from);
    part->end = clamp(to, part->begin, place->high < part->begin ? part->begin : place->high);
    part->next = part->begin;
    part->done = part->begin == part->end;
    return STATUS_OK;
}

static enum status fill_parts(struct kafka_range *range,
                              const struct kafka_range_settings *settings,
                              const rd_kafka_topic_partition_list_t *list, const struct bound *from,
                              const struct bound *to, int64_t deadline_ns, struct error *error)
{
    size_t size = (size_t)list->cnt;
    struct kafka_place *begins = calloc(size, sizeof *begins), *ends = calloc(size, sizeof *ends);
    range->parts = calloc(size, sizeof *range->parts);
    enum status status = STATUS_NO_MEMORY;
    if (begins == NULL || ends == NULL || range->parts == NULL)
        error_set(error, status, "no memory for %zu partitions", size);
    else
        status = ask_places(range, list, from, deadline_ns, begins, error);
    if (status == STATUS_OK)
        status = ask_places(range, list, to, deadline_ns, ends, error);
    for (int i = 0; status == STATUS_OK && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        status = fill_part(&range->parts[range->size++], at,
                           offset_of(from, at->partition, begins[i].start),
                           offset_of(to, at->partition, ends[i].start), &ends[i],
                           position_of(settings, at), error);
    }
    free(begins);
    free(ends);
    return status;
}

enum status kafka_bounds_find(struct kafka_range *range,
                              const struct kafka_range_settings *settings, struct error *error)
{
    struct clock_source *clock = clock_of_machine();
    int64_t deadline_ns = clock->monotonic_ns(clock) + FIND_MS * (int64_t)1000000;
    struct bound from, to;
    enum status status = parse_bounds(settings, &from, &to, error);
    if (status != STATUS_OK)
        return status;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    status = list_topics(range, settings->topics, deadline_ns, list, error);
    if (status == STATUS_OK)
        status = check_bound("from", &from, list, error);
    if (status == STATUS_OK)
        status = check_bound("to", &to, list, error);
    if (status == STATUS_OK)
        status = fill_parts(range, settings, list, &from, &to, deadline_ns, error);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
