/*
 * What an event means: its name, value and the configured weights make it an action to learn from.
 *
 *     weight > 0  the user wants the item        weight >= 0  the user now has the item
 *     weight = 0  only seen                      weight <  0  the user does not want it
 */
#ifndef MODEL_SIGNALS_H
#define MODEL_SIGNALS_H

#include "model/event.h"
#include "model/status.h"

enum { SIGNALS_MAX = 64, SIGNAL_NAME_MAX = 63 };

enum signal_kind {
    SIGNAL_PLAIN,  /* click, like, purchase, …: its weight as configured */
    SIGNAL_PLAY,   /* by the fraction played: below skip_below it is a skip */
    SIGNAL_SKIP,   /* value is the fraction played before the skip; 0 without it */
    SIGNAL_RATING, /* by value, on the rating scale: its weight, 0 or minus its weight */
    SIGNAL_FORGET, /* erases the user */
};

struct signal {
    char name[SIGNAL_NAME_MAX + 1];
    enum signal_kind kind;
    float weight;
};

struct signals {
    uint32_t size;
    struct signal at[SIGNALS_MAX];
    float skip_below;            /* 0..1 */
    float scale_low, scale_high; /* of ratings */
    float rating_positive, rating_negative;
};

struct action {
    uint16_t signal; /* index into signals.at */
    enum signal_kind kind;
    float weight;
    bool skipped;   /* a skip, or a play too short to count */
    float fraction; /* played, 0..1; of use for SIGNAL_PLAY and SIGNAL_SKIP */
    float rating;   /* of use for SIGNAL_RATING */
};

/* The contract's default names and weights; `forget` included. */
void signals_init(struct signals *signals);
/* Sets or adds a name. STATUS_INVALID: the name is empty, too long, "forget", or there is no room;
 * or the weight is not finite. */
enum status signals_set(struct signals *signals, const char *name, float weight);
/* Index of a name, or -1. */
int signals_find(const struct signals *signals, struct text name);
/* VERDICT_ACCEPTED fills `action`; VERDICT_IGNORED: an unknown name; VERDICT_BAD_VALUE: only for
 * plays, skips and ratings, the others ignore `value` whatever it is; VERDICT_MISSING_ITEM (any
 * event but forget needs one, one with an unknown name too). A play that counts as a skip has the
 * weight of `skip`. */
enum verdict signals_judge(const struct signals *signals, const struct event *event,
                           struct action *action);

#endif
