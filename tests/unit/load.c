/* tasted load, from the command line to what stands in the topic. */
#include "daemon/command.h"

#include "kafka_kit.h"

#include <unistd.h>

static struct kit kit;
static char path[] = "/tmp/tasted-load-XXXXXX", servers[128];

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int run_load(const char *option, const char *value)
{
    char *argv[] = {"tasted", "load", path, "--set", servers, (char *)option, (char *)value, NULL};
    char *environment[] = {NULL};
    return command_main(option != NULL ? 7 : 5, argv, environment);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    kit_init(&kit, NULL, 2);
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s",
             kafka_broker_address(kit.broker));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    kit_finish(&kit);
    return 0;
}

static void test_lines_become_messages(void **state)
{
    (void)state;
    write_file("timestamp\tuser\titem\tevent\tvalue\n"
               "1000\tann\t1\tplay\t0.5\n"
               "1001\tann\t2\tlike\t\n"
               "no line at all\n"
               "1002\tann\t3\trating\t4\n");
    assert_int_equal(run_load(NULL, NULL), EXIT_FINE);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 3));
    kit_spin(&kit, 0.2);
    assert_int_equal(kit.messages, 3);
    /* One user, one partition, in the file's order. */
    assert_true(kit.next[0] < 0 || kit.next[1] < 0 || kit.next[0] == 0 || kit.next[1] == 0);
    assert_string_equal(kit.last_key, "ann");
    assert_string_equal(
        kit.last_value,
        "{\"user\":\"ann\",\"item\":\"3\",\"event\":\"rating\",\"ts\":1002000,\"value\":4}");
    assert_true(kit.last_timestamp_ms > 1600000000000); /* stamped now */
}

static void test_msgpack(void **state)
{
    (void)state;
    write_file("timestamp\tuser\titem\tevent\n1000\tann\t1\tplay\n");
    assert_int_equal(run_load("--format", "msgpack"), EXIT_FINE);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 1));
    assert_int_equal((unsigned char)kit.last_value[0], 0x84); /* a map of 4 */
}

/* The settings of one file serve `load` and `run`. By default librdkafka puts "foobar" into 1 and
 * "abc" into 0, Java's producers the other way round. */
static void test_users_go_where_the_other_producers_put_them(void **state)
{
    (void)state;
    write_file("{\"user\":\"foobar\",\"item\":2,\"event\":\"play\"}\n"
               "{\"user\":\"abc\",\"item\":2,\"event\":\"play\"}\n"
               "{\"user\":\"abc\",\"item\":3,\"event\":\"play\"}\n");
    assert_int_equal(run_load("--set", "kafka.partitioner=murmur2_random"), EXIT_FINE);
    kit.pairs[kit.kafka.size++] = (struct kafka_pair){"partitioner", "murmur2_random"};
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 3));
    assert_int_equal(kit.next[0], 1);
    assert_int_equal(kit.next[1], 2);
    assert_int_equal(kit.troubles, 0);
}

static void test_without_times_the_time_of_sending_counts(void **state)
{
    (void)state;
    write_file("{\"user\":1,\"item\":2,\"event\":\"play\"}\n");
    assert_int_equal(run_load(NULL, NULL), EXIT_FINE);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 1));
    assert_string_equal(kit.last_value, "{\"user\":\"1\",\"item\":\"2\",\"event\":\"play\"}");
}

static void test_an_event_without_time_among_others(void **state)
{
    (void)state;
    write_file("{\"user\":1,\"item\":2,\"event\":\"play\",\"ts\":5}\n"
               "{\"user\":1,\"item\":3,\"event\":\"play\"}\n");
    assert_int_equal(run_load(NULL, NULL), EXIT_FINE);
    kit_open(&kit, NULL, KAFKA_EARLIEST);
    assert_true(kit_until(&kit, &kit.messages, 2));
    assert_string_equal(kit.last_value, "{\"user\":\"1\",\"item\":\"3\",\"event\":\"play\"}");
}

static void test_the_pace_begins_with_the_first_time(void **state)
{
    (void)state;
    write_file("{\"user\":1,\"item\":2,\"event\":\"play\"}\n"
               "{\"user\":1,\"item\":2,\"event\":\"play\",\"ts\":1700000000000}\n"
               "{\"user\":1,\"item\":2,\"event\":\"play\"}\n"
               "{\"user\":1,\"item\":2,\"event\":\"play\",\"ts\":1700000001000}\n");
    double before = ev_time();
    assert_int_equal(run_load("--speed", "2"), EXIT_FINE);
    assert_true(ev_time() - before >= 0.5);
    assert_true(ev_time() - before < 10);
}

static void test_rate_is_kept(void **state)
{
    (void)state;
    write_file("timestamp\tuser\titem\tevent\n1\ta\t1\tplay\n1\ta\t2\tplay\n1\ta\t3\tplay\n"
               "1\ta\t4\tplay\n1\ta\t5\tplay\n1\ta\t6\tplay\n");
    double before = ev_time();
    assert_int_equal(run_load("--rate", "10"), EXIT_FINE);
    assert_true(ev_time() - before >= 0.5);
    assert_true(ev_time() - before < 10);
}

static void test_exit_codes(void **state)
{
    (void)state;
    write_file("timestamp\tuser\titem\tevent\nnothing of use\n");
    assert_int_equal(run_load(NULL, NULL), EXIT_BAD_DATA);
    write_file("timestamp\tuser\titem\tevent\n1\ta\t1\tplay\n");
    assert_int_equal(run_load("--set", "kafka.bootstrap.servers=127.0.0.1:1"), EXIT_UNREACHABLE);
    assert_int_equal(run_load("--set", "kafka.no.such.key=1"), EXIT_BAD_CONFIG);
    unlink(path);
    assert_int_equal(run_load(NULL, NULL), EXIT_BAD_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_become_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_msgpack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_users_go_where_the_other_producers_put_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_without_times_the_time_of_sending_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_rate_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_event_without_time_among_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_pace_begins_with_the_first_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_exit_codes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
