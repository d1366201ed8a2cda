#include "daemon/yardstick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct yardstick {
    bool exclude_seen, plays_only;
    uint32_t tracks;
    uint32_t *wanted; /* (tracks): how often anybody wanted it */
    bool *has;        /* (listeners, tracks) */
    uint32_t *last;   /* (listeners): the track just consumed, or MUSIC_NONE */
    double *weights;  /* (tracks): scratch */
};

struct yardstick *yardstick_create(const struct listeners *listeners, bool exclude_seen,
                                   bool plays_only)
{
    struct yardstick *yardstick = calloc(1, sizeof *yardstick);
    if (yardstick == NULL)
        return NULL;
    size_t tracks = listeners_music(listeners)->track_count, people = listeners_size(listeners);
    yardstick->exclude_seen = exclude_seen;
    yardstick->plays_only = plays_only;
    yardstick->tracks = (uint32_t)tracks;
    yardstick->wanted = calloc(tracks, sizeof *yardstick->wanted);
    yardstick->has = calloc(people * tracks, sizeof *yardstick->has);
    yardstick->last = calloc(people, sizeof *yardstick->last);
    yardstick->weights = calloc(tracks, sizeof *yardstick->weights);
    if (yardstick->wanted == NULL || yardstick->has == NULL || yardstick->last == NULL ||
        yardstick->weights == NULL) {
        yardstick_destroy(yardstick);
        return NULL;
    }
    for (size_t i = 0; i < people; i++)
        yardstick->last[i] = MUSIC_NONE;
    return yardstick;
}

void yardstick_destroy(struct yardstick *yardstick)
{
    if (yardstick == NULL)
        return;
    free(yardstick->wanted);
    free(yardstick->has);
    free(yardstick->last);
    free(yardstick->weights);
    free(yardstick);
}

static bool is_candidate(const struct yardstick *yardstick, const struct listening *listening,
                         uint32_t track)
{
    if (yardstick->wanted[track] == 0)
        return false;
    if (yardstick->plays_only && yardstick->last[listening->listener] == track)
        return false;
    return !yardstick->exclude_seen ||
           !yardstick->has[(size_t)listening->listener * yardstick->tracks + track];
}

/* The weight of the tenth best, and the sum of the ten. */
static double tenth(const double *weights, uint32_t size, double *sum)
{
    double top[YARDSTICK_TOP] = {0}; /* descending */
    *sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (weights[i] <= top[YARDSTICK_TOP - 1])
            continue;
        uint32_t at = YARDSTICK_TOP - 1;
        for (; at > 0 && top[at - 1] < weights[i]; at--)
            top[at] = top[at - 1];
        top[at] = weights[i];
    }
    for (uint32_t i = 0; i < YARDSTICK_TOP; i++)
        *sum += top[i];
    return top[YARDSTICK_TOP - 1];
}

static struct yardstick_mark mark(struct yardstick *yardstick, const struct listening *listening)
{
    const double *truth = yardstick->plays_only ? listening->played : listening->next;
    uint32_t count = yardstick->wanted[listening->track], above = 0;
    double sum = 0, all = 0;
    for (uint32_t i = 0; i < yardstick->tracks; i++) {
        bool candidate = is_candidate(yardstick, listening, i);
        /* Whatever could have been wanted and would have been scored. */
        bool possible = !yardstick->exclude_seen ||
                        !yardstick->has[(size_t)listening->listener * yardstick->tracks + i];
        all += possible ? truth[i] : 0;
        yardstick->weights[i] = candidate ? truth[i] : 0;
        /* An equal count stands before it, as CONTRACT §5 ranks. */
        above += candidate && i != listening->track && yardstick->wanted[i] >= count;
    }
    double least = tenth(yardstick->weights, yardstick->tracks, &sum);
    double own = yardstick->weights[listening->track];
    return (struct yardstick_mark){
        .scored = true,
        .popular = is_candidate(yardstick, listening, listening->track) &&
                   above<YARDSTICK_TOP, .best = own> 0 && own >= least,
        .expected = all > 0 ? sum / all : 0,
    };
}

struct yardstick_mark yardstick_take(struct yardstick *yardstick, const struct listening *listening)
{
    struct yardstick_mark result = {0};
    bool *has = &yardstick->has[(size_t)listening->listener * yardstick->tracks + listening->track];
    bool is_play = listening->kind == LISTENING_PLAY;
    if (listening->wanted && (is_play || !yardstick->plays_only) &&
        !(yardstick->exclude_seen && *has))
        result = mark(yardstick, listening);
    if (listening->wanted) {
        yardstick->wanted[listening->track]++;
        *has = true;
    }
    yardstick->last[listening->listener] = listening->track;
    return result;
}
