/* Whole event files, packed or not: no crash, and every event that comes out is well-formed. */
#include "transport/event_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct event_files *files)
{
    struct event_files_turn turn;
    for (;;) {
        switch (event_files_next(files, &turn)) {
        case EVENT_FILES_EVENT:
            if (event_check(&turn.event, turn.event.ts_ms) != VERDICT_ACCEPTED)
                abort();
            break;
        case EVENT_FILES_BAD:
            if (turn.verdict < VERDICT_UNDECODABLE)
                abort();
            break;
        case EVENT_FILES_END:
        case EVENT_FILES_FAILED:
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct field_map map;
    struct event_files *files;
    struct error error;
    const int memory = memfd_create("events", 0);
    if (memory < 0 || write(memory, data, size) != (ssize_t)size)
        abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    field_map_init(&map);
    /* Twice, so that there is something to merge. */
    const char *const paths[] = {path, path};
    if (event_files_open(paths, 2, &map, &files, &error) == STATUS_OK) {
        read_all(files);
        event_files_close(files);
    }
    (void)close(memory);
    return 0;
}
