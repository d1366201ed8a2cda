/*
 * A part of the model that can be switched on and off: what a new idea is written as. One const
 * struct of operations each, in the table of part.c; the recommender goes through those that are
 * on.
 *
 *     ask()      adds to the user's side x
 *     back()     the loss' gradient by x comes back, for what ask() had added to it
 *     propose()  adds sparse features of candidates; while learning only when the blend learns
 *     complete() adds them to those candidates that others proposed
 *     tempt()    names items that are hard to tell from what is wanted next: negatives are drawn
 *                from them
 *     fetch()    brings near what tempt() and learn() read of an item
 *     before()   learns what needs the state as the event found it, before the step on the loss
 *     learn()    counts or learns from one accepted event, after the step on the loss
 *
 * The factors and the popularity counts are parts by name only, so that they can be switched off:
 * everything else rests on their rows. The blend is none.
 */
#ifndef MODEL_PART_H
#define MODEL_PART_H

#include "model/signals.h"
#include "model/state.h"

#include <stddef.h>

struct hard;
struct query;
struct recommender;
struct recommender_settings;
struct taste;
struct user;

/* One accepted event about an item, as parts see it. */
struct step {
    uint32_t user, item; /* slots */
    const struct user *record;
    const struct action *action;
    struct text device;        /* of the event; absent: unknown */
    const struct query *query; /* the user's side before the event; its taste has the history */
    uint32_t second;           /* since 1970 */
    uint64_t now;              /* number of the event */
    bool new_to_user;          /* the user did not want the item before */
};

struct part {
    const char *name; /* of the setting model.NAME */
    /* `self` is what create() made; NULL for parts without state, which need none of the rest. */
    enum status (*create)(const struct recommender_settings *settings, void **self);
    void (*destroy)(void *self);
    enum status (*grow)(void *self, uint32_t users, uint32_t items);
    void (*ask)(const void *self, const struct recommender *model, struct query *query);
    void (*propose)(const void *self, const struct recommender *model, struct query *query);
    void (*complete)(const void *self, const struct recommender *model, struct query *query);
    void (*tempt)(const void *self, const struct taste *taste, struct hard *hard);
    void (*fetch)(const void *self, uint32_t item);
    void (*back)(void *self, const struct query *query, const float *by_x);
    enum status (*before)(void *self, struct recommender *model, const struct step *step);
    enum status (*learn)(void *self, struct recommender *model, const struct step *step);
    /* A user is erased: nothing of them may stay. */
    void (*forget)(void *self, uint32_t user);
    /* Items are let go: (items) flags. Nothing may name them any more. */
    void (*drop_items)(void *self, const bool *gone, uint32_t items);
    /* What the state costs with that many items; from what is there, not from what is allocated. */
    size_t (*bytes)(const void *self, uint32_t items);
    /* What it costs for users; NULL: nothing. */
    size_t (*user_bytes)(const void *self);
    enum status (*save)(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer);
    enum status (*load)(void *self, uint32_t users, uint32_t items, struct state_reader *reader);
};

enum part_id {
    PART_TRANSITIONS,
    PART_NEIGHBOURS,
    PART_REPEATS,
    PART_CONTEXT,
    PART_SKIPS,
    PART_TOWER,
    PART_CONTENT,
    PART_DISLIKES,
    PART_PEERS,
    PART_RATINGS,
    PART_FACTORS, /* these four are no more than switches: factors.c and popularity.c do them */
    PART_HISTORY,
    PART_LAST,
    PART_POPULARITY,
    PART_INTERACTIONS, /* beside the blend, which learns it: interactions.h */
    PARTS
};

extern const struct part *const model_parts[PARTS];
extern const struct part part_transitions, part_neighbours, part_repeats, part_ratings,
    part_context, part_skips, part_tower, part_content, part_dislikes, part_peers,
    part_interactions;

#endif
