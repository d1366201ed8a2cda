/* The catalogue that `tasted replay --items FILE` takes before the first event. */
#ifndef DAEMON_REPLAY_ITEMS_H
#define DAEMON_REPLAY_ITEMS_H

#include "daemon/replay_variant.h"

/* Bad lines are told and counted; an unreadable file, or one without any entry, is an error. */
enum status replay_take_items(const char *path, struct replay_variant *variants, uint32_t count,
                              struct error *error);

#endif
