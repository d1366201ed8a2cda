/* The source as a member of a group, against the embedded broker, where a first join takes 3 s and
 * a second member waits for most of the session's time. */
#include "kafka_kit.h"

static struct kit one, two;

static uint32_t held(const struct kit *kit)
{
    uint32_t count = 0;
    for (int i = 0; i < KIT_PARTITIONS_MAX; i++)
        count += kit->holds[i];
    return count;
}

/* A member that a busy machine holds up joins late, and the group shares out once more: only how
 * it ends up is sure. */
static bool until_shared(double seconds)
{
    for (double waited = 0; waited < seconds; waited += 0.1) {
        if (held(&one) == 2 && held(&two) == 2)
            return true;
        kit_spin(&one, 0.1);
    }
    return false;
}

static bool until_all_read(uint32_t wanted, double seconds)
{
    for (double waited = 0; one.messages + two.messages < wanted && waited < seconds; waited += 0.1)
        kit_spin(&one, 0.1);
    return one.messages + two.messages >= wanted;
}

static void assert_each_once(uint32_t wanted)
{
    static uint8_t seen[KIT_MESSAGES_MAX];
    memset(seen, 0, sizeof seen);
    const struct kit *kits[] = {&one, &two};
    for (int k = 0; k < 2; k++)
        for (uint32_t i = 0; i < kits[k]->messages; i++)
            seen[atoi(kits[k]->values[i])]++;
    for (uint32_t i = 0; i < wanted; i++)
        assert_int_equal(seen[i], 1);
}

/* A group's first member hears that there were no others; what one commits the next hears. */
static void commit_reach(struct kit *kit, int32_t partition, int64_t reach)
{
    struct commitment commitment = {{"events", partition, kit->next[partition]}, reach};
    kit->source->ops->commit(kit->source, &commitment, 1);
}

static void assert_reach(const struct kit *kit, const int64_t *reach)
{
    for (int p = 0; p < 4; p++)
        if (kit->holds[p])
            assert_int_equal(kit->reach[p], reach[p]);
}

static void test_two_members_share_and_each_message_counts_once(void **state)
{
    (void)state;
    kit_init(&one, NULL, 4);
    kit_init(&two, &one, 0);
    kit_produce(&one, "events", 0, 1000);
    kit_open(&one, "group", KAFKA_EARLIEST);
    assert_true(kit_until(&one, &one.messages, 1000));
    assert_int_equal(held(&one), 4);
    assert_true(kit_until(&one, &one.reached, 1));
    assert_reach(&one, (int64_t[]){0, 0, 0, 0});
    const int64_t reach[] = {0, 123456789012, -1, 7};
    for (int p = 0; p < 4; p++)
        commit_reach(&one, p, reach[p]);

    kit_open(&two, "group", KAFKA_EARLIEST);
    assert_true(until_shared(60));
    assert_true(one.revoked + one.lost > 0);
    kit_produce(&one, "events", 1000, 1000);
    assert_true(until_all_read(2000, 20));
    kit_spin(&one, 0.3);
    assert_true(two.messages > 0);
    assert_each_once(2000);
    assert_true(one.reached > 1 && two.reached > 0);
    assert_reach(&one, reach);
    assert_reach(&two, reach);
    assert_false(one.out_of_order || two.out_of_order);

    const uint32_t revoked = two.revoked;
    kit_close(&two); /* is told to save what it leaves */
    assert_int_equal(two.revoked, revoked + 1);
    assert_int_equal(held(&two), 0);
    kit_finish(&two);
    kit_finish(&one);
    assert_int_equal(held(&one), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_members_share_and_each_message_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
