/* TLS for a connection to Redis that has just been opened, by hiredis_ssl. */
#ifndef TRANSPORT_REDIS_TLS_H
#define TRANSPORT_REDIS_TLS_H

#include "transport/redis.h"

#include <hiredis/hiredis.h>

/*
 * Nothing to do without address->tls. The server's certificate must be signed by an authority the
 * system trusts (or those of the file in SSL_CERT_FILE) and be for address->host.
 * STATUS_UNREACHABLE says what is wrong; on an asynchronous context most errors come later, as
 * connection errors.
 */
enum status redis_tls_start(redisContext *context, const struct redis_address *address,
                            struct error *error);

#endif
