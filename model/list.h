/* A ranked list as it is published: ids, best first, with their scores. */
#ifndef MODEL_LIST_H
#define MODEL_LIST_H

#include "model/event.h"

enum { LIST_SIZE_MAX = 1000 };

struct list_entry {
    struct text item;
    uint32_t slot; /* of the item in the model; free for lists from elsewhere */
    float score;
};

/* In the caller's memory; the ids point into the model and hold until it learns or forgets. */
struct list {
    uint32_t size;
    struct list_entry at[LIST_SIZE_MAX];
};

#endif
