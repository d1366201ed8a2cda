#include "transport/redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REDIS_PORT = 6379, DATABASE_MAX = 1 << 20 };

struct span {
    const char *at, *end;
};

static size_t span_size(struct span span)
{
    return (size_t)(span.end - span.at);
}

static const char *find_last(struct span span, char byte)
{
    return memrchr(span.at, byte, span_size(span));
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Copies with %XX taken for the byte it means. */
static enum status copy_part(struct span part, const char *what, char *out, size_t out_size,
                             struct error *error)
{
    size_t used = 0;
    for (const char *at = part.at; at < part.end; at++) {
        char byte = *at;
        if (byte == '%') {
            int high = part.end - at > 2 ? hex_value(at[1]) : -1;
            int low = high >= 0 ? hex_value(at[2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return error_set(error, STATUS_BAD_CONFIG,
                                 "redis.url: in the %s, %% must be followed by two hexadecimal "
                                 "digits (write %%25 for a percent sign)",
                                 what);
            byte = (char)(high * 16 + low);
            at += 2;
        }
        if (used + 1 >= out_size)
            return error_set(error, STATUS_BAD_CONFIG, "redis.url: the %s is longer than %zu bytes",
                             what, out_size - 1);
        out[used++] = byte;
    }
    out[used] = '\0';
    return STATUS_OK;
}

static enum status read_number(struct span part, const char *what, int least, int most, int *out,
                               struct error *error)
{
    long value = 0;
    const char *at = part.at;
    for (; at < part.end && *at >= '0' && *at <= '9' && value <= most; at++)
        value = value * 10 + (*at - '0');
    if (at != part.end || at == part.at || value < least || value > most)
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: the %s \"%.*s\" is not a number from %d to %d", what,
                         (int)span_size(part), part.at, least, most);
    *out = (int)value;
    return STATUS_OK;
}

/* The file's first line. */
static enum status read_secret(const char *path, char *out, size_t out_size, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set(error, STATUS_BAD_CONFIG, "redis.url: password file %s: %s", path,
                         strerror(errno));
    size_t size = fread(out, 1, out_size, file);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return error_set(error, STATUS_BAD_CONFIG, "redis.url: password file %s: cannot be read",
                         path);
    char *end = memchr(out, '\n', size);
    if (end != NULL)
        size = (size_t)(end - out);
    if (size > 0 && out[size - 1] == '\r')
        size--;
    if (size == 0 || size == out_size || memchr(out, '\0', size) != NULL)
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: password file %s: its first line must hold the password "
                         "(1 to %zu bytes)",
                         path, out_size - 1);
    out[size] = '\0';
    return STATUS_OK;
}

enum status redis_read_password(struct redis_address *address, struct error *error)
{
    if (address->password_file[0] == '\0')
        return STATUS_OK;
    enum status status =
        read_secret(address->password_file, address->password, sizeof address->password, error);
    if (status != STATUS_OK)
        explicit_bzero(address->password, sizeof address->password);
    return status;
}

/* user[:password], the password perhaps as @/file */
static enum status parse_login(struct span login, struct redis_address *out, struct error *error)
{
    const char *colon = memchr(login.at, ':', span_size(login));
    struct span user = {login.at, colon != NULL ? colon : login.end};
    enum status status = copy_part(user, "user", out->user, sizeof out->user, error);
    if (status != STATUS_OK || colon == NULL)
        return status;
    struct span password = {colon + 1, login.end};
    if (span_size(password) < 2 || memcmp(password.at, "@/", 2) != 0)
        return copy_part(password, "password", out->password, sizeof out->password, error);
    password.at++;
    status = copy_part(password, "password file's path", out->password_file,
                       sizeof out->password_file, error);
    return status != STATUS_OK ? status : redis_read_password(out, error);
}

/* ?db=N */
static enum status parse_query(struct span *rest, struct redis_address *out, struct error *error)
{
    const char *mark = memchr(rest->at, '?', span_size(*rest));
    if (mark == NULL)
        return STATUS_OK;
    struct span query = {mark + 1, rest->end};
    rest->end = mark;
    if (span_size(query) < 3 || memcmp(query.at, "db=", 3) != 0)
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: \"?%.*s\" is not known; only ?db=N may stand there",
                         (int)span_size(query), query.at);
    query.at += 3;
    return read_number(query, "database", 0, DATABASE_MAX, &out->database, error);
}

/* [host][:port][/db] */
static enum status parse_tcp(struct span rest, struct redis_address *out, struct error *error)
{
    enum status status;
    const char *slash = memchr(rest.at, '/', span_size(rest));
    if (slash != NULL) {
        struct span database = {slash + 1, rest.end};
        rest.end = slash;
        if (span_size(database) > 0 && (status = read_number(database, "database", 0, DATABASE_MAX,
                                                             &out->database, error)) != STATUS_OK)
            return status;
    }
    struct span host = rest;
    const char *colon = find_last(rest, ':');
    if (span_size(rest) > 0 && *rest.at == '[') {
        const char *bracket = memchr(rest.at, ']', span_size(rest));
        if (bracket == NULL || (bracket + 1 < rest.end && bracket[1] != ':'))
            return error_set(error, STATUS_BAD_CONFIG,
                             "redis.url: \"%.*s\": an IPv6 address stands in brackets, "
                             "as in redis://[::1]:6379",
                             (int)span_size(rest), rest.at);
        host = (struct span){rest.at + 1, bracket};
        colon = bracket + 1 < rest.end ? bracket + 1 : NULL;
    } else if (colon != NULL) {
        host.end = colon;
    }
    if (colon != NULL && colon + 1 < rest.end &&
        (status = read_number((struct span){colon + 1, rest.end}, "port", 1, 65535, &out->port,
                              error)) != STATUS_OK)
        return status;
    if (memchr(host.at, ':', span_size(host)) != NULL && *rest.at != '[')
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: \"%.*s\" has more than one colon; an IPv6 address stands in "
                         "brackets, as in redis://[::1]:6379",
                         (int)span_size(rest), rest.at);
    static const char local[] = "localhost";
    if (span_size(host) == 0)
        host = (struct span){local, local + sizeof local - 1};
    return copy_part(host, "host", out->host, sizeof out->host, error);
}

static enum status parse_unix(struct span rest, struct redis_address *out, struct error *error)
{
    if (span_size(rest) < 2 || *rest.at != '/')
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: a socket is given by its whole path, as in "
                         "unix:///run/redis/redis.sock");
    enum status status = copy_part(rest, "socket's path", out->host, sizeof out->host, error);
    if (status == STATUS_OK && strlen(out->host) > 107)
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: the socket's path is longer than the 107 bytes a socket may "
                         "have");
    return status;
}

static bool skip_scheme(const char *url, const char *scheme, const char **rest)
{
    size_t size = strlen(scheme);
    *rest = url + size;
    return strncmp(url, scheme, size) == 0;
}

/* Where the login ends: the last @; in a socket's URL, which may hold one in its path, the first
 * that is followed by a slash and not preceded by the colon of a password file. */
static const char *find_login_end(struct span rest, bool unix_socket)
{
    if (!unix_socket)
        return find_last(rest, '@');
    if (span_size(rest) > 0 && *rest.at == '/')
        return NULL;
    for (const char *at = rest.at; at + 1 < rest.end; at++) {
        if (*at == '@' && at[1] == '/' && !(at > rest.at && at[-1] == ':'))
            return at;
    }
    return NULL;
}

enum status redis_parse(const char *url, struct redis_address *out, struct error *error)
{
    memset(out, 0, sizeof *out);
    out->port = REDIS_PORT;
    struct span rest;
    if (skip_scheme(url, "unix://", &rest.at))
        out->unix_socket = true;
    else if (skip_scheme(url, "rediss://", &rest.at))
        out->tls = true;
    else if (!skip_scheme(url, "redis://", &rest.at))
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: it must begin with redis://, rediss:// or unix://");
#ifndef TASTED_HAVE_HIREDIS_SSL
    if (out->tls)
        return error_set(error, STATUS_BAD_CONFIG,
                         "redis.url: this tasted was built without TLS for Redis (hiredis_ssl); "
                         "use redis:// or unix://, or a build with libhiredis 1.0 or newer");
#endif
    rest.end = rest.at + strlen(rest.at);
    const char *login_end = find_login_end(rest, out->unix_socket);
    enum status status = STATUS_OK;
    if (login_end != NULL) {
        status = parse_login((struct span){rest.at, login_end}, out, error);
        rest.at = login_end + 1;
    }
    if (status == STATUS_OK)
        status = parse_query(&rest, out, error);
    if (status != STATUS_OK)
        return status;
    return out->unix_socket ? parse_unix(rest, out, error) : parse_tcp(rest, out, error);
}
