/*
 * Learning speed and memory by size: a made-up crowd is learned until every user is known, then
 * timed; in batches, as the daemon learns.
 *
 *     growth --users 10000000 --items 1000000 --events 1000000 --loss bpr --parts none|all
 *
 * {"ns": an event's processor time, "filling_ns": likewise while everybody is met, "events_s",
 * "rss": bytes that the model made the process grow by, "huge": of those in huge pages, "bare": …}.
 * `bare` is what plain arrays of the same numbers take: the vectors, one accumulator each
 * ("vectors"), the histories, a ring of HISTORY_SIZE visits a user ("histories"), what each user
 * had ("had"), and with all parts the pairs of items ("pairs"); no ids, no room to grow, nothing
 * else.
 */
#include "tests/bench/batch.h"
#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"

#include "daemon/preparing.h"
#include "model/pairs.h"
#include "model/recommender_parts.h"

#include <unistd.h>

static size_t resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1)
        exit(70);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Of all that is resident; 0 where the kernel does not tell. */
static size_t in_huge_pages(void)
{
    char line[256];
    size_t kb = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "AnonHugePages: %zu", &kb) != 1)
        continue;
    if (file != NULL)
        fclose(file);
    return kb << 10;
}

/* Learns the crowd's next events; gives the processor time. */
static uint64_t learn(struct recommender *model, struct crowd *crowd, uint64_t events)
{
    uint64_t spent = 0;
    for (uint64_t done = 0; done < events;) {
        uint64_t left = events - done;
        uint32_t count = left < CROWD_BLOCK ? (uint32_t)left : CROWD_BLOCK;
        crowd_make(crowd, count);
        uint64_t begun = bench_cpu_ns();
        for (uint32_t n = 0; n < count; n += BATCH)
            batch_learn(model, crowd->event + n, count - n < BATCH ? count - n : BATCH);
        spent += bench_cpu_ns() - begun;
        done += count;
    }
    return spent;
}

/* What is in the model, as plain arrays would hold it. */
struct bare {
    size_t vectors, histories, had, pairs;
};

static struct bare bare_bytes(const struct recommender *model)
{
    size_t users = model->user_ids.bound, items = model->item_ids.bound;
    size_t row = (model->settings.dim + 1) * sizeof(float); /* with its accumulator */
    size_t rows =
        1u + (has_part(model, PART_HISTORY) ? 1u : 0u) + (has_part(model, PART_LAST) ? 1u : 0u);
    struct bare bare = {.vectors = (users + items * rows) * row,
                        .histories = users * HISTORY_SIZE * sizeof(struct visit)};
    for (uint32_t user = 0; user < users; user++)
        bare.had += recommender_user(model, user)->had.size * sizeof(struct had_entry);
    const int pairs[] = {PART_TRANSITIONS, PART_NEIGHBOURS};
    for (int p = 0; p < 2; p++)
        for (uint32_t item = 0; item < items && has_part(model, pairs[p]); item++)
            bare.pairs +=
                pairs_of(model->part[pairs[p]], item)->size * (sizeof(uint32_t) + sizeof(float));
    return bare;
}

int main(int argc, char **argv)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    if (strcmp(bench_word(argc, argv, "--loss", "softmax"), "bpr") == 0)
        settings.loss = LOSS_BPR;
    if (strcmp(bench_word(argc, argv, "--parts", "all"), "none") == 0)
        for (int p = 0; p < PARTS; p++)
            settings.part[p] = p == PART_FACTORS ? 1.0f : 0.0f;
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct recommender *model;
    struct error error;
    if (crowd == NULL || recommender_create(&settings, &model, &error) != STATUS_OK)
        return 70;
    crowd->users = (uint32_t)bench_number(argc, argv, "--users", 10000);
    crowd->items = (uint32_t)bench_number(argc, argv, "--items", 10000);
    uint64_t events = (uint64_t)bench_number(argc, argv, "--events", 1e6);
    uint64_t warm = events / 4;
    memset(crowd->text, 1, sizeof crowd->text);
    size_t before = resident();
    preparing_begin();
    uint64_t filling = learn(model, crowd, (uint64_t)crowd->users + warm);
    uint64_t spent = learn(model, crowd, events);
    preparing_finish();
    size_t after = resident();
    struct bare bare = bare_bytes(model);
    double ns = (double)spent / (double)events;
    printf("{\"ns\": %.1f, \"events_s\": %.0f, \"filling_ns\": %.1f, \"rss\": %zu, \"huge\": %zu, "
           "\"bare\": %zu, \"vectors\": %zu, \"histories\": %zu, \"had\": %zu, \"pairs\": %zu, "
           "\"users\": %u, \"items\": %u}\n",
           ns, 1e9 / ns, (double)filling / (double)(crowd->users + warm), after - before,
           in_huge_pages(), bare.vectors + bare.histories + bare.had + bare.pairs, bare.vectors,
           bare.histories, bare.had, bare.pairs, model->user_ids.bound, model->item_ids.bound);
    recommender_destroy(model);
    free(crowd);
    return 0;
}
