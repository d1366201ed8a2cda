#include "daemon/evaluation_lists.h"

void evaluation_lists_init(struct evaluation_lists *lists)
{
    concentration_init(&lists->listed);
    concentration_init(&lists->happened);
    lists->scored = lists->taken = 0;
    lists->taken_of_part = lists->follow = 0;
}

void evaluation_lists_finish(struct evaluation_lists *lists)
{
    concentration_finish(&lists->listed);
    concentration_finish(&lists->happened);
}

void evaluation_lists_turn(struct evaluation_lists *lists)
{
    lists->taken_of_part = 0;
}

static void take(struct evaluation_lists *lists, const struct recommender *model,
                 struct query *query)
{
    recommender_top(model, query, LISTS_SIZE, &lists->list);
    for (uint32_t n = 0; n < lists->list.size; n++)
        concentration_add(&lists->listed, lists->list.at[n].slot);
    lists->follow = lists->list.size;
    lists->taken++;
    lists->taken_of_part++;
}

void evaluation_lists_look(struct evaluation_lists *lists, const struct recommender *model,
                           struct query *query, uint32_t item)
{
    if (lists->scored++ % LISTS_APART == 0 && lists->taken_of_part < LISTS_PER_PART)
        take(lists, model, query);
    if (lists->follow == 0)
        return;
    lists->follow--;
    concentration_add(&lists->happened, item);
}

static struct evaluation_spread spread(const struct concentration *of, uint32_t candidates)
{
    double covered = (double)concentration_covered(of);
    return (struct evaluation_spread){
        .coverage = candidates == 0 ? 0.0 : covered / candidates,
        .gini = concentration_gini(of, candidates),
    };
}

struct evaluation_spreads evaluation_lists_spread(const struct evaluation_lists *lists,
                                                  const struct recommender *model)
{
    uint32_t candidates = 0;
    for (uint32_t item = 0; item < recommender_item_bound(model); item++)
        candidates += recommender_item_wanted(model, item) > 0;
    return (struct evaluation_spreads){
        .lists = lists->taken,
        .candidates = candidates,
        .listed = spread(&lists->listed, candidates),
        .happened = spread(&lists->happened, candidates),
    };
}
