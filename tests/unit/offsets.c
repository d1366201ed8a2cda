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
    assert_int_equal(offsets_behind(partition, 10), -1); /* not known where we are */
    assert_true(take(&offsets, "a", 0, 7));
    assert_int_equal(offsets_behind(partition, 10), 2);
    assert_int_equal(offsets_behind(partition, -1), -1);
    partition->read_to = 10;
    assert_int_equal(offsets_behind(partition, 10), 0);
    assert_int_equal(offsets_behind(partition, 13), 3);
    offsets_finish(&offsets);
}

/* As reading goes on: `read_to` as the source told it, or -1. */
static bool come_level(struct offsets *offsets, int64_t read_to, int64_t end)
{
    struct partition *partition = offsets_find(offsets, "a", 0);
    if (read_to >= 0)
        partition->read_to = read_to;
    return offsets_come_level(partition, end);
}

static void level_when_read_to_where_it_ended(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    const uint32_t number = offsets_find(&offsets, "a", 0)->number;
    assert_true(take(&offsets, "a", 0, 7));
    assert_false(come_level(&offsets, -1, -1)); /* nobody knows where */
    assert_false(come_level(&offsets, -1, 10));
    assert_true(take(&offsets, "a", 0, 8));
    assert_false(come_level(&offsets, -1, 20)); /* what came since is nobody's */
    assert_false(offsets_level_number(&offsets, number));
    assert_true(take(&offsets, "a", 0, 12));
    assert_true(come_level(&offsets, -1, -1));
    assert_true(offsets_level_number(&offsets, number));
    assert_false(come_level(&offsets, 13, 13)); /* no news */
    own(&offsets, "a", 0, false);
    assert_false(offsets_level_number(&offsets, number));
    assert_false(come_level(&offsets, 13, 13));
    own(&offsets, "a", 0, true);
    assert_false(offsets_level_number(&offsets, number));
    assert_true(come_level(&offsets, 20, 20)); /* control records, to the end */
    offsets_finish(&offsets);
}

/* The high watermark is beyond an open transaction, where the source's end is. */
static void level_at_the_end_wherever_that_is(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    assert_true(take(&offsets, "a", 0, 7));
    assert_false(come_level(&offsets, -1, 100));
    assert_true(take(&offsets, "a", 0, 88));
    assert_false(come_level(&offsets, -1, -1));
    assert_true(come_level(&offsets, 90, 90));
    offsets_finish(&offsets);
}

static void level_as_far_as_others_have_come(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    own(&offsets, "a", 0, true);
    struct partition *partition = offsets_find(&offsets, "a", 0);
    offsets_set_goal(partition, 10);
    assert_false(come_level(&offsets, -1, -1)); /* nothing is read: it is not known where we are */
    assert_true(take(&offsets, "a", 0, 8));
    assert_false(come_level(&offsets, -1, -1));
    assert_true(come_level(&offsets, 10, -1)); /* … past a control record */
    own(&offsets, "a", 0, true);
    offsets_set_goal(partition, 9);
    assert_true(come_level(&offsets, -1, -1)); /* it was read so far before */
    own(&offsets, "a", 0, true);
    offsets_set_goal(partition, 10);
    assert_true(come_level(&offsets, 9, 9)); /* the log ends sooner than it did */
    own(&offsets, "b", 0, true);
    partition = offsets_find(&offsets, "b", 0);
    offsets_set_goal(partition, 0);
    assert_true(offsets_come_level(partition, -1)); /* new to the group */
    offsets_finish(&offsets);
}

/* Each time as an instance does. */
static void read_on(struct offsets *offsets, int64_t from, int64_t to, uint32_t *told)
{
    struct partition *partition = offsets_find(offsets, "a", 0);
    for (int64_t offset = from; offset < to; offset++) {
        assert_true(take(offsets, "a", 0, offset));
        if (offsets_near_reach(partition)) {
            offsets_set_reach(offsets, true);
            ++*told;
        }
        assert_in_range(partition->reach, offset + 1 + OFFSETS_AHEAD / 2,
                        offset + 1 + OFFSETS_AHEAD);
    }
}

static int64_t committed_reach(const struct offsets *offsets, int64_t *offset)
{
    struct commitment *commitments;
    uint32_t size;
    assert_int_equal(offsets_commitments(offsets, true, &commitments, &size), STATUS_OK);
    int64_t reach = size == 0 ? -1 : commitments[0].reach;
    *offset = size == 0 ? -1 : commitments[0].position.next_offset;
    free(commitments);
    return reach;
}

static void the_reach_is_ahead_of_what_is_read(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    int64_t offset;
    uint32_t told = 0;
    own(&offsets, "a", 0, true);
    struct partition *partition = offsets_find(&offsets, "a", 0);
    assert_int_equal(committed_reach(&offsets, &offset), -1);
    offsets_set_goal(partition, 0);
    assert_true(come_level(&offsets, -1, -1));
    read_on(&offsets, 100, 300100, &told);
    assert_in_range(told, 5, 11);
    assert_int_equal(committed_reach(&offsets, &offset), partition->reach);
    assert_int_equal(offset, 100); /* nothing is saved */
    const struct position saved = partition->position;
    offsets_keep(&offsets, &saved, 1);
    own(&offsets, "a", 0, false);
    assert_int_equal(committed_reach(&offsets, &offset), 300100); /* no more is read */
    assert_int_equal(offset, 300100);
    offsets_let_go(&offsets);
    assert_int_equal(committed_reach(&offsets, &offset), -1); /* somebody else's to say */
    offsets_finish(&offsets);
}

/* Who dies before it is level leaves what others have said before. */
static void the_reach_of_others_is_handed_on(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    int64_t offset;
    own(&offsets, "a", 0, true);
    struct partition *partition = offsets_find(&offsets, "a", 0);
    assert_true(take(&offsets, "a", 0, 5));
    assert_int_equal(committed_reach(&offsets, &offset), -1); /* it is still being asked */
    offsets_set_goal(partition, 50);
    assert_false(come_level(&offsets, -1, -1));
    assert_false(offsets_near_reach(partition));
    offsets_set_reach(&offsets, true);
    assert_int_equal(committed_reach(&offsets, &offset), 50);
    assert_int_equal(offset, 5);
    own(&offsets, "a", 0, false);
    assert_int_equal(committed_reach(&offsets, &offset), 50);
    offsets_finish(&offsets);
}

static void without_a_group_what_is_saved_is_committed(void **state)
{
    (void)state;
    struct offsets offsets = {0};
    struct commitment *commitments;
    uint32_t size;
    own(&offsets, "a", 0, true);
    own(&offsets, "a", 1, true);
    assert_true(take(&offsets, "a", 1, 7));
    const struct position saved = offsets_find(&offsets, "a", 1)->position;
    offsets_keep(&offsets, &saved, 1);
    assert_true(take(&offsets, "a", 1, 8));
    assert_int_equal(offsets_commitments(&offsets, false, &commitments, &size), STATUS_OK);
    assert_int_equal(size, 1);
    assert_int_equal(commitments[0].position.partition, 1);
    assert_int_equal(commitments[0].position.next_offset, 8);
    assert_int_equal(commitments[0].reach, -1);
    free(commitments);
    offsets_finish(&offsets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_once),
        cmocka_unit_test(others_partitions_are_dropped),
        cmocka_unit_test(copies_what_is_known),
        cmocka_unit_test(control_records_are_no_lag),
        cmocka_unit_test(level_when_read_to_where_it_ended),
        cmocka_unit_test(level_at_the_end_wherever_that_is),
        cmocka_unit_test(level_as_far_as_others_have_come),
        cmocka_unit_test(the_reach_is_ahead_of_what_is_read),
        cmocka_unit_test(the_reach_of_others_is_handed_on),
        cmocka_unit_test(without_a_group_what_is_saved_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
