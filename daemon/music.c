#include "daemon/music.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000, ALBUMS_MAX = 3, ALBUM_TRACKS_MIN = 4, ALBUM_TRACKS_SPAN = 4 };
static const double coming_share = 0.35;     /* of the albums: released while the stream runs */
static const double hours_between_new = 2.5; /* mean time from one release to the next */
static const double hype_hours = 36;         /* a new album's fame decays by e in this time */
static const double hype = 4;

/* In the order of their energy, so that neighbours in the table sound alike. */
static const struct genre {
    const char *name;
    double energy, fame;
} genres[MUSIC_GENRES] = {
    {"ambient", .08, .5}, {"classical", .16, .5}, {"folk", .28, .8},   {"jazz", .36, .7},
    {"soul", .46, 1.0},   {"indie", .55, 1.3},    {"pop", .64, 1.8},   {"hip-hop", .70, 1.6},
    {"house", .77, 1.0},  {"rock", .83, 1.5},     {"techno", .91, .8}, {"metal", .97, .6},
};

static const char *const first_words[] = {
    "Velvet", "Paper",    "Silver", "Quiet",   "Neon",  "Hollow",  "Golden", "Northern",
    "Broken", "Electric", "Salt",   "Crimson", "Lunar", "Wild",    "Glass",  "Slow",
    "Copper", "Distant",  "Winter", "Blue",    "Ivory", "Burning", "Tender", "Static",
};
static const char *const second_words[] = {
    "Harbour", "Tigers", "Machine", "Garden",  "Echo",   "Parade",  "River",  "Satellites",
    "Orchard", "Ghosts", "Avenue",  "Choir",   "Signal", "Foxes",   "Engine", "Meadow",
    "Mirror",  "Bakery", "Thunder", "Lantern", "Circus", "Islands", "Wolves", "Letters",
};
static const char *const track_words[] = {
    "Morning", "Rain",   "Gravity", "Home",  "Fever",    "Shadow", "Summer",  "Falling",
    "Light",   "Ocean",  "Runaway", "Dust",  "Midnight", "Bloom",  "Fire",    "Silence",
    "Horizon", "Stereo", "Honey",   "Drift", "Tomorrow", "Stone",  "Colours", "Wire",
};
static const char *const track_ends[] = {
    "", " Again", " Song", " in June", " No. 2", " (Live)", " Forever", " Street",
};
#define COUNT(array) (uint32_t)(sizeof(array) / sizeof(array)[0])

const char *music_genre(uint32_t genre)
{
    return genres[genre].name;
}

double music_genre_energy(uint32_t genre)
{
    return genres[genre].energy;
}

double music_genre_fame(uint32_t genre)
{
    return genres[genre].fame;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static void make_artist(struct music *music, struct chance *chance, uint32_t number)
{
    struct artist *artist = &music->artists[number];
    artist->genre = number % MUSIC_GENRES;
    artist->energy = clamp(genres[artist->genre].energy + 0.08 * chance_normal(chance), 0, 1);
    /* Zipf-like within the genre: its first artist is its star. */
    uint32_t rank = 1 + number / MUSIC_GENRES;
    artist->fame = genres[artist->genre].fame / pow(rank, 0.8);
    artist->fame *= exp(0.3 * chance_normal(chance));
    for (uint32_t s = 0; s < MUSIC_STYLES; s++)
        artist->style[s] = chance_normal(chance);
    /* 5 and the table's size have no common divisor: no name comes twice in its first 576. */
    uint32_t name = number * 5 % (COUNT(first_words) * COUNT(second_words));
    snprintf(artist->name, sizeof artist->name, "%s %s", first_words[name % COUNT(first_words)],
             second_words[(name / COUNT(first_words) + name) % COUNT(second_words)]);
}

static void make_track(struct music *music, struct chance *chance, uint32_t album)
{
    const struct artist *artist = &music->artists[music->albums[album].artist];
    struct track *track = &music->tracks[music->track_count];
    double energy = clamp(artist->energy + 0.1 * chance_normal(chance), 0, 0.999);
    *track = (struct track){
        .artist = music->albums[album].artist,
        .album = album,
        .next = music->track_count + 1,
        .energy = (uint32_t)(energy * MUSIC_ENERGIES),
        .seconds = 200 + chance_below(chance, 200),
        .quality = chance_normal(chance),
    };
    snprintf(track->name, sizeof track->name, "%s%s",
             track_words[chance_below(chance, COUNT(track_words))],
             track_ends[chance_below(chance, COUNT(track_ends))]);
    music->track_count++;
}

static void make_albums(struct music *music, struct chance *chance, uint32_t number)
{
    struct artist *artist = &music->artists[number];
    uint32_t albums = 1 + chance_below(chance, ALBUMS_MAX);
    artist->first_track = music->track_count;
    for (uint32_t i = 0; i < albums; i++) {
        struct album *album = &music->albums[music->album_count];
        album->artist = number;
        album->first_track = music->track_count;
        album->tracks = ALBUM_TRACKS_MIN + chance_below(chance, ALBUM_TRACKS_SPAN);
        album->release_ms = INT64_MIN;
        snprintf(album->name, sizeof album->name, "%.26s %u", artist->name, (i + 1) % 10);
        for (uint32_t k = 0; k < album->tracks; k++)
            make_track(music, chance, music->album_count);
        music->tracks[music->track_count - 1].next = MUSIC_NONE;
        music->album_count++;
    }
    artist->tracks = music->track_count - artist->first_track;
}

/* The three artists nearest in energy that are of the same genre or the next one. */
static void relate(struct music *music, uint32_t number)
{
    struct artist *artist = &music->artists[number];
    for (uint32_t r = 0; r < MUSIC_RELATED; r++) {
        double nearest = INFINITY;
        artist->related[r] = number;
        for (uint32_t other = 0; other < music->artist_count; other++) {
            bool taken = other == number;
            for (uint32_t k = 0; k < r; k++)
                taken = taken || artist->related[k] == other;
            if (taken)
                continue;
            double genre_step = music->artists[other].genre == artist->genre ? 0 : 0.06;
            double distance = fabs(music->artists[other].energy - artist->energy) + genre_step;
            if (distance < nearest) {
                nearest = distance;
                artist->related[r] = other;
            }
        }
    }
}

/* A random third of the albums are yet to come, one after the other. An artist's first album is
 * never among them, so that every artist has tracks from the start. */
static void plan_releases(struct music *music, struct chance *chance)
{
    double hours = 0;
    uint32_t wanted = (uint32_t)(coming_share * music->album_count);
    for (uint32_t tries = 0; wanted > 0 && tries < 20 * music->album_count; tries++) {
        uint32_t number = chance_below(chance, music->album_count);
        struct album *album = &music->albums[number];
        bool first = album->first_track == music->artists[album->artist].first_track;
        if (first || album->release_ms != INT64_MIN)
            continue;
        hours += hours_between_new * chance_exponential(chance);
        album->release_ms = music->begin_ms + (int64_t)(hours * HOUR_MS);
        wanted--;
    }
}

bool music_init(struct music *music, uint64_t seed, uint32_t artists, int64_t begin_ms)
{
    size_t albums = (size_t)artists * ALBUMS_MAX;
    size_t tracks = albums * (ALBUM_TRACKS_MIN + ALBUM_TRACKS_SPAN);
    *music = (struct music){
        .artists = calloc(artists, sizeof *music->artists),
        .albums = calloc(albums, sizeof *music->albums),
        .tracks = calloc(tracks, sizeof *music->tracks),
        .artist_count = artists,
        .begin_ms = begin_ms,
        .chart_due_ms = INT64_MIN,
    };
    if (music->artists == NULL || music->albums == NULL || music->tracks == NULL) {
        music_finish(music);
        return false;
    }
    struct chance chance;
    chance_init(&chance, seed, 'm');
    for (uint32_t i = 0; i < artists; i++)
        make_artist(music, &chance, i);
    for (uint32_t i = 0; i < artists; i++)
        make_albums(music, &chance, i);
    for (uint32_t i = 0; i < artists; i++)
        relate(music, i);
    plan_releases(music, &chance);
    music_advance(music, begin_ms);
    return true;
}

void music_finish(struct music *music)
{
    free(music->artists);
    free(music->albums);
    free(music->tracks);
    *music = (struct music){0};
}

bool music_released(const struct music *music, uint32_t track)
{
    return music->tracks[track].share > 0;
}

static void renew_shares(struct music *music, const struct artist *artist, int64_t now_ms)
{
    double total = 0;
    for (uint32_t i = artist->first_track; i < artist->first_track + artist->tracks; i++) {
        struct track *track = &music->tracks[i];
        bool out = music->albums[track->album].release_ms <= now_ms;
        track->share = out ? exp(0.8 * track->quality) : 0;
        total += track->share;
    }
    for (uint32_t i = artist->first_track; i < artist->first_track + artist->tracks; i++)
        music->tracks[i].share /= total;
}

static void renew_chart(struct music *music, int64_t now_ms)
{
    double total = 0;
    for (uint32_t i = 0; i < music->track_count; i++) {
        struct track *track = &music->tracks[i];
        int64_t release_ms = music->albums[track->album].release_ms;
        double fame = music->artists[track->artist].fame * track->share;
        if (release_ms >= music->begin_ms)
            fame *= 1 + hype * exp(-(double)(now_ms - release_ms) / (hype_hours * HOUR_MS));
        track->chart = track->share > 0 ? fame : 0;
        total += track->chart;
    }
    for (uint32_t i = 0; i < music->track_count; i++)
        music->tracks[i].chart /= total;
}

bool music_advance(struct music *music, int64_t now_ms)
{
    bool first = music->chart_due_ms == INT64_MIN;
    bool news = false;
    if (!first && now_ms < music->chart_due_ms)
        return false;
    for (uint32_t i = 0; i < music->album_count; i++) {
        const struct album *album = &music->albums[i];
        if (album->release_ms > now_ms || (!first && music_released(music, album->first_track)))
            continue;
        renew_shares(music, &music->artists[album->artist], now_ms);
        news = true;
    }
    renew_chart(music, now_ms);
    music->chart_due_ms = now_ms + HOUR_MS;
    return news && !first;
}

void music_title(const struct music *music, uint32_t track, char title[MUSIC_TITLE_MAX])
{
    const struct track *t = &music->tracks[track];
    snprintf(title, MUSIC_TITLE_MAX, "%s – %s", music->artists[t->artist].name, t->name);
}
