#include "model/status.h"

#include <stdarg.h>
#include <stdio.h>

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_INVALID:
        return "invalid request";
    case STATUS_BAD_DATA:
        return "bad data";
    case STATUS_BAD_CONFIG:
        return "bad configuration";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_UNREACHABLE:
        return "out of reach";
    case STATUS_CANNOT_WRITE:
        return "cannot write";
    case STATUS_IO:
        return "input/output error";
    case STATUS_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}
