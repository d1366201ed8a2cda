/* What a listener plays next, and whether they keep it. */
#include "daemon/listener.h"

#include <math.h>

/* The mixture of what is played next. Those after a kept track are left out at the beginning of a
 * session and are weaker after a skip; what is not used goes to `taste`. */
static const double same_artist = 0.14, related_artists = 0.08;
static const double favourites = 0.32, saved_tracks = 0.2, chart = 0.08;
static const double after_skip = 0.2;  /* how much of the first three is left then */
static const double saved_pace = 0.8;  /* of a saved track's share, for each one saved after it */
static const double save_nearby = 0.6; /* of the saves: what goes with a kept track */
static const double mood_width = 0.14; /* of energy */
enum { TIRED_PLAYS = 6, SKIP_PLAYS = 60 };

/* One number for each step of energy. */
static void mood_table(const struct listener *listener, int64_t now_ms, double width,
                       double table[MUSIC_ENERGIES])
{
    double mood = listener_mood(listener, now_ms);
    for (uint32_t e = 0; e < MUSIC_ENERGIES; e++) {
        double off = ((e + 0.5) / MUSIC_ENERGIES - mood) / width;
        table[e] = off * off;
    }
}

/* The share of a track after what was heard of it lately. */
static double freshness(const struct listener *listener, uint32_t track)
{
    const struct memory *memory = &listener->memory[track];
    if (track == listener->last)
        return 0;
    if (memory->skipped_at > 0 && listener->plays - memory->skipped_at < SKIP_PLAYS)
        return 0.05;
    if (memory->played_at > 0 && listener->plays - memory->played_at < TIRED_PLAYS)
        return 0.08;
    return 1;
}

static void add_artist(const struct music *music, uint32_t artist, double weight, double *chance)
{
    const struct artist *a = &music->artists[artist];
    for (uint32_t i = a->first_track; i < a->first_track + a->tracks; i++)
        chance[i] += weight * music->tracks[i].share;
}

/* The artist, and those related. */
static void add_near(const struct music *music, uint32_t artist, double same, double related,
                     double *chance)
{
    add_artist(music, artist, same, chance);
    for (uint32_t r = 0; r < MUSIC_RELATED; r++)
        add_artist(music, music->artists[artist].related[r], related / MUSIC_RELATED, chance);
}

static double total_fondness(const struct listener *listener, const struct music *music)
{
    double total = 0;
    for (uint32_t i = 0; i < music->track_count; i++)
        total += listener->memory[i].fondness;
    return total;
}

/* The newest first. */
static void add_saved(const struct listener *listener, double weight, double *chance)
{
    double share = (1 - saved_pace) / (1 - pow(saved_pace, listener->saved_size));
    for (uint32_t k = listener->saved_size; k-- > 0; share *= saved_pace)
        chance[listener->saved[k]] += weight * share;
}

/* The part of the mixture that does not follow the last track. */
static void add_own(const struct listener *listener, const struct music *music, double weight,
                    double *chance)
{
    double fondness = total_fondness(listener, music);
    double by_favourites = fondness > 1 ? weight * favourites / fondness : 0;
    double by_saved = listener->saved_size > 0 ? weight * saved_tracks : 0;
    double by_chart = weight * chart;
    double by_taste = weight - by_saved - by_chart - by_favourites * fondness;
    for (uint32_t i = 0; i < music->track_count; i++) {
        const struct track *track = &music->tracks[i];
        chance[i] += by_taste * listener->taste[track->artist] * track->share +
                     by_favourites * listener->memory[i].fondness + by_chart * track->chart;
    }
    add_saved(listener, by_saved, chance);
}

/* Goes on from the last track: fills `chance` and returns the weight that was given out; the
 * album's next track is given apart, for it does not depend on the hour. */
static double add_following(const struct listener *listener, const struct music *music,
                            double *chance, double *album)
{
    *album = 0;
    if (listener->last == MUSIC_NONE)
        return 0;
    const struct track *last = &music->tracks[listener->last];
    double left = listener->last_kept ? 1 : after_skip;
    add_near(music, last->artist, left * same_artist, left * related_artists, chance);
    if (last->next != MUSIC_NONE)
        *album = left * listener->album_habit * freshness(listener, last->next);
    return left * (same_artist + related_artists) + *album;
}

static void scale_to(double *chance, uint32_t size, double sum)
{
    double total = 0;
    for (uint32_t i = 0; i < size; i++)
        total += chance[i];
    for (uint32_t i = 0; i < size; i++)
        chance[i] *= sum / total;
}

void listener_play_chances(const struct listener *listener, const struct music *music,
                           int64_t now_ms, double *chance)
{
    double mood[MUSIC_ENERGIES], album;
    mood_table(listener, now_ms, mood_width, mood);
    for (uint32_t e = 0; e < MUSIC_ENERGIES; e++)
        mood[e] = exp(-0.5 * mood[e]);
    for (uint32_t i = 0; i < music->track_count; i++)
        chance[i] = 0;
    double given = add_following(listener, music, chance, &album);
    add_own(listener, music, 1 - given, chance);
    for (uint32_t i = 0; i < music->track_count; i++)
        chance[i] *= (0.01 + mood[music->tracks[i].energy]) * freshness(listener, i);
    scale_to(chance, music->track_count, 1 - album);
    if (album > 0)
        chance[music->tracks[listener->last].next] += album;
}

/* The sum of reasons to keep a track; its logistic is the probability. */
static double keep_reasons(const struct listener *listener, const struct music *music,
                           uint32_t track)
{
    const struct track *t = &music->tracks[track];
    const struct memory *memory = &listener->memory[track];
    double reasons = 1.3 + 1.5 * t->quality + 0.9 * fmin(memory->fondness, 2);
    uint32_t skipped = listener->artist_skipped_at[t->artist];
    if (skipped > 0 && listener->plays - skipped < SKIP_PLAYS)
        reasons -= 0.6;
    if (listener->last_kept && listener->last != MUSIC_NONE &&
        music->tracks[listener->last].next == track)
        reasons += 0.8;
    return reasons;
}

void listener_keep_chances(const struct listener *listener, const struct music *music,
                           int64_t now_ms, double *keep)
{
    double mood[MUSIC_ENERGIES];
    mood_table(listener, now_ms, 0.3, mood);
    for (uint32_t a = 0; a < music->artist_count; a++) {
        const struct artist *artist = &music->artists[a];
        /* How far above the average listener's the taste for this artist is. */
        double liking = log(listener->taste[a] * music->artist_count + 0.02);
        liking = 0.3 * fmax(-2, fmin(2, liking));
        for (uint32_t i = artist->first_track; i < artist->first_track + artist->tracks; i++) {
            double reasons = keep_reasons(listener, music, i) + liking -
                             0.5 * fmin(3, mood[music->tracks[i].energy]);
            keep[i] = 1 / (1 + exp(-reasons));
        }
    }
}

double listener_save_chances(const struct listener *listener, const struct music *music,
                             double *chance)
{
    double total = 0, nearby = 0;
    bool goes_on = listener->last != MUSIC_NONE && listener->last_kept;
    for (uint32_t i = 0; i < music->track_count; i++)
        chance[i] = 0;
    if (goes_on) {
        nearby = save_nearby;
        add_near(music, music->tracks[listener->last].artist, nearby / 2, nearby / 2, chance);
    }
    for (uint32_t i = 0; i < music->track_count; i++) {
        const struct track *track = &music->tracks[i];
        chance[i] +=
            (1 - nearby) * track->share * (listener->taste[track->artist] + 0.1 * track->chart);
        if (listener->memory[i].played_at > 0 || listener->memory[i].skipped_at > 0)
            chance[i] = 0;
    }
    for (uint32_t k = 0; k < listener->saved_size; k++)
        chance[listener->saved[k]] = 0;
    for (uint32_t i = 0; i < music->track_count; i++)
        total += chance[i];
    if (total <= 0)
        return 0;
    for (uint32_t i = 0; i < music->track_count; i++)
        chance[i] /= total;
    return 1;
}

double listener_like_chance(const struct listener *listener, const struct music *music)
{
    if (!listener->may_answer || !listener->last_kept || listener->memory[listener->last].liked)
        return 0;
    return 0.25 / (1 + exp(1.5 - music->tracks[listener->last].quality -
                           0.5 * listener->memory[listener->last].fondness));
}

static void take_from_saved(struct listener *listener, uint32_t track)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < listener->saved_size; k++) {
        if (listener->saved[k] != track)
            listener->saved[kept++] = listener->saved[k];
    }
    listener->saved_size = kept;
}

void listener_played(struct listener *listener, const struct music *music, uint32_t track,
                     bool kept)
{
    struct memory *memory = &listener->memory[track];
    listener->plays++;
    memory->played_at = listener->plays;
    if (kept) {
        memory->fondness += 1;
        listener->skips_in_a_row = 0;
    } else {
        memory->fondness *= 0.5F;
        memory->skipped_at = listener->plays;
        listener->artist_skipped_at[music->tracks[track].artist] = listener->plays;
        listener->skips_in_a_row++;
        take_from_saved(listener, track);
    }
    listener->last = track;
    listener->last_kept = kept;
    listener->may_answer = true;
}

void listener_liked(struct listener *listener, uint32_t track)
{
    listener->memory[track].liked = true;
    listener->memory[track].fondness += 2;
    listener->may_answer = false;
}
