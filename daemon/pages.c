#include "daemon/pages.h"

#include "daemon/instance_state.h"
#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "text/plain; charset=utf-8";

static void answer_text(struct http_answer *answer, int status, const char *text)
{
    answer->status = status;
    answer->content_type = plain;
    answer->body = strdup(text);
    answer->size = answer->body == NULL ? 0 : strlen(text);
}

static void show_metrics(void *context, struct http_answer *answer)
{
    answer->status = 200;
    answer->content_type = METRICS_CONTENT_TYPE;
    answer->body = metrics_text(context, &answer->size);
    if (answer->body == NULL)
        answer_text(answer, 500, "no memory\n");
}

/* That it is answered at all shows that the loop turns. */
static void show_live(void *context, struct http_answer *answer)
{
    (void)context;
    answer_text(answer, 200, "alive\n");
}

/* Lists that wait for a while are no reason to take an instance out. */
static void show_ready(void *context, struct http_answer *answer)
{
    char text[1024];
    bool ready = instance_is_ready(context, text, sizeof text);
    uint32_t waiting = instance_waiting_partitions(context);
    if (ready && waiting > 0)
        snprintf(text, sizeof text, "ready; partitions whose lists wait: %" PRIu32 "\n", waiting);
    else if (ready)
        snprintf(text, sizeof text, "ready\n");
    answer_text(answer, ready ? 200 : 503, text);
}

#define ROW(name, format) "<tr><th>" name "</th><td>" format "</td></tr>\n"

static void write_rows(FILE *out, struct instance *instance)
{
    struct recommender_counts counts = recommender_count(instance->engine.model);
    struct histogram fresh = histogram_window_sum(&instance->freshness, instance->wall_ms);
    const struct lists *lists = &instance->lists;
    fprintf(out, ROW("ready", "%s"), instance_is_ready(instance, NULL, 0) ? "yes" : "no");
    fprintf(out, ROW("Redis", "%s"), lists->connected ? "connected" : "away");
    fprintf(out, ROW("partitions", "%u"), offsets_owned(&instance->offsets));
    if (instance_is_grouped(instance))
        fprintf(out, ROW("… whose lists wait", "%u"), instance_waiting_partitions(instance));
    int64_t lag = instance_lag(instance);
    if (lag >= 0)
        fprintf(out, ROW("records behind", "%" PRId64), lag);
    else
        fprintf(out, ROW("records behind", "%s"), "not known yet");
    fprintf(out, ROW("events learned", "%" PRIu64), counts.events);
    fprintf(out, ROW("users", "%" PRIu64), counts.users);
    fprintf(out, ROW("items", "%" PRIu64), counts.items);
    fprintf(out, ROW("memory of the model", "%.1f MB"), (double)counts.memory_bytes / 1e6);
    fprintf(out, ROW("lists written", "%" PRIu64), lists->outcomes.written);
    fprintf(out, ROW("lists due", "%" PRIu64), publication_waiting(instance->publication));
    fprintf(out, ROW("event to list, last minute", "p50 %.1f ms, p99 %.1f ms"),
            histogram_quantile(&fresh, 0.5) * 1e3, histogram_quantile(&fresh, 0.99) * 1e3);
    fprintf(out, ROW("next item among the first 10", "%.3f, %.2f times popularity's"),
            prequential_recall(instance->prequential, 1),
            prequential_lift(instance->prequential, 1));
    int64_t saved_ms = instance->keeping.last_success_ms;
    if (saved_ms != 0)
        fprintf(out, ROW("last snapshot", "%.1f s ago"),
                (double)(instance->wall_ms - saved_ms) / 1e3);
}

static void show_status(void *context, struct http_answer *answer)
{
    FILE *out = open_memstream(&answer->body, &answer->size);
    if (out == NULL) {
        answer_text(answer, 500, "no memory\n");
        return;
    }
    fputs("<!doctype html><html lang=en><meta charset=utf-8><title>tasted</title>\n"
          "<meta http-equiv=refresh content=2>\n"
          "<style>body{font:15px system-ui,sans-serif;margin:2em}th{text-align:left;"
          "font-weight:normal;padding-right:2em}td{font-variant-numeric:tabular-nums}</style>\n"
          "<h1>tasted " TASTED_VERSION "</h1>\n<table>\n",
          out);
    write_rows(out, context);
    fputs("</table>\n<p><a href=/metrics>metrics</a> · <a href=/health/ready>ready?</a></p>\n",
          out);
    answer->status = 200;
    answer->content_type = "text/html; charset=utf-8";
    if (fclose(out) != 0)
        answer_text(answer, 500, "no memory\n");
}

const struct http_page pages[] = {
    {"/metrics", show_metrics},
    {"/health/live", show_live},
    {"/health/ready", show_ready},
    {"/", show_status},
    {NULL, NULL},
};
