/*
 * The settings in effect, as the rest of the daemon reads them. Every field is filled through the
 * table in options.c, and through nothing else.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "model/recommender.h"
#include "transport/decode.h"
#include "transport/kafka.h"
#include "transport/redis.h"

enum { KAFKA_PAIRS_MAX = 128 };

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
    int64_t ttl_s;
    int64_t refresh_ms;
    bool notify;
};

struct settings {
    struct kafka_pair kafka[KAFKA_PAIRS_MAX];
    uint32_t kafka_size;
    struct input_settings input;
    const char *redis_url;
    const char *redis_prefix;
    struct recommender_settings model; /* signals, seed, dim, … and lists.exclude_seen */
    uint32_t threads;                  /* ranking threads */
    struct lists_settings lists;
    const char *snapshot_path;
    int64_t snapshot_interval_ms;
    const char *http_listen; /* "off" */
    int log_level;
    void *arena; /* owns every string above; see settings_free */
};

struct settings_source {
    const char *file;        /* NULL: the default path, whose absence is fine */
    const char *const *sets; /* SECTION.KEY=VALUE */
    uint32_t set_count;
    char *const *environment; /* environ */
};

/* Defaults, file, environment, --set, in that order. STATUS_BAD_CONFIG names file, line, key and
 * the allowed range, or the nearest known key. */
enum status settings_load(const struct settings_source *source, struct settings **out,
                          struct error *error);
void settings_free(struct settings *settings); /* NULL is legal */
struct kafka_pairs settings_kafka(const struct settings *settings);

/* Takes over from `fresh` what can change while running; `report` gets one line for each setting
 * that differs and cannot ("model.dim: needs a restart"). */
void settings_take_live(struct settings *running, const struct settings *fresh,
                        void (*report)(const char *line));

#endif
