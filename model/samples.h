/*
 * The negatives of a step: K items, part uniform over all items that were ever wanted, part from
 * the last positive events (a ring), so that popular and recent items are pushed against most; and
 * where anything was proposed to the user, half from that: the hardest ones to tell apart (Yang et
 * al. 2020, "Mixed negative sampling for learning two-tower neural networks in recommendations").
 * Each comes with K q, the number of times it was to be expected, for an unbiased softmax.
 *
 * Hard ones at every event, instead of only where the blend learns too: Recall@10 of
 * ml-100k-any .2346 -> .2359, retail (1 in 5, repeats) .437 -> .439, others within .001.
 */
#ifndef MODEL_SAMPLES_H
#define MODEL_SAMPLES_H

#include "model/had.h"
#include "model/kernels.h"
#include "model/random.h"
#include "model/sparse.h"
#include "model/state.h"
#include "model/table.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLES_MAX = 64, RING_SIZE = 5000, SAMPLES_ROOM = SAMPLES_MAX + 16 };
enum { HARD_EACH = 64, HARD_MOST = 2 * HARD_EACH };

/* Items that are hard to tell from what is wanted next; one may be there twice. */
struct hard {
    uint32_t size;
    uint32_t item[HARD_MOST];
};

/* The first HARD_EACH of them at most, while there is room. */
void hard_add(struct hard *hard, const uint32_t *items, uint32_t count);

/* The positive item first, then the negatives. Arrays have room for a whole vector at the end. */
struct samples {
    uint32_t size;
    uint32_t item[SAMPLES_ROOM];
    float *row[SAMPLES_ROOM];
    uint32_t place[SAMPLES_ROOM]; /* of its sparse features; 0: it has none */
    float expected[SAMPLES_ROOM]; /* K q; 1 for the positive */
    float per_entry;              /* … of each entry among the proposed */
    float factor_score[SAMPLES_ROOM];
    float gradient[SAMPLES_ROOM]; /* of the loss by the score: p - y */
};

_Static_assert((int)RING_SIZE <= UINT16_MAX && (int)HARD_MOST <= UINT16_MAX, "as often as that");

struct sampler {
    uint32_t ring[RING_SIZE];
    uint32_t ordered[RING_SIZE]; /* scratch of sampler_drop() */
    uint64_t pushed;
    struct sampled *items; /* (room) by item; all but how often it is in the ring is no state */
    uint32_t room, stamp;
};

void sampler_init(struct sampler *sampler);
void sampler_finish(struct sampler *sampler);
enum status sampler_grow(struct sampler *sampler, uint32_t bound);
/* What is drawn: up to `most` negatives, by SAMPLES_MAX tries at most. */
struct draw {
    uint64_t key;
    uint32_t positive, most;
    const uint32_t *wanted; /* (wanted_count) all candidates */
    uint32_t wanted_count;
    bool uniform;                  /* from the candidates alone, not from the ring */
    const struct had *had;         /* leaves out what the user has; NULL: leaves out nothing */
    const struct sparse *proposed; /* half of them from its entries; NULL: none */
    const struct hard *hard;       /* … or from these; NULL: none */
    const struct table *rows;      /* of the items: samples->row points into it */
};

static inline void sampler_fetch(const struct sampler *sampler, uint32_t item)
{
    fetch_line(&sampler->items[item]);
}

/* Of `count` things those that the first `tries` tries take. */
static inline void sampler_places(uint64_t key, uint32_t tries, uint32_t count, uint32_t *place)
{
    for (uint32_t n = 0; n < tries; n += 2) {
        uint64_t bits = random_at(key, n / 2);
        place[n] = random_below((uint32_t)bits, count);
        if (n + 1 < tries)
            place[n + 1] = random_below((uint32_t)(bits >> 32), count);
    }
}

/* Brings near where tries first..end-1 of uniform ones stand among the `count` candidates. */
static inline void sampler_fetch_tries(uint64_t key, uint32_t first, uint32_t end,
                                       const uint32_t *wanted, uint32_t count)
{
    for (uint32_t n = first & ~1u; n < end && n < SAMPLES_MAX; n += 2) {
        uint64_t bits = random_at(key, n / 2);
        fetch_line(&wanted[random_below((uint32_t)bits, count)]);
        fetch_line(&wanted[random_below((uint32_t)(bits >> 32), count)]);
    }
}

/* The item that leaves the ring when so many more were pushed; UINT32_MAX: none. */
static inline uint32_t sampler_leaves(const struct sampler *sampler, uint32_t more)
{
    uint64_t at = sampler->pushed + more;
    return at < RING_SIZE ? UINT32_MAX : sampler->ring[at % RING_SIZE];
}

/* The first negative that a uniform draw would give, alone; UINT32_MAX: none was found. */
uint32_t sampler_draw_one(const struct draw *draw);
/* The next `most` of them, or those that are left: from try *tried on, which goes on. */
uint32_t sampler_draw_some(const struct draw *draw, uint32_t *tried, uint32_t most, uint32_t *item);
void sampler_draw(struct sampler *sampler, const struct draw *draw, struct samples *samples);
/* Before a draw of SAMPLES_MAX bring near what its uniform tries read, as far as they can be told
 * by then: where they stand among the candidates; later their rows. With something proposed there
 * are fewer of them. */
void sampler_fetch_places(const struct sampler *sampler, const struct draw *draw,
                          bool some_proposed);
void sampler_fetch_rows(const struct sampler *sampler, const struct draw *draw, bool some_proposed);
/* Of samples drawn from what was proposed. Walks it, for the samples alone; after that it is known
 * how often each is among the entries, and what is expected of those that were drawn from them,
 * too. */
void samples_focus(struct samples *samples, struct sparse *proposed);
/* Remembers a positive event. */
void sampler_push(struct sampler *sampler, uint32_t item);
/* Takes items out of the ring. (items) flags. */
void sampler_drop(struct sampler *sampler, const bool *gone);
/* Softmax over scores[0..size-1] with the samples' expectations: p - y into `gradient`, in place;
 * both arrays have SAMPLES_ROOM places. Fills up the expectations' last vector. */
void samples_softmax(struct samples *samples, const float *scores, float *gradient);
enum status sampler_save(const struct sampler *sampler, uint32_t bound,
                         struct state_writer *writer);
enum status sampler_load(struct sampler *sampler, uint32_t bound, struct state_reader *reader);

#endif
