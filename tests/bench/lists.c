/*
 * What a list costs, from a real model: users of a snapshot, in batches as the daemon takes them.
 *
 *     lists --snapshot FILE --users 2000 --batch 32 --size 100
 *     lists --snapshot FILE --scan 1          by a plain scan, as without the index
 *
 * One JSON object: microseconds of CPU a list.
 */
#include "daemon/checkpoint.h"
#include "daemon/ranker.h"
#include "tests/bench/bench.h"

#include "model/random.h"

/* As the ranker does, but that no lists are expected: so there is no index. */
static bool scan(const struct recommender *model, struct query *query, const uint32_t *users,
                 uint32_t count, uint32_t size, struct list *lists)
{
    for (uint32_t i = 0; i < count; i++) {
        if (recommender_query(model, query, users[i], recommender_latest_ms(model)) != STATUS_OK)
            return false;
        recommender_top(model, query, size, &lists[i]);
    }
    return true;
}

int main(int argc, char **argv)
{
    uint32_t users = (uint32_t)bench_number(argc, argv, "--users", 2000);
    uint32_t batch = (uint32_t)bench_number(argc, argv, "--batch", 32);
    uint32_t size = (uint32_t)bench_number(argc, argv, "--size", 100);
    struct checkpoint checkpoint;
    struct error error;
    if (checkpoint_open(bench_word(argc, argv, "--snapshot", "model.snapshot"), NULL, &checkpoint,
                        &error) != STATUS_OK) {
        fprintf(stderr, "lists: %s\n", error.text);
        return 65;
    }
    struct recommender *model = checkpoint.model;
    struct ranker *ranker;
    struct query *query;
    bool scans = bench_number(argc, argv, "--scan", 0) > 0;
    struct list *lists = bench_huge(batch * sizeof *lists);
    uint32_t *slots = bench_huge(batch * sizeof *slots);
    if (ranker_create(model, 1, &ranker, &error) != STATUS_OK ||
        query_create(model, &query) != STATUS_OK)
        return 70;
    uint64_t spent = 0;
    uint32_t ranked = 0;
    for (uint32_t n = 0; ranked < users; n++) {
        for (uint32_t i = 0; i < batch; i++)
            slots[i] = random_below((uint32_t)random_at(n, i), recommender_user_bound(model));
        uint64_t began = bench_cpu_ns();
        bool done = scans ? scan(model, query, slots, batch, size, lists)
                          : ranker_rank(ranker, slots, batch, recommender_latest_ms(model), size,
                                        false, lists) == STATUS_OK;
        if (!done)
            return 70;
        spent += bench_cpu_ns() - began;
        ranked += batch;
    }
    printf("{\"items\": %u, \"lists\": %u, \"us\": %.2f}\n", recommender_item_bound(model), ranked,
           (double)spent / 1e3 / ranked);
    return 0;
}
