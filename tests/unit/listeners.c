/* The demo's stream has the structure that it claims to have. */
#include "daemon/yardstick.h"
#include "model/keep_auc.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS = 15000, HOUR_MS = 3600 * 1000 };

static struct listeners *create(uint64_t seed)
{
    struct listeners_settings settings;
    listeners_settings_init(&settings);
    settings.seed = seed;
    settings.listeners = 200;
    struct listeners *listeners = listeners_create(&settings);
    assert_non_null(listeners);
    return listeners;
}

static bool is_heard(const struct listening *listening)
{
    return listening->kind == LISTENING_PLAY || listening->kind == LISTENING_SKIP;
}

static uint64_t fingerprint(uint64_t seed)
{
    struct listeners *listeners = create(seed);
    struct listening listening;
    uint64_t sum = 14695981039346656037U;
    for (int i = 0; i < 3000; i++) {
        char json[LISTENING_JSON_MAX];
        listeners_next(listeners, &listening);
        int size = listening_json(&listening, json);
        for (int k = 0; k < size; k++)
            sum = (sum ^ (unsigned char)json[k]) * 1099511628211U;
    }
    listeners_destroy(listeners);
    return sum;
}

static void same_seed_same_stream(void **state)
{
    (void)state;
    assert_int_equal(fingerprint(7), fingerprint(7));
    assert_int_not_equal(fingerprint(7), fingerprint(8));
}

static void events_and_catalogue_are_json(void **state)
{
    (void)state;
    struct listeners *listeners = create(1);
    const struct music *music = listeners_music(listeners);
    struct listening listening;
    int64_t before = 0;
    for (int i = 0; i < 2000; i++) {
        char json[LISTENING_JSON_MAX];
        listeners_next(listeners, &listening);
        int size = listening_json(&listening, json);
        assert_in_range(size, 1, LISTENING_JSON_MAX - 1);
        json_t *event = json_loadb(json, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(event);
        assert_int_equal(json_integer_value(json_object_get(event, "item")), listening.track);
        assert_true((json_object_get(event, "value") != NULL) == is_heard(&listening));
        json_decref(event);
        assert_true(listening.ts_ms >= before);
        before = listening.ts_ms;
    }
    for (uint32_t i = 0; i < music->track_count; i++) {
        char json[TRACK_JSON_MAX];
        int size = track_json(music, i, json);
        assert_in_range(size, 1, TRACK_JSON_MAX - 1);
        json_t *track = json_loadb(json, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(track);
        json_decref(track);
    }
    listeners_destroy(listeners);
}

/* A kept play is at or above the contract's skip_below, an unkept one below. */
static void fractions_tell_skips(void **state)
{
    (void)state;
    struct listeners *listeners = create(2);
    struct listening listening;
    for (int i = 0; i < 5000; i++) {
        listeners_next(listeners, &listening);
        if (is_heard(&listening))
            assert_true(listening.wanted == (listening.fraction >= 0.3));
    }
    listeners_destroy(listeners);
}

static void truth_is_a_distribution(void **state)
{
    (void)state;
    struct listeners *listeners = create(3);
    uint32_t tracks = listeners_music(listeners)->track_count;
    struct listening listening;
    double wanted = 0, foreseen = 0;
    for (int i = 0; i < 5000; i++) {
        listeners_next(listeners, &listening);
        double next = 0, played = 0;
        for (uint32_t k = 0; k < tracks; k++) {
            assert_true(listening.next[k] >= 0 && listening.played[k] >= 0);
            next += listening.next[k];
            played += listening.played[k];
        }
        assert_true(next <= 1 + 1e-9 && played <= 1 + 1e-9);
        wanted += listening.wanted;
        foreseen += next;
    }
    /* What is foreseen to be wanted is wanted as often (dislikes are outside of the truth). */
    assert_true(fabs(wanted - foreseen) / 5000 < 0.03);
    listeners_destroy(listeners);
}

static struct yardstick_sums measure(uint64_t seed, bool exclude_seen, bool plays_only)
{
    struct listeners *listeners = create(seed);
    struct yardstick *yardstick = yardstick_create(listeners, exclude_seen, plays_only);
    struct yardstick_sums sums = {0};
    struct listening listening;
    for (int i = 0; i < EVENTS; i++) {
        listeners_next(listeners, &listening);
        struct yardstick_mark mark = yardstick_take(yardstick, &listening);
        sums.scored += mark.scored;
        sums.popular += mark.popular;
        sums.best += mark.best;
        sums.expected += mark.expected;
    }
    yardstick_destroy(yardstick);
    listeners_destroy(listeners);
    return sums;
}

static void best_is_far_above_popularity(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct yardstick_sums sums = measure(4, variant == 1, variant == 2);
        double scored = (double)sums.scored;
        assert_true(sums.scored > EVENTS / 4);
        assert_true((double)sums.best > 3 * (double)sums.popular);
        assert_true((double)sums.best < 0.8 * scored); /* and yet it is not trivial */
        /* The hits drawn agree with the hits foreseen: the truth is true. */
        assert_true(fabs((double)sums.best - sums.expected) / scored < 0.015);
    }
}

static void nights_are_calm(void **state)
{
    (void)state;
    struct listeners *listeners = create(5);
    const struct music *music = listeners_music(listeners);
    double energy[24] = {0}, plays[24] = {0};
    struct listening listening;
    for (int i = 0; i < EVENTS; i++) {
        listeners_next(listeners, &listening);
        if (listening.kind != LISTENING_PLAY)
            continue;
        int64_t hour = listening.ts_ms / HOUR_MS % 24;
        energy[hour] += music->tracks[listening.track].energy;
        plays[hour]++;
    }
    double night = (energy[2] + energy[3]) / (plays[2] + plays[3]) / MUSIC_ENERGIES;
    double evening = (energy[17] + energy[18]) / (plays[17] + plays[18]) / MUSIC_ENERGIES;
    assert_true(night + 0.1 < evening);
    listeners_destroy(listeners);
}

static double distance(const double *a, const double *b, uint32_t size)
{
    double sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum += fabs(a[i] - b[i]) / 2;
    return sum;
}

static void tastes_differ_and_drift(void **state)
{
    (void)state;
    struct listeners *listeners = create(6);
    uint32_t people = listeners_size(listeners);
    uint32_t artists = listeners_music(listeners)->artist_count;
    double *before = calloc((size_t)people * artists, sizeof *before);
    assert_non_null(before);
    for (uint32_t i = 0; i < people; i++)
        memcpy(before + (size_t)i * artists, listeners_at(listeners, i)->taste,
               artists * sizeof *before);
    struct listening listening;
    for (int i = 0; i < 2 * EVENTS; i++)
        listeners_next(listeners, &listening);
    double drift = 0, difference = 0;
    for (uint32_t i = 0; i < people; i++) {
        drift += distance(before + (size_t)i * artists, listeners_at(listeners, i)->taste, artists);
        difference += distance(before + (size_t)i * artists,
                               listeners_at(listeners, (i + 1) % people)->taste, artists);
    }
    assert_true(drift / people > 0.1);
    assert_true(drift < difference); /* even so, people stay themselves */
    assert_true(difference / people > 0.5);
    free(before);
    listeners_destroy(listeners);
}

static void albums_are_new_and_not_played_before(void **state)
{
    (void)state;
    struct listeners *listeners = create(7);
    const struct music *music = listeners_music(listeners);
    uint32_t released_before = 0, released_after = 0, new_plays = 0;
    for (uint32_t i = 0; i < music->track_count; i++)
        released_before += music_released(music, i);
    struct listening listening;
    for (int i = 0; i < EVENTS; i++) {
        listeners_next(listeners, &listening);
        int64_t release_ms = music->albums[music->tracks[listening.track].album].release_ms;
        assert_true(release_ms <= listening.ts_ms);
        new_plays += release_ms > music->begin_ms;
    }
    for (uint32_t i = 0; i < music->track_count; i++)
        released_after += music_released(music, i);
    assert_true(released_after > released_before);
    assert_true(new_plays > 100);
    listeners_destroy(listeners);
}

/* Album order, favourites, and what was saved are all seen in what is played. */
static void habits_show(void **state)
{
    (void)state;
    struct listeners *listeners = create(8);
    const struct music *music = listeners_music(listeners);
    uint32_t people = listeners_size(listeners), plays = 0, album = 0, again = 0, adds = 0,
             used = 0;
    uint32_t *last = calloc(people, sizeof *last);
    unsigned char *known = calloc((size_t)people * music->track_count, 1);
    assert_non_null(last);
    assert_non_null(known);
    struct listening listening;
    for (int i = 0; i < 2 * EVENTS; i++) {
        listeners_next(listeners, &listening);
        unsigned char *mark =
            &known[(size_t)listening.listener * music->track_count + listening.track];
        adds += listening.kind == LISTENING_ADD;
        if (is_heard(&listening)) {
            plays++;
            album += music->tracks[last[listening.listener]].next == listening.track;
            again += *mark == 1;
            used += *mark == 2;
            *mark = 1;
            last[listening.listener] = listening.track;
        } else if (listening.kind == LISTENING_ADD) {
            *mark = 2;
        }
    }
    assert_true(album > plays / 8);
    assert_true(again > plays / 4);
    assert_true(used > adds / 2);
    free(last);
    free(known);
    listeners_destroy(listeners);
}

static void keep_chances_are_true(void **state)
{
    (void)state;
    struct listeners *listeners = create(9);
    struct keep_auc auc = {0};
    double foreseen = 0, kept = 0, heard = 0;
    struct listening listening;
    for (int i = 0; i < EVENTS; i++) {
        listeners_next(listeners, &listening);
        if (!is_heard(&listening))
            continue;
        heard++;
        kept += listening.wanted;
        foreseen += listening.keep;
        assert_true(
            keep_auc_add(&auc, listening.listener, (float)listening.keep, listening.wanted));
    }
    assert_true(fabs(kept - foreseen) / heard < 0.01);
    assert_true(kept / heard > 0.6 && kept / heard < 0.95);
    assert_true(keep_auc_value(&auc) > 0.75);
    keep_auc_finish(&auc);
    listeners_destroy(listeners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_stream),
        cmocka_unit_test(events_and_catalogue_are_json),
        cmocka_unit_test(fractions_tell_skips),
        cmocka_unit_test(truth_is_a_distribution),
        cmocka_unit_test(best_is_far_above_popularity),
        cmocka_unit_test(nights_are_calm),
        cmocka_unit_test(tastes_differ_and_drift),
        cmocka_unit_test(albums_are_new_and_not_played_before),
        cmocka_unit_test(habits_show),
        cmocka_unit_test(keep_chances_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
