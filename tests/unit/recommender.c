/* The model as a whole: deterministic, forgetful when told, and it learns what it is shown. */
#include "model/recommender.h"
#include "model/kernels.h"
#include "model/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/model_memory.h"

static void assert_same_state(const struct recommender *a, const struct recommender *b)
{
    struct memory one = saved(a), other = saved(b);
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.bytes, other.bytes, one.size);
    free(one.bytes);
    free(other.bytes);
}

static struct recommender *fresh_with(const struct recommender_settings *settings)
{
    struct recommender *model;
    struct error error;
    assert_int_equal(recommender_create(settings, &model, &error), STATUS_OK);
    return model;
}

static struct recommender *fresh(void)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    return fresh_with(&settings);
}

static enum verdict act_at(struct recommender *model, const char *user, const char *item,
                           const char *name, int64_t ts_ms)
{
    struct event event = {
        .user = text_of(user), .item = text_of(item), .name = text_of(name), .ts_ms = ts_ms};
    struct learned learned;
    enum verdict verdict = recommender_learn(model, &event, &learned);
    assert_int_equal(learned.status, STATUS_OK);
    return verdict;
}

static enum verdict act(struct recommender *model, const char *user, const char *item,
                        const char *name)
{
    return act_at(model, user, item, name, 1000000);
}

/* Event `n` of a made-up stream: two crowds with a taste of their own, some skips and likes. */
static void act_number(struct recommender *model, uint32_t n)
{
    static const char *const names[] = {"click", "play", "like", "skip", "view"};
    uint64_t bits = random_at(42, n);
    uint32_t user = random_below((uint32_t)bits, 60), crowd = user % 2;
    uint32_t item = 40 * crowd + random_below((uint32_t)(bits >> 32), 40);
    char user_id[16], item_id[16];
    snprintf(user_id, sizeof user_id, "u%u", user);
    snprintf(item_id, sizeof item_id, "i%u", item);
    act_at(model, user_id, item_id, names[random_at(43, n) % 5], 1000000 + 5000 * (int64_t)n);
}

static void list_of(const struct recommender *model, const char *user, uint32_t size,
                    struct list *list)
{
    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(
        recommender_query(model, query, recommender_find_user(model, text_of(user)), 2000000),
        STATUS_OK);
    recommender_top(model, query, size, list);
    query_destroy(query);
}

static bool holds(const struct list *list, const char *item)
{
    for (uint32_t n = 0; n < list->size; n++)
        if (text_equal(list->at[n].item, text_of(item)))
            return true;
    return false;
}

/* ---- */

static void equal_events_give_equal_states(void **state)
{
    (void)state;
    struct recommender *a = fresh(), *b = fresh();
    for (uint32_t n = 0; n < 2000; n++) {
        act_number(a, n);
        act_number(b, n);
    }
    assert_same_state(a, b);
    act_number(b, 2000);
    struct memory one = saved(a), other = saved(b);
    assert_false(one.size == other.size && memcmp(one.bytes, other.bytes, one.size) == 0);
    free(one.bytes);
    free(other.bytes);
    recommender_destroy(a);
    recommender_destroy(b);
}

static void every_kernel_gives_the_same_state(void **state)
{
    (void)state;
    struct recommender *best = fresh();
    for (uint32_t n = 0; n < 1000; n++)
        act_number(best, n);
    for (enum kernel_choice choice = KERNEL_PLAIN; choice <= KERNEL_AVX512; choice++) {
        if (!kernels_choose(choice))
            continue;
        struct recommender *other = fresh();
        for (uint32_t n = 0; n < 1000; n++)
            act_number(other, n);
        assert_same_state(best, other);
        recommender_destroy(other);
    }
    kernels_choose(KERNEL_BEST);
    recommender_destroy(best);
}

static void a_restart_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    struct recommender *straight = fresh(), *restarted = fresh();
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    for (uint32_t n = 0; n < 3000; n++) {
        act_number(straight, n);
        act_number(restarted, n);
        if (n % 500 == 77) {
            if (n % 1000 == 77)
                act(straight, "u3", "x", "forget"), act(restarted, "u3", "x", "forget");
            struct memory memory = saved(restarted);
            struct error error;
            recommender_destroy(restarted);
            assert_int_equal(recommender_load(&settings, &memory.reader, &restarted, &error),
                             STATUS_OK);
            assert_int_equal(memory.at, memory.size);
            free(memory.bytes);
        }
    }
    assert_same_state(straight, restarted);
    recommender_destroy(straight);
    recommender_destroy(restarted);
}

static void a_cut_snapshot_is_refused(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    for (uint32_t n = 0; n < 300; n++)
        act_number(model, n);
    struct memory memory = saved(model);
    size_t whole = memory.size;
    for (size_t size = 0; size < whole; size += 997) {
        struct recommender *read = NULL;
        struct error error;
        memory.size = size;
        memory.at = 0;
        assert_int_not_equal(recommender_load(NULL, &memory.reader, &read, &error), STATUS_OK);
        assert_null(read);
    }
    free(memory.bytes);
    recommender_destroy(model);
}

static void other_settings_are_refused_by_name(void **state)
{
    (void)state;
    struct recommender *model = fresh(), *read;
    struct memory memory = saved(model);
    struct recommender_settings other;
    recommender_settings_init(&other);
    other.dim = 32;
    signals_set(&other.signals, "click", 2.0f);
    struct error error;
    assert_int_equal(recommender_load(&other, &memory.reader, &read, &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "model.dim"));
    assert_non_null(strstr(error.text, "signals"));
    assert_null(strstr(error.text, "model.seed"));
    free(memory.bytes);
    recommender_destroy(model);
}

static void lists_leave_out_what_they_must(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    const char *items[] = {"a", "b", "c", "d", "e"};
    for (int n = 0; n < 5; n++)
        act(model, "other", items[n], "click");
    act(model, "me", "a", "click");
    act(model, "me", "b", "view");
    act(model, "me", "c", "skip");
    act(model, "me", "d", "dislike");
    struct list list;
    list_of(model, "me", 10, &list);
    assert_int_equal(list.size, 1);
    assert_true(holds(&list, "e"));
    list_of(model, "stranger", 10, &list);
    assert_int_equal(list.size, 5);
    list_of(model, "stranger", 2, &list);
    assert_int_equal(list.size, 2);
    recommender_destroy(model);
}

static void what_was_just_consumed_is_hidden_even_with_repeats(void **state)
{
    (void)state;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.exclude_days = HAVE_NEVER;
    struct recommender *model = fresh_with(&settings);
    act(model, "me", "a", "click");
    act(model, "me", "b", "click");
    act(model, "me", "c", "click");
    struct list list;
    list_of(model, "me", 10, &list);
    assert_true(holds(&list, "a") && holds(&list, "b"));
    assert_false(holds(&list, "c"));
    recommender_destroy(model);
}

static bool lists_item(const struct list *list, uint32_t from, const char *id)
{
    for (uint32_t n = from; n < list->size; n++)
        if (text_equal(list->at[n].item, text_of(id)))
            return true;
    return false;
}

static void what_nobody_wanted_yet_ends_short_lists_and_is_no_candidate(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    act(model, "x", "b", "view");
    act(model, "x", "c", "skip");
    act(model, "y", "d", "dislike");
    act(model, "x", "a", "click");
    struct list list;
    list_of(model, "stranger", 10, &list);
    assert_int_equal(list.size, 4);
    assert_true(text_equal(list.at[0].item, text_of("a")));
    assert_true(lists_item(&list, 1, "b") && lists_item(&list, 1, "c") &&
                lists_item(&list, 1, "d"));
    for (uint32_t n = 1; n < list.size; n++)
        assert_true(list.at[n].score <= list.at[n - 1].score);
    assert_true(list.at[1].score < list.at[0].score);

    list_of(model, "stranger", 2, &list); /* no more than asked for, candidates first */
    assert_int_equal(list.size, 2);
    assert_true(text_equal(list.at[0].item, text_of("a")));
    list_of(model, "x", 10, &list); /* nothing of one's own */
    assert_int_equal(list.size, 1);
    assert_true(text_equal(list.at[0].item, text_of("d")));

    struct query *query;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, SLOT_NONE, 1000), STATUS_OK);
    assert_int_equal(recommender_rank(model, query, recommender_find_item(model, text_of("a"))), 1);
    assert_int_equal(recommender_rank(model, query, recommender_find_item(model, text_of("b"))), 0);
    query_destroy(query);
    recommender_destroy(model);
}

/* Of 20 items for two newcomers of different crowds: how many are of their own crowd. */
static uint32_t told_apart(const struct recommender_settings *settings)
{
    struct recommender *model = fresh_with(settings);
    for (uint32_t n = 0; n < 4000; n++)
        act_number(model, n);
    for (int n = 0; n < 3; n++) { /* two newcomers, one of each crowd */
        char item[8];
        snprintf(item, sizeof item, "i%d", n);
        act(model, "even", item, "click");
        snprintf(item, sizeof item, "i%d", 40 + n);
        act(model, "odd", item, "click");
    }
    struct list list;
    uint32_t right = 0;
    list_of(model, "even", 10, &list);
    for (uint32_t n = 0; n < list.size; n++)
        right += atoi(list.at[n].item.at + 1) < 40;
    list_of(model, "odd", 10, &list);
    for (uint32_t n = 0; n < list.size; n++)
        right += atoi(list.at[n].item.at + 1) >= 40;
    recommender_destroy(model);
    return right;
}

static void tastes_are_told_apart(void **state)
{
    (void)state;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    for (int loss = 0; loss < LOSSES; loss++) {
        settings.loss = (enum loss_id)loss;
        assert_true(told_apart(&settings) >= 18);
    }
}

static void each_part_tells_tastes_apart_alone(void **state)
{
    (void)state;
    static const enum part_id alone[] = {PART_TOWER,       PART_FACTORS,    PART_HISTORY, PART_LAST,
                                         PART_TRANSITIONS, PART_NEIGHBOURS, PART_PEERS};
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    for (size_t n = 0; n < sizeof alone / sizeof alone[0]; n++) {
        memset(settings.part, 0, sizeof settings.part);
        settings.part[alone[n]] = 1.0f;
        uint32_t right = told_apart(&settings);
        if (right < 16)
            fail_msg("model.%s alone: %u of 20", model_parts[alone[n]]->name, right);
    }
    memset(settings.part, 0, sizeof settings.part); /* can fail: popularity knows no crowds */
    settings.part[PART_POPULARITY] = 1.0f;
    assert_true(told_apart(&settings) < 16);
}

static void a_repeated_id_counts_once(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    struct event event = {.user = text_of("u"),
                          .item = text_of("i"),
                          .name = text_of("click"),
                          .id = text_of("17"),
                          .ts_ms = 1000};
    struct learned learned;
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_REPEATED);
    assert_int_equal(recommender_count(model).events, 1);
    event.id = text_of("18");
    assert_int_equal(recommender_learn(model, &event, &learned), VERDICT_ACCEPTED);
    recommender_destroy(model);
}

static void forget_leaves_no_trace_of_the_name(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    act(model, "somebody-remarkable", "a", "click");
    act(model, "u", "b", "click");
    act(model, "somebody-remarkable", "", "forget");
    assert_int_equal(recommender_find_user(model, text_of("somebody-remarkable")), SLOT_NONE);
    assert_int_equal(recommender_count(model).users, 1);
    struct memory memory = saved(model);
    assert_null(memmem(memory.bytes, memory.size, "remarkable", 10));
    free(memory.bytes);
    act(model, "another", "b", "click");
    assert_int_equal(
        recommender_user_wanted(model, recommender_find_user(model, text_of("another"))), 1);
    recommender_destroy(model);
}

static void rank_and_top_agree(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    for (uint32_t n = 0; n < 1500; n++)
        act_number(model, n);
    struct query *query;
    struct list list;
    assert_int_equal(query_create(model, &query), STATUS_OK);
    assert_int_equal(recommender_query(model, query, SLOT_NONE, 9000000), STATUS_OK);
    recommender_top(model, query, 20, &list);
    for (uint32_t n = 0; n < list.size; n++) {
        assert_int_equal(recommender_rank(model, query, list.at[n].slot), n + 1);
        float score = recommender_score(model, query, list.at[n].slot);
        assert_memory_equal(&score, &list.at[n].score, sizeof score);
        assert_true(n == 0 || list.at[n].score <= list.at[n - 1].score);
    }
    query_destroy(query);
    recommender_destroy(model);
}

static void a_user_remembers_a_bounded_number_of_items(void **state)
{
    (void)state;
    struct recommender *model = fresh();
    char item[16];
    for (int n = 0; n < 6000; n++) {
        snprintf(item, sizeof item, "%d", n);
        act(model, "u", item, "view");
    }
    uint32_t slots[8192];
    uint32_t user = recommender_find_user(model, text_of("u"));
    uint32_t had = recommender_had_items(model, user, 2000000, slots, 8192);
    assert_true(had <= 4096 && had >= 3072);
    assert_true(
        recommender_has(model, user, recommender_find_item(model, text_of("5999")), 2000000));
    recommender_destroy(model);
}

/* Many users and items under a limit: it holds, restarts do not matter, the active ones stay. */
static void a_limit_is_kept_and_restarts_do_not_matter(void **state)
{
    (void)state;
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.memory_limit = 16u << 20;
    settings.dedupe_ids = 1000;
    struct recommender *straight = fresh_with(&settings), *restarted = fresh_with(&settings);
    for (uint32_t n = 0; n < 40000; n++) {
        char user[16], item[16];
        snprintf(user, sizeof user, "u%u", n % 4 == 0 ? 7 : n / 2);
        snprintf(item, sizeof item, "i%u", n % 3 == 0 ? n % 50 : n / 4);
        act_at(straight, user, item, "click", 1000 * (int64_t)n);
        act_at(restarted, user, item, "click", 1000 * (int64_t)n);
        if (n % 9000 == 8999) {
            struct memory memory = saved(restarted);
            struct error error;
            recommender_destroy(restarted);
            assert_int_equal(recommender_load(&settings, &memory.reader, &restarted, &error),
                             STATUS_OK);
            free(memory.bytes);
        }
        if (n % 64 == 0)
            assert_true(recommender_count(straight).memory_bytes <= settings.memory_limit);
    }
    assert_same_state(straight, restarted);
    assert_true(recommender_count(straight).evicted_users > 1000);
    assert_true(recommender_count(straight).evicted_items > 1000);
    assert_true(recommender_find_user(straight, text_of("u7")) != SLOT_NONE);
    assert_true(recommender_find_item(straight, text_of("i9")) != SLOT_NONE);
    assert_int_equal(recommender_find_user(straight, text_of("u100")), SLOT_NONE);
    struct list list;
    list_of(straight, "u7", 100, &list);
    assert_int_equal(list.size, 100);
    for (uint32_t n = 0; n < list.size; n++)
        assert_true(list.at[n].item.size > 0);
    recommender_destroy(straight);
    recommender_destroy(restarted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_events_give_equal_states),
        cmocka_unit_test(every_kernel_gives_the_same_state),
        cmocka_unit_test(a_restart_in_the_middle_changes_nothing),
        cmocka_unit_test(a_cut_snapshot_is_refused),
        cmocka_unit_test(other_settings_are_refused_by_name),
        cmocka_unit_test(lists_leave_out_what_they_must),
        cmocka_unit_test(what_was_just_consumed_is_hidden_even_with_repeats),
        cmocka_unit_test(what_nobody_wanted_yet_ends_short_lists_and_is_no_candidate),
        cmocka_unit_test(tastes_are_told_apart),
        cmocka_unit_test(each_part_tells_tastes_apart_alone),
        cmocka_unit_test(a_repeated_id_counts_once),
        cmocka_unit_test(forget_leaves_no_trace_of_the_name),
        cmocka_unit_test(rank_and_top_agree),
        cmocka_unit_test(a_user_remembers_a_bounded_number_of_items),
        cmocka_unit_test(a_limit_is_kept_and_restarts_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
