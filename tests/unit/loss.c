/* Each loss' gradient against finite differences of the loss as its source writes it. */
#include "model/loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* ---- the losses, as written; `s` are the scores of all samples drawn ---- */

static double softmax_p(const struct samples *samples, const double *s)
{
    double total = 0.0;
    for (uint32_t n = 0; n < samples->size; n++)
        total += exp(s[n]) / (double)samples->expected[n];
    return exp(s[0]) / total;
}

static double softmax(const struct loss_target *target, const struct samples *samples,
                      const double *s)
{
    double p = softmax_p(samples, s);
    return target->wanted ? -log(p) : -log(1.0 - p);
}

static double bpr(const struct loss_target *target, const struct samples *samples, const double *s)
{
    (void)samples;
    return -log(sigmoid(target->wanted ? s[0] - s[1] : s[1] - s[0]));
}

static double warp(const struct loss_target *target, const struct samples *samples, const double *s)
{
    double sign = target->wanted ? 1.0 : -1.0, weight = 0.0;
    uint32_t first = 1;
    while (first < samples->size && sign * (s[0] - s[first]) >= 1.0)
        first++;
    if (first == samples->size)
        return 0.0;
    for (uint32_t i = 1; i <= (target->candidates - 1) / first; i++)
        weight += 1.0 / i;
    return weight * (1.0 - sign * (s[0] - s[first]));
}

static double logistic(const struct loss_target *target, const struct samples *samples,
                       const double *s)
{
    if (!target->wanted)
        return -log(sigmoid(-s[0]));
    double loss = -log(sigmoid(s[0]));
    for (uint32_t n = 1; n < samples->size; n++)
        loss -= log(sigmoid(-s[n]));
    return loss;
}

static double squared(const struct loss_target *target, const struct samples *samples,
                      const double *s)
{
    double aim = target->rated ? (double)target->rating : target->wanted ? 1.0 : 0.0;
    double loss = (s[0] - aim) * (s[0] - aim) / 2.0;
    for (uint32_t n = 1; n < samples->size && target->wanted && !target->rated; n++)
        loss += s[n] * s[n] / 2.0;
    return loss;
}

static double (*const written[LOSSES])(const struct loss_target *, const struct samples *,
                                       const double *) = {
    [LOSS_SOFTMAX] = softmax,   [LOSS_BPR] = bpr,         [LOSS_WARP] = warp,
    [LOSS_LOGISTIC] = logistic, [LOSS_SQUARED] = squared,
};

/* ---- */

/* Samples of items 100, 101, … with scores far enough apart that no margin is near. */
static void make_samples(struct samples *samples, uint32_t negatives, double *scores)
{
    static const double some[] = {0.4, -1.3, 1.1, 0.2, -0.5, 2.3, 0.9, -0.1};
    memset(samples, 0, sizeof *samples);
    samples->size = (negatives < 7 ? negatives : 7) + 1;
    for (uint32_t n = 0; n < samples->size; n++) {
        samples->item[n] = 100 + n;
        samples->expected[n] = n == 0 ? 1.0f : 0.5f + 0.25f * (float)n;
        scores[n] = some[n];
        samples->factor_score[n] = (float)some[n];
    }
}

/* The gradient that came back for an item; 0 for those that were dropped. */
static double gradient_of(const struct samples *samples, uint32_t item)
{
    for (uint32_t n = 0; n < samples->size; n++)
        if (samples->item[n] == item)
            return (double)samples->gradient[n];
    return 0.0;
}

static void check(enum loss_id id, const struct loss_target *target, double first_score,
                  double tolerance)
{
    struct samples drawn, samples;
    double scores[SAMPLES_ROOM], step = 1e-6;
    make_samples(&drawn, losses[id].negatives, scores);
    scores[0] = first_score;
    drawn.factor_score[0] = (float)first_score;
    samples = drawn;
    losses[id].gradient(target, &samples);
    for (uint32_t n = 0; n < drawn.size; n++) {
        double at = scores[n];
        scores[n] = at + step;
        double above = written[id](target, &drawn, scores);
        scores[n] = at - step;
        double below = written[id](target, &drawn, scores);
        scores[n] = at;
        double numeric = (above - below) / (2.0 * step);
        double got = gradient_of(&samples, drawn.item[n]);
        if (id == LOSS_SOFTMAX && got == 0.0 && fabs(numeric) < (double)GRADIENT_LEAST)
            continue;
        if (fabs(got - numeric) > tolerance * (fabs(numeric) + 1e-3))
            fail_msg("%s: by score %u: %g, finite difference %g", losses[id].name, n, got, numeric);
    }
}

static void each_gradient_is_that_of_its_loss(void **state)
{
    (void)state;
    for (int id = 0; id < LOSSES; id++)
        for (int wanted = 0; wanted < 2; wanted++) {
            struct loss_target target = {.wanted = wanted == 1, .candidates = 3000};
            double tolerance = id == LOSS_WARP ? 0.01 : 1e-3; /* its sum of 1/i is rounded */
            check((enum loss_id)id, &target, 0.4, tolerance);
            check((enum loss_id)id, &target, -2.0, tolerance);
        }
}

static void a_rating_is_what_squared_aims_at(void **state)
{
    (void)state;
    struct loss_target target = {.rated = true, .rating = 0.75f};
    check(LOSS_SQUARED, &target, 0.4, 1e-3);
    target.wanted = true;
    check(LOSS_SQUARED, &target, 0.4, 1e-3);
}

static void warp_is_content_with_a_margin(void **state)
{
    (void)state;
    struct samples samples;
    double scores[SAMPLES_ROOM];
    make_samples(&samples, SAMPLES_MAX, scores);
    samples.factor_score[0] = 3.5f; /* more than 1 above every other */
    struct loss_target target = {.wanted = true, .candidates = 3000};
    losses[LOSS_WARP].gradient(&target, &samples);
    assert_int_equal(samples.size, 0);
}

/* The longer the search, the better the rank already is, and the smaller the step. */
static void warp_steps_by_the_rank(void **state)
{
    (void)state;
    double before = 1e9;
    for (uint32_t violator = 1; violator < 8; violator++) {
        struct samples samples = {.size = 8};
        for (uint32_t n = 1; n < 8; n++)
            samples.factor_score[n] = n == violator ? 0.0f : -5.0f;
        struct loss_target target = {.wanted = true, .candidates = 1000};
        losses[LOSS_WARP].gradient(&target, &samples);
        assert_int_equal(samples.size, 2);
        assert_true((double)samples.gradient[1] < before && samples.gradient[1] > 0.0f);
        before = (double)samples.gradient[1];
    }
}

static void without_a_negative_there_is_no_pair(void **state)
{
    (void)state;
    static const enum loss_id pairwise[] = {LOSS_BPR, LOSS_WARP};
    for (int n = 0; n < 2; n++) {
        struct samples samples = {.size = 1};
        struct loss_target target = {.wanted = true, .candidates = 1};
        losses[pairwise[n]].gradient(&target, &samples);
        assert_int_equal(samples.size, 0);
    }
}

static void scores_out_of_all_bounds_stay_finite(void **state)
{
    (void)state;
    for (int id = 0; id < LOSSES; id++)
        for (int sign = -1; sign <= 1; sign += 2) {
            struct samples samples;
            double scores[SAMPLES_ROOM];
            make_samples(&samples, losses[id].negatives, scores);
            samples.factor_score[0] = 1e6f * (float)sign;
            struct loss_target target = {.wanted = sign < 0, .candidates = 3000};
            losses[id].gradient(&target, &samples);
            for (uint32_t n = 0; n < samples.size; n++)
                assert_true(isfinite(samples.gradient[n]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gradient_is_that_of_its_loss),
        cmocka_unit_test(a_rating_is_what_squared_aims_at),
        cmocka_unit_test(warp_is_content_with_a_margin),
        cmocka_unit_test(warp_steps_by_the_rank),
        cmocka_unit_test(without_a_negative_there_is_no_pair),
        cmocka_unit_test(scores_out_of_all_bounds_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
