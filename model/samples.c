#include "model/samples.h"

#include "model/array.h"
#include "model/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What users with a larger table have is looked up item by item; what newcomers have, compared. By
 * the room, not by what is in it: that is what has to be read, also where most was let go. */
enum { UNIFORM_PERCENT = 30, COMPARED_ROOM = 8, STAMPED_ROOM = 512 };
enum { PROPOSALS = SAMPLES_MAX / 2, FAR = 8192 };

_Static_assert((int)SAMPLES_MAX <= (int)HAD_ASKED, "asked for at once");

void sampler_init(struct sampler *sampler)
{
    memset(sampler, 0, sizeof *sampler);
}

void sampler_finish(struct sampler *sampler)
{
    free(sampler->items);
    sampler_init(sampler);
}

enum status sampler_grow(struct sampler *sampler, uint32_t bound)
{
    return array_grow(&sampler->items, &sampler->room, bound, sizeof *sampler->items);
}

/* A new one, which no item has yet. */
static uint32_t next_stamp(struct sampler *sampler)
{
    if (++sampler->stamp == 0) {
        for (uint32_t item = 0; item < sampler->room; item++)
            sampler->items[item].stamp = 0;
        sampler->stamp = 1;
    }
    return sampler->stamp;
}

static uint32_t ring_fill(const struct sampler *sampler)
{
    return sampler->pushed < RING_SIZE ? (uint32_t)sampler->pushed : RING_SIZE;
}

/* Where the SAMPLES_MAX tries are made, one kind after the other; and how often one item is to be
 * expected among them, by where it may come from. */
struct chances {
    uint32_t proposals, uniform; /* tries; the rest is from the ring */
    uint32_t filled;             /* of the ring */
    float wanted, ring, proposed;
};

static uint32_t entries_of(const struct draw *draw)
{
    return draw->proposed != NULL ? sparse_entries(draw->proposed)
           : draw->hard != NULL   ? draw->hard->size
                                  : 0;
}

static struct chances chances_of(const struct sampler *sampler, const struct draw *draw,
                                 uint32_t entries)
{
    struct chances chances = {.filled = ring_fill(sampler)};
    chances.proposals = entries == 0 ? 0 : PROPOSALS;
    uint32_t rest = SAMPLES_MAX - chances.proposals;
    chances.uniform = draw->uniform || chances.filled == 0 ? rest : rest * UNIFORM_PERCENT / 100;
    chances.wanted = (float)chances.uniform / (float)draw->wanted_count;
    if (chances.filled > 0)
        chances.ring = (float)(rest - chances.uniform) / (float)chances.filled;
    if (entries > 0)
        chances.proposed = (float)chances.proposals / (float)entries;
    return chances;
}

/* For tries first..end-1, and the other one of a pair: as sampler_places() takes them. */
static void draw_bits(uint64_t key, uint32_t first, uint32_t end, uint32_t *bits)
{
    uint64_t pair[SAMPLES_MAX / 2 + 1];
    uint32_t from = first / 2, count = (end + 1) / 2 - from;
    kernels->numbers(key, from, count, pair);
    for (uint32_t n = 0; n < count; n++) {
        bits[2 * (from + n)] = (uint32_t)pair[n];
        bits[2 * (from + n) + 1] = (uint32_t)(pair[n] >> 32);
    }
}

/* `count` tries of one kind, each a place in `from`. */
static void pick(const uint32_t *bits, uint32_t count, const uint32_t *from, uint32_t size,
                 uint32_t *item)
{
    for (uint32_t n = 0; n < count; n++)
        item[n] = from[random_below(bits[n], size)];
}

/* Tries first..end-1 of PROPOSALS, each from a part of its own of the entries (stratified): so they
 * ascend, and lie less alike than they would by chance. */
static void pick_entries(const struct draw *draw, const uint32_t *bits, uint32_t first,
                         uint32_t end, uint32_t *item)
{
    uint32_t entry[SAMPLES_MAX], entries = entries_of(draw);
    for (uint32_t n = first; n < end; n++)
        entry[n - first] = (uint32_t)((((uint64_t)n << 32) + bits[n]) / PROPOSALS * entries >> 32);
    if (draw->proposed != NULL)
        sparse_pick(draw->proposed, entry, end - first, item);
    else
        for (uint32_t n = 0; n < end - first; n++)
            item[n] = draw->hard->item[entry[n]];
}

static uint32_t between(uint32_t low, uint32_t n, uint32_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* Tries first..first+count-1. Rows of what is proposed arrive while the rest is drawn and looked
 * at; sampler_fetch_rows() knows of uniform ones, and those of the ring are near. */
static void pick_all(const struct sampler *sampler, const struct draw *draw,
                     const struct chances *chances, uint32_t first, uint32_t count, uint32_t *item)
{
    uint32_t bits[SAMPLES_MAX + 2], end = first + count;
    uint32_t proposals = between(first, chances->proposals, end);
    uint32_t uniform = between(first, chances->proposals + chances->uniform, end);
    draw_bits(draw->key, first, end, bits);
    if (proposals > first)
        pick_entries(draw, bits, first, proposals, item);
    pick(bits + proposals, uniform - proposals, draw->wanted, draw->wanted_count,
         item + (proposals - first));
    pick(bits + uniform, end - uniform, sampler->ring, chances->filled, item + (uniform - first));
    for (uint32_t n = 0; n < proposals - first && draw->wanted_count >= FAR; n++)
        table_fetch(draw->rows, item[n]);
}

/* Each of a few entries against all tries, in vectors. */
static void compare_few(const struct had *had, const uint32_t *item, uint32_t count, bool *has)
{
    uint32_t hit[SAMPLES_MAX] = {0};
    for (uint32_t cell = 0; cell < had->room; cell++) {
        uint32_t had_item = had->at[cell].item - 1;
        if ((had->at[cell].flags & HAD_HAS) == 0) /* nor has an empty one */
            continue;
        for (uint32_t n = 0; n < count; n++)
            hit[n] |= item[n] == had_item;
    }
    for (uint32_t n = 0; n < count; n++)
        has[n] = hit[n] != 0;
}

static void stamp_all(struct sampler *sampler, const struct had *had, uint32_t stamp)
{
    uint32_t item[STAMPED_ROOM], count = had_items(had, item);
    struct sampled *items = sampler->items;
    for (uint32_t n = 0; n < count; n++)
        items[item[n]].stamp = stamp;
}

/* What is known of each try; those that the user has get the stamp. Uniform draws ask for no
 * counts, and so read nothing of the items but for that. */
static void look_at(struct sampler *sampler, const struct draw *draw, uint32_t stamp,
                    const uint32_t *item, uint32_t count, struct sampled *of)
{
    const struct had *had = draw->had;
    bool has[SAMPLES_MAX] = {false};
    bool stamps = had != NULL && had->room > COMPARED_ROOM && had->room <= STAMPED_ROOM;
    if (stamps)
        stamp_all(sampler, had, stamp);
    else if (had != NULL && had->room <= COMPARED_ROOM)
        compare_few(had, item, count, has);
    else if (had != NULL)
        had_which(had, item, count, has);
    for (uint32_t n = 0; n < count; n++)
        of[n] = draw->uniform && !stamps ? (struct sampled){0} : sampler->items[item[n]];
    for (uint32_t n = 0; had != NULL && !stamps && n < count; n++)
        of[n].stamp = has[n] ? stamp : of[n].stamp;
}

/* The tries but for those that are no negatives: the positive, and what is stamped. */
static void add_samples(struct sampler *sampler, const struct draw *draw,
                        const struct sampling *sampling, const uint32_t *item, uint32_t count,
                        struct samples *samples)
{
    const struct table rows = *draw->rows; /* a copy: it might be what is written */
    struct sampled of[SAMPLES_MAX];
    uint32_t first = samples->size, *kept = samples->item + first;
    float **row = samples->row + first;
    look_at(sampler, draw, sampling->stamp, item, count, of);
    count = kernels->keep(sampling, item, of, count, kept, samples->expected + first);
    for (uint32_t n = 0; n < count; n++)
        row[n] = table_floats(&rows, kept[n]);
    samples->size = first + count;
}

void hard_add(struct hard *hard, const uint32_t *items, uint32_t count)
{
    uint32_t room = HARD_MOST - hard->size, most = room < HARD_EACH ? room : HARD_EACH;
    count = count < most ? count : most;
    if (count > 0)
        memcpy(hard->item + hard->size, items, count * sizeof *items);
    hard->size += count;
}

static void count_hard(struct sampler *sampler, const struct hard *hard)
{
    struct sampled *items = sampler->items;
    for (uint32_t n = 0; n < hard->size; n++)
        items[hard->item[n]].how_hard++;
}

static void forget_hard(struct sampler *sampler, const struct hard *hard)
{
    struct sampled *items = sampler->items;
    for (uint32_t n = 0; n < hard->size; n++)
        items[hard->item[n]].how_hard = 0;
}

/* As many at a time as are wanted: nearly all are of use. */
void sampler_draw(struct sampler *sampler, const struct draw *draw, struct samples *samples)
{
    if (draw->hard != NULL)
        count_hard(sampler, draw->hard);
    struct chances chances = chances_of(sampler, draw, entries_of(draw));
    const struct sampling sampling = {
        .stamp = next_stamp(sampler),
        .positive = draw->positive,
        .wanted = chances.wanted,
        .ring = chances.ring,
        .hard = chances.proposed,
    };
    uint32_t item[SAMPLES_MAX];
    samples->per_entry = chances.proposed;
    samples->size = 1;
    samples->item[0] = draw->positive;
    samples->row[0] = table_floats(draw->rows, draw->positive);
    samples->expected[0] = 1.0f;
    for (uint32_t tried = 0; tried < SAMPLES_MAX && samples->size <= draw->most;) {
        uint32_t missing = draw->most + 1 - samples->size, left = SAMPLES_MAX - tried;
        uint32_t count = missing < left ? missing : left;
        pick_all(sampler, draw, &chances, tried, count, item);
        add_samples(sampler, draw, &sampling, item, count, samples);
        tried += count;
    }
    if (draw->hard != NULL)
        forget_hard(sampler, draw->hard);
}

/* The places among the candidates that the uniform tries take; gives how many there are. */
static uint32_t uniform_places(const struct sampler *sampler, const struct draw *draw,
                               bool some_proposed, uint32_t *place)
{
    uint32_t bits[SAMPLES_MAX + 2] = {0};
    struct chances chances = chances_of(sampler, draw, some_proposed);
    uint32_t first = chances.proposals;
    uint32_t count = chances.uniform < draw->most ? chances.uniform : draw->most;
    draw_bits(draw->key, first, first + count, bits);
    for (uint32_t n = 0; n < count; n++)
        place[n] = random_below(bits[first + n], draw->wanted_count);
    return count;
}

void sampler_fetch_places(const struct sampler *sampler, const struct draw *draw,
                          bool some_proposed)
{
    uint32_t place[SAMPLES_MAX], count = uniform_places(sampler, draw, some_proposed, place);
    for (uint32_t n = 0; n < count; n++)
        fetch_line(&draw->wanted[place[n]]);
}

void sampler_fetch_rows(const struct sampler *sampler, const struct draw *draw, bool some_proposed)
{
    uint32_t place[SAMPLES_MAX], count = uniform_places(sampler, draw, some_proposed, place);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = draw->wanted[place[n]];
        table_fetch(draw->rows, item);
        if (!draw->uniform)
            sampler_fetch(sampler, item);
    }
}

void samples_focus(struct samples *samples, struct sparse *proposed)
{
    sparse_focus(proposed, samples->item, samples->size, samples->place);
    for (uint32_t n = 1; n < samples->size; n++) /* none are named of place 0 */
        samples->expected[n] += samples->per_entry * (float)proposed->named[samples->place[n]];
}

uint32_t sampler_draw_some(const struct draw *draw, uint32_t *tried, uint32_t most, uint32_t *item)
{
    uint32_t count = 0, n = *tried;
    uint64_t pair = n % 2 == 0 ? 0 : random_at(draw->key, n / 2) >> 32;
    for (; n < SAMPLES_MAX && count < most; n++, pair >>= 32) {
        if (n % 2 == 0)
            pair = random_at(draw->key, n / 2);
        item[count] = draw->wanted[random_below((uint32_t)pair, draw->wanted_count)];
        if (item[count] == draw->positive)
            continue;
        const struct had_entry *entry = draw->had == NULL ? NULL : had_find(draw->had, item[count]);
        count += entry == NULL || (entry->flags & HAD_HAS) == 0;
    }
    *tried = n;
    return count;
}

uint32_t sampler_draw_one(const struct draw *draw)
{
    uint32_t tried = 0, item;
    return sampler_draw_some(draw, &tried, 1, &item) == 1 ? item : UINT32_MAX;
}

void sampler_push(struct sampler *sampler, uint32_t item)
{
    uint32_t *place = &sampler->ring[sampler->pushed % RING_SIZE];
    if (sampler->pushed >= RING_SIZE)
        sampler->items[*place].in_ring--;
    *place = item;
    sampler->items[item].in_ring++;
    sampler->pushed++;
}

void sampler_drop(struct sampler *sampler, const bool *gone)
{
    uint32_t filled = ring_fill(sampler), kept = 0;
    uint64_t first = sampler->pushed - filled;
    uint32_t *order = sampler->ordered; /* oldest first */
    for (uint32_t n = 0; n < filled; n++) {
        uint32_t item = sampler->ring[(first + n) % RING_SIZE];
        if (gone[item])
            sampler->items[item].in_ring--;
        else
            order[kept++] = item;
    }
    memcpy(sampler->ring, order, kept * sizeof *order);
    sampler->pushed = kept;
}

void samples_softmax(struct samples *samples, const float *scores, float *gradient)
{
    uint32_t size = samples->size, padded = (size + 15) / 16 * 16;
    memcpy(gradient, scores, size * sizeof *gradient);
    for (uint32_t n = size; n < padded; n++) {
        gradient[n] = -INFINITY;
        samples->expected[n] = 1.0f;
    }
    kernels->softmax(gradient, samples->expected, padded);
    gradient[0] -= 1.0f;
}

/* ---- keeping: the ring, then how often each item is in it ---- */

enum { BATCH = 1024 };

static uint32_t batch_of(uint32_t bound, uint32_t first)
{
    return bound - first < BATCH ? bound - first : BATCH;
}

enum status sampler_save(const struct sampler *sampler, uint32_t bound, struct state_writer *writer)
{
    uint32_t in_ring[BATCH];
    enum status status = writer->write(writer, &sampler->pushed, sizeof sampler->pushed);
    if (status == STATUS_OK)
        status = writer->write(writer, sampler->ring, sizeof sampler->ring);
    for (uint32_t first = 0; first < bound && status == STATUS_OK; first += BATCH) {
        uint32_t count = batch_of(bound, first);
        for (uint32_t n = 0; n < count; n++)
            in_ring[n] = sampler->items[first + n].in_ring;
        status = writer->write(writer, in_ring, count * sizeof *in_ring);
    }
    return status;
}

static enum status count_ring(struct sampler *sampler, uint32_t bound)
{
    for (uint32_t n = 0; n < ring_fill(sampler); n++) {
        if (sampler->ring[n] >= bound)
            return STATUS_BAD_DATA;
        sampler->items[sampler->ring[n]].in_ring++;
    }
    return STATUS_OK;
}

/* By other counts samples would be expected never, or less than that, and are divided by it. */
static enum status check_counts(const struct sampler *sampler, uint32_t bound,
                                struct state_reader *reader)
{
    uint32_t told[BATCH];
    for (uint32_t first = 0; first < bound; first += BATCH) {
        uint32_t count = batch_of(bound, first), wrong = 0;
        enum status status = reader->read(reader, told, count * sizeof *told);
        if (status != STATUS_OK)
            return status;
        for (uint32_t n = 0; n < count; n++)
            wrong |= told[n] ^ sampler->items[first + n].in_ring;
        if (wrong != 0)
            return STATUS_BAD_DATA;
    }
    return STATUS_OK;
}

enum status sampler_load(struct sampler *sampler, uint32_t bound, struct state_reader *reader)
{
    enum status status = reader->read(reader, &sampler->pushed, sizeof sampler->pushed);
    if (status == STATUS_OK)
        status = reader->read(reader, sampler->ring, sizeof sampler->ring);
    if (status == STATUS_OK)
        status = sampler_grow(sampler, bound);
    if (status == STATUS_OK)
        status = count_ring(sampler, bound);
    return status == STATUS_OK ? check_counts(sampler, bound, reader) : status;
}
