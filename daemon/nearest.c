#include "daemon/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows of the usual table: the one being filled, and the two before it. */
uint32_t edit_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size >= NEAREST_NAME_MAX || b_size >= NEAREST_NAME_MAX)
        return UINT32_MAX;
    uint32_t rows[3][NEAREST_NAME_MAX];
    for (uint32_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t change = above[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(change, 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_init(struct nearest *nearest, const char *wanted)
{
    *nearest = (struct nearest){.wanted = wanted, .distance = UINT32_MAX};
}

/* Near enough: at most a third of it wrong, but two slips are forgiven in any name of four. */
void nearest_offer(struct nearest *nearest, const char *name)
{
    uint32_t length = (uint32_t)strlen(nearest->wanted);
    uint32_t allowed = length < 4 ? 1 : length < 9 ? 2 : length / 3;
    uint32_t distance = edit_distance(nearest->wanted, name);
    if (distance > allowed || distance >= nearest->distance)
        return;
    nearest->distance = distance;
    snprintf(nearest->name, sizeof nearest->name, "%s", name);
}
