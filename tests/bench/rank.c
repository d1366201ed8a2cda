/*
 * Ranking: the exact best 100 of many vectors, by a plain scan and by the index.
 *
 *     rank --vectors DIR --items 100000 --users 512 --noise .1 --write DIR
 *
 * DIR holds items.npy and users.npy as `tasted snapshot export` writes them. Of the users some are
 * taken from all over; the items are taken in an order of their own, over and over up to the number
 * wanted, each with noise of that share of its length. --write writes both for others, as items.f32
 * and users.f32, rows of floats, and does nothing else.
 *
 * One JSON object: microseconds of CPU a user for the scan, the index without (cold) and with
 * (warm) a list of the user from before, how many items were judged by their exact scores, entries
 * of lists that differ from the scan's ("mismatches": must be 0), bytes an item, and what it takes
 * to set an item anew.
 */
#include "tests/bench/bench.h"

#include "model/kernels.h"
#include "model/mips_index.h"
#include "model/random.h"

#include <math.h>

enum { SCANNED = 32 }; /* users that are also scanned for */

struct world {
    const float *items, *users;
    uint32_t dim, items_count, users_count, size;
    struct mips_index *index;
};

struct asker {
    const struct world *world;
    struct mips_query query;
    struct top top;
    float vector[MIPS_DIM_MAX] __attribute__((aligned(64)));
    uint8_t *known; /* (items) */
    struct list before;
};

static _Noreturn void refuse(const char *path, const char *why)
{
    fprintf(stderr, "rank: %s: %s\n", path, why);
    exit(65);
}

/* The rows of a NumPy file, (count, dim) floats; of its head only the length and shape are of
 * interest. */
static float *read_npy(const char *folder, const char *name, uint32_t *count, uint32_t *dim)
{
    char path[4096], head[4096] = {0};
    uint16_t length;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(head, 10, 1, file) != 1)
        refuse(path, "cannot be read");
    memcpy(&length, head + 8, sizeof length);
    if (length >= sizeof head || fread(head, length, 1, file) != 1)
        refuse(path, "ends in its head");
    head[length] = '\0';
    const char *shape = strstr(head, "'shape': (");
    if (strstr(head, "<f4") == NULL || shape == NULL ||
        sscanf(shape, "'shape': (%u, %u)", count, dim) != 2 || *dim % 16 != 0 ||
        *dim > MIPS_DIM_MAX)
        refuse(path, "no rows of floats");
    float *rows = bench_huge((size_t)*count * *dim * sizeof *rows);
    if (fread(rows, *dim * sizeof *rows, *count, file) != *count)
        refuse(path, "is cut");
    fclose(file);
    return rows;
}

/* Row n of those wanted, whose order is not that of their slots: popular ones are among the first
 * there. */
static float *tile(const float *rows, uint32_t count, uint32_t dim, uint32_t wanted, float noise)
{
    uint32_t *order = bench_huge(count * sizeof *order);
    float *tiled = bench_huge((size_t)wanted * dim * sizeof *tiled);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t other = random_below((uint32_t)(random_at(3, n) >> 32), n + 1);
        order[n] = order[other];
        order[other] = n;
    }
    for (uint32_t n = 0; n < wanted; n++) {
        const float *row = rows + (size_t)order[n % count] * dim;
        float length = sqrtf(kernels->dot(row, row, dim) / (float)dim);
        for (uint32_t d = 0; d < dim; d++)
            tiled[(size_t)n * dim + d] =
                row[d] + noise * length * 1.732f * random_signed((uint32_t)random_at(n, d));
    }
    return tiled;
}

/* Users with a vector, from all over. */
static float *choose(const float *rows, uint32_t count, uint32_t dim, uint32_t *wanted)
{
    float *chosen = bench_huge((size_t)*wanted * dim * sizeof *chosen);
    uint32_t filled = 0;
    for (uint32_t n = 0; n < 16 * *wanted && filled < *wanted; n++) {
        const float *row =
            rows + (size_t)random_below((uint32_t)(random_at(4, n) >> 32), count) * dim;
        if (kernels->dot(row, row, dim) > 0.0f)
            memcpy(chosen + (size_t)filled++ * dim, row, dim * sizeof *row);
    }
    *wanted = filled;
    return chosen;
}

static void write_rows(const char *folder, const char *name, const float *rows, size_t floats)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(rows, sizeof *rows, floats, file) != floats || fclose(file) != 0) {
        perror(path);
        exit(74);
    }
}

static void judge(void *context, const uint32_t *slots, uint32_t count, float *scores)
{
    const struct asker *asker = context;
    const struct world *world = asker->world;
    const float *rows[MIPS_JUDGED] = {0};
    for (uint32_t n = 0; n < count; n++) {
        rows[n] = world->items + (size_t)slots[n] * world->dim;
        for (uint32_t d = 0; d < world->dim; d += 16)
            __builtin_prefetch(rows[n] + d);
    }
    kernels->dots(asker->vector, rows, count, world->dim, scores);
    for (uint32_t n = 0; n < count; n++)
        if (asker->known[slots[n]] != 0)
            scores[n] = -INFINITY;
}

/* What the user wanted before: the vector of now, moved by a twentieth of its length. */
static void ask(struct asker *asker, uint32_t user, bool before)
{
    const struct world *world = asker->world;
    const float *vector = world->users + (size_t)user * world->dim;
    float length = sqrtf(kernels->dot(vector, vector, world->dim) / (float)world->dim);
    for (uint32_t d = 0; d < world->dim; d++) {
        float noise = random_signed((uint32_t)random_at(user, d));
        asker->vector[d] = vector[d] + (before ? .05f * 1.73f * length * noise : 0.0f);
    }
    asker->query.vector = asker->vector;
    asker->query.judge = judge;
    asker->query.context = asker;
    asker->query.top = &asker->top;
    top_begin(&asker->top, world->size, -INFINITY);
}

/* The items of the list from before, as they are worth now. */
static void warm(struct asker *asker)
{
    float scores[MIPS_JUDGED];
    uint32_t slots[MIPS_JUDGED], filled = 0;
    for (uint32_t n = 0; n < asker->before.size; n++) {
        slots[filled++] = asker->before.at[n].slot;
        if (filled < MIPS_JUDGED && n + 1 < asker->before.size)
            continue;
        judge(asker, slots, filled, scores);
        for (uint32_t k = 0; k < filled; k++)
            top_push(&asker->top, slots[k], scores[k]);
        filled = 0;
    }
    for (uint32_t n = 0; n < asker->before.size; n++)
        asker->known[asker->before.at[n].slot] = 1;
}

static void cool(struct asker *asker)
{
    for (uint32_t n = 0; n < asker->before.size; n++)
        asker->known[asker->before.at[n].slot] = 0;
}

static void search(struct asker *askers, uint32_t count)
{
    struct mips_query *queries[MIPS_USERS];
    for (uint32_t n = 0; n < count; n++)
        queries[n] = &askers[n].query;
    mips_search(askers[0].world->index, queries, count);
}

static struct asker *new_askers(const struct world *world)
{
    struct asker *askers = bench_huge(MIPS_USERS * sizeof *askers);
    for (int n = 0; n < MIPS_USERS; n++) {
        askers[n].world = world;
        askers[n].known = bench_huge(world->items_count);
    }
    return askers;
}

/* Microseconds a user. */
static double time_index(struct world *world, struct asker *askers, uint32_t together, bool warmly,
                         double *judged)
{
    static struct list lists[MIPS_USERS];
    uint64_t spent = 0, asked = 0;
    for (int n = 0; n < MIPS_USERS; n++)
        askers[n].query.judged = 0;
    for (uint32_t user = 0; user + together <= world->users_count; user += together) {
        for (uint32_t n = 0; n < together && warmly; n++)
            ask(&askers[n], user + n, true);
        if (warmly)
            search(askers, together);
        for (uint32_t n = 0; n < together && warmly; n++) {
            top_end(&askers[n].top, &askers[n].before);
            askers[n].query.judged = 0;
        }
        for (uint32_t n = 0; n < together; n++)
            ask(&askers[n], user + n, false);
        uint64_t began = bench_cpu_ns();
        for (uint32_t n = 0; n < together && warmly; n++)
            warm(&askers[n]);
        search(askers, together);
        for (uint32_t n = 0; n < together; n++)
            top_end(&askers[n].top, &lists[n]);
        spent += bench_cpu_ns() - began;
        for (uint32_t n = 0; n < together && warmly; n++)
            cool(&askers[n]);
        asked += together;
        for (uint32_t n = 0; n < together; n++) {
            *judged += (double)askers[n].query.judged;
            askers[n].query.judged = 0;
        }
    }
    *judged /= (double)asked;
    return (double)spent / 1e3 / (double)asked;
}

static uint32_t differ(const struct list *a, const struct list *b)
{
    uint32_t mismatches = a->size != b->size;
    for (uint32_t n = 0; n < a->size && n < b->size; n++)
        mismatches += a->at[n].slot != b->at[n].slot ||
                      memcmp(&a->at[n].score, &b->at[n].score, sizeof(float)) != 0;
    return mismatches;
}

/* Scans for some of the users, cold and warm lists beside it. */
static double time_scan(struct world *world, struct asker *askers, uint32_t *mismatches)
{
    static struct list wanted, cold, warmed;
    float *scores = bench_huge(world->items_count * sizeof *scores);
    uint64_t spent = 0;
    for (uint32_t n = 0; n < SCANNED; n++) {
        uint32_t user = (uint32_t)((uint64_t)n * world->users_count / SCANNED);
        struct asker *asker = &askers[0];
        ask(asker, user, true);
        search(asker, 1);
        top_end(&asker->top, &asker->before);
        ask(asker, user, false);
        uint64_t began = bench_cpu_ns();
        kernels->scan(asker->vector, world->items, world->dim, world->items_count, world->dim,
                      scores);
        top_select(scores, world->items_count, -INFINITY, world->size, &wanted);
        spent += bench_cpu_ns() - began;
        search(asker, 1);
        top_end(&asker->top, &cold);
        ask(asker, user, false);
        warm(asker);
        search(asker, 1);
        cool(asker);
        top_end(&asker->top, &warmed);
        *mismatches += differ(&wanted, &cold) + differ(&wanted, &warmed);
    }
    return (double)spent / 1e3 / SCANNED;
}

/* Nanoseconds to set an item; in an order that is not that of the rows. */
static double time_sets(struct world *world)
{
    uint32_t sets = world->items_count < 50000 ? world->items_count : 50000;
    uint64_t began = bench_cpu_ns();
    for (uint32_t n = 0; n < sets; n++) {
        uint32_t slot = random_below((uint32_t)random_at(7, n), world->items_count);
        mips_set(world->index, slot, world->items + (size_t)slot * world->dim);
    }
    mips_settle(world->index);
    return (double)(bench_cpu_ns() - began) / sets;
}

static void fill(struct world *world, int argc, char **argv)
{
    const char *folder = bench_word(argc, argv, "--vectors", ".");
    const char *out = bench_word(argc, argv, "--write", NULL);
    uint32_t items, users, dim;
    float *rows = read_npy(folder, "items.npy", &items, &world->dim);
    float *vectors = read_npy(folder, "users.npy", &users, &dim);
    if (dim != world->dim || items == 0 || users == 0)
        refuse(folder, "items and users of different dimension, or none");
    world->items_count = (uint32_t)bench_number(argc, argv, "--items", 10000);
    world->users_count = (uint32_t)bench_number(argc, argv, "--users", 512);
    world->items =
        tile(rows, items, dim, world->items_count, (float)bench_number(argc, argv, "--noise", .1));
    world->users = choose(vectors, users, dim, &world->users_count);
    if (out == NULL)
        return;
    write_rows(out, "items.f32", world->items, (size_t)world->items_count * dim);
    write_rows(out, "users.f32", world->users, (size_t)world->users_count * dim);
    exit(0);
}

/* What is typical is found from a few of both. */
static enum status create(struct world *world)
{
    enum { ASKED = 256 };
    const float *users[ASKED], *items[ASKED];
    for (uint32_t n = 0; n < ASKED; n++) {
        users[n] = world->users + (size_t)(n % world->users_count) * world->dim;
        items[n] = world->items + (size_t)(n % world->items_count) * world->dim;
    }
    struct mips_sample sample = {users, items, ASKED, ASKED, world->items_count};
    return mips_create(world->dim, 0, &sample, &world->index);
}

int main(int argc, char **argv)
{
    uint32_t mismatches = 0;
    uint32_t together = (uint32_t)bench_number(argc, argv, "--together", MIPS_USERS);
    struct world world = {.size = (uint32_t)bench_number(argc, argv, "--size", 100)};
    fill(&world, argc, argv);
    if (create(&world) != STATUS_OK)
        return 70;
    uint64_t began = bench_cpu_ns();
    for (uint32_t slot = 0; slot < world.items_count; slot++)
        if (mips_set(world.index, slot, world.items + (size_t)slot * world.dim) != STATUS_OK)
            return 70;
    mips_settle(world.index);
    double build_ns = (double)(bench_cpu_ns() - began) / world.items_count;
    struct asker *askers = new_askers(&world);
    double judged_cold = 0.0, judged_warm = 0.0;
    double scan_us = time_scan(&world, askers, &mismatches);
    double cold_us = time_index(&world, askers, together, false, &judged_cold);
    double warm_us = time_index(&world, askers, together, true, &judged_warm);
    printf(
        "{\"kernel\": \"%s\", \"items\": %u, \"users\": %u, \"scan_us\": %.2f, \"cold_us\": %.2f, "
        "\"warm_us\": %.2f, \"judged_cold\": %.0f, \"judged_warm\": %.0f, \"mismatches\": %u, "
        "\"bytes\": %.1f, \"build_ns\": %.0f, \"set_ns\": %.0f}\n",
        kernels->name, world.items_count, world.users_count, scan_us, cold_us, warm_us, judged_cold,
        judged_warm, mismatches, (double)mips_bytes(world.index) / world.items_count, build_ns,
        time_sets(&world));
    return 0;
}
