/*
 * What the shipped recommender takes to learn an event, with one loss and only the factors on.
 *
 *     learn --loss bpr --users 200000 --items 50000 --skew 1 --warm 2000000 --events 2000000
 *     learn --loss softmax --users 1000000 --items 1000000 --rounds 5 --floor 66
 *     learn --loss bpr --users 1000000 --items 1000000 --rounds 5 --floor 3 --lines 10
 *     learn --users 200000 --items 50000 --skew 1 --events 1000000 --pairs FILE
 *
 * First everybody and everything is met once, then come `warm` events; then, each round, `events`
 * more are timed, while new memory is made ready by a thread of its own as in the daemon:
 * {"ns": an event, "floor": so many random rows of the same size read and written, in turns with
 * it, and so many lone cache lines, as of names, histories and counts}. With --skew items are drawn
 * by 1 / rank, users by 1 / rank^0.6; without it all alike.
 * --pairs writes the events of the first round for the peers, as pairs of uint32_t, and learns
 * nothing.
 */
#include "tests/bench/batch.h"
#include "tests/bench/rows_floor.h"
#include "tests/bench/world.h"

#include "daemon/preparing.h"

enum { ID_ROOM = 12, LINE_FLOATS = 16 };

/* What the model needs for a user or an item, and comes to need with an event, roughly. */
enum { BYTES_EACH = 1024, BYTES_AN_EVENT = 64 };

/* An event's ids stand together, as in the message that they are decoded from. */
struct message {
    char user[ID_ROOM], item[ID_ROOM];
    uint32_t user_size, item_size;
};

static struct message message_of(struct pair pair)
{
    struct message message;
    message.user_size = (uint32_t)snprintf(message.user, ID_ROOM, "u%u", pair.user);
    message.item_size = (uint32_t)snprintf(message.item, ID_ROOM, "i%u", pair.item);
    return message;
}

static void draw_messages(struct world *world, struct message *messages, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        struct pair pair;
        draw_pairs(world, &pair, 1);
        messages[n] = message_of(pair);
    }
}

static void learn(struct recommender *model, struct world *world, const struct message *messages,
                  uint32_t count)
{
    static struct event events[BATCH]; /* the rest stays zero: to set it is not what is measured */
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n++) {
        const struct message *message = &messages[n];
        struct event *event = &events[size++];
        event->user = (struct text){message->user, message->user_size};
        event->item = (struct text){message->item, message->item_size};
        event->name = (struct text){"click", 5};
        event->ts_ms = 1700000000000 + (int64_t)world->learned++;
        if (size == BATCH || n + 1 == count) {
            batch_learn(model, events, size);
            size = 0;
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
    for (uint32_t n = 0; n < users || n < items; n++) {
        struct message message = message_of((struct pair){n % users, n % items});
        learn(model, world, &message, 1);
    }
}

static int write_pairs(struct world *world, uint32_t count, const char *file)
{
    struct pair *pairs = malloc(count * sizeof *pairs);
    draw_pairs(world, pairs, count);
    FILE *out = fopen(file, "wb");
    bool written = out != NULL && fwrite(pairs, sizeof *pairs, count, out) == count;
    free(pairs);
    return out != NULL && fclose(out) == 0 && written ? 0 : 73;
}

static void warm_up(struct recommender *model, struct world *world, struct message *messages,
                    uint32_t room, uint64_t count)
{
    meet_all(model, world);
    for (uint64_t done = 0; done < count; done += room) {
        uint32_t some = count - done < room ? (uint32_t)(count - done) : room;
        draw_messages(world, messages, some);
        learn(model, world, messages, some);
    }
}

int main(int argc, char **argv)
{
    struct world world = world_create(argc, argv);
    const uint32_t events = (uint32_t)bench_number(argc, argv, "--events", 1e6);
    const uint32_t dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    const double rows = bench_number(argc, argv, "--floor", 0);
    const char *file = bench_word(argc, argv, "--pairs", NULL);
    if (file != NULL)
        return write_pairs(&world, events, file);
    const uint64_t warm = (uint64_t)bench_number(argc, argv, "--warm", 0);
    const uint32_t rounds = (uint32_t)bench_number(argc, argv, "--rounds", 1);
    bench_find_memory((size_t)BYTES_EACH * (world.users.size + world.items.size) +
                      BYTES_AN_EVENT * (warm + (uint64_t)rounds * events));
    preparing_begin();
    struct recommender *model = model_create(bench_word(argc, argv, "--loss", "bpr"), dim);
    struct message *messages = malloc(events * sizeof *messages);
    warm_up(model, &world, messages, events, warm);
    const double lines = bench_number(argc, argv, "--lines", 0);
    struct rows_floor floor = {0}, lone = {0};
    if (rows > 0)
        floor = rows_floor_create(world.users.size + world.items.size, dim);
    if (lines > 0)
        lone = rows_floor_create(2 * (world.users.size + world.items.size), LINE_FLOATS);
    for (uint32_t round = 0; round < rounds; round++) {
        draw_messages(&world, messages, events);
        const uint64_t begun = bench_cpu_ns();
        learn(model, &world, messages, events);
        const double ns = (double)(bench_cpu_ns() - begun) / events;
        double floor_ns = 0.0;
        if (rows > 0)
            floor_ns += rows * rows_floor_run(&floor, (uint64_t)(rows * events), true);
        if (lines > 0)
            floor_ns += lines * rows_floor_run(&lone, (uint64_t)(lines * events), true);
        printf("{\"ns\": %.2f, \"floor\": %.2f}\n", ns, floor_ns);
        fflush(stdout);
    }
    preparing_finish();
    recommender_destroy(model);
    free(messages);
    return 0;
}
