/* `tasted replay --publish`: the lists of all users, as `tasted run` would write them. */
#ifndef DAEMON_REPLAY_PUBLISH_H
#define DAEMON_REPLAY_PUBLISH_H

#include "daemon/settings.h"

/* Before anything is learned: whether Redis answers. STATUS_UNREACHABLE. */
enum status replay_reach_redis(const struct settings *settings, struct error *error);

/* Writes each user's list, the popular one and the status; returns when Redis has them all.
 * STATUS_UNREACHABLE: it went away, or took something not. */
enum status replay_publish(const struct settings *settings, struct recommender *model,
                           uint32_t threads, struct error *error);

#endif
