/* What the demo shows: on a terminal a picture of 80 columns, else a line now and then. */
#ifndef DAEMON_DEMO_VIEW_H
#define DAEMON_DEMO_VIEW_H

#include "daemon/demo_scores.h"

enum { VIEW_PEOPLE = 3, VIEW_TRACKS = 5, VIEW_TEXT_MAX = 96 };

struct view_figures {
    double seconds;    /* since the stream began */
    int64_t stream_ms; /* the stream's own time */
    uint64_t events, lists;
    double rate;     /* events a second, of late */
    double p50, p99; /* event to list, ms; negative: not known yet */
    const struct scores *scores;
};

enum view_mark { MARK_SAME, MARK_UP, MARK_NEW };

/* Somebody whose list is watched. */
struct view_person {
    char name[VIEW_TEXT_MAX]; /* "nora-40, who likes ambient and jazz" */
    char did[VIEW_TEXT_MAX];  /* "kept Velvet Harbour – Slow Tide" */
    uint32_t rank;            /* of that track in the list before; 0: not in it */
    bool ranked;              /* it was something to be ranked */
    uint32_t size;
    char titles[VIEW_TRACKS][VIEW_TEXT_MAX]; /* the list's best */
    enum view_mark marks[VIEW_TRACKS];       /* against the list before */
};

struct view {
    bool picture; /* else lines */
    bool colour;
    bool open;
};

/* Looks at standard output, and takes the terminal's second screen for the picture. */
void view_open(struct view *view);
/* False: nobody reads any more. `people` of VIEW_PEOPLE; an empty name: nobody there. */
bool view_draw(struct view *view, const struct view_figures *figures,
               const struct view_person *people);
bool view_line(struct view *view, const struct view_figures *figures,
               const struct view_person *person);
/* Gives the terminal back as it was. */
void view_close(struct view *view);
/* Nobody reads standard output any more: what else is printed there goes nowhere. */
void view_abandon(struct view *view);
/* The last words; after view_close(). */
void view_sum(const struct view_figures *figures);

#endif
