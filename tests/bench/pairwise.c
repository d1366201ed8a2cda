/*
 * What a step on a loss takes with our vectors alone, as other libraries' passes over numbered
 * pairs in memory do it: no names, no histories, nothing remembered of anybody.
 *
 *     pairwise --users 200000 --items 50000 --skew 1 --events 2000000 --rounds 5 --floor 3
 *     pairwise --loss softmax --users 1000000 --items 1000000 --events 60000 --floor 66
 *
 * bpr is one negative a pair, softmax the 64 of the shipped model, drawn and corrected as there.
 * {"ns": a pair, "floor": so many random rows read and written, in turns with it}, as wide as ours
 * with what a step needs beside the vector: accumulators, biases.
 * With --skew items are drawn by 1 / rank, users by 1 / rank^0.6; negatives are uniform.
 */
#include "tests/bench/rows_floor.h"
#include "tests/bench/world.h"

#include "model/loss.h"
#include "model/pairwise.h"

enum { AHEAD = 8, AHEAD_PLACES = 4, AHEAD_ROWS = 1 };

struct bare {
    struct factors factors;
    struct user *users;
    uint32_t items;
    uint64_t learned;
    /* of use for softmax */
    uint32_t *wanted; /* all items */
    struct sampler sampler;
    struct samples samples;
    struct taste taste;
};

static void must(enum status status)
{
    if (status != STATUS_OK) {
        fprintf(stderr, "pairwise: no memory\n");
        exit(70);
    }
}

static void bare_init(struct bare *bare, const struct world *world, uint32_t dim)
{
    const struct factor_weights weights = {.own = 1.0f};
    *bare = (struct bare){.items = world->items.size};
    bare->users = bench_huge(world->users.size * sizeof *bare->users);
    bare->wanted = bench_huge(bare->items * sizeof *bare->wanted);
    sampler_init(&bare->sampler);
    must(sampler_grow(&bare->sampler, bare->items));
    factors_init(&bare->factors, 1, dim, &weights);
    must(factors_grow_users(&bare->factors, world->users.size));
    must(factors_grow_items(&bare->factors, world->items.size));
    for (uint32_t user = 0; user < world->users.size; user++)
        factors_add_user(&bare->factors, user);
    for (uint32_t item = 0; item < world->items.size; item++)
        factors_add_item(&bare->factors, item, item);
    for (uint32_t item = 0; item < bare->items; item++)
        bare->wanted[item] = item;
}

static uint32_t negative_at(const struct bare *bare, uint64_t n)
{
    return random_below((uint32_t)(random_at(2, n) >> 32), bare->items);
}

static void fetch(const struct bare *bare, struct pair pair)
{
    table_fetch(&bare->factors.user_rows, pair.user);
    table_fetch(&bare->factors.candidate_rows, pair.item);
    __builtin_prefetch(&bare->users[pair.user], 1);
}

static void learn_bpr(struct bare *bare, const struct pair *pairs, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++, bare->learned++) {
        if (n + AHEAD < count)
            fetch(bare, pairs[n + AHEAD]);
        uint32_t negative = negative_at(bare, bare->learned);
        if (negative != pairs[n].item)
            pairwise_learn(&bare->factors, &bare->users[pairs[n].user], pairs[n].user,
                           pairs[n].item, negative, 1.0f);
        table_fetch(&bare->factors.candidate_rows, negative_at(bare, bare->learned + AHEAD));
    }
}

static struct draw draw_at(const struct bare *bare, uint64_t n)
{
    return (struct draw){
        .key = random_at(2, n),
        .most = losses[LOSS_SOFTMAX].negatives,
        .wanted = bare->wanted,
        .wanted_count = bare->items,
        .rows = &bare->factors.candidate_rows,
    };
}

static void fetch_samples(const struct bare *bare)
{
    const struct draw far = draw_at(bare, bare->learned + AHEAD_PLACES);
    const struct draw near = draw_at(bare, bare->learned + AHEAD_ROWS);
    sampler_fetch_places(&bare->sampler, &far, false);
    sampler_fetch_rows(&bare->sampler, &near, false);
}

/* As recommender_learn.c does it. */
static void softmax_step(struct bare *bare, struct pair pair)
{
    const struct loss_target target = {.wanted = true, .candidates = bare->items};
    struct draw draw = draw_at(bare, bare->learned);
    struct user *user = &bare->users[pair.user];
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    draw.positive = pair.item;
    factors_taste(&bare->factors, user, pair.user, 0, &bare->taste);
    sampler_draw(&bare->sampler, &draw, &bare->samples);
    factors_score_samples(&bare->factors, &bare->taste, &bare->samples);
    losses[LOSS_SOFTMAX].gradient(&target, &bare->samples);
    factors_learn(&bare->factors, user, pair.user, &bare->taste, &bare->samples, 1.0f, by_x);
    sampler_push(&bare->sampler, pair.item);
}

static void learn_softmax(struct bare *bare, const struct pair *pairs, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++, bare->learned++) {
        if (n + AHEAD < count)
            fetch(bare, pairs[n + AHEAD]);
        fetch_samples(bare);
        softmax_step(bare, pairs[n]);
    }
}

int main(int argc, char **argv)
{
    struct world world = world_create(argc, argv);
    const uint32_t events = (uint32_t)bench_number(argc, argv, "--events", 1e6);
    const uint32_t dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    const double rows = bench_number(argc, argv, "--floor", 0);
    const bool is_softmax = strcmp(bench_word(argc, argv, "--loss", "bpr"), "softmax") == 0;
    struct pair *pairs = bench_huge(events * sizeof *pairs);
    static struct bare bare;
    void (*learn)(struct bare *, const struct pair *, uint32_t) =
        is_softmax ? learn_softmax : learn_bpr;
    bare_init(&bare, &world, dim);
    draw_pairs(&world, pairs, events);
    learn(&bare, pairs, events); /* everybody has a vector by now */
    struct rows_floor floor = {0};
    if (rows > 0)
        floor = rows_floor_create(world.users.size + world.items.size, dim + COLUMNS);
    for (int round = (int)bench_number(argc, argv, "--rounds", 1); round > 0; round--) {
        draw_pairs(&world, pairs, events);
        const uint64_t begun = bench_cpu_ns();
        learn(&bare, pairs, events);
        const double ns = (double)(bench_cpu_ns() - begun) / events;
        printf("{\"ns\": %.2f, \"floor\": %.2f}\n", ns,
               rows > 0 ? rows * rows_floor_run(&floor, (uint64_t)(rows * events)) : 0.0);
        fflush(stdout);
    }
    sampler_finish(&bare.sampler);
    factors_finish(&bare.factors);
    return 0;
}
