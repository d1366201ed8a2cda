/* Looking a key up among the components of the fields' paths. Private to decode*.c. */
#ifndef TRANSPORT_FIELD_MAP_H
#define TRANSPORT_FIELD_MAP_H

#include "transport/decode.h"
#include "transport/utf8.h"

/* All of a text of up to eight bytes, given its size; the first eight of a longer one. */
static inline uint64_t field_word(struct text text)
{
    if (text.size >= 8)
        return load_8(text.at);
    return text.size == 0 ? 0 : load_short(text.at, text.size);
}

static inline uint32_t field_slot(uint64_t word, uint32_t size, uint32_t level)
{
    const uint64_t mixed = (word ^ size ^ (uint64_t)level << 32) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> (64 - FIELD_SLOT_BITS));
}

/* The slot of a component, or the free one where it belongs. */
static inline const struct field_slot *field_find(const struct field_map *map, struct text text,
                                                  uint32_t level)
{
    const uint64_t word = field_word(text);
    for (uint32_t at = field_slot(word, text.size, level);; at = (at + 1) % FIELD_SLOTS) {
        const struct field_slot *slot = &map->slots[at];
        if (slot->fields == 0)
            return slot;
        if (slot->word == word && slot->size == text.size && slot->level == level &&
            (text.size <= 8 ||
             bytes_equal(map->at[slot->field].text + slot->offset, text.at, text.size)))
            return slot;
    }
}

static inline bool field_head_fits(const struct field_head *head, uint64_t word)
{
    return (word & head->mask) == head->word;
}

/* The one that begins with the first eight bytes of a key, or one that does not. */
static inline const struct field_head *field_head_find(const struct field_map *map, uint64_t word)
{
    const uint64_t counting = word & UINT64_MAX >> (56 - 8 * (word & 7));
    return &map->heads[map->head_at[counting * map->factor >> (64 - FIELD_HEAD_BITS)]];
}

#endif
