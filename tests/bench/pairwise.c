/*
 * What a step on a loss takes with our vectors alone, as other libraries' passes over numbered
 * pairs in memory do it: no names, no histories, nothing remembered of anybody.
 *
 *     pairwise --users 200000 --items 50000 --skew 1 --events 2000000 --rounds 5 --floor 3
 *     pairwise --loss softmax --users 1000000 --items 1000000 --events 60000 --floor 66
 *     pairwise --loss warp --users 1000000 --items 1000000 --events 300000 --floor 3 --groups 16
 *
 * bpr is one negative a pair, logistic and squared five, softmax the 64 of the shipped model, drawn
 * and corrected as there; warp goes through up to 64 until one is inside the margin.
 * {"ns": a pair, "floor": so many random rows read and written, in turns with it, and a lone cache
 * line, as of the user's record}; rows are as wide as ours with what a step needs beside the
 * vector: accumulators, biases. With --groups users and items are of so many kinds, which like
 * their own, and known to: of warp's negatives all but the last one are only read then, and count
 * as rows that are only read. With --skew items are drawn by 1 / rank, users by 1 / rank^0.6;
 * negatives are uniform.
 */
#include "tests/bench/rows_floor.h"
#include "tests/bench/world.h"

#include "model/bare.h"
#include "model/pairwise.h"

enum {
    AHEAD = 16,
    AHEAD_MOST = 16,
    NEXT_MOST = AHEAD_MOST + 2,
    TOLD = 64,
    AHEAD_ALL_ROWS = 44,
    AHEAD_PLACES = 4,
    AHEAD_ROWS = 1
};

struct bare {
    struct factors factors;
    struct user *users;
    uint32_t items, groups; /* groups: 0: none */
    uint32_t ahead;         /* steps that are told */
    uint64_t learned;
    enum loss_id loss;
    bool rated;
    struct bare_habit habit;
    uint64_t habits; /* the sum of it over the pairs */
    uint32_t told[TOLD][AHEAD_MOST], told_count[TOLD];
    uint32_t *wanted; /* all items */
    /* of use for softmax */
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

static enum loss_id loss_named(const char *name)
{
    for (int n = 0; n < LOSSES; n++)
        if (strcmp(losses[n].name, name) == 0)
            return (enum loss_id)n;
    fprintf(stderr, "pairwise: no loss %s\n", name);
    exit(64);
}

/* Those of a group lie along a few of the dimensions, of which each group has its own. */
static void learn_group(const struct bare *bare, float *row, uint32_t group)
{
    uint32_t dim = bare->factors.dim, wide = dim / bare->groups;
    memset(row, 0, dim * sizeof *row);
    for (uint32_t n = 0; n < wide; n++)
        row[group * wide + n] = 2.0f / sqrtf((float)wide);
}

static void learn_groups(const struct bare *bare, const struct world *world)
{
    for (uint32_t user = 0; bare->groups > 0 && user < world->users.size; user++)
        learn_group(bare, table_floats(&bare->factors.user_rows, user), user % bare->groups);
    for (uint32_t item = 0; bare->groups > 0 && item < bare->items; item++)
        learn_group(bare, table_floats(&bare->factors.candidate_rows, item), item % bare->groups);
}

/* Users want what is of their group: the item beside the one that was drawn. */
static void pair_groups(const struct bare *bare, struct pair *pairs, uint32_t count)
{
    uint32_t groups = bare->groups;
    for (uint32_t n = 0; groups > 0 && n < count; n++) {
        uint32_t first = pairs[n].item / groups * groups;
        pairs[n].item = (first + pairs[n].user % groups) % bare->items;
    }
}

static uint32_t negative_at(const struct bare *bare, uint64_t n)
{
    return random_below((uint32_t)(random_at(2, n) >> 32), bare->items);
}

static void fetch_user(const struct bare *bare, uint32_t user)
{
    table_fetch(&bare->factors.user_rows, user);
    fetch_line(&bare->users[user]);
}

static void fetch(const struct bare *bare, struct pair pair)
{
    fetch_user(bare, pair.user);
    table_fetch(&bare->factors.candidate_rows, pair.item);
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
        .most = losses[bare->loss].negatives,
        .wanted = bare->wanted,
        .wanted_count = bare->items,
        .uniform = losses[bare->loss].uniform,
        .rows = &bare->factors.candidate_rows,
    };
}

/* Items that negatives will be, by the number of the pair and of the try. */
static uint32_t *told_of(struct bare *bare, uint64_t n)
{
    return bare->told[n % TOLD];
}

/* As recommender_ahead.c does it: first where they stand, then which they are and their rows. Gives
 * of how many those are known. */
static uint32_t tell_tries(struct bare *bare, uint32_t likely)
{
    uint32_t *far = told_of(bare, bare->learned + 2 * bare->ahead);
    uint32_t *near = told_of(bare, bare->learned + bare->ahead);
    uint32_t known = bare->told_count[(bare->learned + bare->ahead) % TOLD];
    bare->told_count[(bare->learned + 2 * bare->ahead) % TOLD] = likely;
    const uint64_t key = random_at(2, bare->learned + 2 * bare->ahead);
    sampler_places(key, likely, bare->items, far);
    for (uint32_t n = 0; n < likely; n++)
        fetch_line(&bare->wanted[far[n]]);
    if (bare->loss == LOSS_WARP)
        sampler_fetch_tries(key, likely, 2 * likely, bare->wanted, bare->items);
    for (uint32_t n = 0; n < known; n++)
        near[n] = bare->wanted[near[n]];
    return known;
}

static const float *told_row(struct bare *bare, uint32_t n)
{
    return table_floats(&bare->factors.candidate_rows,
                        told_of(bare, bare->learned + bare->ahead)[n]);
}

/* How many negatives of a step can be told. */
static uint32_t likely_of(const struct bare *bare)
{
    uint32_t likely = bare->rated ? 0 : bare_looks_at(&bare->habit, bare->loss);
    return likely < AHEAD_MOST ? likely : AHEAD_MOST;
}

/* The rows of the step of that pair. */
static void tell_step(struct bare *bare, struct pair pair, struct bare_step *step,
                      const float *next[NEXT_MOST])
{
    uint32_t likely = likely_of(bare);
    fetch_line(&bare->users[pair.user]);
    if (likely > 0)
        likely = tell_tries(bare, likely);
    for (uint32_t n = 0; n < likely; n++)
        next[n] = told_row(bare, n);
    next[likely] = table_floats(&bare->factors.user_rows, pair.user);
    next[likely + 1] = table_floats(&bare->factors.candidate_rows, pair.item);
    step->next_count = likely + 2;
}

/* As many rows are on their way as the caches have room for. */
static uint32_t steps_ahead(const struct bare *bare)
{
    uint32_t steps = AHEAD_ALL_ROWS / (2 + likely_of(bare));
    return steps < 2 ? 2 : steps < AHEAD ? steps : AHEAD;
}

static void learn_alone(struct bare *bare, const struct pair *pairs, uint32_t count)
{
    const float *next[NEXT_MOST];
    struct draw draw = draw_at(bare, 0);
    struct bare_step step = {.loss = bare->loss, .draw = &draw, .rate = 1.0f, .next = next};
    step.target = (struct loss_target){
        .wanted = true, .candidates = bare->items, .rated = bare->rated, .rating = 0.75f};
    bare->ahead = steps_ahead(bare);
    for (uint32_t n = 0; n < count; n++, bare->learned++) {
        tell_step(bare, pairs[n + bare->ahead < count ? n + bare->ahead : n], &step, next);
        draw.key = random_at(2, bare->learned);
        step.near_count = bare->told_count[bare->learned % TOLD];
        draw.positive = pairs[n].item;
        step.user = &bare->users[pairs[n].user];
        step.slot = pairs[n].user;
        bare_learn(&bare->factors, &bare->habit, &step);
        bare->habits += bare->habit.looked_at;
    }
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

typedef void learner(struct bare *bare, const struct pair *pairs, uint32_t count);

static learner *learner_of(enum loss_id loss)
{
    return loss == LOSS_BPR ? learn_bpr : loss == LOSS_SOFTMAX ? learn_softmax : learn_alone;
}

/* How many negatives of a pair are only read. */
static double rows_read(const struct bare *bare, uint32_t events)
{
    double looked_at = (double)bare->habits / events / BARE_HABIT_ONE;
    return looked_at > 1.0 ? looked_at - 1.0 : 0.0;
}

struct floors {
    double rows; /* 0: none is wanted */
    struct rows_floor row, record;
};

static struct floors floors_create(const struct world *world, double rows, uint32_t dim)
{
    struct floors floors = {.rows = rows};
    if (rows > 0) {
        floors.row = rows_floor_create(world->users.size + world->items.size, dim + COLUMNS);
        floors.record = rows_floor_create((uint32_t)(world->users.size * sizeof(struct user) / 64),
                                          64 / sizeof(float));
    }
    return floors;
}

static double floor_of(const struct bare *bare, const struct floors *floors, uint32_t events)
{
    double rows = floors->rows, read = rows_read(bare, events);
    if (rows == 0.0)
        return 0.0;
    double ns = rows * rows_floor_run(&floors->row, (uint64_t)(rows * events), true);
    if (read > 0.0)
        ns += read * rows_floor_run(&floors->row, (uint64_t)(read * events), false);
    return ns + rows_floor_run(&floors->record, events, true);
}

static void measure(struct bare *bare, struct world *world, struct pair *pairs, uint32_t events,
                    const struct floors *floors)
{
    draw_pairs(world, pairs, events);
    pair_groups(bare, pairs, events);
    bare->habits = 0;
    const uint64_t begun = bench_cpu_ns();
    learner_of(bare->loss)(bare, pairs, events);
    const double ns = (double)(bench_cpu_ns() - begun) / events;
    printf("{\"ns\": %.2f, \"floor\": %.2f, \"read\": %.2f}\n", ns, floor_of(bare, floors, events),
           rows_read(bare, events));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct world world = world_create(argc, argv);
    const uint32_t events = (uint32_t)bench_number(argc, argv, "--events", 1e6);
    const uint32_t dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    const double rows = bench_number(argc, argv, "--floor", 0);
    struct pair *pairs = bench_huge(events * sizeof *pairs);
    static struct bare bare;
    bare_init(&bare, &world, dim);
    bare.loss = loss_named(bench_word(argc, argv, "--loss", "bpr"));
    bare.rated = bench_number(argc, argv, "--rated", 0) > 0;
    bare.groups = (uint32_t)bench_number(argc, argv, "--groups", 0);
    learn_groups(&bare, &world);
    struct floors floors = floors_create(&world, rows, dim);
    draw_pairs(&world, pairs, events);
    pair_groups(&bare, pairs, events);
    learner_of(bare.loss)(&bare, pairs, events); /* everybody has a vector by now */
    for (int round = (int)bench_number(argc, argv, "--rounds", 1); round > 0; round--)
        measure(&bare, &world, pairs, events, &floors);
    sampler_finish(&bare.sampler);
    factors_finish(&bare.factors);
    return 0;
}
