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

/* Reads ID -n N --json --snapshot FILE; `what` is "user" or "item". EXIT_FINE or EXIT_USAGE. */
int list_request_read(struct invocation *invocation, const struct command *command,
                      const char *what, struct list_request *request);
/* With the id in request and the settings in hand, `get` is asked for the list; it is printed, with
 * the member `what` in JSON. Returns the exit code. */
int list_answer(struct invocation *invocation, const struct list_request *request, const char *what,
                enum status (*get)(const struct settings *settings,
                                   const struct list_request *request, struct list_answer *answer,
                                   struct error *error));

/* One key of Redis: PREFIX, `rest`, `name`. STATUS_NOT_FOUND. */
enum status list_answer_read(struct redis_client *redis, const char *prefix, const char *rest,
                             const char *name, struct list_answer *answer, struct error *error);
enum status list_answer_connect(const struct settings *settings, struct redis_client **out,
                                struct error *error);
/* The list's ids point into the model: they are copied before it goes. */
void list_answer_keep_ids(struct list_answer *answer);

#endif
