#include "model/top.h"

#include "model/kernels.h"

#include <math.h>

enum { FEW = 160, SELECTED = 256 };

/* Floats in order as unsigned numbers: negative ones upside down, below the others. */
static uint64_t key_of(uint32_t slot, float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 and 0 are the same score */
    memcpy(&bits, &score, sizeof bits);
    bits = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | (UINT32_MAX - slot);
}

static float score_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    bits = (bits & 0x80000000u) != 0 ? bits & 0x7fffffffu : ~bits;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static struct list_entry entry_of(uint64_t key)
{
    return (struct list_entry){.slot = UINT32_MAX - (uint32_t)key, .score = score_of(key)};
}

/* Lets what stands at `place` sink to where it belongs among key[0..size-1]. */
static void sink(uint64_t *key, uint32_t size, uint32_t place)
{
    uint64_t moving = key[place];
    for (uint32_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
        child += child + 1 < size && key[child + 1] < key[child];
        if (key[child] >= moving)
            break;
        key[place] = key[child];
        place = child;
    }
    key[place] = moving;
}

void top_begin(struct top *top, uint32_t most, float floor)
{
    top->size = 0;
    top->most = most < LIST_SIZE_MAX ? most : LIST_SIZE_MAX;
    top->floor = floor;
}

void top_push(struct top *top, uint32_t slot, float score)
{
    if (top->most == 0)
        return;
    if (top->size < top->most) {
        if (!(score > top->floor))
            return;
        top->key[top->size++] = key_of(slot, score);
        if (top->size < top->most)
            return;
        for (uint32_t place = top->most / 2; place-- > 0;)
            sink(top->key, top->size, place);
    } else {
        uint64_t key = key_of(slot, score);
        if (!(score >= top->floor) || key <= top->key[0])
            return;
        top->key[0] = key;
        sink(top->key, top->size, 0);
    }
    top->floor = score_of(top->key[0]);
}

/* Few: by counting for each how many are better, which vectors do side by side. A slot that was
 * pushed twice, against the rule, leaves a place out; that is no place without a slot all the same.
 */
static void rank_few(const struct top *top, struct list *list)
{
    uint32_t rank[FEW + KERNELS_RANKED_MORE];
    kernels->ranks(top->key, top->size, rank);
    for (uint32_t n = 0; n < top->size; n++)
        list->at[n] = entry_of(top->key[n]);
    for (uint32_t n = 0; n < top->size; n++)
        list->at[rank[n]] = entry_of(top->key[n]);
}

/* The worst one first, to the end. */
static void take_apart(struct top *top, struct list *list)
{
    for (uint32_t place = top->size / 2; place-- > 0;)
        sink(top->key, top->size, place);
    while (top->size > 0) {
        uint64_t key = top->key[0];
        top->key[0] = top->key[--top->size];
        sink(top->key, top->size, 0);
        list->at[top->size] = entry_of(key);
    }
}

void top_end(struct top *top, struct list *list)
{
    list->size = top->size;
    if (top->size <= FEW)
        rank_few(top, list);
    else
        take_apart(top, list);
    top->size = 0;
}

void top_select(const float *scores, uint32_t count, float floor, uint32_t size, struct list *list)
{
    struct top top;
    top_begin(&top, size, floor);
    for (uint32_t first = 0; first < count; first += SELECTED) {
        uint32_t found[SELECTED + KERNELS_FOUND_MORE], left = count - first;
        uint32_t picked = kernels->pick(scores + first, left < SELECTED ? left : SELECTED,
                                        top.floor, INFINITY, false, found);
        for (uint32_t n = 0; n < picked; n++)
            top_push(&top, first + found[n], scores[first + found[n]]);
    }
    top_end(&top, list);
}
