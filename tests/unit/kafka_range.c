/* Bounded ranges, against the embedded broker (which cannot look times up). */
#include "transport/kafka_conf.h"

#include "kafka_kit.h"

static struct kit kit;

/* What a range gave, as "partition:offset " each. */
struct reading {
    uint32_t count;
    char order[4096];
    enum status status;
    struct position at[8];
    uint32_t positions;
};

static struct kafka_range *open_range(const char *from, const char *to,
                                      const struct position *positions, uint32_t count)
{
    struct error error;
    struct kafka_range *range = NULL;
    struct kafka_range_settings settings = {
        .kafka = kit.kafka,
        .topics = "events",
        .from = from,
        .to = to,
        .positions = positions,
        .position_count = count,
    };
    if (kafka_range_open(&settings, &range, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return range;
}

static void read_range(struct kafka_range *range, uint32_t max, struct reading *reading)
{
    struct message message;
    struct error error;
    size_t used = 0;
    memset(reading, 0, sizeof *reading);
    while (reading->count < max && kafka_range_next(range, &message, &error)) {
        reading->count++;
        if (used < sizeof reading->order - 32)
            used += (size_t)snprintf(reading->order + used, sizeof reading->order - used,
                                     "%d:%" PRId64 " ", message.partition, message.offset);
    }
    reading->status = error.status;
    reading->positions = kafka_range_positions(range, reading->at, 8);
}

static void read_all(const char *from, const char *to, struct reading *reading)
{
    struct kafka_range *range = open_range(from, to, NULL, 0);
    read_range(range, UINT32_MAX, reading);
    kafka_range_close(range);
    assert_int_equal(reading->status, STATUS_OK);
}

/* One message on a partition with a time of its own. */
static void produce_at(int32_t partition, int64_t timestamp_ms)
{
    struct error error;
    rd_kafka_t *client = NULL;
    rd_kafka_conf_t *conf = kafka_conf_create(&kit.kafka, &error);
    assert_int_equal(kafka_client_create(RD_KAFKA_PRODUCER, conf, &client, &error), 0);
    assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC("events"),
                                       RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_VALUE("x", 1),
                                       RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(client, 1000 * KIT_PATIENCE_S), 0);
    kafka_client_destroy(client, 5000);
}

static void test_latest_is_as_of_the_opening(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 3000);
    struct kafka_range *range = open_range(NULL, "latest", NULL, 0);
    kit_produce(&kit, "events", 3000, 100);
    struct reading reading;
    uint64_t done, total;
    read_range(range, 1000, &reading);
    kafka_range_progress(range, &done, &total);
    assert_int_equal(done, 1000);
    assert_int_equal(total, 3000);
    assert_int_equal(reading.at[0].next_offset, 1000);
    read_range(range, UINT32_MAX, &reading);
    assert_int_equal(reading.count, 2000);
    assert_int_equal(reading.status, STATUS_OK);
    assert_int_equal(reading.at[0].next_offset, 3000);
    kafka_range_progress(range, &done, &total);
    assert_int_equal(done, total);
    kafka_range_close(range);
    kit_finish(&kit);
}

static void test_bounds_by_offset(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    kit_produce(&kit, "events", 0, 20);
    struct reading reading;
    read_all("0:5", "0:8", &reading);
    assert_string_equal(reading.order, "0:5 0:6 0:7 ");
    read_all("latest", "latest", &reading);
    assert_int_equal(reading.count, 0);
    read_all("0:18", "0:900", &reading);
    assert_string_equal(reading.order, "0:18 0:19 ");
    read_all("0:9", "0:9", &reading);
    assert_int_equal(reading.count, 0);
    kit_finish(&kit);
}

static void test_partitions_are_merged_by_time(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 3); /* the last partition stays empty */
    static const int64_t times[][2] = {{1, 1000}, {0, 2000}, {1, 1500}, {0, 2000},
                                       {1, 2000}, {0, 1700}, {1, 3000}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        produce_at((int32_t)times[i][0], times[i][1]);
    struct reading first, again;
    read_all("earliest", "latest", &first);
    /* A partition's own order stands, also where its times go back; ties go to the lower one. */
    assert_string_equal(first.order, "1:0 1:1 0:0 0:1 0:2 1:2 1:3 ");
    read_all("earliest", "latest", &again);
    assert_string_equal(again.order, first.order);
    assert_int_equal(again.positions, 3);
    assert_int_equal(again.at[0].next_offset, 3);
    assert_int_equal(again.at[1].next_offset, 4);
    assert_int_equal(again.at[2].next_offset, 0);
    kit_finish(&kit);
}

static void test_goes_on_where_a_snapshot_ends(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 2);
    kit_produce(&kit, "events", 0, 200);
    struct reading first, second;
    struct kafka_range *range = open_range(NULL, NULL, NULL, 0);
    read_range(range, 77, &first);
    kafka_range_close(range);
    range = open_range("0:3", NULL, first.at, first.positions);
    read_range(range, UINT32_MAX, &second);
    kafka_range_close(range);
    assert_int_equal(second.count, 123);
    assert_int_equal(second.at[0].next_offset + second.at[1].next_offset, 200);

    struct error error;
    struct position gone = {.topic = "events", .partition = 1, .next_offset = 5000};
    struct kafka_range_settings settings = {
        .kafka = kit.kafka, .topics = "events", .positions = &gone, .position_count = 1};
    assert_int_equal(kafka_range_open(&settings, &range, &error), STATUS_BAD_DATA);
    assert_non_null(strstr(error.text, "5000"));
    kit_finish(&kit);
}

static void test_bounds_that_are_none(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 1);
    static const char *const bad[] = {"yesterday", "0:",   ":5",   "0:1,",
                                      "0:1;1:2",   "-1:5", "0:-5", "2026-13-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error;
        struct kafka_range *range = NULL;
        struct kafka_range_settings settings = {
            .kafka = kit.kafka, .topics = "events", .from = bad[i]};
        assert_int_equal(kafka_range_open(&settings, &range, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, bad[i]));
    }
    kit_finish(&kit);
}

static void test_bounds_that_contradict(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 2);
    static const char *const from[] = {"0:9", "0:1,1:9", "2026-01-02T00:00:00Z", "0:1,1:2,0:1",
                                       NULL};
    static const char *const to[] = {"0:3", "1:8", "2026-01-01T00:00:00Z", NULL, "0:5,0:6"};
    static const char *const words[] = {"--from 0:9 is behind --to 0:3", "behind", "behind",
                                        "--from 0:1,1:2,0:1 names partition 0 twice",
                                        "--to 0:5,0:6 names partition 0 twice"};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct error error;
        struct kafka_range *range = NULL;
        struct kafka_range_settings settings = {
            .kafka = kit.kafka, .topics = "events", .from = from[i], .to = to[i]};
        assert_int_equal(kafka_range_open(&settings, &range, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, words[i]));
    }
    kit_finish(&kit);
}

static void test_a_partition_that_is_named_must_be_there(void **state)
{
    (void)state;
    kit_init(&kit, NULL, 2);
    kit_produce(&kit, "events", 0, 3);
    static const char *const from[] = {"2:0", "0:1,7:5", NULL}, *const to[] = {NULL, NULL,
                                                                               "1:0,2:1"};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct error error;
        struct kafka_range *range = NULL;
        struct kafka_range_settings settings = {
            .kafka = kit.kafka, .topics = "events", .from = from[i], .to = to[i]};
        assert_int_equal(kafka_range_open(&settings, &range, &error), STATUS_NOT_FOUND);
        assert_non_null(strstr(error.text, from[i] != NULL ? from[i] : to[i]));
    }
    kit_finish(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latest_is_as_of_the_opening),
        cmocka_unit_test(test_bounds_by_offset),
        cmocka_unit_test(test_partitions_are_merged_by_time),
        cmocka_unit_test(test_goes_on_where_a_snapshot_ends),
        cmocka_unit_test(test_bounds_that_are_none),
        cmocka_unit_test(test_bounds_that_contradict),
        cmocka_unit_test(test_a_partition_that_is_named_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
