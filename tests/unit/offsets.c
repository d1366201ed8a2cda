#include "daemon/offsets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct message message_at(const char *topic, int32_t partition, int64_t offset)
{
    return (struct message){.topic = topic, .partition = partition, .offset = offset};
}

static void own(struct offsets *offsets, const char *topic, int32_t partition, bool owned)
{
    struct position position = {.partition = partition, .next_offset = -1};
    snprintf(position.topic, sizeof position.topic, "%s", topic);
    struct assignment change = {1, &position};
    offsets_own(offsets, &change, owned);
}

static bool take(struct offsets *offsets, const char *topic, int32_t partition, int64_t offset)
{
    struct message message = message_at(topic, partition, offset);
    struct partition *admitted = offsets_admit(offsets, &message);
    if (admitted == NULL)
        return false;
    offsets_advance(admitted, &message);
    return true;
}

static void each_message_once(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    assert_true(take(&offsets, "a", 0, 100)); /* the first may be anywhere */
    assert_true(take(&offsets, "a", 0, 101));
    assert_false(take(&offsets, "a", 0, 100));
    assert_false(take(&offsets, "a", 0, 101));
    assert_true(take(&offsets, "a", 0, 105));
    assert_false(take(&offsets, "a", 0, 104));
    assert_int_equal(offsets.skipped, 3);
    assert_int_equal(offsets.gaps, 1);
    offsets_finish(&offsets);
}

static void others_partitions_are_dropped(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    assert_false(take(&offsets, "a", 1, 5));
    assert_false(take(&offsets, "b", 0, 5));
    assert_true(take(&offsets, "a", 0, 5));
    own(&offsets, "a", 0, false);
    assert_false(take(&offsets, "a", 0, 6));
    own(&offsets, "a", 0, true); /* back: it goes on where it was */
    assert_false(take(&offsets, "a", 0, 5));
    assert_true(take(&offsets, "a", 0, 6));
    assert_int_equal(offsets.dropped, 3);
    assert_int_equal(offsets_owned(&offsets), 1);
    offsets_finish(&offsets);
}

static void copies_what_is_known(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    struct position *copy;
    uint32_t size;
    assert_int_equal(offsets_copy(&offsets, &copy, &size), STATUS_OK);
    assert_int_equal(size, 0);
    for (int32_t i = 0; i < 40; i++)
        own(&offsets, "a", i, true);
    assert_true(take(&offsets, "a", 7, 70));
    assert_true(take(&offsets, "a", 39, 0));
    assert_int_equal(offsets_copy(&offsets, &copy, &size), STATUS_OK);
    assert_int_equal(size, 2);
    assert_int_equal(copy[0].partition, 7);
    assert_int_equal(copy[0].next_offset, 71);
    assert_int_equal(copy[1].next_offset, 1);
    free(copy);
    offsets_finish(&offsets);
}

static void control_records_are_no_lag(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    struct partition *partition = offsets_find(&offsets, "a", 0);
    assert_int_equal(offsets_behind(partition, 10), 0); /* not known where we are */
    assert_true(take(&offsets, "a", 0, 7));
    assert_int_equal(offsets_behind(partition, 10), 2);
    assert_int_equal(offsets_behind(partition, -1), 0);
    partition->read_to = 10;
    assert_int_equal(offsets_behind(partition, 10), 0);
    assert_int_equal(offsets_behind(partition, 13), 3);
    offsets_finish(&offsets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_once),
        cmocka_unit_test(others_partitions_are_dropped),
        cmocka_unit_test(copies_what_is_known),
        cmocka_unit_test(control_records_are_no_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
