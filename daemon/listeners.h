/*
 * The demo's stream: what a crowd of made-up listeners does with made-up music, in order of time.
 *
 *     music ──┐
 *             ├─► next thing of the listener whose turn it is ─► play, skip, like, dislike, add
 *     moods ──┘         │
 *     tastes            └─► the truth: the chance of every track to be it (yardstick.h)
 *
 * Tastes differ and drift, new albums and newcomers arrive. Three or four sessions a day, of four
 * tracks each, follow daily rhythms, and each begins in the mood of its hour, which the session
 * before says little about: so the hour itself is worth knowing. What somebody saves is the
 * beginning of a lasting liking, so that additions tell what plays alone do not (listener.h). Six
 * hundred listeners take about three weeks for 200,000 events.
 *
 * The stream has no end and is the same for the same settings. It begins on Thursday, 2025-01-09,
 * at noon UTC; its clock is its own.
 */
#ifndef DAEMON_LISTENERS_H
#define DAEMON_LISTENERS_H

#include "daemon/listener.h"

struct listeners_settings {
    uint64_t seed;
    uint32_t listeners;
    uint32_t artists; /* about twelve tracks each; 12..576 */
};
void listeners_settings_init(struct listeners_settings *settings);

enum listening_kind {
    LISTENING_PLAY, /* to `fraction`; kept, or so short that it counts as a skip */
    LISTENING_SKIP, /* at `fraction` */
    LISTENING_LIKE,
    LISTENING_DISLIKE,
    LISTENING_ADD, /* saved for later */
};

struct listening {
    enum listening_kind kind;
    uint32_t listener, track;
    int64_t ts_ms; /* of its beginning */
    double fraction;
    bool wanted; /* kept, liked or added: what a list should have held */
    enum device device;

    /* The truth before it happened, per track; holds until the next call. */
    double keep;          /* plays and skips: the probability that this track is kept */
    const double *next;   /* probability that what is wanted next is it, whatever the kind */
    const double *played; /* likewise when it is known to be a play */
};

struct listeners; /* opaque */

struct listeners *listeners_create(const struct listeners_settings *settings); /* NULL: no memory */
void listeners_destroy(struct listeners *listeners);                           /* NULL is legal */
void listeners_next(struct listeners *listeners, struct listening *listening);

const struct music *listeners_music(const struct listeners *listeners);
const struct listener *listeners_at(const struct listeners *listeners, uint32_t listener);
uint32_t listeners_size(const struct listeners *listeners);

/* Ids as they stand in the events: "nora-17", and the track's number. */
enum { LISTENER_ID_MAX = 24 };
void listeners_id(uint32_t listener, char id[LISTENER_ID_MAX]);
/* The event as JSON (CONTRACT §3), without a line's end; returns its size. */
enum { LISTENING_JSON_MAX = 256 };
int listening_json(const struct listening *listening, char json[LISTENING_JSON_MAX]);
/* The track's entry for the catalogue, likewise. */
enum { TRACK_JSON_MAX = 512 };
int track_json(const struct music *music, uint32_t track, char json[TRACK_JSON_MAX]);

#endif
