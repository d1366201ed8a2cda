#include "daemon/command.h"

#include <stdio.h>

int exit_code_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return EXIT_FINE;
    case STATUS_INVALID:
        return EXIT_USAGE;
    case STATUS_BAD_DATA:
    case STATUS_NOT_FOUND:
        return EXIT_BAD_DATA;
    case STATUS_UNREACHABLE:
        return EXIT_UNREACHABLE;
    case STATUS_CANNOT_WRITE:
        return EXIT_CANNOT_WRITE;
    case STATUS_IO:
        return EXIT_IO;
    case STATUS_BAD_CONFIG:
        return EXIT_BAD_CONFIG;
    case STATUS_NO_MEMORY:
    case STATUS_INTERNAL:
        break;
    }
    return EXIT_INTERNAL;
}

int fail(const struct error *error)
{
    fprintf(stderr, "tasted: %s\n", error->text);
    return exit_code_of(error->status);
}
