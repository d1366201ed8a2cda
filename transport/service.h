/* systemd's side of a daemon: readiness, watchdog, status; nothing happens outside of systemd. */
#ifndef TRANSPORT_SERVICE_H
#define TRANSPORT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

void service_ready(void);
void service_reloading(void); /* with MONOTONIC_USEC; follow with service_ready() */
void service_stopping(void);
void service_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Seconds between two service_alive() calls (half of the watchdog's time); 0: no watchdog. */
double service_watchdog_interval(void);
void service_alive(void);
/* True when stderr goes to the journal: log lines then carry <n> priorities and no time. */
bool service_has_journal(void);

#endif
