/*
 * The demo's stage: in a temporary folder and on loopback, everything that the main job needs.
 *
 *     this process: embedded Kafka broker ──► child `tasted run` ──► child redis-server
 */
#ifndef DAEMON_DEMO_STAGE_H
#define DAEMON_DEMO_STAGE_H

#include "daemon/child.h"
#include "transport/kafka.h"
#include "transport/redis.h"

#include <signal.h>

#define DEMO_TOPIC "events"

struct stage {
    char folder[128]; /* "": none made yet */
    char socket[160]; /* of Redis, as a URL */
    int redis_port, http_port, notify;
    struct kafka_broker *broker;
    struct child redis, daemon;
    struct redis_client *client;
};

/* Puts it up and waits until the daemon is ready, for 30 s at most, or until `*stop`. Whatever it
 * returns, stage_close() takes down what was put up. */
enum status stage_open(struct stage *stage, uint64_t seed, const volatile sig_atomic_t *stop,
                       struct error *error);
/* False: one of the children has ended; `error` says which, and what its log says last. */
bool stage_stands(struct stage *stage, struct error *error);
/* A sample of the daemon's /metrics, named as it stands there, labels included; NAN if it cannot be
 * had within half a second. */
double stage_metric(const struct stage *stage, const char *sample);
/* Ends the children, and removes the folder unless `keep`. Takes about a second. */
void stage_close(struct stage *stage, bool keep);

#endif
