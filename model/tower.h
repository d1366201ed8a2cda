/* The neural user tower: what a pass forward leaves for the way back. See tower.c. */
#ifndef MODEL_TOWER_H
#define MODEL_TOWER_H

#include "model/factors.h"

enum { TOWER_HIDDEN = 16, TOWER_VISITS = 16, TOWER_ROWS_USED = 3 };

struct tower_pass {
    bool used;                                             /* there was a history to look at */
    uint32_t row[TOWER_ROWS_USED];                         /* of the circumstances */
    float input[2 * DIM_MAX] __attribute__((aligned(64))); /* (2 dim) */
    float hidden[TOWER_HIDDEN] __attribute__((aligned(64)));
};

#endif
