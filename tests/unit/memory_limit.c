/* What model.memory_limit bounds: not what is counted, but what the process really takes. */
#include "daemon/publication.h"
#include "daemon/ranker.h"
#include "daemon/related.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED true /* takes memory of its own */
#elif defined(__has_feature)
#define WATCHED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define WATCHED false
#endif

enum { LIMIT = 128 << 20, FEW = 1000, LET_GO = 40000, NEIGHBOURS = 20 };

/* Memory comes in pages of 2 MB, of which each table has one that is partly empty. */
enum { BESIDE = 4 << 20 };

static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

struct daemon {
    struct recommender *model;
    struct ranker *ranker;
    struct publication *lists, *similar;
    struct related *related;
};

static void begin(struct daemon *daemon)
{
    struct recommender_settings settings;
    recommender_settings_init(&settings);
    settings.memory_limit = LIMIT;
    assert_int_equal(recommender_create(&settings, &daemon->model, NULL), STATUS_OK);
    assert_int_equal(ranker_create(daemon->model, 1, &daemon->ranker, NULL), STATUS_OK);
    assert_int_equal(publication_create(&daemon->lists), STATUS_OK);
    assert_int_equal(publication_create(&daemon->similar), STATUS_OK);
    assert_int_equal(related_create(NEIGHBOURS, &daemon->related), STATUS_OK);
}

static void end(struct daemon *daemon)
{
    related_destroy(daemon->related);
    publication_destroy(daemon->similar);
    publication_destroy(daemon->lists);
    ranker_destroy(daemon->ranker);
    recommender_destroy(daemon->model);
}

/* What the daemon keeps of whom an event is about. */
static void remember(struct daemon *daemon, const struct learned *learned)
{
    static const uint32_t slots[NEIGHBOURS];
    assert_int_equal(publication_touch(daemon->lists, learned->user, 1, 0, 0), STATUS_OK);
    assert_int_equal(publication_touch(daemon->similar, learned->item, 1, 0, 0), STATUS_OK);
    assert_int_equal(related_put(daemon->related, learned->item, 1, 1, slots, NEIGHBOURS),
                     STATUS_OK);
}

static void click(struct daemon *daemon, uint32_t n, uint32_t user_number, uint32_t item_number)
{
    char user[16], item[16];
    snprintf(user, sizeof user, "u%u", user_number);
    snprintf(item, sizeof item, "i%u", item_number);
    struct event event = {.user = text_of(user),
                          .item = text_of(item),
                          .name = text_of("click"),
                          .ts_ms = 1000 * (int64_t)n};
    struct learned learned;
    assert_int_equal(recommender_learn(daemon->model, &event, &learned), VERDICT_ACCEPTED);
    remember(daemon, &learned);
}

/* New ones all the time, who come twice, among a few who stay. */
static void act(struct daemon *daemon, uint32_t n, bool new_items)
{
    if (new_items)
        click(daemon, n, n % FEW, n / 2);
    else
        click(daemon, n, n / 2, n % FEW);
}

static uint64_t evicted(const struct daemon *daemon)
{
    struct recommender_counts counts = recommender_count(daemon->model);
    return counts.evicted_users + counts.evicted_items;
}

/* Lists are ranked in between, as much of ranking has memory of its own. */
static void stays_under(bool new_items)
{
    static struct list list;
    struct daemon daemon;
    begin(&daemon);
    size_t before = resident_bytes(), most = 0;
    for (uint32_t n = 0; evicted(&daemon) < LET_GO; n++) {
        act(&daemon, n, new_items);
        if (n % 4096 != 0)
            continue;
        uint32_t user = recommender_find_user(daemon.model, text_of(new_items ? "u1" : "u0"));
        if (user != SLOT_NONE)
            assert_int_equal(ranker_rank(daemon.ranker, &user, 1, 0, 100, false, &list), STATUS_OK);
        size_t now = resident_bytes() - before;
        most = now > most ? now : most;
    }
    if (!WATCHED && most > LIMIT + BESIDE)
        fail_msg("%zu MB, of %d", most >> 20, LIMIT >> 20);
    end(&daemon);
}

static void many_users_stay_under_it(void **state)
{
    (void)state;
    stays_under(false);
}

static void many_items_stay_under_it(void **state)
{
    (void)state;
    stays_under(true);
}

/* Users come twice, with few items; then half of them do more, with ever new items. */
static void act_in_turn(struct daemon *daemon, uint32_t n, uint32_t users)
{
    if (n < 2 * users)
        click(daemon, n, n / 2, n % FEW);
    else
        click(daemon, n, users - 1 - n % (users / 2), n / 3);
}

/* Empty places may take a tenth. */
static void items_that_follow_users_stay_under_it(void **state)
{
    enum { AT_FIRST = 200000, THEN = 400000 };
    (void)state;
    struct daemon daemon;
    begin(&daemon);
    size_t before = resident_bytes(), most = 0;
    for (uint32_t n = 0; n < 2 * AT_FIRST + THEN; n++) {
        act_in_turn(&daemon, n, AT_FIRST);
        size_t now = n % 4096 == 0 ? resident_bytes() - before : 0;
        most = now > most ? now : most;
    }
    struct recommender_counts counts = recommender_count(daemon.model);
    assert_in_range(counts.items, 5000, 100000);
    assert_in_range(counts.users, AT_FIRST / 8, AT_FIRST);
    if (!WATCHED && most > LIMIT + LIMIT / 10 + BESIDE)
        fail_msg("%zu MB, of %d", most >> 20, LIMIT >> 20);
    end(&daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_users_stay_under_it),
        cmocka_unit_test(many_items_stay_under_it),
        cmocka_unit_test(items_that_follow_users_stay_under_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
