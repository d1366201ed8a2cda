/* Explicit ratings: predicted on their scale, remembered, erased. */
#include "model/ratings.h"
#include "model/kernels.h"
#include "model/rating_baselines.h"
#include "model/recommender.h"

#include "tests/unit/small_stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct recommender *new_model(const struct recommender_settings *settings)
{
    struct recommender *model = NULL;
    assert_int_equal(recommender_create(settings, &model, NULL), STATUS_OK);
    return model;
}

static struct recommender *default_model(void)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    return new_model(&settings);
}

static void learn(struct recommender *model, const struct event *event)
{
    struct learned learned;
    assert_int_equal(recommender_learn(model, event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static void rate(struct recommender *model, const char *user, const char *item, double value,
                 int64_t ts_ms)
{
    learn(model, &(struct event){.user = text_of(user),
                                 .item = text_of(item),
                                 .name = text_of("rating"),
                                 .ts_ms = ts_ms,
                                 .value = value,
                                 .has_value = true});
}

static void do_plainly(struct recommender *model, const char *user, const char *item,
                       const char *name)
{
    learn(model, &(struct event){.user = text_of(user),
                                 .item = text_of(item),
                                 .name = text_of(name),
                                 .ts_ms = 1700000000000});
}

static float predicted(const struct recommender *model, const char *user, const char *item)
{
    float rating = NAN;
    assert_true(recommender_predict_rating(model, recommender_find_user(model, text_of(user)),
                                           recommender_find_item(model, text_of(item)),
                                           recommender_latest_ms(model), &rating));
    return rating;
}

static void before_the_first_rating_there_is_none(void **state)
{
    (void)state;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    struct recommender *with = new_model(&settings);
    settings.part[PART_RATINGS] = 0.0f;
    struct recommender *without = new_model(&settings);
    for (int n = 0; n < 3000; n++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", n);
        do_plainly(with, user, "a", "click");
        do_plainly(without, user, "a", "click");
    }
    float rating;
    assert_false(recommender_predict_rating(with, 0, 0, 0, &rating));
    assert_true(recommender_count(with).memory_bytes <
                recommender_count(without).memory_bytes + 1024);
    rate(with, "u1", "a", 4, 1700000000000);
    rate(without, "u1", "a", 4, 1700000000000);
    assert_true(recommender_predict_rating(with, 0, 0, 0, &rating));
    assert_false(recommender_predict_rating(without, 0, 0, 0, &rating));
    recommender_destroy(with);
    recommender_destroy(without);
}

/* The textbook's example: U1 and U3 like B, U2 and U3 like C, nobody likes D. */
static void the_textbook_matrix_is_filled(void **state)
{
    (void)state;
    struct recommender *model = default_model();
    rate(model, "U1", "A", 5, 1700000001000);
    rate(model, "U1", "B", 4, 1700000002000);
    rate(model, "U2", "A", 3, 1700000003000);
    rate(model, "U2", "C", 4, 1700000004000);
    rate(model, "U2", "D", 2, 1700000005000);
    rate(model, "U3", "B", 5, 1700000006000);
    rate(model, "U3", "C", 5, 1700000007000);
    static const char *const unknown[5][2] = {
        {"U1", "C"}, {"U1", "D"}, {"U2", "B"}, {"U3", "A"}, {"U3", "D"}};
    for (int n = 0; n < 5; n++) {
        float rating = predicted(model, unknown[n][0], unknown[n][1]), known;
        assert_true(rating >= 0.5f && rating <= 5.0f);
        assert_false(
            recommender_known_rating(model, recommender_find_user(model, text_of(unknown[n][0])),
                                     recommender_find_item(model, text_of(unknown[n][1])), &known));
    }
    assert_true(predicted(model, "U1", "C") > predicted(model, "U1", "D") + 0.25f);
    assert_true(predicted(model, "U3", "A") > predicted(model, "U3", "D") + 0.25f);
    assert_true(predicted(model, "U2", "B") > 3.0f);
    assert_true(predicted(model, "U3", "A") > predicted(model, "U2", "A"));
    recommender_destroy(model);
}

static void the_last_rating_is_remembered_until_forgotten(void **state)
{
    (void)state;
    struct recommender *model = default_model();
    float rating;
    rate(model, "u", "a", 0.5, 1700000000000);
    rate(model, "u", "b", 5, 1700000001000);
    rate(model, "u", "a", 3.5, 1700000002000);
    rate(model, "v", "a", 2, 1700000003000);
    do_plainly(model, "u", "a", "click");
    uint32_t user = recommender_find_user(model, text_of("u"));
    assert_true(recommender_known_rating(model, user, 0, &rating));
    assert_float_equal(rating, 3.5f, 4.5f / 254);
    assert_true(recommender_known_rating(model, user, 1, &rating));
    assert_true(rating == 5.0f);
    assert_true(predicted(model, "u", "a") > predicted(model, "v", "a"));
    float stranger = predicted(model, "nobody", "a");
    assert_true(predicted(model, "u", "a") != stranger);
    learn(model, &(struct event){.user = text_of("u"), .name = text_of("forget")});
    assert_true(predicted(model, "u", "a") == stranger);
    do_plainly(model, "w", "b", "click"); /* takes the slot */
    assert_int_equal(recommender_find_user(model, text_of("w")), user);
    assert_false(recommender_known_rating(model, user, 1, &rating));
    assert_true(predicted(model, "w", "a") == stranger);
    recommender_destroy(model);
}

static double normal(uint64_t key)
{
    double sum = -6.0;
    for (uint64_t n = 0; n < 12; n++)
        sum += (double)(small_random(key * 12 + n) >> 11) * 0x1p-53;
    return sum;
}

/* Where nothing is to be found, whole stars at random. */
static double random_rating(uint64_t user, uint64_t item, uint64_t n)
{
    (void)user;
    (void)item;
    return (double)(small_random(n + 99) % 5) / 4;
}

/* What somebody with a hidden taste of two dimensions would rate, on a scale from 0 to 1. */
static double hidden_rating(uint64_t user, uint64_t item, uint64_t n)
{
    double sum = 0.6 + 0.08 * normal(100000 + user) + 0.08 * normal(200000 + item);
    for (uint64_t d = 1; d <= 2; d++)
        sum += 0.12 * normal(300000 * d + user) * normal(1000000 * d + item);
    sum += 0.08 * normal(5000000 + n);
    return sum < 0 ? 0 : sum > 1 ? 1 : sum;
}

struct errors {
    double model, baseline[RATING_BASELINES];
    uint32_t count;
};

/* 60 users rate 80 items, twice each at most, on a scale from `low` to `high`. */
static struct errors errors_on(double (*rating)(uint64_t, uint64_t, uint64_t), double low,
                               double high, float *last)
{
    struct recommender_settings settings;
    struct rating_baselines *baselines;
    struct errors errors = {0};
    recommender_settings_init(&settings);
    settings.signals.scale_low = (float)low;
    settings.signals.scale_high = (float)high;
    struct recommender *model = new_model(&settings);
    assert_int_equal(rating_baselines_create(&settings.signals, &baselines), STATUS_OK);
    for (uint64_t n = 0; n < 6000; n++) {
        char user[16], item[16];
        uint64_t u = small_random(n) % 60, i = small_random(n + 7777777) % 80;
        double value = low + (high - low) * rating(u, i, n);
        snprintf(user, sizeof user, "u%u", (unsigned)u);
        snprintf(item, sizeof item, "i%u", (unsigned)i);
        uint32_t user_slot = recommender_find_user(model, text_of(user));
        uint32_t item_slot = recommender_find_item(model, text_of(item));
        float baseline[RATING_BASELINES];
        int64_t ts_ms = 1700000000000 + (int64_t)n * 600000;
        if (recommender_predict_rating(model, user_slot, item_slot, ts_ms, last) && n >= 2000) {
            assert_true(*last >= (float)low && *last <= (float)high);
            rating_baselines_predict(baselines, user_slot, item_slot, baseline);
            errors.model += pow(((double)*last - value) / (high - low), 2);
            for (int b = 0; b < RATING_BASELINES; b++)
                errors.baseline[b] += pow(((double)baseline[b] - value) / (high - low), 2);
            errors.count++;
        }
        rate(model, user, item, value, ts_ms);
        assert_int_equal(
            rating_baselines_learn(baselines, recommender_find_user(model, text_of(user)),
                                   recommender_find_item(model, text_of(item)), (float)value),
            STATUS_OK);
    }
    rating_baselines_destroy(baselines);
    recommender_destroy(model);
    return errors;
}

static void hidden_tastes_are_found_on_any_scale(void **state)
{
    (void)state;
    static const double scales[3][2] = {{0.5, 5}, {0, 100}, {-1, 1}};
    for (int s = 0; s < 3; s++) {
        float last;
        struct errors errors = errors_on(hidden_rating, scales[s][0], scales[s][1], &last);
        double rmse = sqrt(errors.model / errors.count);
        double biased_mf = sqrt(errors.baseline[RATING_BIASED_MF] / errors.count);
        double mean = sqrt(errors.baseline[RATING_MEAN] / errors.count);
        assert_true(biased_mf < mean);
        assert_true(rmse < biased_mf);
        assert_true(rmse < 0.14); /* more than half way to the noise, 0.08 */
    }
}

static void noise_is_met_with_the_mean(void **state)
{
    (void)state;
    float last;
    struct errors errors = errors_on(random_rating, 0.5, 5, &last);
    assert_true(errors.model < 1.03 * errors.baseline[RATING_MEAN]);
    assert_true(errors.model < errors.baseline[RATING_BIASED_MF]);
}

/* Somebody who changes their mind for ever, and one item that everybody disagrees on. */
static void no_stream_breaks_the_arithmetic(void **state)
{
    (void)state;
    struct recommender *model = default_model();
    for (int n = 0; n < 40000; n++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", n % 4 == 0 ? n % 1000 : 1);
        rate(model, user, n % 3 == 0 ? "b" : "a", n % 2 == 0 ? 5 : 0.5, 1700000000000 + n % 7);
    }
    for (int n = 0; n < 1000; n++) /* then all agree */
        rate(model, "u1", "a", 5, 1800000000000 + (int64_t)n * 86400000);
    float mixed = predicted(model, "u1", "b"), agreed = predicted(model, "u1", "a");
    assert_true(mixed >= 0.5f && mixed <= 5.0f);
    assert_true(agreed > 4.5f && agreed <= 5.0f);
    recommender_destroy(model);
}

static void every_kernel_predicts_the_same_bits(void **state)
{
    (void)state;
    float best, plain, avx2;
    errors_on(hidden_rating, 0.5, 5, &best);
    assert_true(kernels_choose(KERNEL_PLAIN));
    errors_on(hidden_rating, 0.5, 5, &plain);
    assert_memory_equal(&best, &plain, sizeof best);
    if (kernels_choose(KERNEL_AVX2)) {
        errors_on(hidden_rating, 0.5, 5, &avx2);
        assert_memory_equal(&best, &avx2, sizeof best);
    }
    assert_true(kernels_choose(KERNEL_BEST));
}

static void a_byte_holds_a_rating(void **state)
{
    (void)state;
    struct signals signals;
    signals_init(&signals);
    for (int quarter = 2; quarter <= 20; quarter++) {
        float rating = 0.25f * (float)quarter;
        uint8_t code = rating_code(&signals, rating);
        assert_true(code >= 1);
        assert_float_equal(rating_decode(&signals, code), rating, 0.5f * 4.5f / 254 + 1e-6f);
    }
    assert_true(rating_decode(&signals, rating_code(&signals, 0.5f)) == 0.5f);
    assert_true(rating_decode(&signals, rating_code(&signals, 5.0f)) == 5.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_rating_there_is_none),
        cmocka_unit_test(the_textbook_matrix_is_filled),
        cmocka_unit_test(the_last_rating_is_remembered_until_forgotten),
        cmocka_unit_test(hidden_tastes_are_found_on_any_scale),
        cmocka_unit_test(noise_is_met_with_the_mean),
        cmocka_unit_test(no_stream_breaks_the_arithmetic),
        cmocka_unit_test(every_kernel_predicts_the_same_bits),
        cmocka_unit_test(a_byte_holds_a_rating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
