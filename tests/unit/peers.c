/* Similar users: what one has is proposed to another, until the first is forgotten; kept exactly.
 */
#include "model/part.h"
#include "model/recommender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct recommender *fresh(void)
{
    struct recommender_settings settings;
    struct recommender *model = NULL;
    recommender_settings_init(&settings);
    assert_true(settings.part[PART_PEERS] == 0.0f); /* as model.peers says */
    for (int p = 0; p < PARTS; p++)
        settings.part[p] = p == PART_PEERS ? 1.0f : 0.0f;
    assert_int_equal(recommender_create(&settings, &model, NULL), STATUS_OK);
    return model;
}

static void tell(struct recommender *model, const char *user, const char *item, const char *name)
{
    struct learned learned;
    struct event event = {.user = text_of(user),
                          .item = text_of(item),
                          .name = text_of(name),
                          .ts_ms = 1700000000000};
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static float score(const struct recommender *model, const char *user, const char *item)
{
    struct query *query = NULL;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(
        recommender_query(model, query, recommender_find_user(model, text_of(user)), 1700000000000),
        STATUS_OK);
    float is = recommender_score(model, query, recommender_find_item(model, text_of(item)));
    query_destroy(query);
    return is;
}

static void peers_propose_until_forgotten(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    tell(model, "ann", "a", "click");
    tell(model, "ann", "b", "click");
    tell(model, "zoe", "c", "click");
    tell(model, "bob", "a", "click");
    assert_true(score(model, "bob", "b") > score(model, "bob", "c"));
    assert_true(score(model, "zoe", "b") == score(model, "zoe", "a"));
    tell(model, "ann", "", "forget");
    assert_true(score(model, "bob", "b") == score(model, "bob", "c"));
    tell(model, "cid", "b", "click"); /* may get ann's slot */
    assert_true(score(model, "bob", "b") == score(model, "bob", "c"));
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_propose_until_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
