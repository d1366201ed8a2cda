#include "daemon/report.h"

#include "daemon/plural.h"

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

/* NAN: nothing to tell. */
static double rmse(double sum, const struct evaluation *evaluation)
{
    uint64_t n = evaluation == NULL ? 0 : evaluation->total.ratings.events;
    return n == 0 ? (double)NAN : sqrt(sum / (double)n);
}

static double skip_auc(const struct report *report)
{
    return report->evaluation == NULL ? (double)NAN
                                      : keep_auc_value(&report->evaluation->total.keep_auc);
}

static void print_ratings(const struct evaluation *evaluation)
{
    const struct evaluation_ratings *ratings = &evaluation->total.ratings;
    if (ratings->events == 0)
        return;
    printf("\n%llu rating%s predicted before %s learned\n%-12s %9s\n",
           (unsigned long long)ratings->events, plural(ratings->events),
           ratings->events == 1 ? "it was" : "they were", "", "rmse");
    printf("%-12s %9.4f\n", "tasted", rmse(ratings->model, evaluation));
    for (int b = 0; b < RATING_BASELINES; b++)
        printf("%-12s %9.4f\n", rating_baseline_names[b], rmse(ratings->baseline[b], evaluation));
}

static double learn_us(const struct report *report)
{
    return share(report->learn_cpu_seconds * 1e6, report->engine->verdicts[VERDICT_ACCEPTED]);
}

static void print_counts(const struct report *report)
{
    const uint64_t *verdicts = report->engine->verdicts;
    printf("%llu event%s: %llu learned, %llu rejected, %llu ignored, %llu repeated\n",
           (unsigned long long)report->events, plural(report->events),
           (unsigned long long)verdicts[VERDICT_ACCEPTED], (unsigned long long)report->rejected,
           (unsigned long long)report->ignored, (unsigned long long)verdicts[VERDICT_REPEATED]);
}

static void print_scored(const struct evaluation *evaluation)
{
    printf("\n%llu scored before they were learned\n",
           (unsigned long long)evaluation->total.model.events);
}

static void print_ranks(const struct evaluation *evaluation)
{
    print_scored(evaluation);
    if (evaluation->total.model.events == 0)
        return;
    printf("%-12s %9s %9s %9s %9s %9s\n", "", "recall@1", "recall@10", "recall@50", "ndcg@10",
           "mrr");
    print_row("tasted", &evaluation->total.model);
    for (int b = 0; b < BASELINES; b++)
        print_row(baseline_names[b], &evaluation->total.baseline[b]);
}

void report_print(const struct report *report)
{
    const struct evaluation *evaluation = report->evaluation;
    struct recommender_counts counts = recommender_count(report->engine->model);
    print_counts(report);
    printf("%llu user%s, %llu item%s, %.2f us to learn an event, %.1f s in all\n",
           (unsigned long long)counts.users, plural(counts.users), (unsigned long long)counts.items,
           plural(counts.items), learn_us(report), report->seconds);
    printf("state digest %s\n", report->digest);
    if (evaluation == NULL)
        return;
    print_ranks(evaluation);
    print_ratings(evaluation);
    if (!isnan(skip_auc(report)))
        printf("\nplays told from skips before they were learned: AUC %.4f\n", skip_auc(report));
}

/* ---- several variants ---- */

static void print_figures(int width, const char *name, const struct measures *measures)
{
    uint64_t n = measures->events;
    printf("%-*s %9.4f %9.4f %9.4f", width, name, share((double)measures->hits[2], n),
           share(measures->ndcg10, n), share(measures->reciprocal, n));
}

static void print_optional(double value)
{
    if (isnan(value))
        printf(" %9s", "");
    else
        printf(" %9.4f", value);
}

/* The columns that only some streams have anything for. */
struct columns {
    int width; /* of the names */
    bool rmse, skip_auc;
};

static void print_variant(const struct columns *columns, const struct report *report)
{
    const struct evaluation *evaluation = report->evaluation;
    if (evaluation == NULL)
        printf("%-*s %9s %9s %9s", columns->width, report->variant, "", "", "");
    else
        print_figures(columns->width, report->variant, &evaluation->total.model);
    if (columns->rmse)
        print_optional(rmse(evaluation->total.ratings.model, evaluation));
    if (columns->skip_auc)
        print_optional(skip_auc(report));
    printf(" %9.2f\n", learn_us(report));
}

static struct columns choose_columns(const struct report *reports, uint32_t size)
{
    struct columns columns = {.width = 12};
    for (uint32_t n = 0; n < size; n++) {
        int length = (int)strlen(reports[n].variant);
        const struct evaluation *evaluation = reports[n].evaluation;
        columns.width = length > columns.width ? length : columns.width;
        columns.rmse |= evaluation != NULL && evaluation->total.ratings.events > 0;
        columns.skip_auc |= !isnan(skip_auc(&reports[n]));
    }
    return columns;
}

void reports_print(const struct report *reports, uint32_t size)
{
    const struct evaluation *evaluation = reports[0].evaluation;
    struct columns columns = choose_columns(reports, size);
    print_counts(&reports[0]);
    if (evaluation != NULL)
        print_scored(evaluation);
    printf("%-*s %9s %9s %9s%s%s %9s\n", columns.width, "", "recall@10", "ndcg@10", "mrr",
           columns.rmse ? "      rmse" : "", columns.skip_auc ? "  skip auc" : "", "learn us");
    for (uint32_t n = 0; n < size; n++)
        print_variant(&columns, &reports[n]);
    for (int b = 0; evaluation != NULL && b < BASELINES; b++) {
        print_figures(columns.width, baseline_names[b], &evaluation->total.baseline[b]);
        putchar('\n');
    }
}
