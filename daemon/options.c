#include "daemon/options.h"

#include "daemon/nearest.h"
#include "daemon/related.h"
#include "transport/kafka_keys.h"

#include <stdio.h>
#include <string.h>

/* Where a value goes. */
#define AT(field) .offset = offsetof(struct settings, field)
#define FIELD(which) AT(input.fields.at[which])
#define RANGE(from, to) .low = (from), .high = (to)
#define DAYS(n) ((n)*86400.0)

const struct option options[] = {
    /* Any librdkafka key goes to librdkafka as it is; see CONFIGURATION.md there. */
    {"kafka", "bootstrap.servers", &type_kafka, .initial = "localhost:9092",
     .help = "The brokers to begin with: host:port, several by comma."},
    {"kafka", "*", &type_kafka,
     .help = "Any other property of librdkafka, for example security.protocol, sasl.mechanisms, "
             "sasl.username, sasl.password, ssl.ca.location. Those on which exactly-once learning "
             "rests are refused; 'tasted config show' lists what tasted sets itself, and why."},

    {"input", "topic", &type_topics, AT(input.topic), .initial = "events",
     .help = "The topic with the events; several by comma."},
    {"input", "dead_letter_topic", &type_topic, AT(input.dead_letter_topic),
     .initial = "tasted.dead",
     .help = "Where messages that cannot be used go, unchanged, with the reason in their headers. "
             "Empty: they are only counted."},
    {"input", "catalogue_topic", &type_topic, AT(input.catalogue_topic), .initial = "",
     .help = "A compacted topic with what is known about the items. Empty: none."},
    {"input", "group", &type_text, AT(input.group), RANGE(0, 255), .initial = "",
     .help = "The consumer group to join, so that several instances share the partitions. Empty: "
             "this instance takes all partitions, without a group. In a group all producers must "
             "agree on a user's partition: 'tasted load' agrees with those of librdkafka, and with "
             "Java's when kafka.partitioner is murmur2_random."},
    {"input", "start", &type_start, AT(input.start), .initial = "earliest",
     .help = "Where a partition begins for which the snapshot has no offset. A time is that of the "
             "messages."},
    {"input", "dedupe_ids", &type_count, AT(model.dedupe_ids), RANGE(0, 100e6), .initial = "100000",
     .flags = OPTION_SHAPES,
     .help = "How many of the last event ids are remembered: a repeat among them counts once. "
             "0: repeats are not looked for."},
    {"input", "user", &type_field, FIELD(FIELD_USER), .initial = "user",
     .help = "Where in a message the user's id stands: a name, or a dotted path "
             "(properties.userId) into nested objects. Likewise for the fields below."},
    {"input", "item", &type_field, FIELD(FIELD_ITEM), .initial = "item",
     .help = "Where the item's id stands."},
    {"input", "event", &type_field, FIELD(FIELD_EVENT), .initial = "event",
     .help = "Where the name of the event stands (play, click, …)."},
    {"input", "ts", &type_field, FIELD(FIELD_TS), .initial = "ts",
     .help = "Where the event's time stands, in ms since 1970. Without it the message's own "
             "timestamp counts."},
    {"input", "value", &type_field, FIELD(FIELD_VALUE), .initial = "value",
     .help = "Where the event's value stands: the fraction played, or the rating."},
    {"input", "id", &type_field, FIELD(FIELD_ID), .initial = "id",
     .help = "Where the event's id stands, for telling repeats."},
    {"input", "context", &type_field, FIELD(FIELD_CONTEXT), .initial = "context",
     .help = "Where the context stands: a map with device, …"},
    {"input", "played_ms", &type_field, FIELD(FIELD_PLAYED_MS), .initial = "played_ms",
     .help = "Where the time played stands, in ms; with duration_ms it stands in for the value."},
    {"input", "duration_ms", &type_field, FIELD(FIELD_DURATION_MS), .initial = "duration_ms",
     .help = "Where the item's duration stands, in ms."},

    {"redis", "url", &type_redis_url, AT(redis_url), .initial = "redis://localhost:6379/0",
     .help = "The Redis or Valkey that serves the lists. The password may be a file: "
             "rediss://user:@/run/secrets/redis@host:6380/0. It is read anew at each connect, so "
             "that a new password needs no restart."},
    {"redis", "prefix", &type_text, AT(redis_prefix), RANGE(0, 100),
     .initial = "taste:", .help = "What every key and channel in Redis begins with."},

    {"signals", "play", &type_weight, RANGE(-100, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "The weight of an event by its name: above 0 is something the user wants, below 0 "
             "something they don't, 0 only marks the item as seen."},
    {"signals", "click", &type_weight, RANGE(-100, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "Likewise."},
    {"signals", "like", &type_weight, RANGE(-100, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "Likewise."},
    {"signals", "add", &type_weight, RANGE(-100, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "Likewise: added to a list of the user's own."},
    {"signals", "purchase", &type_weight, RANGE(-100, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "Likewise."},
    {"signals", "rating", &type_weight, RANGE(0, 100), .initial = "1", .flags = OPTION_SHAPES,
     .help = "The weight of a rating at or above rating_positive; one at or below rating_negative "
             "weighs minus this, one between 0."},
    {"signals", "view", &type_weight, RANGE(-100, 100), .initial = "0", .flags = OPTION_SHAPES,
     .help = "Likewise: seen, no more."},
    {"signals", "skip", &type_weight, RANGE(-100, 100), .initial = "-1", .flags = OPTION_SHAPES,
     .help = "Likewise; also the weight of a play shorter than skip_below."},
    {"signals", "dislike", &type_weight, RANGE(-100, 100), .initial = "-1", .flags = OPTION_SHAPES,
     .help = "Likewise."},
    {"signals", "skip_below", &type_number, AT(model.signals.skip_below), RANGE(0, 1),
     .initial = "0.3", .flags = OPTION_SHAPES,
     .help = "A play of less than this fraction of the item counts as a skip."},
    {"signals", "rating_scale", &type_scale, AT(model.signals.scale_low), .initial = "0.5..5",
     .flags = OPTION_SHAPES, .help = "The lowest and the highest rating there is."},
    {"signals", "rating_positive", &type_number, AT(model.signals.rating_positive),
     RANGE(-1e6, 1e6), .initial = "4", .flags = OPTION_SHAPES,
     .help = "A rating at or above this is something the user wants. On the rating scale."},
    {"signals", "rating_negative", &type_number, AT(model.signals.rating_negative),
     RANGE(-1e6, 1e6), .initial = "2", .flags = OPTION_SHAPES,
     .help = "A rating at or below this is something the user does not want; less than "
             "rating_positive. On the rating scale."},
    {"signals", "*", &type_weight, RANGE(-100, 100), .flags = OPTION_SHAPES,
     .help = "Any other event name, with its weight. Events of names that are not defined here "
             "are ignored."},

    {"model", "seed", &type_long_count, AT(model.seed), RANGE(0, 18446744073709551615.0),
     .initial = "1", .flags = OPTION_SHAPES, .help = "Keys the random numbers of the model."},
    {"model", "dim", &type_count, AT(model.dim), RANGE(16, 512), .step = 16, .initial = "64",
     .flags = OPTION_SHAPES,
     .help = "The dimension of the vectors of users and items. Memory and time grow with it."},
    {"model", "loss", &type_loss, AT(model.loss), .initial = "softmax", .flags = OPTION_SHAPES,
     .help = "What learning minimises. softmax ranks best; bpr is the cheapest; warp and logistic "
             "are for comparison; squared fits ratings on their scale."},
    {"model", "factors", &type_number, AT(model.part[PART_FACTORS]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "The user's own vector. This and each part below: 0 switches it off, 1 is as it was "
             "learned, anything else weighs it against the others."},
    {"model", "history", &type_number, AT(model.part[PART_HISTORY]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES, .help = "The vectors of the user's recent items."},
    {"model", "last", &type_number, AT(model.part[PART_LAST]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES, .help = "The vector of the user's last item."},
    {"model", "tower", &type_number, AT(model.part[PART_TOWER]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "A neural network over the user's recent items and the time since."},
    {"model", "interactions", &type_number, AT(model.part[PART_INTERACTIONS]), RANGE(0, 100),
     .initial = "1", .flags = OPTION_SHAPES,
     .help = "A neural network over what the other parts say of an item, beside their sum."},
    {"model", "popularity", &type_number, AT(model.part[PART_POPULARITY]), RANGE(0, 100),
     .initial = "1", .flags = OPTION_SHAPES, .help = "What many want, lately and at length."},
    {"model", "transitions", &type_number, AT(model.part[PART_TRANSITIONS]), RANGE(0, 100),
     .initial = "1", .flags = OPTION_SHAPES, .help = "What follows what."},
    {"model", "neighbours", &type_number, AT(model.part[PART_NEIGHBOURS]), RANGE(0, 100),
     .initial = "1", .flags = OPTION_SHAPES, .help = "Items that the same users wanted."},
    {"model", "repeats", &type_number, AT(model.part[PART_REPEATS]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "The user's own repeats; of use only with lists.exclude_seen = no."},
    {"model", "ratings", &type_number, AT(model.part[PART_RATINGS]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "Predicts what a user would rate an item; costs nothing until somebody rates; "
             "helps to rank."},
    {"model", "peers", &type_number, AT(model.part[PART_PEERS]), RANGE(0, 100), .initial = "0",
     .flags = OPTION_SHAPES,
     .help = "Similar users, and what they have; off by default: it tells little beside the rest."},
    {"model", "dislikes", &type_number, AT(model.part[PART_DISLIKES]), RANGE(0, 100),
     .initial = "1", .flags = OPTION_SHAPES,
     .help = "What the user disliked or rated low; costs nothing until somebody does."},
    {"model", "context", &type_number, AT(model.part[PART_CONTEXT]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "Hour of the day, day of the week, and the device (context.device)."},
    {"model", "skips", &type_number, AT(model.part[PART_SKIPS]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "What is kept and what is skipped; of use only with plays and skips."},
    {"model", "content", &type_number, AT(model.part[PART_CONTENT]), RANGE(0, 100), .initial = "1",
     .flags = OPTION_SHAPES,
     .help = "The items' features, from the catalogue; without one it costs nothing."},
    {"model", "memory_limit", &type_size, AT(model.memory_limit),
     RANGE(16777216.0, 17592186044416.0), .none = "none", .initial = "none", .flags = OPTION_SHAPES,
     .help = "The most memory that the model may take, for example 8G. Beyond it the users and "
             "items that were active least recently are let go."},
    {"model", "kernel", &type_kernel, AT(kernel), .initial = "auto",
     .help =
         "The inner loops to use; auto: the best that the machine has. All give the same bits."},
    {"model", "threads", &type_threads, AT(threads), .initial = "auto",
     .help = "Threads that rank lists; auto: one less than there are cores. The results do not "
             "depend on it."},

    {"lists", "size", &type_count, AT(lists.size), RANGE(1, LIST_SIZE_MAX), .initial = "100",
     .flags = OPTION_LIVE, .help = "How many items a list has."},
    {"lists", "explore", &type_number, AT(lists.explore), RANGE(0, 0.5), .initial = "0",
     .flags = OPTION_LIVE,
     .help = "The share of a list's places that new items get which few know yet, so that more can "
             "be learned of them: 0.1 is every tenth place. Evaluation knows nothing of it."},
    {"lists", "similar", &type_count, AT(lists.similar), RANGE(0, RELATED_MAX), .initial = "20",
     .help = "How many neighbours of each item are written, to PREFIXsimilar:ITEM. 0: none; what "
             "was written before goes by its expiry."},
    {"lists", "popular_features", &type_features, AT(lists.popular_features), .initial = "",
     .help = "Features of the catalogue, as genre:rock, whose most wanted items are written to "
             "PREFIXpopular:FEATURE, as those of all are to PREFIXpopular. Empty: none. The key of "
             "one that is taken out stays; delete it by hand."},
    {"lists", "exclude_seen", &type_exclude, AT(model.exclude_days), .initial = "forever",
     .flags = OPTION_SHAPES,
     .help = "How long an item that the user has stays out of the user's list: days are counted "
             "from the user's last event about it, of whatever kind."},
    {"lists", "format", &type_list_format, AT(lists.format), .initial = "json",
     .help = "How a list is written: json and msgpack are one value with ids, scores and time; "
             "list is a Redis list of ids; zset a sorted set with the scores."},
    {"lists", "ttl", &type_seconds, AT(lists.ttl_s), RANGE(0, DAYS(3650)), .initial = "30d",
     .flags = OPTION_LIVE,
     .help = "How long a list lives in Redis after it was last written or renewed, give or take "
             "a tenth. It is renewed when the user does something, so that those of people who "
             "stay away expire. 0: for ever."},
    {"lists", "refresh", &type_ms, AT(lists.refresh_ms), RANGE(0, 3600e3), .initial = "100ms",
     .flags = OPTION_LIVE, .help = "A user's list is written at most once in this time."},
    {"lists", "notify", &type_switch, AT(lists.notify), .initial = "no", .flags = OPTION_LIVE,
     .help = "Whether PREFIXrefreshed gets a message with the user's id when their list is "
             "written."},

    {"snapshot", "path", &type_path, AT(snapshot_path), .initial = "/var/lib/tasted/model.snapshot",
     .help = "The file that holds the model and the offsets it includes. The generation before it "
             "is kept beside it, as PATH.previous."},
    {"snapshot", "interval", &type_ms, AT(snapshot_interval_ms), RANGE(100, DAYS(7) * 1000),
     .initial = "60s", .flags = OPTION_LIVE, .help = "How often a snapshot is saved."},

    {"http", "listen", &type_listen, AT(http_listen), .initial = "127.0.0.1:9464",
     .help = "Where /metrics, /health/live, /health/ready and the status page are served. There "
             "is no authentication: keep it on loopback or a private network. off: nowhere."},

    {"log", "level", &type_log_level, AT(log_level), .initial = "info", .flags = OPTION_LIVE,
     .help = "The least important lines that are still written to stderr or the journal."},

    {.section = NULL},
};

const struct option_section option_sections[] = {
    {"kafka", "Handed to librdkafka as it stands."},
    {"input", "What is read from Kafka, and how the messages look."},
    {"redis", "Where the lists go."},
    {"signals", "What the events mean."},
    {"model", "What is learned."},
    {"lists", "What is published."},
    {"snapshot", "What is kept on disk."},
    {"http", "Metrics and health."},
    {"log", "What is told."},
    {NULL, NULL},
};

bool option_is_wildcard(const struct option *option)
{
    return option->key[0] == '*';
}

bool option_section_known(const char *section)
{
    for (const struct option_section *known = option_sections; known->name; known++)
        if (strcmp(known->name, section) == 0)
            return true;
    return false;
}

/* skip_belw is no event's name: the few options among the weights are long, and told from them. */
static bool is_slip_of_other(const struct option *wildcard, const char *key)
{
    for (const struct option *option = options; option->section; option++)
        if (wildcard->type == &type_weight && option->type != wildcard->type &&
            strcmp(option->section, wildcard->section) == 0 && edit_distance(key, option->key) <= 2)
            return true;
    return false;
}

const struct option *option_find(const char *section, const char *key)
{
    const struct option *wildcard = NULL;
    for (const struct option *option = options; option->section; option++) {
        if (strcmp(option->section, section) != 0)
            continue;
        if (option_is_wildcard(option))
            wildcard = option;
        else if (strcmp(option->key, key) == 0)
            return option;
    }
    return wildcard && !is_slip_of_other(wildcard, key) ? wildcard : NULL;
}

const char *option_key(const char *section, const char *key)
{
    bool is_alias = strcmp(section, "kafka") == 0 && strcmp(key, "metadata.broker.list") == 0;
    return is_alias ? "bootstrap.servers" : key;
}

bool option_is_secret(struct option_slot slot)
{
    static const char *const marks[] = {"password", "secret", "ssl.key.pem", "oauthbearer.config",
                                        "sasl.jaas"};
    if (slot.option->type != &type_kafka)
        return false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strstr(slot.key, marks[i]))
            return true;
    return false;
}

struct offered {
    struct nearest *nearest;
    const char *section;
};

static void offer(void *context, const char *key)
{
    const struct offered *offered = context;
    char known[OPTION_NAME];
    snprintf(known, sizeof known, "%s.%s", offered->section, key);
    nearest_offer(offered->nearest, known);
}

void option_nearest(const char *section, const char *key, char name[OPTION_NAME])
{
    char wanted[OPTION_NAME];
    struct nearest nearest;
    const struct option *same = NULL; /* the right key in the wrong section */
    snprintf(wanted, sizeof wanted, "%s.%s", section, key);
    nearest_init(&nearest, wanted);
    for (const struct option *option = options; option->section; option++) {
        if (option_is_wildcard(option))
            continue;
        offer(&(struct offered){&nearest, option->section}, option->key);
        if (strcmp(option->key, key) == 0)
            same = option;
    }
    if (strcmp(section, "kafka") == 0)
        kafka_keys_each(offer, &(struct offered){&nearest, section});
    if (same && nearest.distance > 2)
        snprintf(name, OPTION_NAME, "%s.%s", same->section, same->key);
    else
        snprintf(name, OPTION_NAME, "%s", nearest.name);
}

/* redis://user:PASSWORD@host: from the first colon after "//" to the last "@". */
static const char *mask_url(const char *url, char scratch[OPTION_SCRATCH])
{
    const char *user = strstr(url, "//");
    const char *at = strrchr(url, '@');
    const char *colon = user && at ? memchr(user + 2, ':', (size_t)(at - user - 2)) : NULL;
    if (!colon || colon > at || at[-1] == ':')
        return url;
    if (colon[1] == '@' && colon[2] == '/') /* a file's name is no secret */
        return url;
    snprintf(scratch, OPTION_SCRATCH, "%.*s********%s", (int)(colon + 1 - url), url, at);
    return scratch;
}

const char *option_show(const struct settings *settings, struct option_slot slot,
                        char scratch[OPTION_SCRATCH])
{
    if (option_is_secret(slot))
        return "********";
    const char *text = slot.option->type->print(settings, slot, scratch);
    return slot.option->type == &type_redis_url ? mask_url(text, scratch) : text;
}
