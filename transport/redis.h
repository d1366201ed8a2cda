/*
 * Redis by hiredis: the store of the daemon (asynchronous, on libev), and a small blocking client
 * for the one-shot commands.
 */
#ifndef TRANSPORT_REDIS_H
#define TRANSPORT_REDIS_H

#include "transport/store.h"

#include <stddef.h>

struct ev_loop;

/* redis://[user[:password]@][host][:port][/db], rediss://…, unix://[user[:password]@]/path[?db=N];
 * IPv6 in brackets, %XX for what would not be told apart. */
struct redis_address {
    bool tls, unix_socket;
    char host[256]; /* or the socket's path */
    int port;
    int database;
    char user[128], password[512];
    char password_file[4096]; /* where @/file was given for the password; else "" */
};
/* STATUS_BAD_CONFIG says what part is wrong; also for rediss:// without hiredis_ssl. */
enum status redis_parse(const char *url, struct redis_address *out, struct error *error);
/* Reads the password's file anew, if there is one: it may be another by now. STATUS_BAD_CONFIG
 * names the file and leaves no password. */
enum status redis_read_password(struct redis_address *address, struct error *error);

struct redis_settings {
    const char *url;
    const char *prefix; /* "taste:" */
    const char *epoch;  /* 32 characters at most; see store_owner.connected */
    uint64_t mark;      /* as store_ops.mark() told the process before, or 0 */
    enum list_format format;
    bool ended; /* and wrote nothing after that */
};

/*
 * Everything is copied. Returns at once and connects, and reconnects with a capped, jittered
 * back-off, for as long as it lives; each time with the password as its file then says. No reply
 * for 2 s while something is in flight: reconnects. Sets SIGPIPE to be ignored if nobody has yet.
 *
 * The least privileges it needs, where NAME and PREFIX are the user's:
 *   ACL SETUSER NAME on >password resetchannels &PREFIX* ~PREFIX* -@all +auth +client|setname
 *   +set +del +expire +publish +multi +exec +hset +hget, with +rpush for `list`, +zadd for `zset`,
 *   and +select for a database other than 0.
 */
enum status redis_store_create(struct ev_loop *loop, const struct redis_settings *settings,
                               const struct store_owner *owner, struct store **out,
                               struct error *error);

/* ---- blocking ---- */
struct redis_client; /* opaque */
enum status redis_connect(const char *url, int timeout_ms, struct redis_client **out,
                          struct error *error);
/* A list as any format holds it; found by the key's type and first byte. `ids` are copied to
 * `arena`. STATUS_NOT_FOUND: no such key. Scores are NAN where the format keeps none. */
enum status redis_read_list(struct redis_client *client, const char *key, struct list *list,
                            char *arena, size_t arena_size, int64_t *at_ms, struct error *error);
enum status redis_read_hash_field(struct redis_client *client, const char *key, const char *field,
                                  char *out, size_t out_size, struct error *error);
void redis_disconnect(struct redis_client *client); /* NULL is legal */

/* ---- the bytes of a list, for the store, its tests and benchmarks ---- */
/* Writes `list` as json or msgpack into `out`; 0 if it may not fit: an id can take six times its
 * size in JSON, and 32 bytes more with its score. */
size_t list_format_bytes(enum list_format format, const struct list *list, int64_t at_ms,
                         uint64_t version, char *out, size_t out_size);

#endif
