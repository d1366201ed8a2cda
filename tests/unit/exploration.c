/* Places for items that few know: as many as asked for, the same each time, never what is hidden.
 */
#include "model/exploration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OLD = 100, NEW = 40, LIST = 50 };

static void tell(struct recommender *model, const char *user, uint32_t item, const char *name)
{
    char id[16];
    struct learned learned;
    snprintf(id, sizeof id, "%s%u", item < OLD ? "old" : "new", item);
    struct event event = {
        .user = text_of(user), .item = text_of(id), .name = text_of(name), .ts_ms = 1700000000000};
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(learned.status, STATUS_OK);
}

static void click(struct recommender *model, const char *user, uint32_t item)
{
    tell(model, user, item, "click");
}

/* Everybody knows the old items; each of the new ones was wanted once. */
static struct recommender *taught(void)
{
    struct recommender_settings settings;
    struct recommender *model = NULL;
    recommender_settings_init(&settings);
    assert_int_equal(recommender_create(&settings, &model, NULL), STATUS_OK);
    for (uint32_t n = 0; n < 40 * OLD; n++) {
        char user[16];
        snprintf(user, sizeof user, "u%u", n / OLD);
        click(model, user, n * 7 % OLD);
    }
    for (uint32_t item = OLD; item < OLD + NEW; item++)
        click(model, "scout", item);
    for (uint32_t n = 0; n < 20 * OLD; n++) {
        char user[16];
        snprintf(user, sizeof user, "v%u", n / OLD);
        click(model, user, n * 7 % OLD);
    }
    click(model, "ann", 3);
    click(model, "ann", 10);
    click(model, "ann", 17);
    tell(model, "ann", OLD + 5, "dislike");
    return model;
}

static void list_for_ann(const struct recommender *model, float share, struct list *list)
{
    struct query *query = NULL;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, recommender_find_user(model, text_of("ann")),
                                       1700000000000),
                     STATUS_OK);
    recommender_top(model, query, LIST, list);
    recommender_explore(model, query, share, list);
    query_destroy(query);
}

static void check_sound(const struct list *list)
{
    for (uint32_t n = 0; n < list->size; n++) {
        assert_false(list->at[n].item.size == 5 && memcmp(list->at[n].item.at, "new65", 5) == 0);
        for (uint32_t m = 0; m < n; m++)
            assert_int_not_equal(list->at[n].slot, list->at[m].slot);
        assert_true(n == 0 || list->at[n].score <= list->at[n - 1].score);
    }
}

static void new_items_get_their_share(void **state)
{
    (void)state;
    static struct list plain, explored, again;
    struct recommender *model = taught();
    list_for_ann(model, 0.0f, &plain);
    list_for_ann(model, 0.1f, &explored);
    list_for_ann(model, 0.1f, &again);
    assert_int_equal(explored.size, plain.size);
    uint32_t others = 0;
    for (uint32_t place = 9; place < LIST; place += 10) {
        assert_memory_equal(explored.at[place].item.at, "new", 3);
        others += explored.at[place].slot != plain.at[place].slot;
    }
    assert_true(others >= 3);
    assert_memory_equal(explored.at, plain.at, 9 * sizeof *plain.at);
    for (uint32_t n = 0; n < explored.size; n++)
        assert_int_equal(explored.at[n].slot, again.at[n].slot);
    check_sound(&explored);
    recommender_destroy(model);
}

static void others_after_the_next_event(void **state)
{
    (void)state;
    static struct list before, after;
    struct recommender *model = taught();
    list_for_ann(model, 0.5f, &before);
    click(model, "ann", 24);
    list_for_ann(model, 0.5f, &after);
    uint32_t changed = 0;
    for (uint32_t place = 1; place < LIST; place += 2)
        changed += before.at[place].slot != after.at[place].slot;
    assert_true(changed > LIST / 4);
    check_sound(&after);
    recommender_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_items_get_their_share),
        cmocka_unit_test(others_after_the_next_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
