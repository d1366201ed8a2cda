/* A state in memory: what a test saves to and loads from. */
#ifndef TESTS_UNIT_MEMORY_STATE_H
#define TESTS_UNIT_MEMORY_STATE_H

#include "model/state.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    struct state_writer writer; /* first */
    struct state_reader reader;
    unsigned char *bytes; /* the caller frees */
    size_t size, room, at;
};

static inline enum status memory_write(struct state_writer *writer, const void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)writer;
    if (memory->size + size > memory->room) {
        memory->room = 2 * (memory->size + size);
        memory->bytes = realloc(memory->bytes, memory->room);
        if (memory->bytes == NULL)
            abort();
    }
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return STATUS_OK;
}

static inline enum status memory_read(struct state_reader *reader, void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)((char *)reader - offsetof(struct memory, reader));
    if (size > memory->size - memory->at)
        return STATUS_BAD_DATA;
    memcpy(bytes, memory->bytes + memory->at, size);
    memory->at += size;
    return STATUS_OK;
}

static inline uint64_t memory_left(const struct state_reader *reader)
{
    const struct memory *memory =
        (const struct memory *)((const char *)reader - offsetof(struct memory, reader));
    return memory->size - memory->at;
}

static inline struct memory memory_state(void)
{
    return (struct memory){.writer = {memory_write},
                           .reader = {.read = memory_read, .left = memory_left}};
}

#endif
