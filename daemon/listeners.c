#include "daemon/listeners.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SECOND_MS = 1000,
    SESSION_PLAYS = 4, /* mean */
    PATIENCE = 4,      /* skips in a row that end a session */
};
static const int64_t begin_ms = INT64_C(1736424000000); /* 2025-01-09T12:00:00Z, a Thursday */
static const double save_chance = 0.06, dislike_chance = 0.06;

/* A listener's turn: when the next thing ends, unless a session is to begin first. */
struct turn {
    int64_t at_ms;
    uint32_t listener;
    bool begins;
};

struct listeners {
    struct listeners_settings settings;
    struct music music;
    struct listener *all;   /* (listeners) */
    struct chance *chances; /* (listeners): each draws from a stream of its own */
    struct turn *heap;      /* (listeners): the earliest at 0; ties by number */
    double *play, *keep, *save, *next, *played; /* (tracks) */
};

void listeners_settings_init(struct listeners_settings *settings)
{
    *settings = (struct listeners_settings){.seed = 1, .listeners = 600, .artists = 96};
}

/* ---- whose turn it is ---- */

static bool earlier(const struct turn *a, const struct turn *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->listener < b->listener;
}

static void sift_down(struct turn *heap, uint32_t size, uint32_t at)
{
    struct turn moving = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < size && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (child >= size || !earlier(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* Puts off the turn at the top of the heap. */
static void put_off(struct listeners *listeners, int64_t at_ms, bool begins)
{
    listeners->heap[0].at_ms = at_ms;
    listeners->heap[0].begins = begins;
    sift_down(listeners->heap, listeners->settings.listeners, 0);
}

/* ---- the life of the stream ---- */

static bool allocate(struct listeners *listeners)
{
    size_t people = listeners->settings.listeners, tracks = listeners->music.track_count;
    listeners->all = calloc(people, sizeof *listeners->all);
    listeners->chances = calloc(people, sizeof *listeners->chances);
    listeners->heap = calloc(people, sizeof *listeners->heap);
    listeners->play = calloc(tracks * 5, sizeof *listeners->play);
    if (listeners->all == NULL || listeners->chances == NULL || listeners->heap == NULL ||
        listeners->play == NULL)
        return false;
    listeners->keep = listeners->play + tracks;
    listeners->save = listeners->keep + tracks;
    listeners->next = listeners->save + tracks;
    listeners->played = listeners->next + tracks;
    return true;
}

static bool gather(struct listeners *listeners)
{
    uint32_t people = listeners->settings.listeners;
    for (uint32_t i = 0; i < people; i++) {
        struct chance *chance = &listeners->chances[i];
        chance_init(chance, listeners->settings.seed, 1000 + i);
        if (!listener_init(&listeners->all[i], &listeners->music, chance, begin_ms))
            return false;
        int64_t at_ms = listener_next_session(&listeners->all[i], chance, begin_ms);
        listeners->heap[i] = (struct turn){.at_ms = at_ms, .listener = i, .begins = true};
    }
    for (uint32_t i = people / 2; i-- > 0;)
        sift_down(listeners->heap, people, i);
    return true;
}

struct listeners *listeners_create(const struct listeners_settings *settings)
{
    assert(settings->listeners > 0 && settings->artists >= MUSIC_GENRES);
    struct listeners *listeners = calloc(1, sizeof *listeners);
    if (listeners == NULL)
        return NULL;
    listeners->settings = *settings;
    if (!music_init(&listeners->music, settings->seed, settings->artists, begin_ms) ||
        !allocate(listeners) || !gather(listeners)) {
        listeners_destroy(listeners);
        return NULL;
    }
    return listeners;
}

void listeners_destroy(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    for (uint32_t i = 0; listeners->all != NULL && i < listeners->settings.listeners; i++)
        listener_finish(&listeners->all[i]);
    music_finish(&listeners->music);
    free(listeners->all);
    free(listeners->chances);
    free(listeners->heap);
    free(listeners->play);
    free(listeners);
}

/* ---- the next thing ---- */

/* The chances of the next thing as they are before it is drawn; returns that of a like, which comes
 * first; then something may be saved, else it is a play. */
static double foresee(struct listeners *listeners, const struct listener *listener, int64_t now_ms,
                      double *saves)
{
    const struct music *music = &listeners->music;
    double likes = listener_like_chance(listener, music);
    listener_play_chances(listener, music, now_ms, listeners->play);
    listener_keep_chances(listener, music, now_ms, listeners->keep);
    *saves = save_chance * listener_save_chances(listener, music, listeners->save);
    for (uint32_t i = 0; i < music->track_count; i++) {
        listeners->played[i] = listeners->play[i] * listeners->keep[i];
        listeners->next[i] =
            (1 - likes) * (*saves * listeners->save[i] + (1 - *saves) * listeners->played[i]);
    }
    if (likes > 0)
        listeners->next[listener->last] += likes;
    return likes;
}

static void play(struct listeners *listeners, struct listening *listening, struct chance *chance)
{
    struct listener *listener = &listeners->all[listening->listener];
    uint32_t track = chance_pick(chance, listeners->play, listeners->music.track_count, 1);
    listening->track = track;
    listening->keep = listeners->keep[track];
    listening->wanted = chance_happens(chance, listening->keep);
    if (listening->wanted) {
        listening->kind = LISTENING_PLAY;
        listening->fraction =
            chance_happens(chance, 0.75) ? 1 : 0.35 + 0.65 * chance_uniform(chance);
    } else {
        listening->kind = chance_happens(chance, 0.6) ? LISTENING_SKIP : LISTENING_PLAY;
        listening->fraction = 0.01 + 0.27 * chance_uniform(chance);
    }
    listener_played(listener, &listeners->music, track, listening->wanted);
}

static void draw(struct listeners *listeners, struct listening *listening)
{
    uint32_t number = listening->listener;
    struct listener *listener = &listeners->all[number];
    struct chance *chance = &listeners->chances[number];
    double saves, likes = foresee(listeners, listener, listening->ts_ms, &saves);
    bool may_dislike = listener->may_answer && !listener->last_kept;
    listening->device = listener->device;
    listening->next = listeners->next;
    listening->played = listeners->played;
    listening->wanted = true;
    if (chance_happens(chance, likes)) {
        listening->kind = LISTENING_LIKE;
        listening->track = listener->last;
        listener_liked(listener, listening->track);
    } else if (may_dislike && chance_happens(chance, dislike_chance)) {
        listening->kind = LISTENING_DISLIKE;
        listening->track = listener->last;
        listening->wanted = false;
        listener_disliked(listener, &listeners->music, listening->track);
    } else if (chance_happens(chance, saves)) {
        listening->kind = LISTENING_ADD;
        listening->track = chance_pick(chance, listeners->save, listeners->music.track_count, 1);
        listener_saved(listener, &listeners->music, listening->track);
    } else {
        play(listeners, listening, chance);
    }
}

/* How long what was done takes; another thing comes after it. */
static int64_t duration(const struct listeners *listeners, const struct listening *listening,
                        struct chance *chance)
{
    if (listening->kind != LISTENING_PLAY && listening->kind != LISTENING_SKIP)
        return 2 * SECOND_MS + (int64_t)(5 * SECOND_MS * chance_uniform(chance));
    double seconds = listeners->music.tracks[listening->track].seconds * listening->fraction;
    return SECOND_MS + (int64_t)(seconds * SECOND_MS);
}

static bool ends_session(const struct listeners *listeners, const struct listening *listening,
                         struct chance *chance)
{
    if (listening->kind != LISTENING_PLAY && listening->kind != LISTENING_SKIP)
        return false;
    return listeners->all[listening->listener].skips_in_a_row >= PATIENCE ||
           chance_happens(chance, 1.0 / SESSION_PLAYS);
}

void listeners_next(struct listeners *listeners, struct listening *listening)
{
    struct turn turn = listeners->heap[0];
    struct listener *listener = &listeners->all[turn.listener];
    struct chance *chance = &listeners->chances[turn.listener];
    *listening = (struct listening){.listener = turn.listener, .ts_ms = turn.at_ms};
    music_advance(&listeners->music, turn.at_ms);
    if (turn.begins)
        listener_begin_session(listener, &listeners->music, chance, turn.at_ms);
    draw(listeners, listening);
    int64_t at_ms = turn.at_ms + duration(listeners, listening, chance);
    bool over = ends_session(listeners, listening, chance);
    put_off(listeners, over ? listener_next_session(listener, chance, at_ms) : at_ms, over);
}

const struct music *listeners_music(const struct listeners *listeners)
{
    return &listeners->music;
}

const struct listener *listeners_at(const struct listeners *listeners, uint32_t listener)
{
    return &listeners->all[listener];
}

uint32_t listeners_size(const struct listeners *listeners)
{
    return listeners->settings.listeners;
}
