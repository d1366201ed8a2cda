/* Where a member of a group begins, against the embedded broker. */
#include "kafka_kit.h"

static struct kit one;

static void test_a_single_member_may_start_at_the_end(void **state)
{
    (void)state;
    kit_init(&one, NULL, 2);
    kit_produce(&one, "events", 0, 100);
    one.where[1] = 10; /* known from a snapshot: wins over input.start */
    kit_open(&one, "latest", KAFKA_LATEST);
    assert_true(kit_until(&one, &one.assigned, 1));
    assert_int_equal(one.assigned_at[1], 10);
    assert_true(one.assigned_at[0] > 0);
    uint32_t rest = (uint32_t)(100 - one.assigned_at[0] - 10);
    assert_true(kit_until(&one, &one.messages, rest));
    kit_produce(&one, "events", 100, 50);
    assert_true(kit_until(&one, &one.messages, rest + 50));
    kit_finish(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_single_member_may_start_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
