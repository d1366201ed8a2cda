/* What librdkafka says to a single property, without making a client. Any thread. */
#ifndef TRANSPORT_KAFKA_KEYS_H
#define TRANSPORT_KAFKA_KEYS_H

#include "transport/kafka.h"

/* Is there a property of that name, of clients or of topics? */
bool kafka_key_known(const char *key);
/* STATUS_BAD_CONFIG: the key is reserved (says why), unknown (names the nearest by `near`), or the
 * value is not one of its; in librdkafka's words. */
enum status kafka_key_check(const struct kafka_pair *pair, struct error *error);
/* Calls `offer` with the name of each property. */
void kafka_keys_each(void (*offer)(void *context, const char *key), void *context);

#endif
