/* A list read back from the bytes that list_format_bytes() makes, or that somebody else put there.
 * For one-shot commands and tests: it allocates. */
#ifndef TRANSPORT_LIST_PARSE_H
#define TRANSPORT_LIST_PARSE_H

#include "model/list.h"
#include "model/status.h"

#include <stddef.h>

/* Memory for the ids of a list, filled from the front. */
struct arena {
    char *at;
    size_t left;
};

/* Appends an id. STATUS_BAD_DATA: no room in the list or the arena. */
enum status list_append(struct list *list, struct arena *arena, struct text item, float score,
                        struct error *error);
/* JSON or MessagePack, told by the first byte. Scores are NAN where there are none; `at_ms` is 0.
 */
enum status list_parse(struct text bytes, struct list *list, struct arena *arena, int64_t *at_ms,
                       struct error *error);

#endif
