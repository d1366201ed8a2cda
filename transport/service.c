#include "transport/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

void service_ready(void)
{
    sd_notify(0, "READY=1");
}

void service_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t usec = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIi64, usec);
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void service_status(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n') /* would begin a field of its own */
            *at = ' ';
    }
    sd_notifyf(0, "STATUS=%s", text);
}

double service_watchdog_interval(void)
{
    uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return 0;
    return (double)usec / 2e6;
}

void service_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

bool service_has_journal(void)
{
    static int known = -1; /* threads that race here find the same answer */
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (answer >= 0)
        return answer > 0;
    const char *stream = getenv("JOURNAL_STREAM");
    uint64_t device, inode;
    struct stat now;
    answer = stream != NULL && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
             fstat(STDERR_FILENO, &now) == 0 && (uint64_t)now.st_dev == device &&
             (uint64_t)now.st_ino == inode;
    __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    return answer > 0;
}
