/* Short work on a few threads: every share is done once, and all are done when it returns. */
#include "daemon/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SHARES = 1000 };

struct tally {
    atomic_uint times[SHARES];
    atomic_ulong sum;
};

static void add_share(void *context, uint32_t n)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->times[n], 1);
    atomic_fetch_add(&tally->sum, n + 1);
}

static void check_rounds(uint32_t threads, uint32_t rounds)
{
    static struct tally tally;
    struct crew *crew;
    assert_int_equal(crew_create(threads, &crew), STATUS_OK);
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t count = round % SHARES;
        memset(&tally, 0, sizeof tally);
        crew_run(crew, count, add_share, &tally);
        assert_int_equal(atomic_load(&tally.sum), (unsigned long)count * (count + 1) / 2);
        for (uint32_t n = 0; n < SHARES; n++)
            assert_int_equal(atomic_load(&tally.times[n]), n < count);
    }
    crew_destroy(crew);
}

static void test_every_share_is_done_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 5; threads += 2)
        check_rounds(threads, 3000);
}

static void test_sleeping_threads_wake(void **state)
{
    (void)state;
    static struct tally tally;
    struct crew *crew;
    assert_int_equal(crew_create(3, &crew), STATUS_OK);
    for (int round = 0; round < 20; round++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        crew_run(crew, SHARES, add_share, &tally);
    }
    for (uint32_t n = 0; n < SHARES; n++)
        assert_int_equal(atomic_load(&tally.times[n]), 20);
    crew_destroy(crew);
}

static void test_nobody_at_all(void **state)
{
    (void)state;
    struct crew *crew;
    assert_int_equal(crew_create(1, &crew), STATUS_OK);
    assert_null(crew);
    assert_int_equal(crew_threads(NULL), 1);
    crew_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_share_is_done_once),
        cmocka_unit_test(test_sleeping_threads_wake),
        cmocka_unit_test(test_nobody_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
