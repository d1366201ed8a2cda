/*
 * What `tasted replay` learns from: recorded files, or a range of Kafka topics; read once or, for
 * an evaluation that must know the length beforehand, twice. Blocking; one thread.
 */
#ifndef DAEMON_REPLAY_INPUT_H
#define DAEMON_REPLAY_INPUT_H

#include "daemon/settings.h"
#include "transport/event_file.h"

struct replay_input_settings {
    const struct settings *settings;
    const char *const *paths; /* files, or "-"; none: Kafka */
    uint32_t path_count;
    bool twice; /* replay_input_rewind() will be called: what is no regular file is copied */
    const char *topics, *from, *to;   /* of Kafka */
    const struct position *positions; /* of a snapshot, over `from`; borrowed */
    uint32_t position_count;
};

struct replay_input; /* opaque */

enum replay_got {
    REPLAY_EVENT,   /* `event`, from a file */
    REPLAY_MESSAGE, /* `message`, from Kafka */
    REPLAY_BAD,     /* `verdict` and `error`: a line that is no event */
    REPLAY_END,
    REPLAY_FAILED, /* `error` */
};

struct replay_turn {
    struct event event;
    const char *file; /* the event's; holds until the next reading */
    uint64_t line;    /* from 1 */
    struct message message;
    enum verdict verdict;
    struct error error;
};

enum status replay_input_open(const struct replay_input_settings *settings,
                              struct replay_input **out, struct error *error);
enum replay_got replay_input_next(struct replay_input *input, struct replay_turn *turn);
/* Starts over and ends where the first reading ended, whatever was appended since. */
enum status replay_input_rewind(struct replay_input *input, struct error *error);
/* The part read, 0..1; negative: unknown. */
double replay_input_fraction(const struct replay_input *input);
/* Where Kafka is to be continued; 0 for files. At most `max`. */
uint32_t replay_input_positions(const struct replay_input *input, struct position *at,
                                uint32_t max);
void replay_input_close(struct replay_input *input); /* NULL is legal */

#endif
