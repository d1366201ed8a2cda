/* What was disliked: it ranks lower for who disliked it, and is gone with them. Ratings alone rank.
 */
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { USERS = 30, ITEMS = 20, ROUNDS = 60 };

static void tell(struct recommender *model, uint32_t user, uint32_t item, const char *name,
                 double value, int64_t ts_ms)
{
    char user_id[16], item_id[16];
    struct learned learned;
    snprintf(user_id, sizeof user_id, "u%u", user);
    snprintf(item_id, sizeof item_id, "i%u", item);
    struct event event = {.user = text_of(user_id),
                          .item = text_of(item_id),
                          .name = text_of(name),
                          .ts_ms = ts_ms,
                          .value = value,
                          .has_value = value > 0.0};
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static struct recommender *new_model(const struct recommender_settings *settings)
{
    struct recommender *model = NULL;
    assert_int_equal(recommender_create(settings, &model, NULL), STATUS_OK);
    return model;
}

static int64_t at(uint32_t n)
{
    return 1700000000000 + 600000 * (int64_t)n;
}

/* Each user dislikes one item, and wants all others again and again. */
static struct recommender *crowd_of_dislikers(float dislikes)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.exclude_days = HAVE_NEVER;
    settings.part[PART_DISLIKES] = dislikes;
    settings.part[PART_REPEATS] = 0.0f; /* which would tell them apart as well */
    struct recommender *model = new_model(&settings);
    uint32_t n = 0;
    for (uint32_t user = 0; user < USERS; user++)
        tell(model, user, user % ITEMS, "dislike", 0.0, at(n++));
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t user = 0; user < USERS; user++) {
            uint32_t item = (round * 7 + user * 3 + round * user) % ITEMS;
            tell(model, user, item == user % ITEMS ? (item + 1) % ITEMS : item, "click", 0.0,
                 at(n++));
        }
    return model;
}

static uint32_t rank_of(const struct recommender *model, const char *user, const char *item)
{
    struct query *query = NULL;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, recommender_find_user(model, text_of(user)),
                                       at(USERS * (ROUNDS + 1))),
                     STATUS_OK);
    uint32_t rank = recommender_rank(model, query, recommender_find_item(model, text_of(item)));
    query_destroy(query);
    return rank;
}

/* Summed over all users: the rank of what each of them disliked. */
static uint32_t ranks_of_disliked(const struct recommender *model)
{
    uint32_t sum = 0;
    for (uint32_t user = 0; user < USERS; user++) {
        char user_id[16], item_id[16];
        snprintf(user_id, sizeof user_id, "u%u", user);
        snprintf(item_id, sizeof item_id, "i%u", user % ITEMS);
        sum += rank_of(model, user_id, item_id);
    }
    return sum;
}

static void what_was_disliked_ranks_low(void **state)
{
    (void)state;
    struct recommender *with = crowd_of_dislikers(1.0f), *without = crowd_of_dislikers(0.0f);
    assert_true(ranks_of_disliked(with) > ranks_of_disliked(without) + 2 * USERS);
    recommender_destroy(with);
    recommender_destroy(without);
}

static void forget_user(struct recommender *model, uint32_t user)
{
    char user_id[16];
    struct learned learned;
    snprintf(user_id, sizeof user_id, "u%u", user);
    struct event forget = {
        .user = text_of(user_id), .name = text_of("forget"), .ts_ms = at(USERS * (ROUNDS + 1))};
    assert_int_equal(recommender_learn(model, &forget, &learned), VERDICT_ACCEPTED);
}

/* Of all users: what one of them would be shown first tells little. */
static void who_is_forgotten_dislikes_nothing(void **state)
{
    (void)state;
    struct recommender *model = crowd_of_dislikers(1.0f);
    uint32_t disliked = ranks_of_disliked(model);
    for (uint32_t user = 0; user < USERS; user++) {
        forget_user(model, user);
        tell(model, user, (user + 1) % ITEMS, "view", 0.0, at(USERS * (ROUNDS + 1)));
    }
    assert_true(ranks_of_disliked(model) < disliked);
    recommender_destroy(model);
}

static void ratings_alone_rank(void **state)
{
    (void)state;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    for (int p = 0; p < PARTS; p++)
        settings.part[p] = p == PART_RATINGS ? 1.0f : 0.0f;
    struct recommender *model = new_model(&settings);
    for (uint32_t n = 0; n < 2000; n++) { /* half of the items are rarely liked */
        uint32_t item = n % ITEMS, user = n / ITEMS;
        bool likes = item < 10 || (user + item) % 4 == 0;
        tell(model, user, item, "rating", likes ? 4.5 : 2.0, at(n));
    }
    uint32_t good = 0, bad = 0;
    for (uint32_t item = 0; item < ITEMS; item++) {
        char id[16];
        snprintf(id, sizeof id, "i%u", item);
        *(item < 10 ? &good : &bad) += rank_of(model, "somebody", id);
    }
    assert_true(good < bad);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_disliked_ranks_low),
        cmocka_unit_test(who_is_forgotten_dislikes_nothing),
        cmocka_unit_test(ratings_alone_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
