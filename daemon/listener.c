/* Who a listener is, and when they listen. */
#include "daemon/listener.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, DAY_HOURS = 24, RHYTHMS = 4 };

/* How much is listened at each hour (UTC); only the proportions count. */
static const double rhythms[RHYTHMS][DAY_HOURS] = {
    /* on the way to work and back */
    {1, 1, 1, 1, 1, 2, 5, 8, 8, 4, 2, 2, 3, 3, 2, 3, 6, 8, 8, 5, 4, 3, 2, 1},
    /* while working */
    {1, 1, 1, 1, 1, 1, 2, 3, 6, 7, 7, 6, 4, 6, 7, 7, 6, 5, 3, 3, 3, 3, 2, 1},
    /* in the evening and at night */
    {6, 4, 3, 2, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 8, 7},
    /* all day */
    {2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3},
};
/* The energy of the day, 0 calm .. 1 wild. */
static const double weekday_energy[DAY_HOURS] = {
    .10, .05, .05, .05, .10, .25, .45, .60, .65, .60, .55, .50,
    .50, .55, .55, .60, .70, .80, .85, .80, .70, .50, .30, .15,
};
static const double weekend_energy[DAY_HOURS] = {
    .90, .80, .60, .30, .15, .10, .10, .15, .25, .30, .35, .40,
    .45, .50, .55, .60, .65, .70, .80, .90, .95, 1.0, 1.0, .95,
};
static const double saved_leaning = 0.8; /* to the artist, with each track saved */
static const double device_energy[DEVICES] = {.05, .0, -.08};

/* From Friday, 20 h, to Sunday, 20 h. */
static bool is_weekend(int64_t now_ms)
{
    int64_t hours = now_ms / HOUR_MS + 4;
    int64_t day = hours / DAY_HOURS; /* day 0 was a Thursday */
    return (day + 3) % 7 >= 5;
}

static uint32_t hour_of(int64_t now_ms)
{
    return (uint32_t)(now_ms / HOUR_MS % DAY_HOURS);
}

double listener_mood(const struct listener *listener, int64_t now_ms)
{
    const double *day = is_weekend(now_ms) ? weekend_energy : weekday_energy;
    uint32_t hour = hour_of(now_ms);
    double into = (double)(now_ms % HOUR_MS) / HOUR_MS;
    double energy = day[hour] + into * (day[(hour + 1) % DAY_HOURS] - day[hour]);
    return listener->centre + listener->swing * (energy - 0.5) + device_energy[listener->device];
}

/* taste = genre × fame × own leaning, normalised. */
static void renew_taste(struct listener *listener, const struct music *music)
{
    double total = 0, centre = 0;
    for (uint32_t a = 0; a < music->artist_count; a++) {
        const struct artist *artist = &music->artists[a];
        listener->taste[a] = listener->genres[artist->genre] * pow(artist->fame, 0.7) *
                             exp(1.3 * listener->leanings[a]);
        total += listener->taste[a];
    }
    for (uint32_t a = 0; a < music->artist_count; a++) {
        listener->taste[a] /= total;
        centre += listener->taste[a] * music->artists[a].energy;
    }
    listener->centre = centre;
}

/* A favourite genre, a second near it, a third anywhere, and a little of everything. */
static void choose_genres(struct listener *listener, struct chance *chance)
{
    double fame[MUSIC_GENRES], total = 0;
    for (uint32_t g = 0; g < MUSIC_GENRES; g++) {
        fame[g] = music_genre_fame(g);
        total += fame[g];
        listener->genres[g] = 0.005;
    }
    uint32_t first = chance_pick(chance, fame, MUSIC_GENRES, total);
    uint32_t second = (first + MUSIC_GENRES + chance_below(chance, 7) - 3) % MUSIC_GENRES;
    uint32_t third = chance_pick(chance, fame, MUSIC_GENRES, total);
    listener->genres[first] += 0.5;
    listener->genres[second] += 0.3;
    listener->genres[third] += 0.14;
}

/* Listeners who like a style like all artists of it, and each has whims. */
static void choose_leanings(struct listener *listener, const struct music *music,
                            struct chance *chance)
{
    double style[MUSIC_STYLES];
    for (uint32_t s = 0; s < MUSIC_STYLES; s++)
        style[s] = 0.5 * chance_normal(chance);
    for (uint32_t a = 0; a < music->artist_count; a++) {
        listener->leanings[a] = 0.5 * chance_normal(chance);
        for (uint32_t s = 0; s < MUSIC_STYLES; s++)
            listener->leanings[a] += style[s] * music->artists[a].style[s];
    }
}

bool listener_init(struct listener *listener, const struct music *music, struct chance *chance,
                   int64_t begin_ms)
{
    *listener = (struct listener){
        .genres = calloc(MUSIC_GENRES, sizeof *listener->genres),
        .leanings = calloc(music->artist_count, sizeof *listener->leanings),
        .taste = calloc(music->artist_count, sizeof *listener->taste),
        .memory = calloc(music->track_count, sizeof *listener->memory),
        .artist_skipped_at = calloc(music->artist_count, sizeof *listener->artist_skipped_at),
        .last = MUSIC_NONE,
        .joined_ms = begin_ms,
    };
    if (listener->genres == NULL || listener->leanings == NULL || listener->taste == NULL ||
        listener->memory == NULL || listener->artist_skipped_at == NULL) {
        listener_finish(listener);
        return false;
    }
    choose_genres(listener, chance);
    choose_leanings(listener, music, chance);
    listener->swing = 0.9 + 0.5 * chance_uniform(chance);
    listener->album_habit =
        chance_happens(chance, 0.4) ? 0.08 : 0.25 + 0.4 * chance_uniform(chance);
    listener->sessions = 3.5 * exp(0.4 * chance_normal(chance));
    listener->rhythm = chance_below(chance, RHYTHMS);
    if (chance_happens(chance, 0.2)) /* newcomers */
        listener->joined_ms += (int64_t)(96 * HOUR_MS * chance_uniform(chance));
    renew_taste(listener, music);
    return true;
}

void listener_finish(struct listener *listener)
{
    free(listener->genres);
    free(listener->leanings);
    free(listener->taste);
    free(listener->memory);
    free(listener->artist_skipped_at);
    *listener = (struct listener){0};
}

/* A Poisson process whose rate changes by the hour: walks the hours until the draw is used up. */
int64_t listener_next_session(const struct listener *listener, struct chance *chance,
                              int64_t now_ms)
{
    const double *rhythm = rhythms[listener->rhythm];
    double sum = 0;
    for (uint32_t h = 0; h < DAY_HOURS; h++)
        sum += rhythm[h];
    double left = chance_exponential(chance);
    int64_t at = now_ms > listener->joined_ms ? now_ms : listener->joined_ms;
    for (;;) {
        double per_hour = listener->sessions * rhythm[hour_of(at)] / sum;
        int64_t hour_end = (at / HOUR_MS + 1) * HOUR_MS;
        double in_hour = per_hour * (double)(hour_end - at) / HOUR_MS;
        if (left < in_hour)
            return at + (int64_t)(left / per_hour * HOUR_MS);
        left -= in_hour;
        at = hour_end;
    }
}

/* Now and then somebody finds a new artist of a genre they like, or tires of an old one; seldom the
 * genres themselves change. */
static void drift(struct listener *listener, const struct music *music, struct chance *chance)
{
    if (chance_happens(chance, 0.01)) {
        choose_genres(listener, chance);
        renew_taste(listener, music);
    }
    if (!chance_happens(chance, 0.05))
        return;
    double liked[MUSIC_GENRES], total = 0;
    memcpy(liked, listener->genres, sizeof liked);
    for (uint32_t g = 0; g < MUSIC_GENRES; g++)
        total += liked[g];
    uint32_t genre = chance_pick(chance, liked, MUSIC_GENRES, total);
    uint32_t of_genre = (music->artist_count - genre + MUSIC_GENRES - 1) / MUSIC_GENRES;
    uint32_t found = genre + MUSIC_GENRES * chance_below(chance, of_genre);
    for (uint32_t a = 0; a < music->artist_count; a++)
        listener->leanings[a] *= 0.97;
    listener->leanings[found] += 2;
    renew_taste(listener, music);
}

void listener_begin_session(struct listener *listener, const struct music *music,
                            struct chance *chance, int64_t now_ms)
{
    uint32_t hour = hour_of(now_ms);
    bool out = hour >= 7 && hour < 19;
    double at_home[DEVICES] = {0.3, 0.2, 0.5}, on_the_way[DEVICES] = {0.6, 0.35, 0.05};
    listener->device = (enum device)chance_pick(chance, out ? on_the_way : at_home, DEVICES, 1);
    listener->last = MUSIC_NONE;
    listener->last_kept = listener->may_answer = false;
    listener->skips_in_a_row = 0;
    for (uint32_t i = 0; i < music->track_count; i++)
        listener->memory[i].fondness *= 0.95F;
    drift(listener, music, chance);
}

void listener_disliked(struct listener *listener, const struct music *music, uint32_t track)
{
    listener->may_answer = false;
    listener->memory[track].fondness = 0;
    listener->leanings[music->tracks[track].artist] -= 1;
    renew_taste(listener, music);
}

void listener_saved(struct listener *listener, const struct music *music, uint32_t track)
{
    if (listener->saved_size == LISTENER_SAVED_MAX)
        memmove(listener->saved, listener->saved + 1,
                --listener->saved_size * sizeof *listener->saved);
    listener->saved[listener->saved_size++] = track;
    listener->last = track;
    listener->last_kept = true;
    listener->may_answer = false;
    listener->leanings[music->tracks[track].artist] += saved_leaning;
    renew_taste(listener, music);
}
