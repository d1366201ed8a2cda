/*
 * What a candidate's features tell together, beyond the blend's weighted sum: that it follows the
 * last item counts for less where the user had it a moment ago, to be popular for more where it is
 * new, and twice the share is not twice the evidence. A network with one hidden layer over the
 * features themselves, added to the sum (the deep half of Cheng et al. 2016, "Wide & deep learning
 * for recommender systems", eq. 3, without embeddings; the blend is the wide one).
 *
 *     score(u, i) = sum_f blend[f] v_f  +  < c , f(A [d, v, 1]) >     f(z) = max(z, z / 100)
 *
 * v are the values of feature.h, d what the dense ones add up to (the vectors among them). Only
 * candidates with sparse features get it: the others are ranked by one dot product, and so must be
 * a sum; those with any are few, and at the head of most lists. Learned with the blend from the
 * same samples and loss, by Adagrad with one accumulator a hidden unit; c starts at 0, so that
 * nothing is lost at first.
 *
 * When added, without -> with it (R@10/NDCG@10, warm-up .3): yoochoose .507/.349 -> .509/.351,
 * retail (1 in 10) .433/.294 -> .435/.297, demo (1 in 5) .437/.271 -> .441/.279; ml-1m-likes (1 in
 * 3) loses, .319/.181 -> .317/.180, which is d's doing, other films stay within .0006; for .4 us an
 * event. The sparse features alone do as well but on news; the user's situation as further inputs
 * gives .0004 on clicks and nothing elsewhere; twice the hidden units gain .0005, half of them lose
 * .0005 to .001.
 */
#include "model/interactions.h"

#include "model/kernels.h"
#include "model/plausible.h"
#include "model/random.h"
#include "model/recommender_parts.h"

#include <stdlib.h>

enum {
    HIDDEN = INTERACTIONS_HIDDEN,
    ONE = FEATURES,
    INPUTS = FEATURES_ROOM,
    PURPOSE = 23,
    VECTOR = 16
};

_Static_assert((int)ONE < (int)INPUTS, "the values and a one");
_Static_assert(HIDDEN == 16, "what kernels->multiply works on");

#define RATE 0.05f
#define SUM_FLOOR 1e-2f
#define FIRST 0.2f
#define LEAK 0.01f
#define DENSE_SCALE 0.3f     /* logarithms and sums of them: as large as shares then */
#define DENSE_LEAST (-30.0f) /* closed items are far below */

struct interactions {
    float in[INPUTS][HIDDEN] __attribute__((aligned(64))); /* A, transposed */
    float out[HIDDEN] __attribute__((aligned(64)));        /* c */
    float in_sum[HIDDEN], out_sum[HIDDEN];                 /* Adagrad's */
};

static enum status create(const struct recommender_settings *settings, void **self)
{
    size_t bytes = (sizeof(struct interactions) + 63) / 64 * 64;
    struct interactions *made = aligned_alloc(64, bytes);
    *self = made;
    if (made == NULL)
        return STATUS_NO_MEMORY;
    memset(made, 0, bytes);
    for (uint32_t n = 0; n < INPUTS; n++) {
        uint64_t key = random_key(settings->seed, n, PURPOSE);
        for (uint32_t h = 0; h < HIDDEN; h++)
            made->in[n][h] = FIRST * random_signed((uint32_t)random_at(key, h));
    }
    return STATUS_OK;
}

static void destroy(void *self)
{
    free(self);
}

static enum status grow(void *self, uint32_t users, uint32_t items)
{
    (void)self;
    (void)users;
    (void)items;
    return STATUS_OK;
}

/* ---- forward ---- */

void interactions_see(float value[FEATURES_ROOM], float dense)
{
    value[FEATURE_FACTORS] = dense > DENSE_LEAST ? dense : DENSE_LEAST;
    for (int f = 0; f < VECTOR; f++) /* whole vectors */
        value[f] *= f < FEATURES_DENSE ? DENSE_SCALE : 1.0f;
    value[ONE] = 1.0f;
}

void interactions_forward(const struct interactions *self, float (*input)[FEATURES_ROOM],
                          uint32_t count, float (*hidden)[INTERACTIONS_HIDDEN], float *out)
{
    kernels->multiply(input[0], FEATURES_ROOM, 1, count, INPUTS, self->in[0], hidden[0]);
    for (uint32_t n = 0; n < count; n++)
        for (uint32_t h = 0; h < HIDDEN; h++) {
            float z = hidden[n][h], leaked = LEAK * z;
            hidden[n][h] = z > leaked ? z : leaked;
        }
    kernels->scan(self->out, hidden[0], HIDDEN, count, HIDDEN, out);
}

void interactions_score(const struct interactions *self, const struct samples *samples,
                        float (*values)[FEATURES_ROOM], const float *dense,
                        struct interactions_pass *pass, float *scores)
{
    float worth[SAMPLES_ROOM];
    uint32_t size = 0;
    for (uint32_t n = 0; n < samples->size; n++) { /* half are meant: a toss-up, so no branch */
        memcpy(pass->input[size], values[n], sizeof *pass->input);
        interactions_see(pass->input[size], dense[n]);
        pass->place[size] = n;
        size += samples->place[n] != 0;
    }
    pass->size = size;
    interactions_forward(self, pass->input, size, pass->hidden, worth);
    for (uint32_t n = 0; n < size; n++)
        scores[pass->place[n]] += worth[n];
}

/* ---- back ---- */

/* The slope is told by the hidden value's own sign. */
static void back_through(const struct interactions *self, const struct interactions_pass *pass,
                         const float *by_score, float (*by_hidden)[HIDDEN])
{
    for (uint32_t n = 0; n < pass->size; n++)
        for (uint32_t h = 0; h < HIDDEN; h++) {
            float slope = pass->hidden[n][h] > 0.0f ? 1.0f : LEAK;
            by_hidden[n][h] = by_score[n] * self->out[h] * slope;
        }
}

static void step_all(float (*row)[HIDDEN], uint32_t rows, float *sum, float (*gradient)[HIDDEN])
{
    float square[HIDDEN] = {0}, step[HIDDEN];
    for (uint32_t n = 0; n < rows; n++)
        for (uint32_t h = 0; h < HIDDEN; h++)
            square[h] += gradient[n][h] * gradient[n][h];
    for (uint32_t h = 0; h < HIDDEN; h++)
        square[h] /= (float)rows;
    kernels->adagrad(sum, square, HIDDEN, RATE, SUM_FLOOR, step);
    for (uint32_t n = 0; n < rows; n++)
        for (uint32_t h = 0; h < HIDDEN; h++)
            row[n][h] += step[h] * gradient[n][h];
}

void interactions_learn(struct interactions *self, const struct interactions_pass *pass,
                        const float *by_score)
{
    float by_hidden[SAMPLES_ROOM][HIDDEN] __attribute__((aligned(64)));
    float by_in[INPUTS][HIDDEN] __attribute__((aligned(64)));
    float by_out[HIDDEN] __attribute__((aligned(64))), gradient[SAMPLES_ROOM];
    for (uint32_t n = 0; n < pass->size; n++)
        gradient[n] = by_score[pass->place[n]];
    back_through(self, pass, gradient, by_hidden);
    kernels->multiply(gradient, 0, 1, 1, pass->size, pass->hidden[0], by_out);
    kernels->multiply(pass->input[0], 1, FEATURES_ROOM, INPUTS, pass->size, by_hidden[0], by_in[0]);
    step_all(&self->out, 1, self->out_sum, &by_out);
    step_all(self->in, INPUTS, self->in_sum, by_in);
}

/* ---- keeping ---- */

static size_t bytes(const void *self, uint32_t items)
{
    (void)self;
    (void)items;
    return sizeof(struct interactions);
}

_Static_assert(sizeof(struct interactions) == (INPUTS + 3) * HIDDEN * sizeof(float), "no gaps");

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    (void)users;
    (void)items;
    return writer->write(writer, self, sizeof(struct interactions));
}

/* A loader takes nothing on trust: what is no number here would get into every score. */
static bool can_be(const struct interactions *self)
{
    return floats_can_be(&self->in[0][0], INPUTS * HIDDEN) && floats_can_be(self->out, HIDDEN) &&
           sums_can_be(self->in_sum, HIDDEN) && sums_can_be(self->out_sum, HIDDEN);
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    struct interactions *interactions = self;
    (void)users;
    (void)items;
    enum status status = reader->read(reader, interactions, sizeof *interactions);
    return status != STATUS_OK || can_be(interactions) ? status : STATUS_BAD_DATA;
}

const struct part part_interactions = {
    .name = "interactions",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .bytes = bytes,
    .save = save,
    .load = load,
};
