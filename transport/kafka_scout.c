#include "transport/kafka_scout.h"

#include "transport/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    QUESTION_MS = 2000, /* how long one question may take; bounds kafka_scout_destroy() */
    RELIST_MS = 30000,
    RETRY_MS = 1000,
};

/* A locate, a recall, or an answer on its way to the loop. */
struct errand {
    struct errand *next;
    struct kafka_answer answer;
};

struct kafka_scout {
    struct kafka_scout_settings settings;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stop, listing, looking, cut_off;
    struct errand *questions, *recalls, *answers;
    rd_kafka_topic_partition_list_t *nudge; /* NULL: none */
    uint64_t tickets;
    /* the thread's own */
    bool *told_missing; /* (topics) */
};

static void errand_destroy(struct errand *errand)
{
    if (errand == NULL)
        return;
    kafka_answer_finish(&errand->answer);
    free(errand);
}

static void append(struct errand **list, struct errand *errand)
{
    while (*list != NULL)
        list = &(*list)->next;
    errand->next = NULL;
    *list = errand;
}

void kafka_answer_finish(struct kafka_answer *answer)
{
    if (answer->partitions != NULL)
        rd_kafka_topic_partition_list_destroy(answer->partitions);
    free(answer->places);
    answer->partitions = NULL;
    answer->places = NULL;
}

static void give_answer(struct kafka_scout *self, struct errand *errand)
{
    pthread_mutex_lock(&self->lock);
    append(&self->answers, errand);
    pthread_mutex_unlock(&self->lock);
    uint64_t one = 1;
    if (write(self->settings.wake_fd, &one, sizeof one) < 0)
        return; /* it is readable already; the poll timer looks as well */
}

/* ---- locate ---- */

/* Offsets of one moment (ms, or -2: the first, -1: the next to be written), by partition. */
static bool ask_times(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *partitions,
                      int64_t moment, int timeout_ms, rd_kafka_topic_partition_list_t **out,
                      struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(partitions);
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = moment;
    rd_kafka_resp_err_t answer = rd_kafka_offsets_for_times(client, list, timeout_ms);
    for (int i = 0; i < list->cnt && answer == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        answer = list->elems[i].err;
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *out = list;
        return true;
    }
    error_set(error, STATUS_UNREACHABLE, "asking for the offsets of %s [%d]: %s",
              list->elems[0].topic, list->elems[0].partition, rd_kafka_err2str(answer));
    rd_kafka_topic_partition_list_destroy(list);
    return false;
}

static int64_t offset_in(const rd_kafka_topic_partition_list_t *list,
                         const rd_kafka_topic_partition_t *like)
{
    const rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_find(
        (rd_kafka_topic_partition_list_t *)list, like->topic, like->partition);
    return found != NULL ? found->offset : -1;
}

bool kafka_places_ask(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *partitions,
                      enum kafka_start start, int64_t start_ms, int timeout_ms,
                      struct kafka_place *places, struct error *error)
{
    rd_kafka_topic_partition_list_t *high = NULL, *low = NULL, *at = NULL;
    /* The end first: what arrives between two questions is then after it, and not lost. */
    bool good =
        ask_times(client, partitions, RD_KAFKA_OFFSET_END, timeout_ms, &high, error) &&
        ask_times(client, partitions, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, &low, error) &&
        (start != KAFKA_TIME || ask_times(client, partitions, start_ms, timeout_ms, &at, error));
    for (int i = 0; good && i < partitions->cnt; i++) {
        struct kafka_place *place = &places[i];
        place->low = offset_in(low, &partitions->elems[i]);
        place->high = offset_in(high, &partitions->elems[i]);
        place->start = start == KAFKA_EARLIEST ? place->low : place->high;
        if (start == KAFKA_TIME && offset_in(at, &partitions->elems[i]) >= 0)
            place->start = offset_in(at, &partitions->elems[i]);
    }
    if (at != NULL)
        rd_kafka_topic_partition_list_destroy(at);
    if (low != NULL)
        rd_kafka_topic_partition_list_destroy(low);
    if (high != NULL)
        rd_kafka_topic_partition_list_destroy(high);
    return good;
}

/* True when the errand is done and on its way back. */
static bool locate(struct kafka_scout *self, struct errand *errand)
{
    if (!kafka_places_ask(self->settings.client, errand->answer.partitions, self->settings.start,
                          self->settings.start_ms, QUESTION_MS, errand->answer.places,
                          &errand->answer.trouble))
        return false;
    give_answer(self, errand);
    return true;
}

/* ---- recall ---- */

/* With the lock held, but not while it asks. */
static void recall(struct kafka_scout *self)
{
    struct errand *errand = self->recalls;
    struct kafka_answer *answer = &errand->answer;
    self->recalls = errand->next;
    pthread_mutex_unlock(&self->lock);
    rd_kafka_resp_err_t result =
        rd_kafka_committed(self->settings.client, answer->partitions, QUESTION_MS);
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR)
        error_set(&answer->trouble, STATUS_UNREACHABLE, "asking for what the group committed: %s",
                  rd_kafka_err2str(result));
    give_answer(self, errand);
    pthread_mutex_lock(&self->lock);
}

/* ---- nudge ---- */

/* Whatever the answer. With the lock held, but not while it asks. */
static void nudge(struct kafka_scout *self)
{
    rd_kafka_topic_partition_list_t *partitions = self->nudge;
    self->nudge = NULL;
    pthread_mutex_unlock(&self->lock);
    for (int i = 0; i < partitions->cnt; i++)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_offsets_for_times(self->settings.client, partitions, QUESTION_MS);
    rd_kafka_topic_partition_list_destroy(partitions);
    pthread_mutex_lock(&self->lock);
}

/* ---- look ---- */

static bool is_anybody_there(struct kafka_scout *self)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t answer =
        rd_kafka_metadata(self->settings.client, 0, NULL, &metadata, QUESTION_MS);
    if (answer == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    return answer == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- list ---- */

static void tell(struct kafka_scout *self, enum kafka_answer_kind kind, const char *topic,
                 const char *why)
{
    struct errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL)
        return;
    errand->answer.kind = kind;
    errand->answer.partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(errand->answer.partitions, topic, RD_KAFKA_PARTITION_UA);
    error_set(&errand->answer.trouble, STATUS_UNREACHABLE, "topic %s: %s", topic, why);
    give_answer(self, errand);
}

/* True when the topic exists and its partitions were added to `found`. */
static bool list_topic(struct kafka_scout *self, int index, rd_kafka_topic_partition_list_t *found)
{
    const char *name = self->settings.topics->elems[index].topic;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(self->settings.client, name, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t answer =
        rd_kafka_metadata(self->settings.client, 0, topic, &metadata, QUESTION_MS);
    rd_kafka_topic_destroy(topic);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false; /* brokers that are away are told by the client's own events */
    rd_kafka_resp_err_t state = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                         : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    for (int i = 0; state == RD_KAFKA_RESP_ERR_NO_ERROR && i < metadata->topics[0].partition_cnt;
         i++)
        rd_kafka_topic_partition_list_add(found, name, metadata->topics[0].partitions[i].id);
    rd_kafka_metadata_destroy(metadata);
    if (state == RD_KAFKA_RESP_ERR_NO_ERROR) {
        self->told_missing[index] = false;
        return true;
    }
    if (state == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        state == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        tell(self, KAFKA_ANSWER_REFUSED, name, rd_kafka_err2str(state));
    else if (!self->told_missing[index])
        tell(self, KAFKA_ANSWER_MISSING, name, "does not exist yet; waiting for it");
    self->told_missing[index] = true;
    return false;
}

static bool is_stopped(struct kafka_scout *self)
{
    pthread_mutex_lock(&self->lock);
    bool stop = self->stop;
    pthread_mutex_unlock(&self->lock);
    return stop;
}

/* Returns in how many ms to look again. */
static int list_topics(struct kafka_scout *self)
{
    rd_kafka_topic_partition_list_t *found = rd_kafka_topic_partition_list_new(16);
    bool all = true;
    for (int i = 0; i < self->settings.topics->cnt && !is_stopped(self); i++)
        all = list_topic(self, i, found) && all;
    struct errand *errand = found->cnt > 0 ? calloc(1, sizeof *errand) : NULL;
    if (errand != NULL) {
        errand->answer.kind = KAFKA_ANSWER_LISTED;
        errand->answer.partitions = found;
        give_answer(self, errand);
    } else {
        rd_kafka_topic_partition_list_destroy(found);
    }
    return all ? RELIST_MS : RETRY_MS;
}

/* ---- the thread ---- */

static int64_t now_ms(void)
{
    struct clock_source *clock = clock_of_machine();
    return clock->monotonic_ns(clock) / 1000000;
}

/* With the lock held. */
static void sleep_until(struct kafka_scout *self, int64_t due_ms)
{
    struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                             .tv_nsec = (long)(due_ms % 1000) * 1000000L};
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

static void *scout(void *context)
{
    struct kafka_scout *self = context;
    int64_t list_due_ms = 0, locate_due_ms = 0, look_due_ms = 0;
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        int64_t now = now_ms();
        if (self->recalls != NULL) { /* before nudges, which can come one after the other */
            recall(self);
        } else if (self->nudge != NULL) {
            nudge(self);
        } else if (self->looking && now >= look_due_ms) {
            pthread_mutex_unlock(&self->lock);
            bool there = is_anybody_there(self);
            pthread_mutex_lock(&self->lock);
            self->looking = self->cut_off = !there;
            look_due_ms = now_ms() + RETRY_MS;
        } else if (self->listing && now >= list_due_ms) {
            pthread_mutex_unlock(&self->lock);
            int again_ms = list_topics(self);
            list_due_ms = now_ms() + again_ms;
            pthread_mutex_lock(&self->lock);
        } else if (self->questions != NULL && now >= locate_due_ms) {
            struct errand *errand = self->questions;
            self->questions = errand->next;
            pthread_mutex_unlock(&self->lock);
            bool done = locate(self, errand);
            pthread_mutex_lock(&self->lock);
            if (!done) {
                append(&self->questions, errand);
                locate_due_ms = now_ms() + RETRY_MS;
            }
        } else {
            int64_t due_ms = self->listing ? list_due_ms : now + RELIST_MS;
            if (self->questions != NULL && locate_due_ms < due_ms)
                due_ms = locate_due_ms;
            if (self->looking && look_due_ms < due_ms)
                due_ms = look_due_ms;
            sleep_until(self, due_ms);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

enum status kafka_scout_create(const struct kafka_scout_settings *settings,
                               struct kafka_scout **out, struct error *error)
{
    struct kafka_scout *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the Kafka source");
    self->settings = *settings;
    self->told_missing = calloc((size_t)settings->topics->cnt, sizeof *self->told_missing);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (self->told_missing == NULL || pthread_create(&self->thread, NULL, scout, self) != 0) {
        pthread_mutex_destroy(&self->lock);
        pthread_cond_destroy(&self->changed);
        free(self->told_missing);
        free(self);
        return error_set(error, STATUS_NO_MEMORY, "no thread for the Kafka source");
    }
    *out = self;
    return STATUS_OK;
}

void kafka_scout_list(struct kafka_scout *self)
{
    pthread_mutex_lock(&self->lock);
    self->listing = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* Takes the errand. */
static uint64_t give_question(struct kafka_scout *self, struct errand **list, struct errand *errand,
                              const rd_kafka_topic_partition_list_t *partitions)
{
    errand->answer.partitions = rd_kafka_topic_partition_list_copy(partitions);
    pthread_mutex_lock(&self->lock);
    uint64_t ticket = errand->answer.ticket = ++self->tickets;
    append(list, errand);
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return ticket;
}

uint64_t kafka_scout_locate(struct kafka_scout *self,
                            const rd_kafka_topic_partition_list_t *partitions)
{
    struct errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL)
        return 0;
    errand->answer.places = calloc((size_t)partitions->cnt, sizeof *errand->answer.places);
    if (errand->answer.places == NULL) {
        free(errand);
        return 0;
    }
    errand->answer.kind = KAFKA_ANSWER_LOCATED;
    return give_question(self, &self->questions, errand, partitions);
}

uint64_t kafka_scout_recall(struct kafka_scout *self,
                            const rd_kafka_topic_partition_list_t *partitions)
{
    struct errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL)
        return 0;
    errand->answer.kind = KAFKA_ANSWER_RECALLED;
    return give_question(self, &self->recalls, errand, partitions);
}

void kafka_scout_nudge(struct kafka_scout *self, rd_kafka_topic_partition_list_t *partitions)
{
    pthread_mutex_lock(&self->lock);
    rd_kafka_topic_partition_list_t *before = self->nudge;
    self->nudge = partitions;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (before != NULL)
        rd_kafka_topic_partition_list_destroy(before);
}

void kafka_scout_look(struct kafka_scout *self)
{
    pthread_mutex_lock(&self->lock);
    self->looking = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

bool kafka_scout_is_cut_off(struct kafka_scout *self)
{
    pthread_mutex_lock(&self->lock);
    bool cut_off = self->cut_off;
    pthread_mutex_unlock(&self->lock);
    return cut_off;
}

bool kafka_scout_answer(struct kafka_scout *self, struct kafka_answer *answer)
{
    pthread_mutex_lock(&self->lock);
    struct errand *errand = self->answers;
    if (errand != NULL)
        self->answers = errand->next;
    pthread_mutex_unlock(&self->lock);
    if (errand == NULL)
        return false;
    *answer = errand->answer;
    free(errand);
    return true;
}

void kafka_scout_destroy(struct kafka_scout *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    if (self->nudge != NULL)
        rd_kafka_topic_partition_list_destroy(self->nudge);
    struct errand *lists[] = {self->questions, self->recalls, self->answers};
    for (int i = 0; i < 3; i++)
        for (struct errand *at = lists[i], *next; at != NULL; at = next) {
            next = at->next;
            errand_destroy(at);
        }
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self->told_missing);
    free(self);
}
