/*
 * Durations in fixed buckets, 1 µs to 10,000 s, six a decade: cheap to add to, good to about a
 * fifth for a quantile. Plain memory, all zeros is empty; one thread.
 */
#ifndef DAEMON_HISTOGRAM_H
#define DAEMON_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 60 };

struct histogram {
    uint64_t count;
    double sum;                        /* seconds */
    uint64_t at[HISTOGRAM_BOUNDS + 1]; /* at[i]: <= histogram_bound(i); the last: above all */
};

double histogram_bound(uint32_t index); /* seconds */
void histogram_add(struct histogram *histogram, double seconds);
/* One that stands for so many. */
void histogram_add_times(struct histogram *histogram, double seconds, uint32_t times);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Seconds below which the share `q` (0..1) lies; 0 when empty. */
double histogram_quantile(const struct histogram *histogram, double q);

/* The last minute, in slices of ten seconds. */
enum { WINDOW_SLICES = 6, WINDOW_SLICE_MS = 10000 };

struct histogram_window {
    struct histogram at[WINDOW_SLICES];
    int64_t slice; /* the newest one, counted since the clock's zero */
};

void histogram_window_add(struct histogram_window *window, int64_t now_ms, double seconds);
struct histogram histogram_window_sum(struct histogram_window *window, int64_t now_ms);

#endif
