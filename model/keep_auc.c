#include "model/keep_auc.h"

#include <math.h>
#include <stdlib.h>

void keep_auc_finish(struct keep_auc *auc)
{
    free(auc->all);
    *auc = (struct keep_auc){0};
}

bool keep_auc_add(struct keep_auc *auc, uint64_t user, float probability, bool kept)
{
    if (auc->size == auc->room) {
        size_t room = auc->room == 0 ? 1024 : 2 * auc->room;
        struct keep_guess *all = realloc(auc->all, room * sizeof *all);
        if (all == NULL)
            return false;
        auc->all = all;
        auc->room = room;
    }
    auc->all[auc->size++] = (struct keep_guess){user, probability, kept};
    return true;
}

static int by_user_then_probability(const void *a, const void *b)
{
    const struct keep_guess *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return (x->probability > y->probability) - (x->probability < y->probability);
}

/* Over one user's guesses, sorted ascending; NAN without both kinds. */
static double area_of(const struct keep_guess *guesses, size_t size)
{
    double kept = 0, skipped = 0, right = 0;
    for (size_t i = 0; i < size;) {
        double kept_here = 0, skipped_here = 0;
        size_t end = i;
        for (; end < size && guesses[end].probability <= guesses[i].probability; end++) {
            kept_here += guesses[end].kept;
            skipped_here += !guesses[end].kept;
        }
        right += kept_here * (skipped + 0.5 * skipped_here);
        kept += kept_here;
        skipped += skipped_here;
        i = end;
    }
    return kept > 0 && skipped > 0 ? right / (kept * skipped) : (double)NAN;
}

double keep_auc_value(struct keep_auc *auc)
{
    double sum = 0, weight = 0;
    if (auc->size > 0)
        qsort(auc->all, auc->size, sizeof *auc->all, by_user_then_probability);
    for (size_t i = 0; i < auc->size;) {
        size_t end = i;
        while (end < auc->size && auc->all[end].user == auc->all[i].user)
            end++;
        double area = area_of(auc->all + i, end - i);
        if (!isnan(area)) {
            sum += area * (double)(end - i);
            weight += (double)(end - i);
        }
        i = end;
    }
    return weight > 0 ? sum / weight : (double)NAN;
}
