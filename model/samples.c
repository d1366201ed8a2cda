#include "model/samples.h"

#include "model/kernels.h"
#include "model/random.h"

#include <string.h>

#define UNIFORM_SHARE 0.15f

void sampler_init(struct sampler *sampler)
{
    memset(sampler, 0, sizeof *sampler);
    table_init(&sampler->in_ring, sizeof(uint32_t));
}

void sampler_finish(struct sampler *sampler)
{
    table_finish(&sampler->in_ring);
    sampler_init(sampler);
}

enum status sampler_grow(struct sampler *sampler, uint32_t bound)
{
    return table_grow(&sampler->in_ring, bound);
}

static uint32_t *in_ring(const struct sampler *sampler, uint32_t item)
{
    return table_row(&sampler->in_ring, item);
}

static uint32_t ring_fill(const struct sampler *sampler)
{
    return sampler->pushed < RING_SIZE ? (uint32_t)sampler->pushed : RING_SIZE;
}

static bool has(const struct had *had, uint32_t item)
{
    const struct had_entry *entry = had_find(had, item);
    return entry != NULL && (entry->flags & HAD_HAS) != 0;
}

static void add_sample(struct samples *samples, const struct table *rows, uint32_t item,
                       float expected)
{
    samples->item[samples->size] = item;
    samples->row[samples->size] = table_floats(rows, item);
    samples->expected[samples->size] = expected;
    samples->size++;
}

/* How often one item is to be expected among the samples, by where it may come from. */
struct chances {
    uint32_t filled, proposals;
    float wanted, ring, proposed;
};

static struct chances chances_of(const struct sampler *sampler, const struct draw *draw)
{
    struct chances chances = {.filled = ring_fill(sampler)};
    uint32_t touched = draw->proposed == NULL ? 0 : draw->proposed->touched_count;
    chances.proposals = touched == 0 ? 0 : SAMPLES_MAX / 2;
    float rest = (float)(SAMPLES_MAX - chances.proposals);
    float uniform = draw->uniform || chances.filled == 0 ? 1.0f : UNIFORM_SHARE;
    chances.wanted = rest * uniform / (float)draw->wanted_count;
    chances.ring = rest * (1.0f - uniform) / (float)(chances.filled == 0 ? 1 : chances.filled);
    chances.proposed = touched == 0 ? 0.0f : (float)chances.proposals / (float)touched;
    return chances;
}

static uint32_t pick(const struct sampler *sampler, const struct draw *draw,
                     const struct chances *chances, uint32_t n)
{
    uint64_t bits = random_at(draw->key, n);
    uint32_t place = (uint32_t)(bits >> 32);
    if (n < chances->proposals)
        return draw->proposed->touched[random_below(place, draw->proposed->touched_count)];
    bool uniform = draw->uniform || chances->filled == 0 ||
                   (uint32_t)bits < (uint32_t)(UNIFORM_SHARE * 0x1p32f);
    return uniform ? draw->wanted[random_below(place, draw->wanted_count)]
                   : sampler->ring[random_below(place, chances->filled)];
}

void sampler_draw(const struct sampler *sampler, const struct draw *draw, struct samples *samples)
{
    struct chances chances = chances_of(sampler, draw);
    samples->size = 0;
    add_sample(samples, draw->rows, draw->positive, 1.0f);
    for (uint32_t n = 0; n < SAMPLES_MAX && samples->size <= draw->most; n++) {
        uint32_t item = pick(sampler, draw, &chances, n);
        table_fetch(draw->rows, item); /* arrives while the next ones are drawn */
        if (item == draw->positive || (draw->had != NULL && has(draw->had, item)))
            continue;
        bool proposed = chances.proposals > 0 && sparse_is_touched(draw->proposed, item);
        add_sample(samples, draw->rows, item,
                   chances.wanted + chances.ring * (float)*in_ring(sampler, item) +
                       (proposed ? chances.proposed : 0.0f));
    }
}

void sampler_push(struct sampler *sampler, uint32_t item)
{
    uint32_t *place = &sampler->ring[sampler->pushed % RING_SIZE];
    if (sampler->pushed >= RING_SIZE)
        --*in_ring(sampler, *place);
    *place = item;
    ++*in_ring(sampler, item);
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
            --*in_ring(sampler, item);
        else
            order[kept++] = item;
    }
    memcpy(sampler->ring, order, kept * sizeof *order);
    sampler->pushed = kept;
}

void samples_softmax(const struct samples *samples, const float *scores, float *gradient)
{
    uint32_t size = samples->size, padded = (size + 15) / 16 * 16;
    float highest = scores[0], total = 0.0f;
    for (uint32_t n = 1; n < size; n++)
        highest = scores[n] > highest ? scores[n] : highest;
    for (uint32_t n = 0; n < size; n++)
        gradient[n] = scores[n] - highest;
    for (uint32_t n = size; n < padded; n++)
        gradient[n] = 0.0f;
    kernels->exp(gradient, padded);
    for (uint32_t n = 0; n < size; n++) {
        gradient[n] /= samples->expected[n];
        total += gradient[n];
    }
    for (uint32_t n = 0; n < size; n++)
        gradient[n] /= total;
    gradient[0] -= 1.0f;
}

enum status sampler_save(const struct sampler *sampler, uint32_t bound, struct state_writer *writer)
{
    enum status status = writer->write(writer, &sampler->pushed, sizeof sampler->pushed);
    if (status == STATUS_OK)
        status = writer->write(writer, sampler->ring, sizeof sampler->ring);
    return status == STATUS_OK ? table_save(&sampler->in_ring, bound, writer) : status;
}

enum status sampler_load(struct sampler *sampler, uint32_t bound, struct state_reader *reader)
{
    enum status status = reader->read(reader, &sampler->pushed, sizeof sampler->pushed);
    if (status == STATUS_OK)
        status = reader->read(reader, sampler->ring, sizeof sampler->ring);
    for (uint32_t n = 0; status == STATUS_OK && n < ring_fill(sampler); n++)
        status = sampler->ring[n] < bound ? STATUS_OK : STATUS_BAD_DATA;
    return status == STATUS_OK ? table_load(&sampler->in_ring, bound, reader) : status;
}
