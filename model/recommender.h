/*
 * The model as a whole: everything that is learned, remembered and asked.
 *
 *                 ┌ ids ─ users ─ history, what the user has ┐
 *     event ──────┤                                          ├──► query ──► scores, top-N
 *                 └ factors ─ popularity ─ transitions ─ … ──┘
 *
 * Pure and deterministic: the same events in the same order with the same settings give the same
 * state, bit for bit, on any kernel. One thread may change it; while nobody does, any number of
 * threads may ask it, each with a query of its own.
 */
#ifndef MODEL_RECOMMENDER_H
#define MODEL_RECOMMENDER_H

#include "model/ids.h"
#include "model/list.h"
#include "model/loss.h"
#include "model/part.h"
#include "model/signals.h"
#include "model/state.h"

enum { HAVE_FOREVER = -1, HAVE_NEVER = 0 };

/* What a process that keeps lists has of each user and item beside the model, in bytes. It is
 * counted by the memory limit, which decides what is learned, so in a replay no less. */
enum { RECOMMENDER_BESIDE_USER = 64, RECOMMENDER_BESIDE_ITEM = 156 };

/* Everything that shapes the state or the scores; a snapshot keeps it, and refuses others. */
struct recommender_settings {
    uint64_t seed;
    uint32_t dim;          /* of the vectors; a multiple of 16, 16..512 */
    uint32_t dedupe_ids;   /* last event ids remembered */
    int32_t exclude_days;  /* HAVE_FOREVER, HAVE_NEVER, or days */
    uint64_t memory_limit; /* bytes, of RECOMMENDER_BESIDE_… too; 0: none */
    enum loss_id loss;
    float part[PARTS]; /* 0: switched off; what its contribution is multiplied by */
    struct signals signals;
};

void recommender_settings_init(struct recommender_settings *settings);

/* Names the settings in which two differ, by comma, as far as there is room; "": they are equal. */
void recommender_settings_compare(const struct recommender_settings *wanted,
                                  const struct recommender_settings *kept, char *differ,
                                  size_t size);

struct recommender; /* opaque */

enum status recommender_create(const struct recommender_settings *settings,
                               struct recommender **out, struct error *error);
void recommender_destroy(struct recommender *model); /* NULL is legal */

/* ---- learning ---- */

struct learned {
    struct action action;
    uint32_t user;      /* slot; SLOT_NONE after forget */
    uint32_t item;      /* slot; SLOT_NONE for forget */
    bool forgot;        /* the user was known and is erased */
    enum status status; /* STATUS_NO_MEMORY: the model cannot be used any more */
};

/* Judges, deduplicates and learns one event. Only VERDICT_ACCEPTED changes what is learned.
 * A learned->status other than STATUS_OK leaves the model unusable. */
enum verdict recommender_learn(struct recommender *model, const struct event *event,
                               struct learned *learned);
/* Judging alone, without learning: what recommender_learn would say, repeats included. */
enum verdict recommender_judge(const struct recommender *model, const struct event *event,
                               struct action *action);

/* Where an event's user and item are kept: slots, or SLOT_NONE for who and what is new. Holds until
 * the model changes. */
struct place {
    uint32_t user, item;
};
struct place recommender_place(const struct recommender *model, const struct event *event);
/* The last step of recommender_learn() alone, for who took the others before: learned->action is
 * what recommender_judge() made of it with VERDICT_ACCEPTED, `place` is where it is. */
void recommender_learn_at(struct recommender *model, const struct event *event, struct place place,
                          struct learned *learned);

/* Judges, and remembers the event's id, but learns nothing: for counting a stream beforehand with a
 * model of its own. */
enum verdict recommender_skim(struct recommender *model, const struct event *event);

/* Takes what the catalogue says about an item: its features, and whether lists may hold it. An item
 * with features is a candidate for lists from then on, before anybody wanted it. A card that is not
 * available retires the item. Entries are part of the state like events: for a replay to give the
 * same digest, both must come in the same order. STATUS_NO_MEMORY: the model cannot be used any
 * more. */
enum status recommender_describe(struct recommender *model, const struct item_card *card);

/* Before events[n] is learned, for each n = 0, 1, … in turn, of `size` that stay the same: brings
 * near what the next ones will touch. Changes nothing but `ahead`, which needs no beginning; an
 * event may then be left out. */
enum { AHEAD_GROUP = 4, AHEAD_ROOM = 32, AHEAD_TRIES = 16 };
struct ahead {
    struct ahead_event {
        struct ids_sought user, item;
        struct place place; /* as far as it can be told */
        uint32_t tries;
        uint32_t tried[AHEAD_TRIES]; /* where in the list of candidates its negatives stand */
    } at[AHEAD_ROOM];
};
void recommender_look_ahead(struct recommender *model, struct ahead *ahead,
                            const struct event *events, uint32_t n, uint32_t size);
/* After it: recommender_place() of events[n], which costs less as most of it is known by now. */
struct place recommender_place_ahead(const struct recommender *model, const struct ahead *ahead,
                                     const struct event *events, uint32_t n);

/* ---- asking ---- */

uint32_t recommender_find_user(const struct recommender *model,
                               struct text user); /* or SLOT_NONE */
uint32_t recommender_find_item(const struct recommender *model, struct text item);
struct text recommender_user_id(const struct recommender *model, uint32_t slot);
struct text recommender_item_id(const struct recommender *model, uint32_t slot);
/* Slots are dense: 0..bound-1; some may be free (their id is absent). */
uint32_t recommender_user_bound(const struct recommender *model);
uint32_t recommender_item_bound(const struct recommender *model);

struct recommender_counts {
    uint64_t events; /* learned since the beginning, over restarts */
    uint64_t users, items;
    uint64_t described; /* items of which the catalogue said something */
    uint64_t evicted_users, evicted_items;
    uint64_t memory_bytes;
};
/* The time of the latest event learned, ms since 1970; 0 at first. */
int64_t recommender_latest_ms(const struct recommender *model);
const struct recommender_settings *recommender_settings_of(const struct recommender *model);
struct recommender_counts recommender_count(const struct recommender *model);

/* Scratch for asking; one a thread. Grows with the model on the next recommender_query(). */
struct query; /* opaque */
enum status query_create(const struct recommender *model, struct query **out);
void query_destroy(struct query *query); /* NULL is legal */

/* Prepares the user's side at a time: vector, sparse terms, exclusions. An unknown user (SLOT_NONE)
 * is somebody without history. Holds until the model learns. */
enum status recommender_query(const struct recommender *model, struct query *query, uint32_t user,
                              int64_t ts_ms);
/* The score of one item, also of one that no list would hold. */
float recommender_score(const struct recommender *model, const struct query *query, uint32_t item);
/* How likely the user is to keep the item if it is played, rather than to skip it, 0..1; 0.5 where
 * nothing is known: no skips so far, model.skips = 0, or SLOT_NONE for an item never seen. */
float recommender_keep_probability(const struct recommender *model, const struct query *query,
                                   uint32_t item);
/* The rank that evaluation asks for: 1 + other items that score higher or equal, among all that
 * were ever wanted, less what the user has. 0: the item is no candidate. */
uint32_t recommender_rank(const struct recommender *model, struct query *query, uint32_t item);
/* The same in two steps, so that several threads can share the first: each block, in any order and
 * on any thread; when all are scanned, the rank. */
uint32_t recommender_blocks(const struct recommender *model);
void recommender_scan(const struct recommender *model, struct query *query, uint32_t block);
uint32_t recommender_rank_scanned(const struct recommender *model, struct query *query,
                                  uint32_t item);
/* Whether the user has the item at that time, as lists.exclude_seen says. */
bool recommender_has(const struct recommender *model, uint32_t user, uint32_t item, int64_t ts_ms);
/* The items that the user has then, slots in no particular order; at most HAD_MAX. None with
 * lists.exclude_seen = no. */
uint32_t recommender_had_items(const struct recommender *model, uint32_t user, int64_t ts_ms,
                               uint32_t *slots, uint32_t room);
/* What the user would rate the item then, on the rating scale; somebody or something unknown
 * (SLOT_NONE) counts as average. False: no rating was ever learned, or model.ratings is 0. */
bool recommender_predict_rating(const struct recommender *model, uint32_t user, uint32_t item,
                                int64_t ts_ms, float *rating);
/* The last rating the user gave the item, to 1/254 of the scale. False: none is remembered. */
bool recommender_known_rating(const struct recommender *model, uint32_t user, uint32_t item,
                              float *rating);
/* Positive events of a user or an item so far; 0 for SLOT_NONE. */
uint32_t recommender_user_wanted(const struct recommender *model, uint32_t user);
uint32_t recommender_item_wanted(const struct recommender *model, uint32_t item);
/* The best `size` items, exactly, by (score descending, slot ascending); leaves out what the user
 * has, disliked or skipped lately, and the item just consumed. Where there are fewer candidates,
 * known items that nobody wanted yet and that the user had nothing to do with come after them. */
void recommender_top(const struct recommender *model, struct query *query, uint32_t size,
                     struct list *list);
/* The same for several queries at once, which costs less; at most RECOMMENDER_TOGETHER. */
enum { RECOMMENDER_TOGETHER = 16 };
void recommender_top_together(const struct recommender *model, struct query *const *queries,
                              uint32_t count, uint32_t size, struct list *const *lists);
/* Tells that so many lists are about to be ranked: brings the index of the items up to date where
 * that costs less than it saves; over many calls where much has changed, of two milliseconds each
 * or a small part of what the lists cost. They are the same with and without it, and it is no part
 * of the state. Not while anybody asks. */
void recommender_expect_lists(struct recommender *model, uint32_t lists);
/* Whether lists lately came from the index, and how many items were taken into it so far. */
struct recommender_index_counts {
    uint64_t items_set;
    uint64_t bytes;
    bool used;
};
struct recommender_index_counts recommender_index_count(const struct recommender *model);
/* Whether lists may not hold the item at that time: it is retired or expired. */
bool recommender_is_withheld(const struct recommender *model, uint32_t item, int64_t ts_ms);
/* The items that expired after the first time, and up to the second: gives how many there are, and
 * the slots of at most `room` of them. */
uint32_t recommender_expired(const struct recommender *model, int64_t after_ms, int64_t to_ms,
                             uint32_t *slots, uint32_t room);
/* The items wanted most of late that may be recommended at `ts_ms`, for users that have no list of
 * their own; their scores are popularities. */
void recommender_popular(const struct recommender *model, int64_t ts_ms, uint32_t size,
                         struct list *list);
/* The same among the items that have a feature by the catalogue ("genre:rock"). */
void recommender_popular_with(const struct recommender *model, struct text feature, int64_t ts_ms,
                              uint32_t size, struct list *list);

/* ---- keeping ---- */

/* The same state gives the same bytes: their sum is the digest. */
enum status recommender_save(const struct recommender *model, struct state_writer *writer);
/* STATUS_BAD_CONFIG names the settings that differ; STATUS_BAD_DATA. With `settings` NULL those of
 * the snapshot are taken. */
enum status recommender_load(const struct recommender_settings *settings,
                             struct state_reader *reader, struct recommender **out,
                             struct error *error);

#endif
