#include "model/cards.h"

#include "model/random.h"

#include <stdlib.h>

enum status cards_init(struct cards *cards, uint64_t seed)
{
    *cards = (struct cards){0};
    table_init(&cards->features, sizeof(struct card_feature));
    table_init(&cards->cards, sizeof(struct card));
    table_init(&cards->places, sizeof(struct card_place));
    return ids_init(&cards->feature_ids, seed);
}

void cards_finish(struct cards *cards)
{
    for (uint32_t f = 0; f < cards->features.rows; f++)
        free(cards_feature(cards, f)->items.at);
    free(cards->withheld.at);
    free(cards->unheard.at);
    table_finish(&cards->features);
    table_finish(&cards->cards);
    table_finish(&cards->places);
    ids_finish(&cards->feature_ids);
}

/* ---- slots ---- */

static enum status slots_room(struct slots *slots)
{
    if (slots->size < slots->room)
        return STATUS_OK;
    uint32_t room = slots->room == 0 ? 4 : 2 * slots->room;
    uint32_t *grown = realloc(slots->at, room * sizeof *grown);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    slots->at = grown;
    slots->room = room;
    return STATUS_OK;
}

/* The place of the first that is not below `slot`. */
static uint32_t slots_place(const struct slots *slots, uint32_t slot)
{
    uint32_t low = 0, high = slots->size;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slots->at[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum status slots_insert(struct slots *slots, uint32_t slot)
{
    enum status status = slots_room(slots);
    if (status != STATUS_OK)
        return status;
    uint32_t place = slots_place(slots, slot);
    memmove(slots->at + place + 1, slots->at + place, (slots->size - place) * sizeof *slots->at);
    slots->at[place] = slot;
    slots->size++;
    return STATUS_OK;
}

static void slots_remove(struct slots *slots, uint32_t slot)
{
    uint32_t place = slots_place(slots, slot);
    if (place == slots->size || slots->at[place] != slot)
        return;
    slots->size--;
    memmove(slots->at + place, slots->at + place + 1, (slots->size - place) * sizeof *slots->at);
}

static struct card *card_of(const struct cards *cards, uint32_t item)
{
    return table_row(&cards->cards, item);
}

static struct card_place *place_of(const struct cards *cards, uint32_t item)
{
    return table_row(&cards->places, item);
}

enum set { SET_WITHHELD, SET_UNHEARD };

static uint32_t *place_in(const struct cards *cards, enum set which, uint32_t item)
{
    struct card_place *place = place_of(cards, item);
    return which == SET_WITHHELD ? &place->withheld : &place->unheard;
}

/* Puts the item into one of the sets, or takes it out, which cannot fail. */
static enum status put(struct cards *cards, enum set which, uint32_t item, bool in)
{
    struct slots *set = which == SET_WITHHELD ? &cards->withheld : &cards->unheard;
    uint32_t *place = place_in(cards, which, item);
    if (in == (*place != 0))
        return STATUS_OK;
    if (in) {
        enum status status = slots_room(set);
        if (status != STATUS_OK)
            return status;
        set->at[set->size++] = item;
        *place = set->size;
        return STATUS_OK;
    }
    uint32_t last = set->at[--set->size];
    set->at[*place - 1] = last;
    *place_in(cards, which, last) = *place;
    *place = 0;
    return STATUS_OK;
}

static enum status set_unheard(struct cards *cards, uint32_t item, bool is)
{
    card_of(cards, item)->unheard = is;
    return put(cards, SET_UNHEARD, item, is);
}

/* ---- features ---- */

static uint8_t kind_of(struct cards *cards, struct text feature)
{
    const char *colon = memchr(feature.at, ':', feature.size);
    uint32_t size = colon == NULL ? 0 : (uint32_t)(colon - feature.at);
    uint64_t hash = size + 1;
    for (uint32_t n = 0; n < size; n++)
        hash = random_mix(hash ^ (unsigned char)feature.at[n]);
    for (uint32_t kind = 0; kind < cards->kind_count; kind++)
        if (cards->kind[kind] == hash)
            return (uint8_t)kind;
    if (cards->kind_count == KIND_REST)
        return KIND_REST;
    cards->kind[cards->kind_count] = hash;
    return (uint8_t)cards->kind_count++;
}

static struct card_feature *feature_of(const struct cards *cards, uint32_t feature)
{
    return table_row(&cards->features, feature);
}

static enum status intern_feature(struct cards *cards, struct text text, uint32_t *feature)
{
    bool added;
    *feature = ids_intern(&cards->feature_ids, text, &added);
    if (*feature == SLOT_NONE)
        return STATUS_NO_MEMORY;
    enum status status = table_grow(&cards->features, *feature + 1);
    if (status == STATUS_OK && added)
        *feature_of(cards, *feature) =
            (struct card_feature){.kind = kind_of(cards, text), .fresh = true};
    return status;
}

bool cards_take_fresh(struct cards *cards, uint32_t feature)
{
    bool fresh = feature_of(cards, feature)->fresh;
    feature_of(cards, feature)->fresh = false;
    return fresh;
}

static void leave_feature(struct cards *cards, uint32_t feature, uint32_t item)
{
    struct card_feature *record = feature_of(cards, feature);
    slots_remove(&record->items, item);
    if (record->items.size > 0)
        return;
    free(record->items.at);
    *record = (struct card_feature){0};
    ids_release(&cards->feature_ids, feature);
}

static bool has(const struct card *card, uint32_t feature)
{
    for (uint32_t n = 0; n < card->count; n++)
        if (card->feature[n] == feature)
            return true;
    return false;
}

static void insert(struct card *card, uint32_t feature)
{
    uint32_t n = card->count++;
    for (; n > 0 && card->feature[n - 1] > feature; n--)
        card->feature[n] = card->feature[n - 1];
    card->feature[n] = feature;
}

static enum status set_features(struct cards *cards, uint32_t item, const struct item_card *from)
{
    struct card fresh = {.count = 0}, *card = card_of(cards, item);
    for (uint32_t n = 0; n < from->feature_count; n++) {
        uint32_t feature;
        enum status status = intern_feature(cards, from->features[n], &feature);
        if (status != STATUS_OK)
            return status;
        if (has(&fresh, feature))
            continue;
        insert(&fresh, feature);
        if (!has(card, feature))
            status = slots_insert(&feature_of(cards, feature)->items, item);
        if (status != STATUS_OK)
            return status;
    }
    for (uint32_t n = 0; n < card->count; n++)
        if (!has(&fresh, card->feature[n]))
            leave_feature(cards, card->feature[n], item);
    memcpy(card->feature, fresh.feature, sizeof fresh.feature);
    card->count = fresh.count;
    return STATUS_OK;
}

/* ---- cards ---- */

static uint32_t until_of(const struct item_card *card)
{
    if (!card->available)
        return 0;
    int64_t second = card->expires_ms / 1000;
    return card->expires_ms <= 0 || second >= UNTIL_EVER ? UNTIL_EVER : (uint32_t)second;
}

enum status cards_set(struct cards *cards, uint32_t item, const struct item_card *from, bool heard)
{
    enum status status = table_grow(&cards->cards, item + 1);
    if (status == STATUS_OK)
        status = table_grow(&cards->places, item + 1);
    if (status != STATUS_OK)
        return status;
    struct card *card = card_of(cards, item);
    cards->described += !card->described;
    card->described = true;
    card->until = until_of(from);
    if (from->feature_count > 0 || from->available)
        status = set_features(cards, item, from);
    if (status == STATUS_OK)
        status = put(cards, SET_WITHHELD, item, card->until != UNTIL_EVER);
    if (status == STATUS_OK)
        status = set_unheard(cards, item, !heard && card->count > 0);
    return status;
}

void cards_hear(struct cards *cards, uint32_t item)
{
    if (cards_of(cards, item) != NULL)
        (void)set_unheard(cards, item, false); /* taking out cannot fail */
}

void cards_drop(struct cards *cards, const bool *gone, uint32_t items)
{
    for (uint32_t item = 0; item < items && item < cards->cards.rows; item++) {
        struct card *card = card_of(cards, item);
        if (!gone[item] || !card->described)
            continue;
        for (uint32_t n = 0; n < card->count; n++)
            leave_feature(cards, card->feature[n], item);
        (void)put(cards, SET_WITHHELD, item, false);
        (void)set_unheard(cards, item, false);
        *card = (struct card){0};
        cards->described--;
    }
}

size_t cards_bytes(const struct cards *cards)
{
    enum { BYTES_PER_ID = 96 };
    size_t each = sizeof(struct card) + sizeof(struct card_place) + 4 * sizeof(uint32_t);
    return cards->cards.rows * each +
           ids_count(&cards->feature_ids) * (sizeof(struct card_feature) + BYTES_PER_ID);
}

/* ---- keeping ---- */

enum status cards_save(const struct cards *cards, uint32_t items, struct state_writer *writer)
{
    uint32_t there = cards->cards.rows < items ? cards->cards.rows : items;
    enum status status = writer->write(writer, &there, sizeof there);
    if (there == 0 || status != STATUS_OK)
        return status;
    status = ids_save(&cards->feature_ids, writer);
    if (status == STATUS_OK)
        status = writer->write(writer, &cards->kind_count, sizeof cards->kind_count);
    if (status == STATUS_OK)
        status = writer->write(writer, cards->kind, sizeof cards->kind);
    for (uint32_t f = 0; f < cards->feature_ids.bound && status == STATUS_OK; f++)
        status = writer->write(writer, &cards_feature(cards, f)->kind, sizeof(uint8_t));
    return status == STATUS_OK ? table_save(&cards->cards, there, writer) : status;
}

static enum status load_features(struct cards *cards, struct state_reader *reader)
{
    enum status status = ids_load(&cards->feature_ids, reader);
    if (status == STATUS_OK)
        status = ids_index(&cards->feature_ids);
    if (status == STATUS_OK)
        status = reader->read(reader, &cards->kind_count, sizeof cards->kind_count);
    if (status == STATUS_OK)
        status = reader->read(reader, cards->kind, sizeof cards->kind);
    if (status == STATUS_OK && cards->kind_count > KIND_REST)
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = table_grow(&cards->features, cards->feature_ids.bound);
    for (uint32_t f = 0; f < cards->feature_ids.bound && status == STATUS_OK; f++) {
        uint8_t kind;
        status = reader->read(reader, &kind, sizeof kind);
        if (status == STATUS_OK && kind >= KINDS_MAX)
            status = STATUS_BAD_DATA;
        if (status == STATUS_OK)
            feature_of(cards, f)->kind = kind;
    }
    return status;
}

/* Puts a loaded card where it belongs. */
static enum status place_card(struct cards *cards, uint32_t item)
{
    struct card *card = card_of(cards, item);
    enum status status = STATUS_OK;
    if (!card->described || card->count > CARD_FEATURES_MAX)
        return card->described ? STATUS_BAD_DATA : STATUS_OK;
    cards->described++;
    for (uint32_t n = 0; n < card->count && status == STATUS_OK; n++) {
        bool right = ids_text(&cards->feature_ids, card->feature[n]).size > 0 &&
                     (n == 0 || card->feature[n] > card->feature[n - 1]);
        status = !right ? STATUS_BAD_DATA
                        : slots_insert(&feature_of(cards, card->feature[n])->items, item);
    }
    if (status == STATUS_OK)
        status = put(cards, SET_WITHHELD, item, card->until != UNTIL_EVER);
    return status == STATUS_OK ? set_unheard(cards, item, card->unheard) : status;
}

enum status cards_load(struct cards *cards, uint32_t items, struct state_reader *reader)
{
    uint32_t there;
    enum status status = reader->read(reader, &there, sizeof there);
    if (status != STATUS_OK || there == 0)
        return status;
    if (there > items)
        return STATUS_BAD_DATA;
    status = load_features(cards, reader);
    if (status == STATUS_OK)
        status = table_load(&cards->cards, there, reader);
    if (status == STATUS_OK)
        status = table_grow(&cards->places, there);
    for (uint32_t item = 0; item < there && status == STATUS_OK; item++)
        status = place_card(cards, item);
    return status;
}
