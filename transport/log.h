/*
 * Lines for people, to stderr: time, level, message; to the journal with a priority instead.
 * Repeats are bounded: log_every() lets one line through in `seconds` and counts the rest.
 * Any thread.
 */
#ifndef TRANSPORT_LOG_H
#define TRANSPORT_LOG_H

#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

void log_set_level(enum log_level level); /* the least important one that is still printed */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One place in the code that may have much to say. Static storage, zeroed. */
struct log_limit {
    int64_t last_ns;
    uint64_t held_back;
};
void log_every(struct log_limit *limit, int seconds, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
