#include "daemon/progress.h"

#include "daemon/plural.h"
#include "transport/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BAR_EVERY_MS = 100,
    LINE_EVERY_MS = 5000,
    LOOK_EVERY_MS = 10, /* about as often is the clock looked at */
    SKIP_MAX = 1 << 20,
};
static const int64_t MS = 1000000;

static int64_t now_ns(void)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock);
}

void progress_init(struct progress *progress, const char *what, const char *unit)
{
    int64_t now = now_ns();
    *progress = (struct progress){.what = what,
                                  .unit = unit,
                                  .terminal = isatty(STDERR_FILENO) == 1,
                                  .started_ns = now,
                                  .shown_ns = now,
                                  .looked_ns = now};
}

const char *progress_count(uint64_t count, char out[32])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count), used = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

static void duration_text(double seconds, char out[32])
{
    if (!(seconds < 100 * 3600.0))
        snprintf(out, 32, "-:--");
    else if (seconds >= 3600)
        snprintf(out, 32, "%d:%02d:%02d", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
    else
        snprintf(out, 32, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
}

/* "1,234", and below one a second "0.25". */
static const char *rate_text(uint64_t count, double seconds, char out[32])
{
    double rate = seconds > 0 ? (double)count / seconds : 0;
    if (count == 0 || rate >= 1)
        return progress_count((uint64_t)rate, out);
    snprintf(out, 32, "%.2f", rate);
    return out;
}

/* "1 event", "1,234 events" */
static const char *amount_text(const struct progress *progress, uint64_t count, char out[64])
{
    char digits[32];
    size_t one = strlen(progress->unit) - 1; /* without its s */
    snprintf(out, 64, "%s %.*s%s", progress_count(count, digits), (int)one, progress->unit,
             plural(count));
    return out;
}

/* "##########------" */
static void draw_bar(double fraction, int width, char *out)
{
    int full = (int)(fraction * width);
    memset(out, '#', (size_t)full);
    memset(out + full, '-', (size_t)(width - full));
    out[width] = '\0';
}

void progress_text(const struct progress *progress, uint64_t count, double fraction, double seconds,
                   int columns, char *out, size_t size)
{
    char amount[64], rates[32], eta[32], percent[16] = "", left[48] = "", bar[64] = "", tail[192];
    if (fraction > 1)
        fraction = 1;
    if (fraction >= 0)
        snprintf(percent, sizeof percent, " %3d%%", (int)(fraction * 100));
    if (fraction > 0) {
        duration_text(seconds * (1 - fraction) / fraction, eta);
        snprintf(left, sizeof left, "  ETA %s", eta);
    }
    snprintf(tail, sizeof tail, "  %s  %s/s%s", amount_text(progress, count, amount),
             rate_text(count, seconds, rates), left);
    int room = columns - (int)(strlen(progress->what) + strlen(percent) + strlen(tail)) - 1;
    if (progress->terminal && fraction >= 0 && room >= 5)
        draw_bar(fraction, room > 30 ? 30 : room, bar);
    snprintf(out, size, "%s%s%s%s%s", progress->what, percent, bar[0] ? " " : "", bar, tail);
    if (columns >= 0 && (size_t)columns < strlen(out))
        out[columns] = '\0';
}

static int terminal_columns(void)
{
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col - 1; /* the last column would wrap on some */
    return 79;
}

static void show(struct progress *progress, uint64_t count, double fraction, int64_t now)
{
    char text[256];
    double seconds = (double)(now - progress->started_ns) * 1e-9;
    int columns = progress->terminal ? terminal_columns() : 79;
    progress_text(progress, count, fraction, seconds, columns, text, sizeof text);
    if (progress->terminal)
        fprintf(stderr, "\r%s\033[K", text);
    else
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
    progress->shown_ns = now;
}

void progress_update(struct progress *progress, uint64_t count, double fraction)
{
    if (progress->skipped < progress->skip) {
        progress->skipped++;
        return;
    }
    progress->skipped = 0;
    int64_t now = now_ns(), since_look = now - progress->looked_ns;
    progress->looked_ns = now;
    if (since_look < LOOK_EVERY_MS * MS / 2 && progress->skip < SKIP_MAX)
        progress->skip = 2 * progress->skip + 1;
    else if (since_look > LOOK_EVERY_MS * MS * 2)
        progress->skip /= 4;
    int64_t every = (progress->terminal ? BAR_EVERY_MS : LINE_EVERY_MS) * MS;
    if (now - progress->shown_ns >= every)
        show(progress, count, fraction, now);
}

void progress_finish(struct progress *progress, uint64_t count)
{
    char amount[64], rates[32];
    double seconds = (double)(now_ns() - progress->started_ns) * 1e-9;
    fprintf(stderr, "%s%s: %s in %.1f s, %s/s%s\n", progress->terminal ? "\r" : "", progress->what,
            amount_text(progress, count, amount), seconds, rate_text(count, seconds, rates),
            progress->terminal ? "\033[K" : "");
}
