/* What the daemon shows over HTTP; the context of each page is a struct instance. */
#ifndef DAEMON_PAGES_H
#define DAEMON_PAGES_H

#include "transport/http.h"

extern const struct http_page pages[]; /* NULL-path terminated */

#endif
