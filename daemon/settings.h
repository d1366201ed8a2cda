/*
 * The settings in effect, as the rest of the daemon reads them. Every field is filled through the
 * table in options.c, and through nothing else.
 *
 *     defaults ─► file ─► environment ─► --set        each overrides what stands before it
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "model/kernels.h"
#include "model/recommender.h"
#include "transport/decode.h"
#include "transport/kafka.h"
#include "transport/redis.h"

#define SETTINGS_FILE "/etc/tasted/tasted.conf"

enum { KAFKA_PAIRS_MAX = 128, POPULAR_FEATURES_MAX = 100 };

struct input_settings {
    const char *topic;             /* several by comma */
    const char *dead_letter_topic; /* "": only counted */
    const char *catalogue_topic;   /* "": none */
    const char *group;             /* "": all partitions */
    enum kafka_start start;
    int64_t start_ms;
    struct field_map fields;
};

struct lists_settings {
    uint32_t size;
    enum list_format format;
    int64_t ttl_s; /* 0: none */
    int64_t refresh_ms;
    float explore;                /* share of the places */
    uint32_t similar;             /* neighbours of an item; 0: not published */
    const char *popular_features; /* of the catalogue, by comma, as settings_popular_features() */
    bool notify;
};

struct settings {
    struct kafka_pair kafka[KAFKA_PAIRS_MAX];
    uint32_t kafka_size;
    struct input_settings input;
    const char *redis_url;
    const char *redis_prefix;
    struct recommender_settings model; /* signals, seed, dim, … and lists.exclude_seen */
    enum kernel_choice kernel;         /* of model/kernels.h */
    uint32_t threads;                  /* ranking threads, at least 1 */
    struct lists_settings lists;
    const char *snapshot_path;
    int64_t snapshot_interval_ms;
    const char *http_listen;        /* "off" */
    int log_level;                  /* enum log_level */
    struct settings_record *record; /* owns every string above; knows where each value came from */
};

struct settings_source {
    const char *file;        /* NULL: SETTINGS_FILE, whose absence is fine */
    const char *const *sets; /* SECTION.KEY=VALUE */
    uint32_t set_count;
    char *const *environment; /* environ; NULL: none */
    /* Told of what is odd but no error; NULL: a line on stderr. */
    void (*warn)(const char *line);
};

/* Defaults, file, environment, --set, in that order. STATUS_BAD_CONFIG names file, line, key and
 * the allowed range, or the nearest known key; STATUS_INVALID: a --set that is no
 * SECTION.KEY=VALUE. Of several errors it is the first. */
enum status settings_load(const struct settings_source *source, struct settings **out,
                          struct error *error);
/* The same, and tells of every error there is; `out` may be NULL. */
enum status settings_check(const struct settings_source *source,
                           void (*report)(void *context, const struct error *error), void *context,
                           struct settings **out);
void settings_free(struct settings *settings); /* NULL is legal */
/* Puts model.kernel into effect, for the whole process. STATUS_BAD_CONFIG: this machine lacks it.
 */
enum status settings_choose_kernel(const struct settings *settings, struct error *error);
struct kafka_pairs settings_kafka(const struct settings *settings);
/* The features with popular lists of their own, which live as long as the settings; how many. */
uint32_t settings_popular_features(const struct settings *settings,
                                   struct text features[POPULAR_FEATURES_MAX]);

/* Takes over from `fresh` what can change while running; `report` gets one line for each setting
 * that differs and cannot ("model.dim: needs a restart"). Returns how many it took over. `fresh`
 * can be freed afterwards. Strings that were read from `running` before stay valid as long as it
 * lives, also those that were replaced. */
uint32_t settings_take_live(struct settings *running, const struct settings *fresh,
                            void (*report)(const char *line));

#endif
