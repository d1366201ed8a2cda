/*
 * How the model's state goes out and comes back: a stream of bytes through an abstract writer or
 * reader, so that the model knows neither files nor checksums (the idea of redis' rio.h).
 * The byte order is the machine's; snapshots say which.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "model/status.h"

#include <stddef.h>
#include <stdint.h>

struct state_writer {
    /* Takes all `size` bytes or fails; after a failure every further call fails the same way. */
    enum status (*write)(struct state_writer *writer, const void *bytes, size_t size);
};

/* Work on what has been read already, which may be done by another thread meanwhile. */
struct state_task {
    enum status (*run)(void *context);
    void *context;
    enum status status; /* once it is done */
};

struct state_reader {
    /* Gives exactly `size` bytes or fails (STATUS_BAD_DATA at an early end): then all is given up
     * that is under way. */
    enum status (*read)(struct state_reader *reader, void *bytes, size_t size);
    /* How many bytes there are left. The model's loader asks it before it takes memory. */
    uint64_t (*left)(const struct state_reader *reader);
    /* May be NULL. The next `size` bytes, after all those of which this was said before, will be
     * read `to` there, at once or bit by bit: they may be fetched already while the caller does
     * other things, and leaves that memory alone. `to` NULL: whatever is under way is given up,
     * nothing is written any more, and nothing can be read. */
    void (*ahead)(struct state_reader *reader, void *to, size_t size);
    /* May both be NULL. Has the task run, at once or by the thread that fetches, if there is one;
     * and waits until it is done. One at a time. Whatever is given up is done or never begun. */
    void (*begin)(struct state_reader *reader, struct state_task *task);
    void (*end)(struct state_reader *reader, struct state_task *task);
};

/* What will be read next, after all that is expected already, and where; STATUS_BAD_DATA: there is
 * not so much left. */
static inline enum status state_expect(struct state_reader *reader, void *to, size_t size)
{
    if (size > reader->left(reader))
        return STATUS_BAD_DATA;
    if (reader->ahead != NULL && size > 0)
        reader->ahead(reader, to, size);
    return STATUS_OK;
}

/* Between these two nobody else touches what the task is about. */
static inline void state_begin(struct state_reader *reader, struct state_task *task)
{
    if (reader->begin != NULL)
        reader->begin(reader, task);
    else
        task->status = task->run(task->context);
}

static inline enum status state_end(struct state_reader *reader, struct state_task *task)
{
    if (reader->end != NULL)
        reader->end(reader, task);
    return task->status;
}

static inline void state_give_up(struct state_reader *reader)
{
    if (reader->ahead != NULL)
        reader->ahead(reader, NULL, 0);
}

#endif
