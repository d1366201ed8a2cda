/* The kinds of values that only tasted has: topics, where to start, fields, signals, [kafka]. */
#include "daemon/option_types.h"

#include "daemon/quantity.h"
#include "transport/time_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- topics ---- */

static const char topic_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
enum { TOPIC_MAX = 249 };

static bool is_topic(const char *name, size_t size)
{
    return size > 0 && size <= TOPIC_MAX && strspn(name, topic_bytes) >= size &&
           !(size == 1 && name[0] == '.') && !(size == 2 && memcmp(name, "..", 2) == 0);
}

static enum status topic_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    bool none = *text == '\0' || option_is_none(slot.option, text);
    if (!none && !is_topic(text, strlen(text)))
        return option_refuse(error);
    return option_keep_text(settings, slot.option, none ? "" : text, error);
}

static void topic_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "a topic (1 to %d of a-z A-Z 0-9 . _ -), or nothing", TOPIC_MAX);
}

static enum status topics_parse(struct settings *settings, struct option_slot slot,
                                const char *text, struct error *error)
{
    for (const char *at = text;;) {
        at += strspn(at, " ");
        size_t size = strcspn(at, ", ");
        if (!is_topic(at, size))
            return option_refuse(error);
        at += size;
        at += strspn(at, " ");
        if (*at == '\0')
            return option_keep_text(settings, slot.option, text, error);
        if (*at++ != ',')
            return option_refuse(error);
    }
}

static void topics_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "topics (1 to %d of a-z A-Z 0-9 . _ -) separated by commas",
             TOPIC_MAX);
}

/* ---- lists.popular_features ---- */

/* The feature at *at, without blanks around it; *at goes behind it and its comma. */
static struct text next_feature(const char **at)
{
    const char *first = *at + strspn(*at, " ");
    size_t size = strcspn(first, ",");
    *at = first + size + (first[size] == ',');
    while (size > 0 && first[size - 1] == ' ')
        size--;
    return (struct text){first, (uint32_t)size};
}

uint32_t settings_popular_features(const struct settings *settings,
                                   struct text features[POPULAR_FEATURES_MAX])
{
    uint32_t count = 0;
    for (const char *at = settings->lists.popular_features; *at != '\0';)
        features[count++] = next_feature(&at);
    return count;
}

static enum status features_parse(struct settings *settings, struct option_slot slot,
                                  const char *text, struct error *error)
{
    uint32_t count = 0;
    for (const char *at = text; *at != '\0'; count++) {
        struct text feature = next_feature(&at);
        if (feature.size == 0 || feature.size > ID_BYTES_MAX || count == POPULAR_FEATURES_MAX)
            return option_refuse(error);
    }
    return option_keep_text(settings, slot.option, text, error);
}

static void features_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED,
             "up to %d features of 1 to %d bytes, separated by commas, or nothing",
             POPULAR_FEATURES_MAX, ID_BYTES_MAX);
}

/* ---- input.start ---- */

static enum status start_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    (void)slot;
    int64_t ms = 0;
    enum kafka_start start = KAFKA_TIME;
    if (strcasecmp(text, "earliest") == 0)
        start = KAFKA_EARLIEST;
    else if (strcasecmp(text, "latest") == 0)
        start = KAFKA_LATEST;
    else if (!time_text_parse(text, &ms))
        return option_refuse(error);
    settings->input.start = start;
    settings->input.start_ms = ms;
    return STATUS_OK;
}

static const char *start_print(const struct settings *settings, struct option_slot slot,
                               char scratch[OPTION_SCRATCH])
{
    (void)slot;
    if (settings->input.start == KAFKA_EARLIEST)
        return "earliest";
    if (settings->input.start == KAFKA_LATEST)
        return "latest";
    quantity_print_time(settings->input.start_ms, scratch);
    return scratch;
}

static void start_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED,
             "earliest, latest, or a time: RFC 3339 (2026-01-31T12:00:00Z) or ms since 1970");
}

/* ---- input.FIELD ---- */

static enum status field_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    size_t offset = slot.option->offset - offsetof(struct settings, input.fields.at);
    enum field field = (enum field)(offset / sizeof(struct field_path));
    if (field_map_set(&settings->input.fields, field, text) != STATUS_OK)
        return option_refuse(error);
    return STATUS_OK;
}

static const char *field_print(const struct settings *settings, struct option_slot slot,
                               char scratch[OPTION_SCRATCH])
{
    const struct field_path *path = option_field_of(settings, slot.option);
    size_t used = 0;
    scratch[0] = '\0';
    for (uint8_t i = 0; i < path->size && used < OPTION_SCRATCH; i++)
        used += (size_t)snprintf(scratch + used, OPTION_SCRATCH - used, "%s%s", i ? "." : "",
                                 path->text + path->offset[i]);
    return scratch;
}

static void field_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED,
             "a name, or names separated by dots, at most %d, together at most %d bytes",
             FIELD_PATH_MAX, FIELD_TEXT_MAX);
}

/* ---- redis.url ---- */

static enum status redis_url_parse(struct settings *settings, struct option_slot slot,
                                   const char *text, struct error *error)
{
    struct redis_address address;
    enum status status = redis_parse(text, &address, error);
    explicit_bzero(&address, sizeof address);
    return status ? status : option_keep_text(settings, slot.option, text, error);
}

static void redis_url_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED,
             "redis://[user[:password]@]host[:port][/db], rediss://… for TLS, or unix:///path");
}

/* ---- http.listen ---- */

static bool is_port(const char *text)
{
    uint64_t port;
    return quantity_parse_count(text, &port) && port <= 65535;
}

static bool is_listen(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !is_port(colon + 1) || colon == text || strlen(text) > 255)
        return false;
    if (text[0] == '[')
        return colon[-1] == ']' && colon - text > 2;
    return memchr(text, ':', (size_t)(colon - text)) == NULL;
}

static enum status listen_parse(struct settings *settings, struct option_slot slot,
                                const char *text, struct error *error)
{
    bool off = strcasecmp(text, "off") == 0;
    if (!off && !is_listen(text))
        return option_refuse(error);
    return option_keep_text(settings, slot.option, off ? "off" : text, error);
}

static void listen_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "host:port or [IPv6]:port (port 0: any free one), or off");
}

/* ---- model.threads ---- */

enum { THREADS_MAX = 256 };

static uint32_t threads_auto(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 3 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (uint32_t)cores - 1;
}

static enum status threads_parse(struct settings *settings, struct option_slot slot,
                                 const char *text, struct error *error)
{
    (void)slot;
    uint64_t number = threads_auto();
    if (strcasecmp(text, "auto") != 0 &&
        (!quantity_parse_count(text, &number) || number < 1 || number > THREADS_MAX))
        return option_refuse(error);
    settings->threads = (uint32_t)number;
    return STATUS_OK;
}

static const char *threads_print(const struct settings *settings, struct option_slot slot,
                                 char scratch[OPTION_SCRATCH])
{
    (void)slot;
    snprintf(scratch, OPTION_SCRATCH, "%" PRIu32, settings->threads);
    return scratch;
}

static void threads_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "a whole number from 1 to %d, or auto", THREADS_MAX);
}

/* ---- lists.exclude_seen ---- */

enum { EXCLUDE_DAYS_MAX = 36500, MS_A_DAY = 86400000 };

static enum status exclude_parse(struct settings *settings, struct option_slot slot,
                                 const char *text, struct error *error)
{
    (void)slot;
    int64_t ms;
    if (strcasecmp(text, "forever") == 0)
        settings->model.exclude_days = HAVE_FOREVER;
    else if (strcasecmp(text, "no") == 0)
        settings->model.exclude_days = HAVE_NEVER;
    else if (quantity_parse_duration(text, MS_A_DAY, &ms) && ms % MS_A_DAY == 0 && ms > 0 &&
             ms / MS_A_DAY <= EXCLUDE_DAYS_MAX)
        settings->model.exclude_days = (int32_t)(ms / MS_A_DAY);
    else
        return option_refuse(error);
    return STATUS_OK;
}

static const char *exclude_print(const struct settings *settings, struct option_slot slot,
                                 char scratch[OPTION_SCRATCH])
{
    (void)slot;
    if (settings->model.exclude_days == HAVE_FOREVER)
        return "forever";
    if (settings->model.exclude_days == HAVE_NEVER)
        return "no";
    snprintf(scratch, OPTION_SCRATCH, "%" PRId32 "d", settings->model.exclude_days);
    return scratch;
}

static void exclude_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "forever, no, or whole days from 1d to %dd", EXCLUDE_DAYS_MAX);
}

/* ---- signals.rating_scale ---- */

static enum status scale_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    (void)slot;
    char low_text[32];
    double low, high;
    const char *dots = strstr(text, "..");
    size_t size = dots ? (size_t)(dots - text) : 0;
    if (size == 0 || size >= sizeof low_text)
        return option_refuse(error);
    memcpy(low_text, text, size);
    low_text[size] = '\0';
    if (!quantity_parse_number(low_text, &low) || !quantity_parse_number(dots + 2, &high) ||
        low < -1e6 || high > 1e6 || (float)low >= (float)high)
        return option_refuse(error);
    settings->model.signals.scale_low = (float)low + 0.0F;
    settings->model.signals.scale_high = (float)high + 0.0F;
    return STATUS_OK;
}

static const char *scale_print(const struct settings *settings, struct option_slot slot,
                               char scratch[OPTION_SCRATCH])
{
    (void)slot;
    char low[32], high[32];
    option_print_float(settings->model.signals.scale_low, low, sizeof low);
    option_print_float(settings->model.signals.scale_high, high, sizeof high);
    snprintf(scratch, OPTION_SCRATCH, "%s..%s", low, high);
    return scratch;
}

static void scale_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "LOW..HIGH, two numbers from -1e6 to 1e6, the first the lower");
}

/* ---- signals.NAME ---- */

static bool is_signal_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > SIGNAL_NAME_MAX)
        return false;
    for (; *name; name++)
        if (iscntrl((unsigned char)*name) || *name == ' ')
            return false;
    return true;
}

static enum status weight_parse(struct settings *settings, struct option_slot slot,
                                const char *text, struct error *error)
{
    double weight;
    if (strcmp(slot.key, "forget") == 0)
        return error_set(error, STATUS_BAD_CONFIG,
                         "forget erases a user and has no weight; remove the line");
    if (!is_signal_name(slot.key))
        return error_set(error, STATUS_BAD_CONFIG,
                         "the name of a signal has 1 to %d bytes, none of them blank",
                         SIGNAL_NAME_MAX);
    if (!quantity_parse_number(text, &weight) || weight < slot.option->low ||
        weight > slot.option->high)
        return option_refuse(error);
    if (signals_set(&settings->model.signals, slot.key, (float)weight + 0.0F) != STATUS_OK)
        return error_set(error, STATUS_BAD_CONFIG, "more than %d signals", SIGNALS_MAX);
    return STATUS_OK;
}

static const char *weight_print(const struct settings *settings, struct option_slot slot,
                                char scratch[OPTION_SCRATCH])
{
    const struct signals *signals = &settings->model.signals;
    int index = signals_find(signals, text_of(slot.key));
    if (index < 0)
        return "";
    option_print_float(signals->at[index].weight, scratch, OPTION_SCRATCH);
    return scratch;
}

/* ---- kafka.KEY ---- */

static struct kafka_pair *find_pair(struct settings *settings, const char *key)
{
    for (uint32_t i = 0; i < settings->kafka_size; i++)
        if (strcmp(settings->kafka[i].key, key) == 0)
            return &settings->kafka[i];
    return NULL;
}

static enum status kafka_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    if (strcmp(slot.key, "bootstrap.servers") == 0 && text[strspn(text, ", ")] == '\0')
        return error_set(error, STATUS_BAD_CONFIG, "no broker is named");
    const char *value = settings_keep(settings, text);
    struct kafka_pair *pair = find_pair(settings, slot.key);
    if (!pair && settings->kafka_size == KAFKA_PAIRS_MAX)
        return error_set(error, STATUS_BAD_CONFIG, "more than %d keys in [kafka]", KAFKA_PAIRS_MAX);
    const char *key = pair ? pair->key : settings_keep(settings, slot.key);
    if (!value || !key)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the settings");
    if (!pair)
        pair = &settings->kafka[settings->kafka_size++];
    *pair = (struct kafka_pair){key, value};
    return STATUS_OK;
}

static const char *kafka_print(const struct settings *settings, struct option_slot slot,
                               char scratch[OPTION_SCRATCH])
{
    (void)scratch;
    for (uint32_t i = 0; i < settings->kafka_size; i++)
        if (strcmp(settings->kafka[i].key, slot.key) == 0)
            return settings->kafka[i].value;
    return "";
}

static void kafka_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "what librdkafka takes");
}

static void weight_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    snprintf(out, OPTION_ALLOWED, "a number from %g to %g", option->low, option->high);
}

const struct option_type type_topic = {"topic", topic_parse, option_print_text, topic_allowed};
const struct option_type type_topics = {"topics", topics_parse, option_print_text, topics_allowed};
const struct option_type type_features = {"features", features_parse, option_print_text,
                                          features_allowed};
const struct option_type type_start = {"start", start_parse, start_print, start_allowed};
const struct option_type type_field = {"dotted path", field_parse, field_print, field_allowed};
const struct option_type type_redis_url = {"URL", redis_url_parse, option_print_text,
                                           redis_url_allowed};
const struct option_type type_listen = {"address", listen_parse, option_print_text, listen_allowed};
const struct option_type type_threads = {"threads", threads_parse, threads_print, threads_allowed};
const struct option_type type_exclude = {"days", exclude_parse, exclude_print, exclude_allowed};
const struct option_type type_scale = {"range", scale_parse, scale_print, scale_allowed};
const struct option_type type_weight = {"weight", weight_parse, weight_print, weight_allowed};
const struct option_type type_kafka = {"text", kafka_parse, kafka_print, kafka_allowed};
