#include "model/bare.h"

#include "model/kernels.h"

#include <string.h>

enum { HABIT_SPAN = 16, BRING_EACH = 4 };

/* A step on its way: the user's side, and the rows that it changes. */
struct bare_work {
    float x[DIM_MAX] __attribute__((aligned(64)));
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    uint32_t item[KERNELS_FEW];
    struct few_rows rows;
    uint32_t brought; /* of the step's next rows */
};

/* Some of the next rows; the others later. */
static void bring(const struct factors *factors, const struct bare_step *step,
                  struct bare_work *work, uint32_t count)
{
    for (; count > 0 && work->brought < step->next_count; count--)
        table_fetch_at(&factors->candidate_rows, step->next[work->brought++]);
}

static void begin(const struct factors *factors, const struct bare_step *step,
                  struct bare_work *work)
{
    float *own = table_floats(&factors->user_rows, step->slot);
    work->rows.own = own;
    work->rows.own_sum = &step->user->gradient_sum;
    work->rows.own_weight = factors->weights.own;
    work->rows.x = work->x;
    work->rows.by_x = work->by_x;
    work->rows.count = work->rows.next_count = 0;
    work->brought = 0;
}

static void add_row(const struct factors *factors, struct bare_work *work, uint32_t item)
{
    uint32_t n = work->rows.count++;
    work->item[n] = item;
    work->rows.row[n] = table_floats(&factors->candidate_rows, item);
}

static void add_rows(const struct factors *factors, struct bare_work *work, const uint32_t *item,
                     uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        add_row(factors, work, item[n]);
}

/* ---- logistic, squared ---- */

/* What is unwanted, or rated, is learned without the samples: they are no more wanted than it. */
static bool stands_alone(const struct bare_step *step)
{
    return !step->target.wanted || (step->loss == LOSS_SQUARED && step->target.rated);
}

static float aim_of(const struct bare_step *step)
{
    if (step->loss == LOSS_SQUARED && step->target.rated)
        return step->target.rating;
    return step->target.wanted ? 1.0f : 0.0f;
}

static void learn_few(struct factors *factors, const struct bare_step *step, struct bare_work *work)
{
    const struct few_form form = {step->loss == LOSS_LOGISTIC, aim_of(step), step->rate};
    uint32_t item[KERNELS_FEW], count = 0, tried = 0;
    if (!stands_alone(step))
        count = sampler_draw_some(step->draw, &tried, losses[step->loss].negatives, item);
    add_row(factors, work, step->draw->positive);
    add_rows(factors, work, item, count);
    factors_mark_many(factors, work->item, work->rows.count);
    bring(factors, step, work,
          step->next_count - (step->next_count < KERNELS_NEXT ? step->next_count : KERNELS_NEXT));
    work->rows.next = step->next + work->brought;
    work->rows.next_count = step->next_count - work->brought;
    kernels->few_learn(&work->rows, &form, factors->dim);
}

/* ---- warp ---- */

static void note_habit(struct bare_habit *habit, uint32_t looked_at)
{
    habit->looked_at += BARE_HABIT_ONE * looked_at / HABIT_SPAN - habit->looked_at / HABIT_SPAN;
}

/* The first of the scores that comes too near to the item's. Nobody can tell which, so that nothing
 * branches on it. */
static uint32_t find_violator(const float *score, uint32_t count, float of_item, float sign)
{
    uint32_t found = count;
    for (uint32_t n = count; n-- > 0;)
        found = sign * (of_item - score[n]) >= 1.0f ? found : n;
    return found;
}

/* What goes through the negatives: those after the first few are brought near some before they are
 * looked at. */
struct seek {
    uint32_t tried, drawn, seen;
    uint32_t item[SAMPLES_MAX + KERNELS_FEW];
};

static void draw_to(const struct factors *factors, const struct bare_step *step, struct seek *seek,
                    uint32_t end)
{
    uint32_t first = seek->drawn;
    seek->drawn += sampler_draw_some(step->draw, &seek->tried, end - first, seek->item + first);
    for (uint32_t n = first; n < seek->drawn; n++)
        if (n >= step->near_count)
            table_fetch(&factors->candidate_rows, seek->item[n]);
}

/* The first ones are beside the item's row, the others take the place of those. Gives how many it
 * takes to a violator, and which that is; 0: there is none. */
static uint32_t seek_violator(const struct factors *factors, const struct bare_step *step,
                              uint32_t some, struct bare_work *work, uint32_t *violator)
{
    const struct few_form scores = {.rate = 1.0f};
    float score[KERNELS_FEW], of_item = 0.0f, sign = step->target.wanted ? 1.0f : -1.0f;
    struct seek seek;
    seek.tried = seek.drawn = seek.seen = 0;
    add_row(factors, work, step->draw->positive);
    draw_to(factors, step, &seek, some);
    while (seek.seen < seek.drawn) {
        uint32_t known = work->rows.count, left = seek.drawn - seek.seen;
        uint32_t count = left < KERNELS_FEW - known ? left : KERNELS_FEW - known;
        const uint32_t *item = seek.item + seek.seen;
        add_rows(factors, work, item, count);
        bring(factors, step, work, BRING_EACH);
        kernels->few_scores(&work->rows, &scores, factors->dim, score);
        of_item = known > 0 ? score[0] : of_item;
        uint32_t n = find_violator(score + known, count, of_item, sign);
        if (n < count) {
            *violator = item[n];
            return seek.seen + n + 1;
        }
        seek.seen += count;
        work->rows.count = 0;
        draw_to(factors, step, &seek, seek.seen + 2 * some);
    }
    return 0;
}

static float rank_weight(struct bare_habit *habit, uint32_t candidates, uint32_t draws)
{
    if (habit->candidates != candidates)
        memset(habit->weight, 0, sizeof habit->weight);
    habit->candidates = candidates;
    if (habit->weight[draws] == 0.0f)
        habit->weight[draws] = loss_rank_weight(candidates, draws);
    return habit->weight[draws];
}

static void learn_in_turn(struct factors *factors, struct bare_habit *habit,
                          const struct bare_step *step, struct bare_work *work)
{
    uint32_t likely = bare_looks_at(habit, step->loss), violator;
    uint32_t some = likely < KERNELS_FEW ? likely : KERNELS_FEW - 1;
    const float *const own = work->rows.own;
    kernels->mix(&factors->weights.own, &own, 1, factors->dim, work->x);
    uint32_t looked_at = seek_violator(factors, step, some, work, &violator);
    note_habit(habit, looked_at == 0 ? losses[step->loss].negatives : looked_at);
    bring(factors, step, work, step->next_count);
    work->rows.count = 0;
    if (looked_at == 0)
        return;
    float by = step->rate * rank_weight(habit, step->target.candidates, looked_at);
    add_row(factors, work, step->draw->positive);
    add_row(factors, work, violator);
    const float gradient[KERNELS_FEW] = {step->target.wanted ? -by : by,
                                         step->target.wanted ? by : -by};
    factors_mark_many(factors, work->item, 2);
    kernels->few_step(&work->rows, gradient, factors->dim);
}

/* ---- */

/* warp: one more than the mean, as what is not near when its turn comes costs more than what was
 * brought near for nothing. */
uint32_t bare_looks_at(const struct bare_habit *habit, enum loss_id loss)
{
    return loss == LOSS_WARP ? 1 + habit->looked_at / BARE_HABIT_ONE : losses[loss].negatives;
}

void bare_learn(struct factors *factors, struct bare_habit *habit, const struct bare_step *step)
{
    struct bare_work work;
    begin(factors, step, &work);
    if (step->loss == LOSS_WARP)
        learn_in_turn(factors, habit, step, &work);
    else
        learn_few(factors, step, &work);
}
