/*
 * One made-up listener of the demo: tastes, habits, memory, and the chances of the next thing.
 *
 * What is played next is drawn from a mixture. After a kept track: the next one of the album, the
 * same artist, related artists. Always: the listener's own taste in artists, favourites heard
 * before, tracks saved for later, the chart. All of it (but the album's order) is multiplied by the
 * mood of the hour, which prefers calm music at night, and by what was heard or skipped lately.
 *
 * Whether the track is kept depends on the track, the artist, familiarity, mood, and on how the
 * artist fared lately.
 *
 * Saved is what nobody heard before: mostly something near the track at hand, whatever the hour.
 * The listener goes on from there, likes its artist more from then on, and plays what is saved, the
 * newest most, until it is skipped or others have pushed it out.
 *
 * Every chance follows from tastes and from what happened before, never from a hidden draw: so the
 * best guess at the next thing is exactly known.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "daemon/music.h"

enum { LISTENER_SAVED_MAX = 12 };
enum device { DEVICE_PHONE, DEVICE_DESKTOP, DEVICE_SPEAKER, DEVICES };

/* What the listener remembers of a track. */
struct memory {
    float fondness;     /* kept plays and likes, fading from session to session */
    uint32_t played_at; /* the listener's count of plays then; 0: never */
    uint32_t skipped_at;
    bool liked;
};

struct listener {
    /* who it is */
    double *genres;       /* (MUSIC_GENRES), sums to 1 */
    double *leanings;     /* (artists): log of how much more than others of like fame */
    double *taste;        /* (artists): what follows from both; sums to 1 */
    double centre, swing; /* of the mood: its energy over the day, and how far the hour moves it */
    double album_habit;   /* chance of going on with an album after a kept track */
    double sessions;      /* a day */
    uint32_t rhythm;      /* index of the daily rhythm */
    int64_t joined_ms;

    /* where it stands */
    struct memory *memory;              /* (tracks) */
    uint32_t *artist_skipped_at;        /* (artists) */
    uint32_t saved[LISTENER_SAVED_MAX]; /* oldest first */
    uint32_t saved_size;
    uint32_t plays;
    uint32_t last;              /* track; MUSIC_NONE at the beginning of a session */
    bool last_kept, may_answer; /* to what was played: by a like or a dislike */
    uint32_t skips_in_a_row;
    enum device device;
};

bool listener_init(struct listener *listener, const struct music *music, struct chance *chance,
                   int64_t begin_ms);
void listener_finish(struct listener *listener);

/* ---- when ---- */
/* The beginning of the next session after `now_ms`. */
int64_t listener_next_session(const struct listener *listener, struct chance *chance,
                              int64_t now_ms);
/* Forgets where the last session stood, fades favourites, and lets tastes drift. */
void listener_begin_session(struct listener *listener, const struct music *music,
                            struct chance *chance, int64_t now_ms);
/* The energy that suits the listener at a time, 0..1. */
double listener_mood(const struct listener *listener, int64_t now_ms);

/* ---- what ---- */
/* Fills chance[i] with the probability that track i is played next; sums to 1. */
void listener_play_chances(const struct listener *listener, const struct music *music,
                           int64_t now_ms, double *chance);
/* Fills keep[i] with the probability that track i is kept if it is played. */
void listener_keep_chances(const struct listener *listener, const struct music *music,
                           int64_t now_ms, double *keep);
/* Fills chance[i] with the probability that track i is what is saved for later; sums to 1, or to 0
 * when there is nothing new to save. */
double listener_save_chances(const struct listener *listener, const struct music *music,
                             double *chance);
/* The probability that the track just kept is liked now. */
double listener_like_chance(const struct listener *listener, const struct music *music);

/* ---- what happened ---- */
void listener_played(struct listener *listener, const struct music *music, uint32_t track,
                     bool kept);
void listener_liked(struct listener *listener, uint32_t track);
void listener_disliked(struct listener *listener, const struct music *music, uint32_t track);
void listener_saved(struct listener *listener, const struct music *music, uint32_t track);

#endif
