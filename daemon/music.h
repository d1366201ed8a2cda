/*
 * The made-up music of the demo: genres, artists, albums and tracks with invented names.
 *
 * Each artist has a genre, an energy (0 calm .. 1 wild), a fame and three related artists; each
 * album tracks in an order; each track a quality of its own. About a third of the albums come out
 * while the stream runs. Everything follows from the seed.
 */
#ifndef DAEMON_MUSIC_H
#define DAEMON_MUSIC_H

#include "daemon/chance.h"

enum {
    MUSIC_GENRES = 12,
    MUSIC_RELATED = 3,
    MUSIC_STYLES = 4,    /* what sets artists apart beside their genre */
    MUSIC_ENERGIES = 32, /* steps of a track's energy */
    MUSIC_NAME_MAX = 32, /* bytes of a name with its terminator */
    MUSIC_TITLE_MAX = 72,
};
#define MUSIC_NONE UINT32_MAX

struct artist {
    char name[MUSIC_NAME_MAX];
    uint32_t genre;
    double energy, fame;
    double style[MUSIC_STYLES]; /* normal */
    uint32_t related[MUSIC_RELATED];
    uint32_t first_track, tracks;
};

struct album {
    char name[MUSIC_NAME_MAX];
    uint32_t artist, first_track, tracks;
    int64_t release_ms;
};

struct track {
    char name[MUSIC_NAME_MAX];
    uint32_t artist, album;
    uint32_t next;    /* on the album; MUSIC_NONE after the last */
    uint32_t energy;  /* 0..MUSIC_ENERGIES-1 */
    uint32_t seconds; /* how long it plays */
    double quality;   /* normal: how much anybody keeps it */
    double share;     /* of its artist's plays; 0 until released */
    double chart;     /* of everybody's plays; sums to 1 over released tracks */
};

struct music {
    struct artist *artists; /* (artist_count) */
    struct album *albums;   /* (album_count), by artist */
    struct track *tracks;   /* (track_count), by album */
    uint32_t artist_count, album_count, track_count;
    int64_t begin_ms; /* albums of before are old */
    int64_t chart_due_ms;
};

/* False: no memory. */
bool music_init(struct music *music, uint64_t seed, uint32_t artists, int64_t begin_ms);
void music_finish(struct music *music);

/* Brings out the albums that are due at `now_ms` and renews the chart once an hour. True if an
 * album came out. Time must not go back. */
bool music_advance(struct music *music, int64_t now_ms);
bool music_released(const struct music *music, uint32_t track);

const char *music_genre(uint32_t genre);
double music_genre_energy(uint32_t genre);
double music_genre_fame(uint32_t genre);
/* "Artist – Track"; at most MUSIC_TITLE_MAX bytes. */
void music_title(const struct music *music, uint32_t track, char title[MUSIC_TITLE_MAX]);

#endif
