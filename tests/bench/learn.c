/*
 * What the shipped recommender takes to learn an event, with one loss and only the factors on.
 *
 *     learn --loss bpr --users 200000 --items 50000 --skew 1 --warm 2000000 --events 2000000
 *     learn --loss softmax --users 1000000 --items 1000000 --rounds 5 --floor 66
 *     learn --users 200000 --items 50000 --skew 1 --events 1000000 --pairs FILE
 *
 * First every item is met once, then `warm` events; then, each round, `events` more are timed:
 * {"ns": an event, "floor": so many random rows of the same size read and written, in turns with
 * it}. With --skew items are drawn by 1 / rank, users by 1 / rank^0.6; without it all alike.
 * --pairs writes the events of the first round for the peers, as pairs of uint32_t, and learns
 * nothing.
 */
#include "tests/bench/rows_floor.h"

#include "model/recommender.h"

#include <math.h>

enum { ID_ROOM = 12 };

/* Draws ranks 0..size-1 by 1 / (rank + 1)^power. */
struct skew {
    double *sum; /* (size) cumulated */
    uint32_t size;
};

static struct skew skew_create(uint32_t size, double power)
{
    struct skew skew = {malloc(size * sizeof(double)), size};
    double sum = 0.0;
    for (uint32_t n = 0; n < size; n++)
        skew.sum[n] = sum += pow(n + 1.0, -power);
    return skew;
}

static uint32_t skew_draw(const struct skew *skew, uint64_t bits)
{
    double at = (double)(bits >> 11) * 0x1p-53 * skew->sum[skew->size - 1];
    uint32_t low = 0, high = skew->size - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (skew->sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct world {
    struct skew users, items;
    char (*user_id)[ID_ROOM], (*item_id)[ID_ROOM];
    uint32_t *user_size, *item_size;
    uint64_t drawn; /* events so far */
};

static void name_all(uint32_t count, char letter, char (**id)[ID_ROOM], uint32_t **size)
{
    *id = malloc(count * sizeof **id);
    *size = malloc(count * sizeof **size);
    for (uint32_t n = 0; n < count; n++)
        (*size)[n] = (uint32_t)snprintf((*id)[n], ID_ROOM, "%c%u", letter, n);
}

static struct world world_create(int argc, char **argv)
{
    uint32_t users = (uint32_t)bench_number(argc, argv, "--users", 200e3);
    uint32_t items = (uint32_t)bench_number(argc, argv, "--items", 50e3);
    bool skewed = bench_number(argc, argv, "--skew", 0) > 0;
    struct world world = {.users = skew_create(users, skewed ? 0.6 : 0.0),
                          .items = skew_create(items, skewed ? 1.0 : 0.0)};
    name_all(users, 'u', &world.user_id, &world.user_size);
    name_all(items, 'i', &world.item_id, &world.item_size);
    return world;
}

struct pair {
    uint32_t user, item;
};

static void draw_pairs(struct world *world, struct pair *pairs, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++, world->drawn++)
        pairs[n] = (struct pair){skew_draw(&world->users, random_at(1, 2 * world->drawn)),
                                 skew_draw(&world->items, random_at(1, 2 * world->drawn + 1))};
}

static struct event event_of(const struct world *world, struct pair pair, uint64_t n)
{
    return (struct event){
        .user = {world->user_id[pair.user], world->user_size[pair.user]},
        .item = {world->item_id[pair.item], world->item_size[pair.item]},
        .name = {"click", 5},
        .ts_ms = 1700000000000 + (int64_t)n,
    };
}

static void learn(struct recommender *model, struct world *world, const struct pair *pairs,
                  uint32_t count)
{
    static uint64_t now;
    for (uint32_t n = 0; n < count; n++) {
        struct event event = event_of(world, pairs[n], now++);
        struct learned learned;
        if (recommender_learn(model, &event, &learned) != VERDICT_ACCEPTED ||
            learned.status != STATUS_OK) {
            fprintf(stderr, "learn: the model refused an event\n");
            exit(70);
        }
    }
}

static struct recommender *model_create(const char *loss_name, uint32_t dim)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = dim;
    for (int n = 0; n < LOSSES; n++)
        if (strcmp(losses[n].name, loss_name) == 0)
            settings.loss = (enum loss_id)n;
    for (int n = 0; n < PARTS; n++)
        settings.part[n] = n == PART_FACTORS ? 1.0f : 0.0f;
    struct recommender *model;
    struct error error;
    if (recommender_create(&settings, &model, &error) != STATUS_OK) {
        fprintf(stderr, "learn: %s\n", error.text);
        exit(70);
    }
    return model;
}

/* Everybody and everything is known before the clock runs. */
static void meet_all(struct recommender *model, struct world *world)
{
    uint32_t users = world->users.size, items = world->items.size;
    for (uint32_t n = 0; n < users || n < items; n++)
        learn(model, world, &(struct pair){n % users, n % items}, 1);
}

int main(int argc, char **argv)
{
    struct world world = world_create(argc, argv);
    const uint32_t events = (uint32_t)bench_number(argc, argv, "--events", 1e6);
    const uint32_t warm = (uint32_t)bench_number(argc, argv, "--warm", 0);
    const uint32_t dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    const double rows = bench_number(argc, argv, "--floor", 0);
    const char *file = bench_word(argc, argv, "--pairs", NULL);
    struct pair *pairs = malloc((events > warm ? events : warm) * sizeof *pairs);
    if (file != NULL) {
        draw_pairs(&world, pairs, events);
        FILE *out = fopen(file, "wb");
        return out != NULL && fwrite(pairs, sizeof *pairs, events, out) == events &&
                       fclose(out) == 0
                   ? 0
                   : 73;
    }
    struct recommender *model = model_create(bench_word(argc, argv, "--loss", "bpr"), dim);
    meet_all(model, &world);
    draw_pairs(&world, pairs, warm);
    learn(model, &world, pairs, warm);
    struct rows_floor floor = {0};
    if (rows > 0)
        floor = rows_floor_create(world.users.size + world.items.size, dim);
    for (int round = (int)bench_number(argc, argv, "--rounds", 1); round > 0; round--) {
        draw_pairs(&world, pairs, events);
        const uint64_t begun = bench_cpu_ns();
        learn(model, &world, pairs, events);
        const double ns = (double)(bench_cpu_ns() - begun) / events;
        printf("{\"ns\": %.2f, \"floor\": %.2f}\n", ns,
               rows > 0 ? rows * rows_floor_run(&floor, (uint64_t)(rows * events)) : 0.0);
        fflush(stdout);
    }
    recommender_destroy(model);
    return 0;
}
