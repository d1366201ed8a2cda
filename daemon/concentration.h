/* How a number of choices falls on items: how many items get any, and how unequally (the Gini
 * coefficient over all of them: 0 all alike, towards 1 all on one). Grows with the items. */
#ifndef DAEMON_CONCENTRATION_H
#define DAEMON_CONCENTRATION_H

#include "model/status.h"

#include <stdint.h>

struct concentration {
    uint32_t *count; /* (room), by item */
    uint32_t room;
    uint64_t total;
};

void concentration_init(struct concentration *concentration);
void concentration_finish(struct concentration *concentration);
/* Where memory is short the choice is not counted. */
void concentration_add(struct concentration *concentration, uint32_t item);
/* Items that were chosen at all. */
uint32_t concentration_covered(const struct concentration *concentration);
/* Among `items`, of which those never chosen count too. 0 without any choice. */
double concentration_gini(const struct concentration *concentration, uint32_t items);

#endif
