#include "transport/log.h"

#include "transport/clock.h"
#include "transport/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static int least_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    __atomic_store_n(&least_level, (int)level, __ATOMIC_RELAXED);
}

static bool is_shown(enum log_level level)
{
    return (int)level <= __atomic_load_n(&least_level, __ATOMIC_RELAXED);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_NOTICE:
        return "notice";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        break;
    }
    return "debug";
}

static const char *level_colour(enum log_level level)
{
    if (level <= LOG_LEVEL_ERROR)
        return "\033[31m";
    if (level == LOG_LEVEL_WARNING)
        return "\033[33m";
    return level == LOG_LEVEL_DEBUG ? "\033[2m" : "";
}

/* "2026-01-31T23:59:59.123Z" */
static void write_time(char text[32])
{
    int64_t now_ms = clock_of_machine()->wall_ms(clock_of_machine());
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t used = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + used, 32 - used, ".%03dZ", (int)(now_ms % 1000));
}

static size_t write_start(char *line, size_t size, enum log_level level)
{
    char now[32];
    int used;
    if (service_has_journal()) {
        used = snprintf(line, size, "<%d>", (int)level);
    } else {
        write_time(now);
        if (isatty(STDERR_FILENO))
            used = snprintf(line, size, "\033[2m%s\033[0m %s%-7s%s ", now, level_colour(level),
                            level_name(level), "\033[0m");
        else
            used = snprintf(line, size, "%s %-7s ", now, level_name(level));
    }
    return used > 0 ? (size_t)used : 0;
}

/* What others sent us may be quoted in a message: it must not start a line of its own or speak to
 * the terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
    }
}

/* One write for one line, so that those of several threads do not mix. */
static void log_arguments(enum log_level level, uint64_t held_back, const char *format,
                          va_list arguments)
{
    char line[LINE_BYTES + 64];
    size_t start = write_start(line, sizeof line, level);
    int wanted = vsnprintf(line + start, LINE_BYTES - start, format, arguments);
    if (wanted < 0)
        return;
    make_printable(line + start);
    size_t used = start + (size_t)wanted;
    if (used > LINE_BYTES - 1)
        used = LINE_BYTES - 1;
    if (held_back > 0)
        used += (size_t)snprintf(line + used, sizeof line - used,
                                 " (and %" PRIu64 " like it before)", held_back);
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere left to complain to */
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!is_shown(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    log_arguments(level, 0, format, arguments);
    va_end(arguments);
}

void log_every(struct log_limit *limit, int seconds, enum log_level level, const char *format, ...)
{
    if (!is_shown(level))
        return;
    int64_t now = clock_of_machine()->monotonic_ns(clock_of_machine());
    int64_t last = __atomic_load_n(&limit->last_ns, __ATOMIC_RELAXED);
    bool due = last == 0 || now - last >= (int64_t)seconds * 1000000000;
    if (!due || !__atomic_compare_exchange_n(&limit->last_ns, &last, now, false, __ATOMIC_RELAXED,
                                             __ATOMIC_RELAXED)) {
        __atomic_add_fetch(&limit->held_back, 1, __ATOMIC_RELAXED);
        return;
    }
    uint64_t held_back = __atomic_exchange_n(&limit->held_back, 0, __ATOMIC_RELAXED);
    va_list arguments;
    va_start(arguments, format);
    log_arguments(level, held_back, format, arguments);
    va_end(arguments);
}
