/* What can go wrong, in one enum, and a message that says what, where and what to do about it. */
#ifndef MODEL_STATUS_H
#define MODEL_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,   /* the allocator refused */
    STATUS_INVALID,     /* the caller or the user asked for something that cannot be */
    STATUS_BAD_DATA,    /* input that is not what it says it is; a sum that does not match */
    STATUS_BAD_CONFIG,  /* a setting; or state made with other settings */
    STATUS_NOT_FOUND,   /* no such file, user, item, key */
    STATUS_UNREACHABLE, /* Kafka or Redis */
    STATUS_CANNOT_WRITE,
    STATUS_IO,
    STATUS_INTERNAL,
};

/* A status with its message. In the caller's memory; the text is always terminated. */
struct error {
    enum status status;
    char text[512];
};

/* Fills `error` (NULL: only returns) and returns `status`, so that a function can end with
 * `return error_set(error, STATUS_IO, "%s: %s", path, strerror(errno));`. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A short English name for the status; never NULL. */
const char *status_text(enum status status);

#endif
