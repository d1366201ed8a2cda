/*
 * One thing that somebody did with an item, as it came in, and the verdict on it.
 *
 * An event only points into the message it was read from (or into the reader's scratch): it is
 * valid as long as those are. Nothing here is copied or owned.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ID_BYTES_MAX = 255, CARD_FEATURES_MAX = 16 };

/* A view of bytes; not terminated. size 0: absent. */
struct text {
    const char *at;
    uint32_t size;
};

static inline struct text text_of(const char *terminated)
{
    return (struct text){terminated, (uint32_t)strlen(terminated)};
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* What became of an event. From VERDICT_UNDECODABLE on it is a reason for the dead-letter topic. */
enum verdict {
    VERDICT_ACCEPTED,
    VERDICT_IGNORED,  /* empty, or an event name that [signals] does not define */
    VERDICT_REPEATED, /* an id among the last input.dedupe_ids */
    VERDICT_UNDECODABLE,
    VERDICT_TOO_LARGE,
    VERDICT_MISSING_USER,
    VERDICT_MISSING_ITEM,
    VERDICT_MISSING_EVENT,
    VERDICT_BAD_USER,
    VERDICT_BAD_ITEM,
    VERDICT_BAD_EVENT,
    VERDICT_BAD_TS,
    VERDICT_BAD_VALUE,
    VERDICTS
};

/* "accepted", "ignored", "repeated", or the dead-letter reason: "undecodable", "bad_ts", … */
const char *verdict_text(enum verdict verdict);

static inline bool verdict_is_dead(enum verdict verdict)
{
    return verdict >= VERDICT_UNDECODABLE;
}

struct event {
    struct text user;   /* 1..255 bytes UTF-8, no NUL; integers in decimal */
    struct text item;   /* likewise; absent for `forget` */
    struct text name;   /* "play", … ; "forget" */
    struct text id;     /* absent: not deduplicated */
    struct text device; /* context.device; absent: unknown */
    int64_t ts_ms;      /* ms since 1970; the message's own timestamp where the event has none */
    double value;       /* of use only with has_value; NaN: there is one, but no finite number */
    bool has_value;
};

/* What the catalogue says about an item; points into what it was read from, like an event. */
struct item_card {
    struct text item;                        /* 1..255 bytes UTF-8, no NUL */
    struct text features[CARD_FEATURES_MAX]; /* likewise each: "genre:rock", kind before the ':' */
    uint32_t feature_count;
    bool available;     /* false: retired */
    int64_t expires_ms; /* since 1970; not in lists from then on. 0: never */
};

#endif
