/* A list that a command was asked for (`top`, `similar`): asked on the command line, read from
 * Redis or made by a model, printed for people or programs. */
#ifndef DAEMON_LIST_ANSWER_H
#define DAEMON_LIST_ANSWER_H

#include "daemon/command.h"

enum { LIST_ANSWER_BYTES = LIST_SIZE_MAX * (ID_BYTES_MAX + 1) };

struct list_request {
    const char *id; /* whose list */
    const char *snapshot;
    uint32_t size; /* 0: not given */
    bool json;
};

struct list_answer {
    struct list list;
    char ids[LIST_ANSWER_BYTES];
    int64_t at_ms; /* 0: the format does not keep it */
    bool popular;  /* the user has no list; this is the one for such users */
};

/* Where a command's lists come from; both name the ids in the answer, or say what is missing. */
struct list_source {
    enum status (*from_redis)(struct redis_client *redis, const char *prefix,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error);
    /* `size`: how many at most. Ids may point into the model. */
    enum status (*from_model)(const struct recommender *model, uint32_t size,
                              const struct list_request *request, struct list_answer *answer,
                              struct error *error);
};

/* The whole command of that name: reads ID -n N --json --snapshot FILE, gets the list and prints
 * it; `what` the id is of, "user" or "item", is a member in JSON. Returns the exit code. */
int list_answer(struct invocation *invocation, const char *name, const char *what,
                const struct list_source *source);

/* One key of Redis: PREFIX, `rest`, `name`. STATUS_NOT_FOUND. */
enum status list_answer_read(struct redis_client *redis, const char *prefix, const char *rest,
                             const char *name, struct list_answer *answer, struct error *error);

#endif
