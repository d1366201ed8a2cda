/*
 * How the model's state goes out and comes back: a stream of bytes through an abstract writer or
 * reader, so that the model knows neither files nor checksums (the idea of redis' rio.h).
 * The byte order is the machine's; snapshots say which.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "model/status.h"

#include <stddef.h>

struct state_writer {
    /* Takes all `size` bytes or fails; after a failure every further call fails the same way. */
    enum status (*write)(struct state_writer *writer, const void *bytes, size_t size);
};

struct state_reader {
    /* Gives exactly `size` bytes or fails (STATUS_BAD_DATA at an early end). */
    enum status (*read)(struct state_reader *reader, void *bytes, size_t size);
};

#endif
