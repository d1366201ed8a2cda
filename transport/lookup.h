/*
 * A host's addresses, looked up by a thread of its own: getaddrinfo() can block for many seconds
 * while the network is away, and the loop must not.
 */
#ifndef TRANSPORT_LOOKUP_H
#define TRANSPORT_LOOKUP_H

#include "model/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOOKUP_ADDRESSES_MAX = 8, ADDRESS_TEXT_MAX = 64 };

struct addresses {
    uint32_t size;                                   /* 0: the look-up failed */
    char at[LOOKUP_ADDRESSES_MAX][ADDRESS_TEXT_MAX]; /* numeric, IPv4 first */
};

/* Called on the loop's thread; after it the look-up is over and freed. `error` says why there are
 * no addresses. */
typedef void lookup_done(void *context, const struct addresses *found, const struct error *error);

struct ev_loop;
struct lookup; /* opaque */

/* True: it is one address already, as text. */
bool address_is_numeric(const char *host);
/* NULL: no thread can be started. */
struct lookup *lookup_start(struct ev_loop *loop, const char *host, lookup_done *done,
                            void *context);
/* done() will not be called; does not wait. NULL is legal. */
void lookup_cancel(struct lookup *lookup);

#endif
