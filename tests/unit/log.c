/* Log lines as they reach stderr, and what systemd is told. */
#include "transport/log.h"
#include "transport/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char said[8192];

/* Runs `speak` in a process of its own, whose stderr is a pipe; in the journal if `journal`. */
static const char *listen_to(void (*speak)(void), bool journal)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct stat end;
        dup2(ends[1], STDERR_FILENO);
        fstat(STDERR_FILENO, &end);
        char stream[64];
        snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)end.st_dev,
                 (unsigned long long)end.st_ino + !journal);
        setenv("JOURNAL_STREAM", stream, 1);
        close(ends[0]);
        speak();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t size;
    while ((size = read(ends[0], said + used, sizeof said - 1 - used)) > 0)
        used += (size_t)size;
    said[used] = '\0';
    close(ends[0]);
    waitpid(child, NULL, 0);
    return said;
}

static void speak_plainly(void)
{
    log_set_level(LOG_LEVEL_NOTICE);
    log_error("%s is %d", "answer", 42);
    log_info("not shown");
    log_notice("one line\nonly \033[31mone");
}

static void a_line_has_time_level_and_text(void **state)
{
    (void)state;
    listen_to(speak_plainly, false);
    int year, month, day, hour, minute, second, ms, used = 0;
    assert_int_equal(sscanf(said, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ error   answer is 42\n%n", &year,
                            &month, &day, &hour, &minute, &second, &ms, &used),
                     7);
    assert_true(used > 0 && year >= 2024);
    assert_null(strstr(said, "not shown"));
    assert_non_null(strstr(said, "notice  one line only  [31mone\n"));
}

static void the_journal_gets_priorities(void **state)
{
    (void)state;
    assert_string_equal(listen_to(speak_plainly, true),
                        "<3>answer is 42\n<5>one line only  [31mone\n");
}

static void speak_often(void)
{
    static struct log_limit limit;
    for (int i = 0; i < 5; i++)
        log_every(&limit, 60, LOG_LEVEL_WARNING, "number %d", i);
    limit.last_ns -= (int64_t)61 * 1000000000; /* a minute later */
    log_every(&limit, 60, LOG_LEVEL_WARNING, "number 5");
}

static void repeats_are_held_back_and_counted(void **state)
{
    (void)state;
    assert_string_equal(listen_to(speak_often, true),
                        "<4>number 0\n<4>number 5 (and 4 like it before)\n");
}

static void speak_long(void)
{
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_error("%s", text);
    log_error("short");
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    listen_to(speak_long, true);
    const char *second = strstr(said, "\n<3>short\n");
    assert_non_null(second);
    assert_in_range(second - said, 500, 1100);
}

static void systemd_is_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/tasted-notify-XXXXXX", got[256];
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    service_ready();
    service_status("%d users\nREADY=0", 3);
    service_reloading();
    ssize_t size = recv(fd, got, sizeof got, 0);
    assert_int_equal(size, 7);
    assert_memory_equal(got, "READY=1", 7);
    got[recv(fd, got, sizeof got - 1, 0)] = '\0';
    assert_string_equal(got, "STATUS=3 users READY=0");
    got[recv(fd, got, sizeof got - 1, 0)] = '\0';
    assert_int_equal(strncmp(got, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
    unlink(address.sun_path);
    rmdir(folder);
}

static void the_watchdog_is_fed_at_half_its_time(void **state)
{
    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_true(service_watchdog_interval() == 0);
    setenv("WATCHDOG_USEC", "20000000", 1);
    assert_true(service_watchdog_interval() == 10);
    unsetenv("WATCHDOG_USEC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_and_text),
        cmocka_unit_test(the_journal_gets_priorities),
        cmocka_unit_test(repeats_are_held_back_and_counted),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(systemd_is_told),
        cmocka_unit_test(the_watchdog_is_fed_at_half_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
