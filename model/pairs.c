#include "model/pairs.h"

#include "model/factors.h"
#include "model/fetch.h"
#include "model/kernels.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_AT_FIRST = 4 };

#define TAKEN_OVER 0.5f

enum status pairs_create(uint32_t most, void **out)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);
    *out = pairs;
    if (pairs == NULL)
        return STATUS_NO_MEMORY;
    pairs->most = most;
    table_init(&pairs->lists, sizeof(struct pair_list));
    return STATUS_OK;
}

void pairs_destroy(void *self)
{
    struct pairs *pairs = self;
    if (pairs == NULL)
        return;
    table_finish(&pairs->lists);
    arena_finish(&pairs->arena);
    free(pairs);
}

enum status pairs_grow(void *self, uint32_t users, uint32_t items)
{
    (void)users;
    return table_grow(&((struct pairs *)self)->lists, items);
}

static enum status set_room(struct pairs *pairs, struct pair_list *list, uint32_t room)
{
    uint32_t *block = arena_take(&pairs->arena, (size_t)room * 8);
    if (block == NULL)
        return STATUS_NO_MEMORY;
    if (list->size > 0) {
        memcpy(block, list->item, list->size * sizeof(uint32_t));
        memcpy(block + room, pair_weights(list), list->size * sizeof(float));
    }
    pairs->bytes += (size_t)(room - list->room) * 8;
    arena_give(&pairs->arena, list->item, (size_t)list->room * 8);
    list->item = block;
    list->room = (uint16_t)room;
    return STATUS_OK;
}

/* The first of the least weight: equal weights have equal bits, since none is negative. */
static uint32_t lightest(const struct pair_list *list)
{
    const float *weight = pair_weights(list);
    float least = kernels->least(weight, list->size);
    uint32_t bits;
    memcpy(&bits, &least, sizeof bits);
    return kernels->find(list->item + list->room, list->size, bits);
}

/* The place for a pair that is not in the list yet, with the weight it begins with. */
static enum status new_place(struct pairs *pairs, struct pair_list *list, uint32_t *place)
{
    if (list->size == pairs->most) {
        *place = lightest(list);
        pair_weights(list)[*place] *= TAKEN_OVER;
        return STATUS_OK;
    }
    if (list->size == list->room) {
        enum status status =
            set_room(pairs, list, list->room == 0 ? ROOM_AT_FIRST : 2u * list->room);
        if (status != STATUS_OK)
            return status;
    }
    *place = list->size++;
    pair_weights(list)[*place] = 0.0f;
    return STATUS_OK;
}

enum status pairs_add(struct pairs *pairs, uint32_t from, uint32_t to, float weight, float keep)
{
    struct pair_list *list = table_row(&pairs->lists, from);
    float *weights = pair_weights(list);
    uint32_t size = list->size; /* or else every weight might change it */
    if (keep < 1.0f)
        for (uint32_t n = 0; n < size; n++)
            weights[n] *= keep;
    list->total = list->total * keep + weight;
    uint32_t place = kernels->find(list->item, list->size, to);
    if (place == list->size) {
        enum status status = new_place(pairs, list, &place);
        if (status != STATUS_OK)
            return status;
        weights = pair_weights(list);
        list->item[place] = to;
    }
    weights[place] += weight;
    return STATUS_OK;
}

static void clear(struct pairs *pairs, struct pair_list *list)
{
    pairs->bytes -= (size_t)list->room * 8;
    arena_give(&pairs->arena, list->item, (size_t)list->room * 8);
    *list = (struct pair_list){0};
}

/* Keeps the order of the others: it is part of the state, as is all of the room. */
static void drop_from(struct pair_list *list, const bool *gone)
{
    float *weight = pair_weights(list);
    uint16_t kept = 0;
    for (uint32_t n = 0; n < list->size; n++) {
        if (gone[list->item[n]])
            continue;
        list->item[kept] = list->item[n];
        weight[kept++] = weight[n];
    }
    for (uint32_t n = kept; n < list->size; n++) {
        list->item[n] = 0;
        weight[n] = 0.0f;
    }
    list->size = kept;
}

void pairs_drop_items(void *self, const bool *gone, uint32_t items)
{
    struct pairs *pairs = self;
    for (uint32_t item = 0; item < items; item++) {
        struct pair_list *list = table_row(&pairs->lists, item);
        if (gone[item])
            clear(pairs, list);
        else
            drop_from(list, gone);
    }
}

size_t pairs_bytes(const void *self, uint32_t items)
{
    const struct pairs *pairs = self;
    return items * sizeof(struct pair_list) + pairs->bytes;
}

void pairs_tempt(const void *self, const struct taste *taste, struct hard *hard)
{
    if (taste->size == 0)
        return;
    const struct pair_list *list = pairs_of(self, taste->item[0]);
    hard_add(hard, list->item, list->size);
    if (list->size > 0) /* learning comes to them next */
        fetch_lines(pair_weights(list), list->size * sizeof(float));
}

void pairs_fetch(const void *self, uint32_t item)
{
    const struct pair_list *list = pairs_of(self, item);
    if (list->size > 0)
        fetch_lines(list->item, list->size * sizeof *list->item);
}

/* ---- keeping: the lists, their pointers empty, then the room of each, as it is in memory ---- */

enum { BATCH = 256, ATTACHED_AT_A_TIME = 4096 };

static uint32_t end_of(uint32_t first, uint32_t items, uint32_t most)
{
    return items - first < most ? items : first + most;
}

enum status pairs_save(const void *self, uint32_t users, uint32_t items,
                       struct state_writer *writer)
{
    (void)users;
    const struct pairs *pairs = self;
    enum status status = STATUS_OK;
    struct pair_list lists[BATCH];
    for (uint32_t first = 0, end; first < items && status == STATUS_OK; first = end) {
        end = end_of(first, items, BATCH);
        for (uint32_t item = first; item < end; item++) {
            lists[item - first] = *pairs_of(pairs, item);
            lists[item - first].item = NULL;
        }
        status = writer->write(writer, lists, (end - first) * sizeof *lists);
    }
    for (uint32_t item = 0; item < items && status == STATUS_OK; item++) {
        const struct pair_list *list = pairs_of(pairs, item);
        if (list->room > 0)
            status = writer->write(writer, list->item, (size_t)list->room * 8);
    }
    return status;
}

static bool can_be(const struct pair_list *list, uint32_t most)
{
    uint32_t room = list->room;
    return list->size <= room && room <= most && (room & (room - 1)) == 0 &&
           (room == 0 || room >= ROOM_AT_FIRST);
}

/* Each list is short and its weights are not looked at, so that the next one does not come by
 * itself. */
static bool lists_hold(const struct pairs *pairs, uint32_t first, uint32_t end, uint32_t bound)
{
    enum { AHEAD = 8 };
    uint32_t wrong = 0;
    for (uint32_t item = first; item < end; item++) {
        const struct pair_list *list = pairs_of(pairs, item);
        const struct pair_list *next = pairs_of(pairs, item + AHEAD < end ? item + AHEAD : item);
        if (next->item != NULL)
            fetch_lines(next->item, next->size * sizeof *next->item);
        for (uint32_t n = 0; list->item != NULL && n < list->size; n++)
            wrong |= list->item[n] >= bound;
    }
    return wrong == 0;
}

/* Points the lists to their room, which is read meanwhile. */
static enum status attach(struct pairs *pairs, unsigned char *at, uint32_t items,
                          struct state_reader *reader)
{
    enum status status = STATUS_OK;
    for (uint32_t first = 0, end; first < items && status == STATUS_OK; first = end) {
        unsigned char *from = at;
        end = end_of(first, items, ATTACHED_AT_A_TIME);
        for (uint32_t item = first; item < end; item++) {
            struct pair_list *list = table_row(&pairs->lists, item);
            list->item = list->room > 0 ? (void *)at : NULL;
            at += (size_t)list->room * 8;
        }
        if (at > from)
            status = reader->read(reader, from, (size_t)(at - from));
        if (status == STATUS_OK && !lists_hold(pairs, first, end, items))
            status = STATUS_BAD_DATA;
    }
    return status;
}

enum status pairs_load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    (void)users;
    struct pairs *pairs = self;
    enum status status = table_load(&pairs->lists, items, reader);
    for (uint32_t item = 0; item < items && status == STATUS_OK; item++) {
        pairs->bytes += (size_t)pairs_of(pairs, item)->room * 8;
        status = can_be(pairs_of(pairs, item), pairs->most) ? STATUS_OK : STATUS_BAD_DATA;
    }
    if (status == STATUS_OK && pairs->bytes > reader->left(reader))
        status = STATUS_BAD_DATA;
    if (status != STATUS_OK || pairs->bytes == 0)
        return status;
    unsigned char *room = arena_take_run(&pairs->arena, pairs->bytes);
    if (room == NULL)
        return STATUS_NO_MEMORY;
    status = state_expect(reader, room, pairs->bytes);
    return status == STATUS_OK ? attach(pairs, room, items, reader) : status;
}
