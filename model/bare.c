#include "model/bare.h"

#include "model/kernels.h"

enum { HABIT_SPAN = 64, BRING_EACH = 4 };

/* A step on its way: the user's side, and the rows that it changes. */
struct bare_work {
    float x[DIM_MAX] __attribute__((aligned(64)));
    float by_x[DIM_MAX] __attribute__((aligned(64)));
    uint32_t item[KERNELS_FEW];
    struct few_rows rows;
    struct few_next next;
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
    work->rows.count = work->next.count = 0;
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

/* As many as are left, to the kernel. */
static void give_next(const struct bare_step *step, struct bare_work *work)
{
    uint32_t left = step->next_count - work->brought;
    work->next.row = step->next + work->brought;
    work->next.count = left < KERNELS_NEXT ? left : KERNELS_NEXT;
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
    give_next(step, work);
    kernels->few_learn(&work->rows, &work->next, &form, factors->dim);
}

/* ---- warp ---- */

static float sign_of(const struct bare_step *step)
{
    return step->target.wanted ? 1.0f : -1.0f;
}

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
    float of_item; /* the score of what was wanted */
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

/* Where those stand that come after what was drawn. */
static void look_beyond(const struct bare_step *step, const struct seek *seek, uint32_t ahead)
{
    sampler_fetch_tries(step->draw->key, seek->tried, seek->tried + ahead, step->draw->wanted,
                        step->draw->wanted_count);
}

/* After the first few. Gives how many it takes to one, and which that is; 0: there is none. */
static uint32_t seek_violator(const struct factors *factors, const struct bare_step *step,
                              struct seek *seek, struct bare_work *work, uint32_t *violator)
{
    const struct few_form scores = {.rate = 1.0f};
    float score[KERNELS_FEW];
    uint32_t ahead = seek->seen + 1 < KERNELS_FEW ? 2 * seek->seen : 2 * KERNELS_FEW;
    for (;;) {
        draw_to(factors, step, seek, seek->seen + ahead);
        look_beyond(step, seek, ahead);
        uint32_t left = seek->drawn - seek->seen, count = left < KERNELS_FEW ? left : KERNELS_FEW;
        const uint32_t *item = seek->item + seek->seen;
        if (count == 0)
            return 0;
        work->rows.count = 0;
        add_rows(factors, work, item, count);
        bring(factors, step, work, BRING_EACH);
        kernels->few_scores(&work->rows, &scores, factors->dim, score);
        uint32_t n = find_violator(score, count, seek->of_item, sign_of(step));
        if (n < count) {
            *violator = item[n];
            return seek->seen + n + 1;
        }
        seek->seen += count;
    }
}

/* [n]: of n draws, up to `last`. */
static const float *rank_weights(struct bare_habit *habit, uint32_t candidates, uint32_t last)
{
    if (habit->candidates != candidates)
        habit->weights = 0;
    habit->candidates = candidates;
    while (habit->weights < last) {
        habit->weights++;
        habit->weight[habit->weights] = loss_rank_weight(candidates, habit->weights);
    }
    return habit->weight;
}

/* The first few, and the step, as there is a violator among them most often. Gives how many it took
 * to it; 0: there is none. */
static uint32_t learn_first(struct factors *factors, struct bare_habit *habit,
                            const struct bare_step *step, struct seek *seek, struct bare_work *work)
{
    float score[KERNELS_FEW];
    const struct warp_form form = {sign_of(step), step->rate,
                                   rank_weights(habit, step->target.candidates, seek->drawn)};
    add_row(factors, work, step->draw->positive);
    add_rows(factors, work, seek->item, seek->drawn);
    give_next(step, work);
    uint32_t found = kernels->few_warp(&work->rows, &work->next, &form, factors->dim, score);
    work->brought += work->next.count;
    seek->seen = seek->drawn;
    seek->of_item = score[0];
    work->item[1] = work->item[found];
    return found;
}

/* Those after them, and the step. */
static uint32_t learn_later(struct factors *factors, struct bare_habit *habit,
                            const struct bare_step *step, struct seek *seek, struct bare_work *work)
{
    uint32_t violator, found = seek_violator(factors, step, seek, work, &violator);
    work->rows.count = 0;
    if (found == 0)
        return 0;
    float by = step->rate * rank_weights(habit, step->target.candidates, found)[found];
    const float gradient[KERNELS_FEW] = {-sign_of(step) * by, sign_of(step) * by};
    add_row(factors, work, step->draw->positive);
    add_row(factors, work, violator);
    kernels->few_step(&work->rows, gradient, factors->dim);
    return found;
}

static void learn_in_turn(struct factors *factors, struct bare_habit *habit,
                          const struct bare_step *step, struct bare_work *work)
{
    uint32_t some = bare_looks_at(habit, step->loss);
    struct seek seek;
    seek.tried = seek.drawn = seek.seen = 0;
    draw_to(factors, step, &seek, some < KERNELS_FEW ? some : KERNELS_FEW - 1);
    uint32_t found = learn_first(factors, habit, step, &seek, work);
    if (found == 0 && seek.seen > 0)
        found = learn_later(factors, habit, step, &seek, work);
    note_habit(habit, found == 0 ? losses[step->loss].negatives : found);
    bring(factors, step, work, step->next_count);
    if (found > 0)
        factors_mark_many(factors, work->item, 2);
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
