/* The parts of `tasted demo` (demo.c). */
#ifndef DAEMON_DEMO_H
#define DAEMON_DEMO_H

#include "model/status.h"

#include <stdbool.h>
#include <stdint.h>

struct demo_settings {
    double seconds;     /* of the stream; 0: until Ctrl-C */
    double rate;        /* events a second */
    uint64_t seed;      /* of stream and model */
    bool keep;          /* the folder */
    const char *stream; /* --stream: this file instead of the show */
    uint64_t events;    /* … so many of them */
};

/* The show: broker, Redis and daemon, the stream and the view. The exit code. */
int demo_show(const struct demo_settings *settings);

/* Writes the stream to `settings->stream`, and beside it its catalogue (.items.ndjson) and what is
 * known about it (.truth.json). */
enum status demo_write_stream(const struct demo_settings *settings, struct error *error);

#endif
