#include "daemon/concentration.h"

#include "model/array.h"

#include <stdlib.h>
#include <string.h>

void concentration_init(struct concentration *concentration)
{
    *concentration = (struct concentration){0};
}

void concentration_finish(struct concentration *concentration)
{
    free(concentration->count);
    concentration_init(concentration);
}

void concentration_add(struct concentration *concentration, uint32_t item)
{
    if (array_grow(&concentration->count, &concentration->room, item + 1,
                   sizeof *concentration->count) != STATUS_OK)
        return;
    concentration->count[item]++;
    concentration->total++;
}

uint32_t concentration_covered(const struct concentration *concentration)
{
    uint32_t covered = 0;
    for (uint32_t item = 0; item < concentration->room; item++)
        covered += concentration->count[item] > 0;
    return covered;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* With the counts x in ascending order, sum of (2 n - items - 1) x_n over items * total; items
 * without a count come first and add nothing. */
double concentration_gini(const struct concentration *concentration, uint32_t items)
{
    uint32_t covered = concentration_covered(concentration), place = 0;
    uint32_t *sorted = malloc((covered + 1) * sizeof *sorted);
    if (sorted == NULL || covered == 0) {
        free(sorted);
        return 0.0;
    }
    items = items > covered ? items : covered;
    for (uint32_t item = 0; item < concentration->room; item++)
        if (concentration->count[item] > 0)
            sorted[place++] = concentration->count[item];
    qsort(sorted, covered, sizeof *sorted, compare);
    double sum = 0.0;
    for (uint32_t n = 0; n < covered; n++)
        sum += (2.0 * (items - covered + n + 1) - items - 1.0) * sorted[n];
    free(sorted);
    return sum / ((double)items * (double)concentration->total);
}
