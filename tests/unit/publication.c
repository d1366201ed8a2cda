#include "daemon/publication.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 7, DAY_S = 86400 };

static struct publication *make(int64_t refresh_ms)
{
    struct publication *publication = NULL;
    assert_int_equal(publication_create(&publication), STATUS_OK);
    publication_set_refresh(publication, refresh_ms);
    return publication;
}

static void touch(struct publication *publication, uint32_t user, int64_t event_ms, int64_t now_ms)
{
    publication_fetch(publication, user); /* as before every event: changes nothing */
    publication_fetch_beside(publication, user);
    assert_int_equal(publication_touch(publication, user, TAG, event_ms, now_ms), STATUS_OK);
}

/* Takes `user` on its way with a list of hash `hash`; the ticket. */
static uint64_t depart(struct publication *publication, uint32_t user, uint64_t hash,
                       enum publication_step expected, int64_t now_ms)
{
    struct publication_plan plan = publication_plan(publication, user, hash, DAY_S, now_ms / 1000);
    assert_int_equal(plan.step, expected);
    return publication_depart(publication, user, &plan, now_ms / 1000, now_ms);
}

static void one_list_for_many_events(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 3, 500, 1000);
    touch(publication, 3, 400, 1001);
    touch(publication, 3, 900, 1002);
    assert_int_equal(publication_waiting(publication), 1);
    assert_int_equal(publication_next(publication, 1002), 3);
    assert_int_equal(publication_next(publication, 1002), PUBLICATION_NOBODY);
    uint64_t ticket = depart(publication, 3, 55, STEP_WRITE, 1002);
    struct publication_arrival arrival = publication_arrive(publication, ticket, true, 1003);
    assert_int_equal(arrival.user, 3);
    assert_int_equal(arrival.oldest_event_ms, 400);
    assert_int_equal(publication_waiting(publication), 0);
    assert_true(publication_due_ms(publication) == PUBLICATION_NEVER);
    publication_destroy(publication);
}

static void nobody_before_refresh_is_over(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 1, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    publication_arrive(publication, depart(publication, 1, 55, STEP_WRITE, 1000), true, 1001);
    for (int i = 0; i < 100; i++)
        touch(publication, 1, 1, 1010);
    assert_true(publication_due_ms(publication) == 1100);
    assert_int_equal(publication_next(publication, 1099), PUBLICATION_NOBODY);
    assert_int_equal(publication_next(publication, 1100), 1);
    publication_destroy(publication);
}

static void stale_first_but_active_sooner(void **state)
{
    (void)state;
    struct publication *publication = make(0);
    touch(publication, 1, 1, 1000);
    touch(publication, 2, 1, 1010);
    touch(publication, 3, 1, 1020);
    for (int i = 0; i < 5; i++)
        touch(publication, 3, 1, 1020); /* 50 ms of head start: ahead of both */
    assert_int_equal(publication_next(publication, 1020), 3);
    assert_int_equal(publication_next(publication, 1020), 1);
    assert_int_equal(publication_next(publication, 1020), 2);
    publication_destroy(publication);
}

static void head_start_is_bounded(void **state)
{
    (void)state;
    struct publication *publication = make(0);
    touch(publication, 1, 1, 1000);
    for (int i = 0; i < 10000; i++)
        touch(publication, 2, 1, 2000);
    assert_int_equal(publication_next(publication, 2000), 1);
    publication_destroy(publication);
}

static void touched_in_flight_is_due_again(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    uint64_t ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    touch(publication, 1, 20, 1005);
    assert_int_equal(publication_waiting(publication), 0);
    assert_int_equal(publication_arrive(publication, ticket, true, 1010).oldest_event_ms, 10);
    assert_int_equal(publication_next(publication, 1100), 1);
    struct publication_plan plan = publication_plan(publication, 1, 55, DAY_S, 1);
    assert_int_equal(plan.step, STEP_KEEP);
    assert_int_equal(plan.version, 2);
    publication_settle(publication, 1, 1100);
    assert_int_equal(publication_next(publication, 9999), PUBLICATION_NOBODY);
    publication_destroy(publication);
}

static void failed_write_is_repeated_with_its_age(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    uint64_t ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    touch(publication, 1, 20, 1005);
    publication_arrive(publication, ticket, false, 1010);
    int64_t due = publication_due_ms(publication);
    assert_true(due == 1010 + PUBLICATION_RETRY_MS);
    assert_int_equal(publication_next(publication, due), 1);
    ticket = depart(publication, 1, 55, STEP_WRITE, due);
    assert_int_equal(publication_arrive(publication, ticket, true, due).oldest_event_ms, 10);
    /* An answer that comes twice changes nothing. */
    assert_int_equal(publication_arrive(publication, ticket, false, due).user, PUBLICATION_NOBODY);
    assert_int_equal(publication_waiting(publication), 0);
    assert_int_equal(publication_in_flight(publication), 0);
    publication_destroy(publication);
}

static void cancelled_is_as_before(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    publication_cancel(publication, depart(publication, 1, 55, STEP_WRITE, 1000));
    assert_int_equal(publication_next(publication, 1000), 1);
    publication_put_back(publication, 1);
    assert_int_equal(publication_next(publication, 1000), 1);
    publication_destroy(publication);
}

/* The store still holds the old list. */
static void cancelled_is_withdrawn_as_before(void **state)
{
    (void)state;
    struct publication *publication = make(0);
    publication_withdraw(publication, 1, 7, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    uint64_t ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    assert_int_equal(publication_withdrawn(publication), 0);
    publication_cancel(publication, ticket);
    assert_int_equal(publication_withdrawn(publication), 1);
    assert_true(publication_take_withdrawn(publication, 1));
    ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    publication_arrive(publication, ticket, false, 1001);
    assert_int_equal(publication_withdrawn(publication), 1);
    publication_drop(publication, 1);
    assert_int_equal(publication_withdrawn(publication), 0);
    publication_destroy(publication);
}

/* A list that goes without a new one answers none of the user's events. */
static void removed_is_due_as_before(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 900, 1000);
    publication_withdraw(publication, 1, 7, 1010);
    assert_true(publication_take_withdrawn(publication, 1));
    struct publication_plan plan = publication_plan_removal(publication, 1);
    assert_int_equal(plan.step, STEP_REMOVE);
    uint64_t ticket = publication_depart(publication, 1, &plan, 1, 1010);
    publication_due_again(publication, 1);
    struct publication_arrival arrival = publication_arrive(publication, ticket, true, 1020);
    assert_int_equal(arrival.step, STEP_REMOVE);
    assert_int_equal(publication_next(publication, 1020), 1);
    ticket = depart(publication, 1, 55, STEP_WRITE, 1020);
    arrival = publication_arrive(publication, ticket, true, 1022);
    assert_int_equal(arrival.oldest_event_ms, 900);
    assert_int_equal(arrival.waited_ms, 22);
    publication_destroy(publication);
}

static void slot_of_another_user_starts_anew(void **state)
{
    (void)state;
    struct publication *publication = make(100);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    uint64_t ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    assert_int_equal(publication_touch(publication, 1, TAG + 1, 20, 1001), STATUS_OK);
    assert_int_equal(publication_arrive(publication, ticket, true, 1002).user, PUBLICATION_NOBODY);
    assert_int_equal(publication_next(publication, 10000), 1);
    struct publication_plan plan = publication_plan(publication, 1, 55, DAY_S, 1);
    assert_int_equal(plan.step, STEP_WRITE);
    assert_int_equal(plan.version, 1);
    publication_put_back(publication, 1);
    publication_drop(publication, 1);
    assert_int_equal(publication_next(publication, 9999), PUBLICATION_NOBODY);
    publication_destroy(publication);
}

static void expiry_is_renewed_at_half(void **state)
{
    (void)state;
    struct publication *publication = make(0);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    struct publication_plan plan = publication_plan(publication, 1, 55, DAY_S, 1);
    assert_in_range(plan.ttl_s, DAY_S * 9 / 10 - 1, DAY_S * 11 / 10 + 1);
    publication_arrive(publication, publication_depart(publication, 1, &plan, 1, 1000), true, 1000);
    uint32_t ttl_s = plan.ttl_s;
    assert_int_equal(publication_plan(publication, 1, 55, DAY_S, ttl_s / 3).step, STEP_KEEP);
    plan = publication_plan(publication, 1, 55, DAY_S, ttl_s * 2 / 3);
    assert_int_equal(plan.step, STEP_RENEW);
    assert_int_equal(publication_plan(publication, 1, 55, DAY_S, ttl_s + 2).step, STEP_WRITE);
    assert_int_equal(publication_plan(publication, 1, 0, DAY_S, ttl_s / 3).step, STEP_REMOVE);
    assert_int_equal(publication_plan(publication, 1, 55, 0, ttl_s / 3).step, STEP_WRITE);
    touch(publication, 1, 10, 2000);
    assert_int_equal(publication_next(publication, 2000), 1);
    int64_t later = ttl_s * 2 / 3;
    publication_arrive(publication, publication_depart(publication, 1, &plan, later, 2000), true,
                       2000);
    assert_int_equal(publication_plan(publication, 1, 55, DAY_S, later).step, STEP_KEEP);
    publication_destroy(publication);
}

static void rewrite_in_flight_does_not_trust_the_answer(void **state)
{
    (void)state;
    struct publication *publication = make(0);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    uint64_t ticket = depart(publication, 1, 55, STEP_WRITE, 1000);
    assert_int_equal(publication_rewrite(publication, 1, TAG, 1001), STATUS_OK);
    publication_arrive(publication, ticket, true, 1002);
    assert_int_equal(publication_next(publication, 10000), 1);
    depart(publication, 1, 55, STEP_WRITE, 1002);
    publication_destroy(publication);
}

/* A model of the queue that is plainly right, against 100,000 random steps of the real one. */
static void queue_keeps_its_order(void **state)
{
    (void)state;
    enum { USERS = 300 };
    struct publication *publication = make(50);
    bool dirty[USERS] = {false};
    int64_t ready[USERS] = {0};
    srand(1);
    int64_t now = 1000;
    for (int step = 0; step < 100000; step++) {
        uint32_t user = (uint32_t)rand() % USERS;
        now += rand() % 3;
        if (rand() % 2 == 0) {
            touch(publication, user, now, now);
            dirty[user] = true;
            continue;
        }
        uint32_t taken = publication_next(publication, now);
        bool anybody = false;
        for (uint32_t i = 0; i < USERS; i++)
            anybody = anybody || (dirty[i] && ready[i] <= now);
        assert_int_equal(taken != PUBLICATION_NOBODY, anybody);
        if (taken == PUBLICATION_NOBODY)
            continue;
        assert_true(dirty[taken] && ready[taken] <= now);
        if (rand() % 4 == 0) {
            publication_drop(publication, taken);
            ready[taken] = 0;
        } else {
            publication_settle(publication, taken, now);
            ready[taken] = now + 50;
        }
        dirty[taken] = false;
    }
    publication_destroy(publication);
}

struct memory_writer {
    struct state_writer writer;
    struct state_reader reader;
    unsigned char bytes[1 << 20];
    size_t size, at;
};

static enum status memory_write(struct state_writer *writer, const void *bytes, size_t size)
{
    struct memory_writer *memory = (struct memory_writer *)writer;
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return STATUS_OK;
}

static enum status memory_read(struct state_reader *reader, void *bytes, size_t size)
{
    struct memory_writer *memory =
        (struct memory_writer *)((char *)reader - offsetof(struct memory_writer, reader));
    if (memory->at + size > memory->size)
        return STATUS_BAD_DATA;
    memcpy(bytes, memory->bytes + memory->at, size);
    memory->at += size;
    return STATUS_OK;
}

static void comes_back_from_a_snapshot(void **state)
{
    (void)state;
    static struct memory_writer memory = {.writer = {memory_write}, .reader.read = memory_read};
    struct publication *publication = make(0);
    touch(publication, 5000, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 5000);
    publication_arrive(publication, depart(publication, 5000, 55, STEP_WRITE, 1000), true, 1000);
    touch(publication, 2, 30, 1000); /* dirty */
    touch(publication, 3, 40, 1000); /* in flight */
    assert_int_equal(publication_next(publication, 1000), 2);
    assert_int_equal(publication_next(publication, 1000), 3);
    publication_put_back(publication, 2);
    depart(publication, 3, 66, STEP_WRITE, 1000);
    assert_int_equal(publication_save(publication, &memory.writer), STATUS_OK);
    publication_destroy(publication);

    for (int trusted = 0; trusted < 2; trusted++) {
        publication = make(0);
        memory.at = 0;
        assert_int_equal(publication_load(publication, &memory.reader, 6000, trusted, 9),
                         STATUS_OK);
        assert_int_equal(publication_waiting(publication), 2);
        assert_true(publication_due_ms(publication) <= 9);
        struct publication_plan plan = publication_plan(publication, 5000, 55, DAY_S, 1);
        assert_int_equal(plan.step, trusted ? STEP_KEEP : STEP_WRITE);
        assert_int_equal(plan.version, 2);
        assert_int_equal(publication_plan(publication, 3, 66, DAY_S, 1).step, STEP_WRITE);
        publication_destroy(publication);
    }
    publication = make(0);
    memory.at = 0;
    assert_int_equal(publication_load(publication, &memory.reader, 10, true, 9), STATUS_BAD_DATA);
    publication_destroy(publication);
}

static uint64_t next_version(const struct publication *publication, uint32_t user)
{
    return publication_plan(publication, user, 77, DAY_S, 1).version;
}

static void who_may_have_had_more_lists_goes_on_above_them(void **state)
{
    (void)state;
    static struct memory_writer memory = {.writer = {memory_write}, .reader.read = memory_read};
    struct publication *publication = make(0);
    touch(publication, 1, 10, 1000);
    assert_int_equal(publication_next(publication, 1000), 1);
    enum { STEP = PUBLICATION_LISTS_A_SECOND };
    publication_leap(publication, 5);
    assert_int_equal(next_version(publication, 1), 5 * STEP + 1);
    publication_arrive(publication, depart(publication, 1, 55, STEP_WRITE, 1000), true, 1000);
    assert_int_equal(next_version(publication, 1), 5 * STEP + 2);
    touch(publication, 2, 20, 1000);
    assert_int_equal(next_version(publication, 2), 5 * STEP + 1); /* or they are new */
    assert_int_equal(publication_save(publication, &memory.writer), STATUS_OK);
    publication_destroy(publication);
    publication = make(0);
    assert_int_equal(publication_load(publication, &memory.reader, 9, false, 9), STATUS_OK);
    publication_leap(publication, 10);
    assert_int_equal(next_version(publication, 1), 15 * STEP + 2);
    publication_leap(publication, 365 * 86400);
    assert_true(next_version(publication, 1) > UINT32_MAX);
    publication_destroy(publication);
}

static void what_is_given_up_is_written_anew_when_it_is_ours_again(void **state)
{
    (void)state;
    static struct memory_writer memory = {.writer = {memory_write}, .reader.read = memory_read};
    struct publication *publication = make(0);
    assert_int_equal(publication_partition(publication, 1), 0);
    touch(publication, 1, 10, 1000);
    publication_set_partition(publication, 1, 0xfedcba98);
    assert_int_equal(publication_next(publication, 1000), 1);
    publication_arrive(publication, depart(publication, 1, 55, STEP_WRITE, 1000), true, 1000);
    assert_int_equal(publication_plan(publication, 1, 55, DAY_S, 1).step, STEP_KEEP);
    touch(publication, 1, 20, 1001);
    assert_int_equal(publication_next(publication, 1001), 1);
    publication_give_up(publication, 1);
    assert_true(publication_is_given_up(publication, 1));
    assert_int_equal(publication_waiting(publication), 0);
    assert_int_equal(publication_next(publication, 9999), PUBLICATION_NOBODY);
    assert_int_equal(publication_save(publication, &memory.writer), STATUS_OK);
    assert_int_equal(publication_rewrite(publication, 1, TAG, 10000), STATUS_OK);
    assert_false(publication_is_given_up(publication, 1));
    assert_int_equal(publication_next(publication, 10000), 1);
    assert_int_equal(publication_plan(publication, 1, 55, DAY_S, 1).step, STEP_WRITE);
    publication_destroy(publication);
    publication = make(0);
    assert_int_equal(publication_load(publication, &memory.reader, 9, true, 9), STATUS_OK);
    assert_int_equal(publication_partition(publication, 1), 0xfedcba98);
    assert_int_equal(publication_waiting(publication), 0);
    assert_true(publication_is_given_up(publication, 1));
    publication_destroy(publication);
}

/* ---- the order, against looking at everybody ---- */

enum { PEOPLE = 200 };

static struct person {
    int64_t since_ms, ready_ms;
    uint32_t pending;
} people[PEOPLE];

static uint64_t dice = 1;

static uint32_t chance(uint32_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice >> 33) % below;
}

static int64_t key_of(const struct person *person)
{
    int64_t steps = (person->pending - 1) / PUBLICATION_HEAD_START_EVENTS;
    int64_t ahead = steps * PUBLICATION_HEAD_START_MS;
    ahead = ahead < PUBLICATION_HEAD_START_MOST ? ahead : PUBLICATION_HEAD_START_MOST;
    int64_t key = person->since_ms - ahead;
    return key > person->ready_ms ? key : person->ready_ms;
}

static int64_t first_key(void)
{
    int64_t first = PUBLICATION_NEVER;
    for (int n = 0; n < PEOPLE; n++)
        if (people[n].pending > 0 && key_of(&people[n]) < first)
            first = key_of(&people[n]);
    return first;
}

static void touch_somebody(struct publication *publication, int64_t now_ms)
{
    uint32_t user = chance(4) == 0 ? chance(5) : chance(PEOPLE);
    touch(publication, user * 1000, 1, now_ms);
    if (people[user].pending++ == 0)
        people[user].since_ms = now_ms;
}

/* Takes all that are due, or some of them; with `exact`, in the very order of their keys. */
static void take_some(struct publication *publication, uint32_t most, int64_t refresh_ms,
                      bool exact, int64_t now_ms)
{
    for (uint32_t n = 0; n < most; n++) {
        uint32_t user = publication_next(publication, now_ms);
        int64_t first = first_key();
        if (user == PUBLICATION_NOBODY) {
            assert_true(first > now_ms);
            assert_true(publication_due_ms(publication) > now_ms);
            assert_true(publication_due_ms(publication) <= first);
            if (exact)
                assert_true(publication_due_ms(publication) == first);
            return;
        }
        struct person *person = &people[user / 1000];
        assert_true(person->pending > 0 && key_of(person) <= now_ms);
        if (exact)
            assert_true(key_of(person) == first);
        if (chance(8) == 0) {
            publication_put_back(publication, user);
            continue;
        }
        publication_settle(publication, user, now_ms);
        *person = (struct person){.ready_ms = now_ms + refresh_ms};
    }
}

static void run_people(int64_t refresh_ms, uint32_t pause_ms, bool exact, int rounds)
{
    struct publication *publication = make(refresh_ms);
    int64_t now_ms = 100000;
    memset(people, 0, sizeof people);
    for (int round = 0; round < rounds; round++) {
        for (uint32_t n = chance(20); n > 0; n--)
            touch_somebody(publication, now_ms);
        if (chance(50) == 0)
            publication_set_refresh(publication, refresh_ms);
        take_some(publication, chance(3) == 0 ? PEOPLE * 2 : chance(6), refresh_ms, exact, now_ms);
        now_ms += chance(3) == 0 ? chance(pause_ms) : chance(3);
    }
    now_ms += 2 * refresh_ms + 1;
    for (int n = 0; n < 100; n++)
        take_some(publication, PEOPLE, refresh_ms, exact, now_ms);
    assert_int_equal(publication_waiting(publication), 0);
    publication_destroy(publication);
}

static void in_order_whatever_comes(void **state)
{
    (void)state;
    run_people(0, 20, true, 20000);
    run_people(100, 20, true, 20000);
    run_people(700, 100, true, 20000);
}

/* Where keys lie far apart nobody is too early, and nobody forgotten. */
static void also_for_long_times(void **state)
{
    (void)state;
    run_people(5000, 3000, false, 20000);
    run_people(3600000, 60000, false, 20000);
    run_people(100, 9000000, false, 5000); /* hours without anybody looking */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_list_for_many_events),
        cmocka_unit_test(nobody_before_refresh_is_over),
        cmocka_unit_test(stale_first_but_active_sooner),
        cmocka_unit_test(head_start_is_bounded),
        cmocka_unit_test(touched_in_flight_is_due_again),
        cmocka_unit_test(failed_write_is_repeated_with_its_age),
        cmocka_unit_test(cancelled_is_as_before),
        cmocka_unit_test(cancelled_is_withdrawn_as_before),
        cmocka_unit_test(removed_is_due_as_before),
        cmocka_unit_test(slot_of_another_user_starts_anew),
        cmocka_unit_test(expiry_is_renewed_at_half),
        cmocka_unit_test(rewrite_in_flight_does_not_trust_the_answer),
        cmocka_unit_test(queue_keeps_its_order),
        cmocka_unit_test(comes_back_from_a_snapshot),
        cmocka_unit_test(who_may_have_had_more_lists_goes_on_above_them),
        cmocka_unit_test(what_is_given_up_is_written_anew_when_it_is_ours_again),
        cmocka_unit_test(in_order_whatever_comes),
        cmocka_unit_test(also_for_long_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
