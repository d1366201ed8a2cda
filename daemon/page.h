/*
 * The page of `replay --html`: files of daemon/page/ and a chart library, all built into the
 * program, so that the page needs nothing but a browser.
 *
 *     report.html ── with ── report.css, chart.js (and its licence), the report, report.js
 */
#ifndef DAEMON_PAGE_H
#define DAEMON_PAGE_H

#include "model/status.h"

#include <stddef.h>

struct json_t;

/* Writes the page with the report (report_json() or reports_json()) in it. STATUS_CANNOT_WRITE. */
enum status page_write(const struct json_t *report, const char *path, struct error *error);

/* The files; made by embed.cmake. */
extern const unsigned char page_html[], page_css[], page_script[], page_chart[], page_licence[];
extern const size_t page_html_size, page_css_size, page_script_size, page_chart_size,
    page_licence_size;

#endif
