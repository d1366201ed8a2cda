#include "daemon/histogram.h"

#include <string.h>

double histogram_bound(uint32_t index)
{
    static const double steps[] = {1, 1.5, 2, 3, 5, 7};
    static const double decades[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3};
    return steps[index % 6] * decades[index / 6];
}

void histogram_add_times(struct histogram *histogram, double seconds, uint32_t times)
{
    if (!(seconds > 0))
        seconds = 0;
    uint32_t low = 0, high = HISTOGRAM_BOUNDS;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (seconds <= histogram_bound(middle))
            high = middle;
        else
            low = middle + 1;
    }
    histogram->at[low] += times;
    histogram->count += times;
    histogram->sum += seconds * times;
}

void histogram_add(struct histogram *histogram, double seconds)
{
    histogram_add_times(histogram, seconds, 1);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    for (uint32_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        into->at[i] += from->at[i];
}

double histogram_quantile(const struct histogram *histogram, double q)
{
    double wanted = q * (double)histogram->count;
    double below = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        double here = (double)histogram->at[i];
        if (here > 0 && below + here >= wanted) {
            double floor = i == 0 ? 0 : histogram_bound(i - 1);
            return floor + (histogram_bound(i) - floor) * (wanted - below) / here;
        }
        below += here;
    }
    return histogram->count == 0 ? 0 : histogram_bound(HISTOGRAM_BOUNDS - 1);
}

static void window_advance(struct histogram_window *window, int64_t now_ms)
{
    int64_t slice = now_ms / WINDOW_SLICE_MS;
    if (slice - window->slice >= WINDOW_SLICES) {
        memset(window->at, 0, sizeof window->at);
        window->slice = slice;
    }
    while (window->slice < slice) {
        window->slice++;
        window->at[window->slice % WINDOW_SLICES] = (struct histogram){0};
    }
}

void histogram_window_add(struct histogram_window *window, int64_t now_ms, double seconds)
{
    window_advance(window, now_ms);
    histogram_add(&window->at[window->slice % WINDOW_SLICES], seconds);
}

struct histogram histogram_window_sum(struct histogram_window *window, int64_t now_ms)
{
    window_advance(window, now_ms);
    struct histogram sum = {0};
    for (uint32_t i = 0; i < WINDOW_SLICES; i++)
        histogram_merge(&sum, &window->at[i]);
    return sum;
}
