/* A small stream of events for tests: the i-th event is always the same. */
#ifndef TESTS_UNIT_SMALL_STREAM_H
#define TESTS_UNIT_SMALL_STREAM_H

#include "model/event.h"

#include <stdio.h>
#include <string.h>

struct small_event {
    struct event event; /* points into the texts below */
    char user[32], item[32], id[32];
};

static inline uint64_t small_random(uint64_t key)
{
    key += 0x9e3779b97f4a7c15u;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

/* 40 users, 120 items, three tastes; clicks, plays, skips, ratings, dislikes, now and then a
 * forget; every ninth event has an id, some of them repeated, every fourth names a device. */
static inline void small_stream_at(uint32_t i, struct small_event *out)
{
    static const char *const names[] = {"click", "play", "play", "skip",  "rating",  "view",
                                        "add",   "like", "play", "click", "dislike", "purchase"};
    uint64_t dice = small_random(i);
    uint32_t user = (uint32_t)(dice % 40), taste = user % 3;
    uint32_t item = (uint32_t)((dice >> 8) % 40) * 3 + ((dice >> 20) % 5 == 0 ? 1 : taste) % 3;
    const char *name = names[(dice >> 24) % (sizeof names / sizeof names[0])];
    if (i % 499 == 498)
        name = "forget";
    *out = (struct small_event){0};
    snprintf(out->user, sizeof out->user, "user-%u", user);
    snprintf(out->item, sizeof out->item, "%u", 1000 + item);
    struct event *event = &out->event;
    event->user = text_of(out->user);
    event->name = text_of(name);
    event->ts_ms = 1700000000000 + (int64_t)i * 61000;
    if (strcmp(name, "forget") != 0)
        event->item = text_of(out->item);
    if (i % 4 == 0)
        event->device = text_of(i % 8 == 0 ? "phone" : "speaker");
    if (i % 9 == 0) {
        snprintf(out->id, sizeof out->id, "e%u", i / 18);
        event->id = text_of(out->id);
    }
    event->has_value = strcmp(name, "rating") == 0 || strcmp(name, "play") == 0;
    if (strcmp(name, "rating") == 0)
        event->value = 0.5 + 0.5 * (double)((dice >> 32) % 10);
    else if (event->has_value)
        event->value = (double)((dice >> 32) % 100) / 99.0;
}

#endif
