#include "daemon/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double share(double sum, uint64_t events)
{
    return events == 0 ? 0.0 : sum / (double)events;
}

static void print_row(const char *name, const struct measures *measures)
{
    uint64_t n = measures->events;
    printf("%-12s %9.4f %9.4f %9.4f %9.4f %9.4f\n", name, share((double)measures->hits[0], n),
           share((double)measures->hits[2], n), share((double)measures->hits[4], n),
           share(measures->ndcg10, n), share(measures->reciprocal, n));
}

static void print_ratings(const struct evaluation_ratings *ratings)
{
    if (ratings->events == 0)
        return;
    printf("\n%llu ratings predicted before they were learned\n%-12s %9s\n",
           (unsigned long long)ratings->events, "", "rmse");
    printf("%-12s %9.4f\n", "tasted", sqrt(share(ratings->model, ratings->events)));
    for (int b = 0; b < RATING_BASELINES; b++)
        printf("%-12s %9.4f\n", rating_baseline_names[b],
               sqrt(share(ratings->baseline[b], ratings->events)));
}

static double learn_us(const struct report *report)
{
    return share(report->learn_cpu_seconds * 1e6, report->engine->verdicts[VERDICT_ACCEPTED]);
}

static void print_counts(const struct report *report)
{
    const uint64_t *verdicts = report->engine->verdicts;
    printf("%llu events: %llu learned, %llu rejected, %llu ignored, %llu repeated\n",
           (unsigned long long)report->events, (unsigned long long)verdicts[VERDICT_ACCEPTED],
           (unsigned long long)report->rejected, (unsigned long long)report->ignored,
           (unsigned long long)verdicts[VERDICT_REPEATED]);
}

static void print_scored(const struct evaluation *evaluation)
{
    printf("\n%llu scored before they were learned\n",
           (unsigned long long)evaluation->total.model.events);
}

void report_print(const struct report *report)
{
    const struct evaluation *evaluation = report->evaluation;
    struct recommender_counts counts = recommender_count(report->engine->model);
    print_counts(report);
    printf("%llu users, %llu items, %.2f us to learn an event, %.1f s in all\n",
           (unsigned long long)counts.users, (unsigned long long)counts.items, learn_us(report),
           report->seconds);
    printf("state digest %s\n", report->digest);
    if (evaluation == NULL)
        return;
    print_scored(evaluation);
    printf("%-12s %9s %9s %9s %9s %9s\n", "", "recall@1", "recall@10", "recall@50", "ndcg@10",
           "mrr");
    print_row("tasted", &evaluation->total.model);
    for (int b = 0; b < BASELINES; b++)
        print_row(baseline_names[b], &evaluation->total.baseline[b]);
    print_ratings(&evaluation->total.ratings);
}

/* ---- several variants ---- */

static void print_figures(int width, const char *name, const struct measures *measures)
{
    uint64_t n = measures->events;
    printf("%-*s %9.4f %9.4f %9.4f", width, name, share((double)measures->hits[2], n),
           share(measures->ndcg10, n), share(measures->reciprocal, n));
}

static void print_variant(int width, const struct report *report)
{
    if (report->evaluation == NULL)
        printf("%-*s %9s %9s %9s", width, report->variant, "", "", "");
    else
        print_figures(width, report->variant, &report->evaluation->total.model);
    printf(" %9.2f\n", learn_us(report));
}

void reports_print(const struct report *reports, uint32_t size)
{
    const struct evaluation *evaluation = reports[0].evaluation;
    int width = 12;
    for (uint32_t n = 0; n < size; n++)
        width = (int)strlen(reports[n].variant) > width ? (int)strlen(reports[n].variant) : width;
    print_counts(&reports[0]);
    if (evaluation != NULL)
        print_scored(evaluation);
    printf("%-*s %9s %9s %9s %9s\n", width, "", "recall@10", "ndcg@10", "mrr", "learn us");
    for (uint32_t n = 0; n < size; n++)
        print_variant(width, &reports[n]);
    for (int b = 0; evaluation != NULL && b < BASELINES; b++) {
        print_figures(width, baseline_names[b], &evaluation->total.baseline[b]);
        putchar('\n');
    }
}
