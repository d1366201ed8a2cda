/* The report of a replay: one JSON object, as CONTRACT §5 names its members. */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/evaluation.h"

struct report {
    const char *variant; /* of the settings, where several were tried */
    const struct engine *engine;
    struct evaluation *evaluation;      /* NULL: the measured members are null */
    uint64_t events, rejected, ignored; /* read; of the lines or messages */
    double learn_cpu_seconds;           /* what the learning thread computed, without the scoring */
    double seconds;
    char digest[33];
};

struct json_t;

/* The object, to be freed with json_decref(); NULL: no memory. */
struct json_t *report_json(const struct report *report);
/* Of several variants: {"variants": […]}, each a report with the member `variant`. */
struct json_t *reports_json(const struct report *reports, uint32_t size);
/* Writes it, with a line end. `path` "-": standard output. STATUS_CANNOT_WRITE. */
enum status report_write(struct json_t *json, const char *path, struct error *error);
/* A few lines for people, to standard output: the model beside its baselines. */
void report_print(const struct report *report);
/* Of several variants: one table. */
void reports_print(const struct report *reports, uint32_t size);

#endif
