#include "transport/decode_walk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Hashes of the keys of all open maps, the innermost map's last. */
static _Thread_local uint64_t key_memory[DECODE_BYTES_MAX / 2];
static _Thread_local char text_memory[DECODE_BYTES_MAX];

char *walk_text_memory(void)
{
    return text_memory;
}

/* A key is known by its hash: at 64 bits, two keys that differ are told apart for all practical
 * purposes, and who crafts two that collide only loses that message. */
bool walk_stray(struct walk *walk, struct text key, enum key_kind kind)
{
    const uint64_t hash = XXH3_64bits_withSeed(key.at, key.size, kind);
    const uint64_t *first = key_memory + walk->frame->first_key;
    const uint32_t count = walk->key_count - walk->frame->first_key;
    walk->leaf = walk->deeper = 0;
    bool equal = false;
    for (uint32_t i = 0; i < count && count < KEYS_COMPARED; i++)
        equal |= first[i] == hash;
    key_memory[walk->key_count++] = hash;
    return !equal;
}

static void sift_down(uint64_t *heap, uint32_t at, uint32_t size)
{
    const uint64_t moved = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= moved)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* Heapsort: in place, and no input makes it slow. */
static void sort(uint64_t *at, uint32_t size)
{
    for (uint32_t i = size / 2; i-- > 0;)
        sift_down(at, i, size);
    for (uint32_t end = size; end-- > 1;) {
        const uint64_t largest = at[0];
        at[0] = at[end];
        at[end] = largest;
        sift_down(at, 0, end);
    }
}

bool walk_sorted_keys_differ(struct walk *walk)
{
    uint64_t *keys = key_memory + walk->frame->first_key;
    const uint32_t count = walk->key_count - walk->frame->first_key;
    sort(keys, count);
    for (uint32_t i = 1; i < count; i++)
        if (keys[i - 1] == keys[i])
            return false;
    return true;
}
