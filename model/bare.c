#include "model/bare.h"

#include "model/kernels.h"

enum { HABIT_SPAN = 16 };

/* A step on its way: the user's side, and the rows that it changes. */
struct bare_work {
    float x[DIM_MAX] __attribute__((aligned(64)));
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    uint32_t item[KERNELS_FEW];
    struct few_rows rows;
};

static void bring(const struct factors *factors, const struct bare_step *step, uint32_t n)
{
    if (step->next != NULL)
        table_fetch_at(&factors->candidate_rows, step->next[n]);
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
    work->rows.count = 0;
    work->rows.next = step->next == NULL ? NULL : step->next + 1;
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
    bring(factors, step, 0);
    kernels->few_learn(&work->rows, &form, factors->dim);
}

/* ---- warp ---- */

static void note_habit(struct bare_habit *habit, uint32_t looked_at)
{
    habit->looked_at += BARE_HABIT_ONE * looked_at / HABIT_SPAN - habit->looked_at / HABIT_SPAN;
}

/* The first of the scores that comes too near to the item's. */
static uint32_t find_violator(const float *score, uint32_t count, float of_item, float sign)
{
    uint32_t n = 0;
    while (n < count && sign * (of_item - score[n]) >= 1.0f)
        n++;
    return n;
}

/* Goes through the negatives, some of them beside the item's row first and then others in place of
 * those; gives how many it takes to a violator, and which that is; 0: there is none. */
static uint32_t seek_violator(const struct factors *factors, const struct bare_step *step,
                              uint32_t some, struct bare_work *work, uint32_t *violator)
{
    const struct few_form scores = {.rate = 1.0f};
    float score[KERNELS_FEW], of_item = 0.0f, sign = step->target.wanted ? 1.0f : -1.0f;
    uint32_t item[KERNELS_FEW], tried = 0, seen = 0, count;
    add_row(factors, work, step->draw->positive);
    while ((count = sampler_draw_some(step->draw, &tried, some, item)) > 0) {
        uint32_t known = work->rows.count;
        add_rows(factors, work, item, count);
        kernels->few_scores(&work->rows, &scores, factors->dim, score);
        of_item = known > 0 ? score[0] : of_item;
        uint32_t n = find_violator(score + known, count, of_item, sign);
        if (n < count) {
            *violator = item[n];
            return seen + n + 1;
        }
        seen += count;
        work->rows.count = 0;
        some = KERNELS_FEW;
    }
    return 0;
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
    work->rows.count = 0;
    if (looked_at == 0)
        return;
    float by = step->rate * loss_rank_weight(step->target.candidates, looked_at);
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
