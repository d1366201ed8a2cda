/* What an instance tells Prometheus: one table, in metrics.c, with name, type, help and value. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "daemon/instance.h"

#include <stddef.h>

/* The text format, version 0.0.4; malloc'd, NULL without memory. */
char *metrics_text(const struct instance *instance, size_t *size);
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
