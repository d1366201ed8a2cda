/*
 * How well a probability that something is kept tells what is kept from what is skipped: the area
 * under the ROC curve within each user, averaged by the users' events (CONTRACT §5, skip_auc).
 *
 * A user's area is the share of the user's pairs of a kept and a skipped event whose kept one had
 * the higher probability, ties counting half (Mann & Whitney 1947; Fawcett 2006, §7). Users
 * without both kinds say nothing.
 */
#ifndef MODEL_KEEP_AUC_H
#define MODEL_KEEP_AUC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keep_guess {
    uint64_t user; /* any key of the user's */
    float probability;
    bool kept;
};

/* Zeroed it is empty. 16 bytes a guess. */
struct keep_auc {
    struct keep_guess *all;
    size_t size, room;
};

void keep_auc_finish(struct keep_auc *auc);
/* False: no memory. */
bool keep_auc_add(struct keep_auc *auc, uint64_t user, float probability, bool kept);
/* NAN where no user has both kinds. Sorts the guesses. */
double keep_auc_value(struct keep_auc *auc);

#endif
