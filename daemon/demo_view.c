#include "daemon/demo_view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS = 80, LINE_MAX_BYTES = 400, PICTURE_MAX = 32 * 1024, BAR = 40 };

static const char plain[] = "", bold[] = "\033[1m", dim[] = "\033[2m", green[] = "\033[32m",
                  yellow[] = "\033[33m", cyan[] = "\033[36m";

/* A picture in the making: lines of at most 80 columns, or the terminal's if it is narrower. */
struct picture {
    char bytes[PICTURE_MAX];
    size_t size;
    uint32_t columns, rows, row;
    bool colour;
};

/* Bytes of the first `columns` characters; every character of ours is one column wide. */
static size_t clip(const char *text, uint32_t columns)
{
    size_t at = 0;
    for (uint32_t seen = 0; text[at] != '\0'; at++) {
        if (((unsigned char)text[at] & 0xc0) != 0x80 && seen++ == columns)
            break;
    }
    return at;
}

static void append(struct picture *picture, const char *bytes, size_t size)
{
    if (picture->size + size > sizeof picture->bytes)
        return;
    memcpy(picture->bytes + picture->size, bytes, size);
    picture->size += size;
}

static void line(struct picture *picture, const char *style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(struct picture *picture, const char *style, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;
    if (picture->row == picture->rows)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (picture->row++ > 0)
        append(picture, "\r\n", 2);
    if (picture->colour)
        append(picture, style, strlen(style));
    append(picture, text, clip(text, picture->columns));
    if (picture->colour && style[0] != '\0')
        append(picture, "\033[0m", 4);
    append(picture, "\033[K", 3);
}

static bool write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

void view_open(struct view *view)
{
    const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool able = terminal != NULL && strcmp(terminal, "dumb") != 0;
    *view = (struct view){.picture = able && isatty(STDOUT_FILENO)};
    view->colour = view->picture && (no_colour == NULL || no_colour[0] == '\0');
    if (!view->picture)
        return;
    static const char second_screen[] = "\033[?1049h\033[?25l\033[2J";
    view->open = write_all(second_screen, sizeof second_screen - 1);
}

void view_close(struct view *view)
{
    static const char first_screen[] = "\033[?25h\033[?1049l";
    if (view->open)
        write_all(first_screen, sizeof first_screen - 1);
    view->open = false;
}

void view_abandon(struct view *view)
{
    view->open = false;
    if (freopen("/dev/null", "we", stdout) == NULL)
        clearerr(stdout);
}

/* "Mon 18:42" of the stream's own time. */
static void tell_time(int64_t ms, char text[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, 32, "%a %H:%M", &tm);
}

static void tell_latency(const struct view_figures *figures, char text[64])
{
    if (figures->p50 < 0 || figures->p99 < 0)
        snprintf(text, 64, "not known yet");
    else
        snprintf(text, 64, "p50 %.0f ms, p99 %.0f ms", figures->p50, figures->p99);
}

/* ---- the picture ---- */

static void draw_bar(struct picture *picture, const char *style, const char *name, double rate,
                     double whole, const char *note)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    char bar[BAR * 3 + 4] = "";
    double cells = whole > 0 ? rate / whole * BAR : 0;
    int full = cells > BAR ? BAR : cells < 0 ? 0 : (int)cells;
    int part = (int)((cells - full) * 8);
    size_t size = 0;
    for (int i = 0; i < full; i++, size += 3)
        memcpy(bar + size, "█", 3);
    if (full < BAR && part > 0 && part < 8)
        size += (size_t)snprintf(bar + size, sizeof bar - size, "%s", eighths[part]);
    bar[size] = '\0';
    line(picture, style, "  %-14s %5.1f %% %s%s", name, 100 * rate, bar, note);
}

static void draw_rates(struct picture *picture, const struct scores *scores)
{
    const struct hits *hits = &scores->window;
    double best = hits_rate(hits, hits->best);
    char note[48];
    snprintf(note, sizeof note, " %.0f %% of the way", 100 * hits_way(hits));
    line(picture, bold, "How often was what they kept next among the first ten?");
    draw_bar(picture, plain, "popular list", hits_rate(hits, hits->popular), best, "");
    draw_bar(picture, green, "tasted's list", hits_rate(hits, hits->tasted), best, note);
    draw_bar(picture, dim, "best possible", best, best, "");
}

/* How many tracks of each list there is room for. */
static uint32_t tracks_shown(const struct picture *picture)
{
    uint32_t each = (picture->rows > picture->row ? picture->rows - picture->row : 0) / VIEW_PEOPLE;
    return each < 4 ? 1 : each - 3 < VIEW_TRACKS ? each - 3 : VIEW_TRACKS;
}

static void draw_person(struct picture *picture, const struct view_person *person, uint32_t tracks)
{
    char rank[24] = "";
    if (person->ranked && person->rank > 0)
        snprintf(rank, sizeof rank, " (was no. %u)", person->rank);
    else if (person->ranked)
        snprintf(rank, sizeof rank, " (was not listed)");
    line(picture, plain, "%s", "");
    line(picture, bold, "%s", person->name);
    line(picture, cyan, "  %s%s", person->did, rank);
    for (uint32_t i = 0; i < tracks; i++) {
        static const char *const signs[] = {" ", "↑", "+"};
        bool there = i < person->size;
        enum view_mark mark = there ? person->marks[i] : MARK_SAME;
        line(picture,
             mark == MARK_NEW  ? green
             : mark == MARK_UP ? yellow
                               : plain,
             "    %u %s %s", i + 1, signs[mark], there ? person->titles[i] : "");
    }
}

bool view_draw(struct view *view, const struct view_figures *figures,
               const struct view_person *people)
{
    static struct picture picture; /* large, and of use to nobody else */
    struct winsize window = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
    picture.size = 0;
    picture.row = 0;
    picture.columns = window.ws_col > 0 && window.ws_col < COLUMNS ? window.ws_col : COLUMNS;
    picture.rows = window.ws_row > 0 ? window.ws_row : 24;
    picture.colour = view->colour;
    append(&picture, "\033[H", 3);
    char when[32], latency[64];
    tell_time(figures->stream_ms, when);
    tell_latency(figures, latency);
    line(&picture, bold, "tasted demo: %.0f s, %s in the stream. Ctrl-C ends it.", figures->seconds,
         when);
    line(&picture, plain, "%llu events (%.0f/s), %llu lists; event to list: %s",
         (unsigned long long)figures->events, figures->rate, (unsigned long long)figures->lists,
         latency);
    draw_rates(&picture, figures->scores);
    uint32_t tracks = tracks_shown(&picture);
    for (uint32_t i = 0; i < VIEW_PEOPLE; i++) {
        if (people[i].name[0] != '\0')
            draw_person(&picture, &people[i], tracks);
    }
    append(&picture, "\033[J", 3);
    return write_all(picture.bytes, picture.size);
}

/* ---- lines ---- */

bool view_line(struct view *view, const struct view_figures *figures,
               const struct view_person *person)
{
    const struct hits *hits = &figures->scores->window;
    char latency[64];
    (void)view;
    tell_latency(figures, latency);
    printf("%5.0f s  %llu events (%.0f/s), %llu lists, %s\n", figures->seconds,
           (unsigned long long)figures->events, figures->rate, (unsigned long long)figures->lists,
           latency);
    printf("         hit rate@10: popular %.3f, tasted %.3f, best possible %.3f\n",
           hits_rate(hits, hits->popular), hits_rate(hits, hits->tasted),
           hits_rate(hits, hits->best));
    if (person->name[0] != '\0') {
        printf("         %s\n           %s\n", person->name, person->did);
        for (uint32_t i = 0; i < person->size && i < 3; i++)
            printf("           %s %u %s\n", person->marks[i] == MARK_NEW ? "+" : " ", i + 1,
                   person->titles[i]);
    }
    return fflush(stdout) == 0;
}

static void sum_hits(const char *what, const struct hits *hits)
{
    printf("hit rate@10 of the %s %llu plays: popular %.3f, tasted %.3f,\n"
           "  best possible %.3f: %.0f %% of the way\n",
           what, (unsigned long long)hits->plays, hits_rate(hits, hits->popular),
           hits_rate(hits, hits->tasted), hits_rate(hits, hits->best), 100 * hits_way(hits));
}

void view_sum(const struct view_figures *figures)
{
    char latency[64];
    tell_latency(figures, latency);
    printf("%llu events in %.1f s, %llu lists; event to list: %s\n",
           (unsigned long long)figures->events, figures->seconds,
           (unsigned long long)figures->lists, latency);
    sum_hits("last", &figures->scores->window);
    sum_hits("whole", &figures->scores->all);
    fflush(stdout);
}
