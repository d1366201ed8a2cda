/* Explanations: the terms are the score, the past items' shares are the terms that rest on them. */
#include "model/explanation.h"
#include "model/feature.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { USERS = 30, ITEMS = 60, EVENTS = 6000 };

static void learn(struct recommender *model, unsigned user, unsigned item, const char *name, int n)
{
    char u[16], i[16];
    struct learned learned;
    snprintf(u, sizeof u, "u%u", user);
    snprintf(i, sizeof i, "i%u", item);
    struct event event = {.user = text_of(u),
                          .item = text_of(i),
                          .name = text_of(name),
                          .ts_ms = 1000000000000 + n * 60000LL};
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
}

/* Users of two tastes, who mostly go from item to item + 2 of their kind. */
static struct recommender *taught(int32_t exclude_days)
{
    struct recommender_settings settings;
    struct recommender *model;
    uint64_t dice = 99;
    recommender_settings_init(&settings);
    settings.exclude_days = exclude_days;
    assert_int_equal(recommender_create(&settings, &model, NULL), STATUS_OK);
    for (int n = 0; n < EVENTS; n++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        unsigned user = (unsigned)(dice >> 40) % USERS;
        unsigned item =
            ((unsigned)n / USERS * 2 + (unsigned)(dice >> 20) % 6 * 2 + user % 2) % ITEMS;
        learn(model, user, item, (dice >> 33) % 10 == 0 ? "skip" : "play", n);
    }
    return model;
}

static struct explanation explained(const struct recommender *model, const char *user,
                                    const char *item)
{
    struct explanation explanation;
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_explain(model, query, recommender_find_user(model, text_of(user)),
                                         recommender_find_item(model, text_of(item)),
                                         recommender_latest_ms(model), &explanation),
                     STATUS_OK);
    query_destroy(query);
    return explanation;
}

static float share_of(const struct explanation *explanation, const char *name)
{
    for (uint32_t n = 0; n < explanation->terms; n++)
        if (strcmp(explanation->term[n].name, name) == 0)
            return explanation->term[n].share;
    return 0.0f;
}

static void check_sums(const struct explanation *e)
{
    float terms = 0.0f, vectors = 0.0f, counts = 0.0f;
    for (uint32_t n = 0; n < e->terms; n++) {
        assert_string_not_equal(e->term[n].name, "other"); /* each term has a name of its own */
        assert_float_equal(e->term[n].share, e->term[n].value * e->term[n].weight, 1e-6);
        terms += e->term[n].share;
    }
    assert_float_equal(terms, e->score, 1e-3f * (1.0f + fabsf(e->score)));
    for (uint32_t n = 0; n < e->items; n++) {
        vectors += e->item[n].vectors;
        counts += e->item[n].counts;
        assert_float_equal(e->item[n].share, e->item[n].vectors + e->item[n].counts, 1e-6);
    }
    assert_float_equal(vectors, share_of(e, "history") + share_of(e, "last item"), 1e-3);
    assert_float_equal(
        counts,
        share_of(e, "follows the last item") + share_of(e, "follows the two before") +
            share_of(e, "goes with the last item") + share_of(e, "goes with recent items") +
            share_of(e, "went with recent items"),
        1e-3);
}

static void test_terms_are_the_score(void **state)
{
    (void)state;
    int32_t rules[] = {HAVE_FOREVER, HAVE_NEVER};
    for (int r = 0; r < 2; r++) {
        struct recommender *model = taught(rules[r]);
        float counts = 0.0f;
        for (int n = 0; n < ITEMS; n++) {
            char item[16];
            snprintf(item, sizeof item, "i%d", n);
            struct explanation explanation = explained(model, "u4", item);
            check_sums(&explanation);
            assert_true(explanation.items > 0);
            assert_int_equal(explanation.has, explanation.rank == 0);
            counts += fabsf(explanation.item[0].counts);
        }
        assert_true(counts > 0.01f); /* something follows the last item */
        recommender_destroy(model);
    }
}

static void test_somebody_unknown(void **state)
{
    (void)state;
    struct recommender *model = taught(HAVE_NEVER);
    struct explanation explanation = explained(model, "nobody", "i3");
    check_sums(&explanation);
    assert_int_equal(explanation.items, 0);
    assert_true(share_of(&explanation, "popular now") != 0.0f);
    assert_true(explanation.rank >= 1 && explanation.rank <= ITEMS);
    recommender_destroy(model);
}

static void test_what_hides_an_item(void **state)
{
    (void)state;
    struct recommender *model = taught(HAVE_NEVER);
    learn(model, 4, 9, "dislike", EVENTS);
    learn(model, 4, 8, "play", EVENTS + 1);
    learn(model, 5, 1000, "view", EVENTS + 2);
    struct explanation explanation = explained(model, "u4", "i9");
    assert_true(explanation.unwanted && !explanation.has && !explanation.just_consumed);
    explanation = explained(model, "u4", "i8");
    assert_true(explanation.just_consumed && !explanation.unwanted);
    assert_int_equal(explanation.item[0].item, recommender_find_item(model, text_of("i8")));
    explanation = explained(model, "u4", "i1000");
    assert_true(explanation.never_wanted);
    assert_int_equal(explanation.rank, 0);
    check_sums(&explanation);
    recommender_destroy(model);
}

static void test_what_was_wanted_twice_counts_once(void **state)
{
    (void)state;
    struct recommender *model = taught(HAVE_NEVER);
    int n = EVENTS;
    for (int round = 0; round < 3; round++)
        for (unsigned item = 0; item < 4; item++)
            learn(model, USERS, item, "play", n++);
    learn(model, USERS, 1, "play", n++);
    struct explanation e = explained(model, "u30", "i8");
    const char *newest_first[] = {"i1", "i3", "i2", "i0"};
    assert_int_equal(e.items, 4);
    for (uint32_t k = 0; k < e.items; k++)
        assert_int_equal(e.item[k].item, recommender_find_item(model, text_of(newest_first[k])));
    recommender_destroy(model);
}

static void test_every_feature_has_a_name(void **state)
{
    (void)state;
    for (int f = 0; f < FEATURES; f++)
        assert_non_null(feature_names[f]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_feature_has_a_name),
        cmocka_unit_test(test_terms_are_the_score),
        cmocka_unit_test(test_somebody_unknown),
        cmocka_unit_test(test_what_was_wanted_twice_counts_once),
        cmocka_unit_test(test_what_hides_an_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
