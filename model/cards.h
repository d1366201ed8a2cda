/*
 * What the catalogue says about the items: their features, and who of them may be in lists.
 *
 * A card hangs on the item's slot and goes with it. Features ("genre:rock") have slots of their
 * own, as long as some item has them; each knows its items. The kind of a feature is what stands
 * before the ':' of its name.
 */
#ifndef MODEL_CARDS_H
#define MODEL_CARDS_H

#include "model/ids.h"
#include "model/table.h"

enum { KINDS_MAX = 16, KIND_REST = KINDS_MAX - 1 }; /* kinds beyond share the last one */

enum { UNTIL_EVER = UINT32_MAX };

struct card {
    uint32_t feature[CARD_FEATURES_MAX]; /* slots, ascending, no two alike */
    uint32_t count;
    uint32_t until;    /* second since 1970 from which on no list holds it; 0: retired */
    uint8_t described; /* there is a card */
    uint8_t unheard;   /* nobody ever wanted the item: only its features speak for it */
    uint8_t spare[2];
};

/* Each at most once. */
struct slots {
    uint32_t *at;
    uint32_t size, room;
};

struct card_place {
    uint32_t withheld, unheard; /* place + 1 in the sets below */
};

struct card_feature {
    struct slots items; /* ascending: what is drawn from them must not depend on restarts */
    uint8_t kind;
    bool fresh; /* its slot was somebody else's before, and nobody took notice yet */
};

struct cards {
    struct ids feature_ids;
    struct table features; /* struct card_feature (features) */
    struct table cards;    /* struct card (items) */
    struct table places;   /* struct card_place (items) */
    struct slots withheld; /* items with an `until`; in no order, like the next */
    struct slots unheard;
    uint64_t described;       /* how many cards there are */
    uint64_t kind[KINDS_MAX]; /* hashes of their names, in the order of their first appearance */
    uint32_t kind_count;
};

enum status cards_init(struct cards *cards, uint64_t seed);
void cards_finish(struct cards *cards);
/* NULL: none was ever given. */
static inline const struct card *cards_of(const struct cards *cards, uint32_t item)
{
    if (item >= cards->cards.rows)
        return NULL;
    const struct card *card = table_row(&cards->cards, item);
    return card->described ? card : NULL;
}

static inline const struct card_feature *cards_feature(const struct cards *cards, uint32_t feature)
{
    return table_row(&cards->features, feature);
}

/* Takes the item's card, or its new one; `heard`: it is a candidate by what people did. A card that
 * retires the item and names no features leaves those it has. */
enum status cards_set(struct cards *cards, uint32_t item, const struct item_card *card, bool heard);
/* Whether the feature is new, to be asked once after cards_set(). */
bool cards_take_fresh(struct cards *cards, uint32_t feature);
/* Whether no list may hold the item at that time. */
static inline bool cards_withhold(const struct cards *cards, uint32_t item, uint32_t second)
{
    const struct card *card = cards_of(cards, item);
    return card != NULL && card->until <= second && card->until != UNTIL_EVER;
}

/* Somebody wants it for the first time. */
void cards_hear(struct cards *cards, uint32_t item);
/* (items) flags. */
void cards_drop(struct cards *cards, const bool *gone, uint32_t items);
size_t cards_bytes(const struct cards *cards);
enum status cards_save(const struct cards *cards, uint32_t items, struct state_writer *writer);
enum status cards_load(struct cards *cards, uint32_t items, struct state_reader *reader);

#endif
