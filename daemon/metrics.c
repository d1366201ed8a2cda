#include "daemon/metrics.h"

#include "daemon/instance_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Where samples go, and whose they are. */
struct scrape {
    FILE *out;
    const char *name;
    const struct instance *instance;
};

struct metric {
    const char *name, *type, *help;
    void (*read)(const struct scrape *scrape); /* gives the samples */
};

/* ---- giving samples ---- */

/* Of a time since 1970 even the ms are to be told. */
static void print_value(FILE *out, double value)
{
    if (isnan(value))
        fputs("NaN\n", out);
    else if (value == floor(value) && fabs(value) < 1e15)
        fprintf(out, "%.0f\n", value);
    else
        fprintf(out, "%.15g\n", value);
}

static void give(const struct scrape *scrape, double value)
{
    fprintf(scrape->out, "%s ", scrape->name);
    print_value(scrape->out, value);
}

static void print_label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        if (*value == '\n')
            fputs("\\n", out);
        else
            fputc(*value, out);
    }
    fputc('"', out);
}

static void give_labelled(const struct scrape *scrape, const char *label, const char *text,
                          double value)
{
    fprintf(scrape->out, "%s{", scrape->name);
    print_label(scrape->out, label, text);
    fputs("} ", scrape->out);
    print_value(scrape->out, value);
}

static void give_labelled_2(const struct scrape *scrape, const char *label, const char *text,
                            const char *label_2, const char *text_2, double value)
{
    fprintf(scrape->out, "%s{", scrape->name);
    print_label(scrape->out, label, text);
    fputc(',', scrape->out);
    print_label(scrape->out, label_2, text_2);
    fputs("} ", scrape->out);
    print_value(scrape->out, value);
}

/* Three of the six buckets a decade are told. */
static void give_histogram(const struct scrape *scrape, const struct histogram *histogram)
{
    uint64_t below = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += histogram->at[i];
        if (i % 2 == 0)
            fprintf(scrape->out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", scrape->name,
                    histogram_bound(i), below);
    }
    fprintf(scrape->out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", scrape->name, histogram->count);
    fprintf(scrape->out, "%s_sum %.15g\n", scrape->name, histogram->sum);
    fprintf(scrape->out, "%s_count %" PRIu64 "\n", scrape->name, histogram->count);
}

/* ---- events ---- */

static void read_events_of(const struct scrape *scrape, const char *event, const uint64_t *verdicts,
                           bool accepted_always)
{
    uint64_t rejected = 0;
    for (int i = VERDICT_UNDECODABLE; i < VERDICTS; i++)
        rejected += verdicts[i];
    for (int i = VERDICT_ACCEPTED; i <= VERDICT_REPEATED; i++)
        if (verdicts[i] > 0 || (i == VERDICT_ACCEPTED && accepted_always))
            give_labelled_2(scrape, "event", event, "result", verdict_text((enum verdict)i),
                            (double)verdicts[i]);
    if (rejected > 0)
        give_labelled_2(scrape, "event", event, "result", "rejected", (double)rejected);
}

static void read_events(const struct scrape *scrape)
{
    const struct engine *engine = &scrape->instance->engine;
    const struct signals *signals = &scrape->instance->settings->model.signals;
    for (uint32_t i = 0; i < signals->size; i++)
        read_events_of(scrape, signals->at[i].name, engine->by_signal[i], true);
    read_events_of(scrape, "other", engine->by_signal[SIGNALS_MAX], false);
}

static void read_dead_letters(const struct scrape *scrape)
{
    for (int i = VERDICT_UNDECODABLE; i < VERDICTS; i++)
        give_labelled(scrape, "reason", verdict_text((enum verdict)i),
                      (double)scrape->instance->engine.verdicts[i]);
}

static void read_dead_lost(const struct scrape *scrape)
{
    struct dead_letters *letters = scrape->instance->dead_letters;
    give(scrape, (double)(scrape->instance->intake.dead_lost +
                          (letters == NULL ? 0 : letters->ops->lost(letters))));
}

static void read_lag(const struct scrape *scrape)
{
    const struct instance *instance = scrape->instance;
    for (uint32_t i = 0; instance->source != NULL && i < instance->offsets.size; i++) {
        const struct partition *at = &instance->offsets.at[i];
        if (!at->owned)
            continue;
        int64_t behind = offsets_behind(at, instance_end_offset(instance, at));
        char partition[16];
        snprintf(partition, sizeof partition, "%" PRId32, at->position.partition);
        give_labelled_2(scrape, "topic", at->position.topic, "partition", partition,
                        behind < 0 ? (double)NAN : (double)behind);
    }
}

static void read_waiting_partitions(const struct scrape *scrape)
{
    give(scrape, (double)instance_waiting_partitions(scrape->instance));
}

static void read_passed_over(const struct scrape *scrape)
{
    const struct offsets *offsets = &scrape->instance->offsets;
    give_labelled(scrape, "why", "applied_before", (double)offsets->skipped);
    give_labelled(scrape, "why", "not_owned", (double)offsets->dropped);
}

static void read_gaps(const struct scrape *scrape)
{
    give(scrape, (double)scrape->instance->offsets.gaps);
}

static void read_missed(const struct scrape *scrape)
{
    struct source *source = scrape->instance->source;
    bool counts = source != NULL && source->ops->missed != NULL;
    give(scrape, counts ? (double)source->ops->missed(source) : 0.0);
}

static void read_learn_seconds(const struct scrape *scrape)
{
    give_histogram(scrape, &scrape->instance->learn_seconds);
}

/* ---- lists ---- */

static void read_event_to_list(const struct scrape *scrape)
{
    give_histogram(scrape, &scrape->instance->event_to_list);
}

static void read_learn_to_list(const struct scrape *scrape)
{
    give_histogram(scrape, &scrape->instance->learn_to_list);
}

static void read_rank_seconds(const struct scrape *scrape)
{
    give_histogram(scrape, &scrape->instance->rank_seconds);
}

static void give_outcomes(const struct scrape *scrape, const struct outcomes *outcomes)
{
    give_labelled(scrape, "result", "written", (double)outcomes->written);
    give_labelled(scrape, "result", "renewed", (double)outcomes->renewed);
    give_labelled(scrape, "result", "unchanged", (double)outcomes->unchanged);
    give_labelled(scrape, "result", "removed", (double)outcomes->removed);
    give_labelled(scrape, "result", "failed", (double)outcomes->failed);
}

static void read_published(const struct scrape *scrape)
{
    give_outcomes(scrape, &scrape->instance->lists.outcomes);
}

static void read_waiting(const struct scrape *scrape)
{
    const struct lists *lists = &scrape->instance->lists;
    /* On the way to Redis is waiting still: at 0 a reader finds every list there. */
    give(scrape, (double)(publication_waiting(scrape->instance->publication) +
                          publication_in_flight(scrape->instance->publication) +
                          (lists->sweep_end - lists->sweep)));
}

static void read_similar(const struct scrape *scrape)
{
    give_outcomes(scrape, &scrape->instance->neighbours.outcomes);
}

static void read_similar_waiting(const struct scrape *scrape)
{
    const struct neighbours *neighbours = &scrape->instance->neighbours;
    give(scrape, (double)(neighbours->searched + related_queued(neighbours->related) +
                          publication_waiting(neighbours->publication) +
                          publication_in_flight(neighbours->publication) +
                          (neighbours->sweep_end - neighbours->sweep)));
}

static void read_redis(const struct scrape *scrape)
{
    give(scrape, scrape->instance->lists.connected);
}

static void read_cuts(const struct scrape *scrape,
                      double (*value)(const struct prequential *prequential, uint32_t cut))
{
    for (uint32_t i = 0; i < PREQUENTIAL_CUTS; i++) {
        char k[16];
        snprintf(k, sizeof k, "%u", prequential_cuts[i]);
        give_labelled(scrape, "k", k, value(scrape->instance->prequential, i));
    }
}

static void read_recall(const struct scrape *scrape)
{
    read_cuts(scrape, prequential_recall);
}

static void read_lift(const struct scrape *scrape)
{
    read_cuts(scrape, prequential_lift);
}

/* ---- the model, its keeping, the process ---- */

static struct recommender_counts counts_of(const struct scrape *scrape)
{
    return recommender_count(scrape->instance->engine.model);
}

static void read_users(const struct scrape *scrape)
{
    give(scrape, (double)counts_of(scrape).users);
}

static void read_items(const struct scrape *scrape)
{
    give(scrape, (double)counts_of(scrape).items);
}

static void read_described(const struct scrape *scrape)
{
    give(scrape, (double)counts_of(scrape).described);
}

static void read_entries(const struct scrape *scrape)
{
    give(scrape, (double)scrape->instance->catalogue.entries);
}

static void read_learned(const struct scrape *scrape)
{
    give(scrape, (double)counts_of(scrape).events);
}

static void read_memory(const struct scrape *scrape)
{
    give(scrape, (double)counts_of(scrape).memory_bytes);
}

static void read_evictions(const struct scrape *scrape)
{
    give_labelled(scrape, "kind", "user", (double)counts_of(scrape).evicted_users);
    give_labelled(scrape, "kind", "item", (double)counts_of(scrape).evicted_items);
}

static void read_snapshot_time(const struct scrape *scrape)
{
    give(scrape, (double)scrape->instance->keeping.last_success_ms / 1e3);
}

static void read_snapshot_seconds(const struct scrape *scrape)
{
    give(scrape, scrape->instance->keeping.last_seconds);
}

static void read_snapshot_bytes(const struct scrape *scrape)
{
    give(scrape, (double)scrape->instance->keeping.last_bytes);
}

static void read_snapshots(const struct scrape *scrape)
{
    give_labelled(scrape, "result", "saved", (double)scrape->instance->keeping.saved);
    give_labelled(scrape, "result", "failed", (double)scrape->instance->keeping.failed);
}

static void read_turns(const struct scrape *scrape)
{
    give_histogram(scrape, &scrape->instance->turn_seconds);
}

static void read_ready(const struct scrape *scrape)
{
    give(scrape, instance_is_ready(scrape->instance, NULL, 0));
}

static void read_start(const struct scrape *scrape)
{
    give(scrape, (double)scrape->instance->started_ms / 1e3);
}

static void read_build(const struct scrape *scrape)
{
    give_labelled(scrape, "version", TASTED_VERSION, 1);
}

static const struct metric metrics[] = {
    {"tasted_events_total", "counter",
     "Messages by event name and what became of them: accepted, ignored (a name [signals] does not "
     "define, or empty), repeated (an id seen before), rejected (see tasted_dead_letters_total).",
     read_events},
    {"tasted_dead_letters_total", "counter", "Messages that cannot be used, by reason.",
     read_dead_letters},
    {"tasted_dead_letters_lost_total", "counter",
     "Dead letters that the dead-letter topic did not take.", read_dead_lost},
    {"tasted_consumer_lag_records", "gauge",
     "Records not read yet, by partition; NaN until Kafka has told.", read_lag},
    {"tasted_partitions_waiting", "gauge",
     "Partitions of ours whose lists are not written until we have read as far as other members of "
     "the group may have who had them before.",
     read_waiting_partitions},
    {"tasted_messages_passed_over_total", "counter",
     "Messages given to us that are not for us to apply.", read_passed_over},
    {"tasted_offset_gaps_total", "counter",
     "Times that offsets went on further than by one: control records, compaction.", read_gaps},
    {"tasted_messages_missed_total", "counter",
     "Offsets that Kafka had deleted before they were read (retention): messages that the model "
     "lacks, and control records among them, if there were any.",
     read_missed},
    {"tasted_learn_seconds", "histogram", "Learning one event.", read_learn_seconds},
    {"tasted_event_to_list_seconds", "histogram",
     "From the timestamp of a message to Redis' reply for the list it changed; one for each list "
     "written, of its oldest event.",
     read_event_to_list},
    {"tasted_learn_to_list_seconds", "histogram",
     "From learning to Redis' reply, likewise: how old lists get when we are behind, too.",
     read_learn_to_list},
    {"tasted_rank_seconds", "histogram", "Ranking one user, as the loop waits for it.",
     read_rank_seconds},
    {"tasted_lists_published_total", "counter",
     "Lists ranked: written, renewed (its expiry), unchanged, removed (empty), failed.",
     read_published},
    {"tasted_lists_waiting", "gauge", "Users whose list is due.", read_waiting},
    {"tasted_similar_published_total", "counter", "Items' neighbours written: likewise.",
     read_similar},
    {"tasted_similar_waiting", "gauge", "Items whose neighbours are searched for, or due.",
     read_similar_waiting},
    {"tasted_redis_connected", "gauge", "1 while Redis answers.", read_redis},
    {"tasted_prequential_recall_ratio", "gauge",
     "Share of positive events, lately, whose item stood among the first k of the list the user "
     "had in Redis.",
     read_recall},
    {"tasted_prequential_lift_ratio", "gauge",
     "That share, divided by the popular list's on the same events.", read_lift},
    {"tasted_users", "gauge", "Users in the model.", read_users},
    {"tasted_items", "gauge", "Items in the model.", read_items},
    {"tasted_catalogue_items", "gauge", "Items in the model that the catalogue describes.",
     read_described},
    {"tasted_catalogue_entries_total", "counter", "Entries read from the catalogue's topic.",
     read_entries},
    {"tasted_learned_events_total", "counter", "Events in the model, over restarts.", read_learned},
    {"tasted_model_memory_bytes", "gauge", "Memory of the model.", read_memory},
    {"tasted_evictions_total", "counter", "Let go to stay within model.memory_limit.",
     read_evictions},
    {"tasted_snapshot_last_success_timestamp_seconds", "gauge",
     "When the newest snapshot was begun; seconds since 1970.", read_snapshot_time},
    {"tasted_snapshot_seconds", "gauge", "How long the last one took.", read_snapshot_seconds},
    {"tasted_snapshot_bytes", "gauge", "How large the last one is.", read_snapshot_bytes},
    {"tasted_snapshots_total", "counter", "Snapshots since the start, by result.", read_snapshots},
    {"tasted_turn_seconds", "histogram", "One pass of the loop: the longest that anything waits.",
     read_turns},
    {"tasted_ready", "gauge", "1 while /health/ready answers 200.", read_ready},
    {"tasted_start_timestamp_seconds", "gauge", "When this process started.", read_start},
    {"tasted_build_info", "gauge", "1; the version is in the label.", read_build},
};

char *metrics_text(const struct instance *instance, size_t *size)
{
    char *text = NULL;
    struct scrape scrape = {.out = open_memstream(&text, size), .instance = instance};
    if (scrape.out == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        const struct metric *metric = &metrics[i];
        scrape.name = metric->name;
        fprintf(scrape.out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                metric->name, metric->type);
        metric->read(&scrape);
    }
    if (fclose(scrape.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
