/* The inside of an instance, for instance*.c, metrics.c and pages.c only. */
#ifndef DAEMON_INSTANCE_STATE_H
#define DAEMON_INSTANCE_STATE_H

#include "daemon/checkpoint.h"
#include "daemon/engine.h"
#include "daemon/erasures.h"
#include "daemon/histogram.h"
#include "daemon/holders.h"
#include "daemon/instance.h"
#include "daemon/offsets.h"
#include "daemon/prequential.h"
#include "daemon/publication.h"
#include "daemon/ranker.h"
#include "daemon/related.h"
#include "model/similar.h"
#include "transport/catalogue.h"

enum {
    INTAKE_SLICE_MESSAGES = 4096,
    PUBLISH_SLICE_NS = 2000000,
    PUBLISH_SLICE_LISTS = 512,
    RANK_BATCH_PER_THREAD = 32,
    RANK_BATCH_MAX = 128,
    LEARN_SHIFT_MS = 64, /* see choose_work() */
    PUBLISH_SHIFT_MS = 32,
    HURRY_MS = 1000,       /* within which what is withdrawn is to leave all lists … */
    HURRY_PAUSE_MS = 1000, /* … not again before that is over as well */
    RANKED_MS = 800,       /* what cannot be ranked by then leaves without a new list */
    RANK_WAKE_NS = 100000, /* below this much work the threads sleep on */
    STORE_IN_FLIGHT = 256, /* as transport/store.h says */
    SWEEP_SLICE = 1024,    /* users a turn, when all are to be written again */
    STATUS_MS = 1000,
    POPULAR_MS = 1000,
    POPULAR_SLICE_NS = 1000000,
    RETRY_MS = 250,
    DEAD_LETTER_HOLD_MS = 5000,
    SNAPSHOT_HOLD_MS = 1000,   /* intake waits so long for dead letters before a snapshot … */
    SNAPSHOT_WAIT_MS = 10000,  /* … and the snapshot so long */
    SNAPSHOT_ERASE_MS = 1000,  /* … and so long for the store to forget who is to be forgotten */
    SNAPSHOT_RETRY_MS = 10000, /* after a failed one */
    DRAIN_MS = 10000,
    LEAVE_MS = 5000,
    IDLE_MS = 1000,
};

enum phase { PHASE_RUNNING, PHASE_DRAINING, PHASE_SAVING, PHASE_LEAVING, PHASE_STOPPED };

/* Whose answer a store's ticket is: its highest byte. */
enum ticket_kind { TICKET_LIST = 1, TICKET_ERASURE, TICKET_POPULAR, TICKET_SIMILAR };
static inline uint64_t ticket_of(enum ticket_kind kind, uint64_t ticket)
{
    return (uint64_t)kind << 56 | ticket;
}

struct intake {
    /* What was read and not dealt with: messages, then what the source gave after them. */
    struct message message[ENGINE_BATCH];
    struct engine_batch batch;
    struct source_turn turn;
    enum source_result after; /* the messages, of `turn`; SOURCE_NOTHING: dealt with, or nothing */
    bool readable;            /* the source may have something */
    bool assigned;            /* partitions were assigned, be it none of them */
    /* A message whose dead letter found the queue full. */
    bool holding;
    struct message held;
    enum verdict verdict;
    bool full; /* the queue was full since `full_since_ms` */
    int64_t full_since_ms;
    uint64_t dead_lost; /* given up by us */
    /* Partitions are taken away: when the snapshot is saved they are let go. */
    bool releasing;
    bool nears_reach;     /* what is read: the group is to be told of one further ahead */
    struct error failure; /* the source's last SOURCE_FAILED */
    uint64_t troubles;
};

/* Items that leave lists: hashes of their ids. */
enum { WITHDRAWN_MAX = 64 };
struct withdrawal {
    uint32_t size;
    bool all; /* there were more: every list is looked at */
    uint64_t item[WITHDRAWN_MAX];
};

struct catalogue {
    struct source *source; /* NULL: there is no catalogue topic */
    struct source_turn turn;
    struct catalogue_decoder *decoder;
    struct holders *holders;
    bool readable, assigned;
    bool awaited;     /* events wait for it … */
    int64_t heard_ms; /* … as long as something is heard of it */
    uint64_t entries;
    struct withdrawal sweeping, waiting;
    uint32_t at;          /* the next user to be looked at; the bound of users: none */
    uint32_t removable;   /* the next user whose list may go without a new one */
    int64_t ranked_by_ms; /* all that are withdrawn are to be */
    int64_t expired_to_ms, expiry_due_ms;
    int64_t expired_ms; /* when something expired last, as far as was looked */
    int64_t hurries_until_ms;
};

/* What became of lists, since the start of the process. */
struct outcomes {
    uint64_t written, renewed, unchanged, removed, failed;
};

static inline void outcomes_count(struct outcomes *outcomes,
                                  const struct publication_arrival *arrival, bool written)
{
    outcomes->failed += !written;
    outcomes->written += written && arrival->step == STEP_WRITE;
    outcomes->renewed += written && arrival->step == STEP_RENEW;
    outcomes->removed += written && arrival->step == STEP_REMOVE;
}

/* PREFIXpopular, or PREFIXpopular:FEATURE. */
struct popular {
    struct text feature; /* absent: of all items */
    uint64_t hash, sent; /* of the list in the store, 0: unknown; of the one on its way */
    uint64_t version;
    uint64_t seen;       /* popular_state() when it was last looked at */
    bool flying, missed; /* `missed`: it was to be looked at while it flew */
};

struct lists {
    bool connected;
    bool resumes; /* lists of the process before, until the store is connected for the first time */
    uint32_t sweep, sweep_end; /* users still to be looked at for writing again */
    bool reclaims;             /* … those alone that were given up */
    bool reclaims_again;       /* … and those once more, from the first on */
    double rank_ns;            /* one user, one thread's share; smoothed */
    uint32_t batch_max;
    uint32_t users[RANK_BATCH_MAX];
    struct list *batch; /* (batch_max) */
    uint64_t items[LIST_SIZE_MAX];
    struct outcomes outcomes;

    struct popular popular[1 + POPULAR_FEATURES_MAX]; /* that of all items first */
    uint32_t popular_count, popular_at;               /* the next to be looked at; 0: no round */
    uint32_t popular_flying;
    uint64_t popular_changes; /* of the catalogue */
    bool popular_again;       /* something was withdrawn since the round began */
    struct list *popular_list;
    int64_t popular_due_ms, status_due_ms;
    bool lag_told; /* the status has it */
};

/* Slots of items that leave the others' lists, or come back to them. */
struct withdrawn {
    uint32_t size;
    bool all;  /* there were more: every list is written again */
    bool back; /* some came back: lists that are short may be longer now */
    uint32_t item[WITHDRAWN_MAX];
};

/* Items that a thread searches for. */
struct search {
    struct similar *similar;
    uint32_t items[SIMILAR_TOGETHER], tags[SIMILAR_TOGETHER];
    uint32_t size;
    uint32_t steps; /* to be done in a slice */
    bool more;      /* they are not all done */
    const struct recommender *model;
};

struct neighbours {
    uint32_t size; /* of a list; 0: none are published */
    struct related *related;
    struct publication *publication; /* by item */
    struct search *searches;         /* (threads_most) */
    uint32_t threads, threads_most;  /* that search now; that there are */
    uint32_t searched;               /* how many are being searched for */
    double step_ns;                  /* smoothed; 0: unknown */
    int64_t search_due_ms, round_due_ms, put_due_ms;
    struct withdrawn sweeping, waiting;
    uint32_t at;               /* the next item to be looked at for withdrawn ones */
    uint32_t sweep, sweep_end; /* items still to be looked at for writing again */
    struct list *list;
    struct outcomes outcomes;
};

/* Behind: there is more to learn and more to publish than a turn holds. */
struct shift {
    bool behind, publishing;
    int64_t until_ms;
};

struct keeping {
    struct checkpoint checkpoint; /* while saving: what goes into the file */
    bool saving, changed;         /* changed: something to save since the last one began */
    bool again;                   /* at the end of this save begin another at once */
    int64_t due_ms;
    int64_t wait_since_ms;  /* for dead letters, before saving; 0: not waiting */
    int64_t erase_since_ms; /* likewise for the store's answers to erasures */
    uint64_t saved, failed, last_bytes;
    int64_t last_success_ms; /* wall clock */
    double last_seconds;
    struct error error; /* of the last save */
};

struct instance {
    const struct settings *settings;
    struct clock_source *clock;
    struct source *source;
    struct dead_letters *dead_letters;
    struct store *store;
    struct vault *vault;

    struct engine engine;
    struct ranker *ranker;
    struct publication *publication;
    struct prequential *prequential;
    struct offsets offsets;
    struct erasures erasures;
    char epoch[33];
    uint64_t mark;  /* what the store was at when the snapshot was saved that was loaded */
    bool had_ended; /* nothing was written to the store after that, by us */
    bool loaded, was_ready;
    bool broken; /* no memory to learn with: the model is not to be used or saved any more */

    enum phase phase;
    int64_t phase_since_ms;
    int64_t started_ms;      /* wall clock */
    int64_t now_ms, wall_ms; /* monotonic; both as of the last look at the clocks */

    struct intake intake;
    struct catalogue catalogue;
    struct lists lists;
    struct neighbours neighbours;
    struct shift shift;
    struct keeping keeping;

    struct histogram learn_seconds, rank_seconds, turn_seconds, event_to_list, learn_to_list;
    struct histogram_window freshness;
};

int64_t instance_look_at_clock(struct instance *instance); /* monotonic ns */
bool instance_is_grouped(const struct instance *instance);
/* Partitions whose lists wait until they are level. */
uint32_t instance_waiting_partitions(const struct instance *instance);
uint32_t instance_tag(const struct instance *instance, uint32_t user);
/* As its source last heard; -1: unknown. */
int64_t instance_end_offset(const struct instance *instance, const struct partition *partition);
/* Of all partitions that are ours; -1: of some nothing is known yet. */
int64_t instance_lag(const struct instance *instance);
void instance_enter(struct instance *instance, enum phase phase);

/* instance_intake.c */
struct engine_observer intake_observer(struct instance *instance);
bool take_messages(struct instance *instance); /* true: there may be more at once */
void leave_source(struct instance *instance);
int64_t intake_due_ms(const struct instance *instance);

/* instance_catalogue.c */
bool take_entries(struct instance *instance);    /* true: there may be more at once */
bool sweep_withdrawn(struct instance *instance); /* likewise */
/* Lists that hold what was withdrawn, and cannot all be ranked in time, go at once. */
void remove_withdrawn(struct instance *instance);
/* What lists are ranked for: the time of the stream, or when something expired since. */
int64_t instance_list_time(const struct instance *instance);
/* Whoever has a list with a withdrawn item is known to be due. */
bool catalogue_is_swept(const struct instance *instance);
/* Something was withdrawn just now: lists come before events. */
bool catalogue_hurries(const struct instance *instance);
bool catalogue_is_awaited(struct instance *instance);
bool is_of_catalogue(const struct instance *instance, const struct partition *partition);
void catalogue_finish(struct catalogue *catalogue);
/* Which lists hold which items is known from the process before, which saved that then. */
void catalogue_resume(struct instance *instance, int64_t saved_ms);

/* instance_lists.c */
void lists_begin_sweep(struct instance *instance);
/* The process before came to a sudden end after saving what was loaded. */
void lists_leap_since(struct instance *instance, int64_t saved_ms);
void lists_reclaim(struct instance *instance); /* a partition is level */
bool sweep_users(struct instance *instance);
void lists_drop(struct instance *instance, uint32_t user); /* the user is gone */
/* If the user's list is withdrawn and waits, it goes now, and is due all the same. False: the store
 * is full. */
bool lists_remove(struct instance *instance, uint32_t user);
void erase_users(struct instance *instance);
/* Much is to be ranked before anything more is learned. */
void lists_expect(struct instance *instance);
bool publish_lists(struct instance *instance); /* true: more are due and could go out */
bool lists_are_done(const struct instance *instance);
/* What the store holds is what we believe, but for those who are dirty or in flight. */
bool lists_are_known(const struct instance *instance);
int64_t lists_due_ms(const struct instance *instance);

/* Hashes of the ids into lists.items; their sum in order. 0: an empty list. False: a score that is
 * no number, which nobody shall see. */
bool lists_hash(struct instance *instance, const struct list *list, uint64_t *hash);

/* instance_similar.c: the items' neighbours */
enum status neighbours_init(struct instance *instance);
void neighbours_finish(struct neighbours *neighbours);
void neighbours_touch(struct instance *instance, uint32_t item);       /* it had an event */
void neighbours_fetch(const struct instance *instance, uint32_t item); /* it soon has one */
/* It has a new card; `back`: it was withdrawn before. */
void neighbours_describe(struct instance *instance, uint32_t item, bool back);
void neighbours_withdraw(struct instance *instance, uint32_t item);
void neighbours_withdraw_all(struct instance *instance); /* more than could be told */
void neighbours_begin_sweep(struct instance *instance);
bool sweep_neighbours(struct instance *instance); /* true: there is more to do at once */
/* `busy`: others wait for the loop, so that little is done, and not often. */
void search_neighbours(struct instance *instance, bool busy);
bool publish_neighbours(struct instance *instance, bool busy); /* true: more could go out */
void neighbours_answered(struct instance *instance, uint64_t ticket, bool written);
/* Whoever has a withdrawn item in its list is known to be due. */
bool neighbours_are_swept(const struct instance *instance);
bool neighbours_are_known(const struct instance *instance); /* as lists_are_known() */
bool neighbours_are_done(const struct instance *instance);
bool neighbours_are_searched(const struct instance *instance);
int64_t neighbours_due_ms(const struct instance *instance);

/* instance_summary.c */
void popular_init(struct instance *instance);
void keep_popular(struct instance *instance);
void popular_answered(struct instance *instance, uint64_t ticket, bool written);
void popular_described(struct instance *instance); /* an item has a new card */
void popular_withdraw(struct instance *instance);  /* some item is to leave at once */
void popular_write_again(struct instance *instance);
void keep_status(struct instance *instance);

/* instance_keeping.c */
void keep_snapshot(struct instance *instance);
void commit_offsets(struct instance *instance);
/* Saves as soon as it can; saved() then lets partitions go, when some are being taken away. */
void snapshot_soon(struct instance *instance);
bool snapshot_holds_intake(const struct instance *instance);
void save_at_end(struct instance *instance);
int64_t keeping_due_ms(const struct instance *instance);

#endif
