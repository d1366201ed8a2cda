#include "transport/time_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Exactly `digits` digits at `*at`; moves on. -1: not so. */
static int read_fixed(const char **at, int digits)
{
    int number = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        number = 10 * number + (**at - '0');
    }
    return number;
}

static bool read_mark(const char **at, const char *marks)
{
    if (!**at || !strchr(marks, **at))
        return false;
    (*at)++;
    return true;
}

static int days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool read_date(const char **at, struct tm *tm)
{
    int year = read_fixed(at, 4);
    bool marked = read_mark(at, "-");
    int month = read_fixed(at, 2);
    marked = marked && read_mark(at, "-");
    int day = read_fixed(at, 2);
    if (!marked || year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(month, year))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

static bool read_clock(const char **at, struct tm *tm, int *ms)
{
    tm->tm_hour = read_fixed(at, 2);
    bool marked = read_mark(at, ":");
    tm->tm_min = read_fixed(at, 2);
    marked = marked && read_mark(at, ":");
    tm->tm_sec = read_fixed(at, 2);
    if (!marked || tm->tm_hour < 0 || tm->tm_hour > 23 || tm->tm_min < 0 || tm->tm_min > 59 ||
        tm->tm_sec < 0 || tm->tm_sec > 60)
        return false;
    *ms = 0;
    if (!read_mark(at, "."))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    for (int weight = 100; isdigit((unsigned char)**at); (*at)++, weight /= 10)
        *ms += weight * (**at - '0');
    return true;
}

/* "Z" or "+hh:mm". */
static bool read_zone(const char **at, int *minutes)
{
    *minutes = 0;
    if (read_mark(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!read_mark(at, "+-"))
        return false;
    int hours = read_fixed(at, 2);
    if (!read_mark(at, ":"))
        return false;
    int rest = read_fixed(at, 2);
    *minutes = sign * (60 * hours + rest);
    return hours >= 0 && hours <= 23 && rest >= 0 && rest <= 59;
}

/* Digits and nothing else. */
static bool read_count(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *out = number;
    return isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
}

bool time_text_parse(const char *text, int64_t *ms)
{
    if (read_count(text, ms))
        return true;
    struct tm tm = {0};
    int fraction, zone;
    if (!read_date(&text, &tm) || !read_mark(&text, "Tt ") || !read_clock(&text, &tm, &fraction) ||
        !read_zone(&text, &zone) || *text)
        return false;
    *ms = ((int64_t)timegm(&tm) - 60 * (int64_t)zone) * 1000 + fraction;
    return *ms >= 0;
}
