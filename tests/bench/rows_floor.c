/*
 * The floor of learning: reads and writes random rows of k floats, and does nothing else.
 *
 *     rows_floor --rows 2000000 --dim 64 --per-event 3 --events 2000000
 *
 * {"ns": an event, "ns_row": a row}. Each event's rows are known beforehand (their numbers are only
 * hashed), so the processor may fetch as many at once as it can; every float is changed.
 */
#include "tests/bench/bench.h"

#include "model/random.h"

enum { AHEAD = 32 }; /* rows, fetched before they are needed */

static uint32_t row_at(uint64_t n, uint32_t rows)
{
    return random_below((uint32_t)(random_at(1, n) >> 32), rows);
}

static void fetch(const float *row, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i += 16) {
        __builtin_prefetch(row + i, 1);
    }
}

int main(int argc, char **argv)
{
    const uint32_t rows = (uint32_t)bench_number(argc, argv, "--rows", 2e6);
    const uint32_t dim = (uint32_t)bench_number(argc, argv, "--dim", 64);
    const uint64_t per_event = (uint64_t)bench_number(argc, argv, "--per-event", 3);
    const uint64_t events = (uint64_t)bench_number(argc, argv, "--events", 2e6);
    float *table = bench_huge((size_t)rows * dim * sizeof(float)); /* (rows, dim) */

    const uint64_t begun = bench_cpu_ns();
    for (uint64_t n = 0; n < events * per_event; n++) {
        fetch(table + (size_t)row_at(n + AHEAD, rows) * dim, dim);
        float *row = table + (size_t)row_at(n, rows) * dim;
        for (uint32_t i = 0; i < dim; i++) {
            row[i] = row[i] * 0.5f + 1.0f;
        }
    }
    const double ns = (double)(bench_cpu_ns() - begun) / (double)events;
    printf("{\"ns\": %.2f, \"ns_row\": %.2f}\n", ns, ns / (double)per_event);
    return 0;
}
