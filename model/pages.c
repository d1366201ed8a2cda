/*
 * The ranges are listed for the whole process, so that they can be walked by a thread which knows
 * nothing of the tables in them. The list is touched when a range comes or goes, which is rare,
 * and never held while the kernel works.
 */
#include "model/pages.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; older ones refuse it, and nothing is lost */
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; likewise */
#endif

struct range {
    unsigned char *at;
    size_t bytes;
};

static struct range *ranges;
static size_t range_count, range_room;
static atomic_flag held = ATOMIC_FLAG_INIT;

static void hold(void)
{
    while (atomic_flag_test_and_set_explicit(&held, memory_order_acquire))
        ;
}

static void let_go(void)
{
    atomic_flag_clear_explicit(&held, memory_order_release);
}

/* A range that finds no room in the list is only never mended. */
static void list_range(unsigned char *at, size_t bytes)
{
    hold();
    if (range_count == range_room) {
        size_t room = range_room == 0 ? 64 : 2 * range_room;
        struct range *grown = realloc(ranges, room * sizeof *grown);
        if (grown != NULL) {
            ranges = grown;
            range_room = room;
        }
    }
    if (range_count < range_room)
        ranges[range_count++] = (struct range){at, bytes};
    let_go();
}

static void unlist_range(const unsigned char *at)
{
    hold();
    for (size_t n = 0; n < range_count; n++)
        if (ranges[n].at == at) {
            ranges[n] = ranges[--range_count];
            break;
        }
    if (range_count == 0) {
        free(ranges);
        ranges = NULL;
        range_room = 0;
    }
    let_go();
}

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

/* Aligned by mapping a page more, and giving back what is before and behind. */
static void *map_aligned(size_t bytes)
{
    unsigned char *map =
        mmap(NULL, bytes + PAGES_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    size_t before = round_up((uintptr_t)map, PAGES_HUGE) - (uintptr_t)map;
    if (before > 0)
        munmap(map, before);
    munmap(map + before + bytes, PAGES_HUGE - before);
    return map + before;
}

void *pages_take(size_t bytes)
{
    if (bytes < PAGES_HUGE) {
        void *at = aligned_alloc(64, round_up(bytes, 64));
        if (at != NULL)
            memset(at, 0, bytes);
        return at;
    }
    size_t whole = round_up(bytes, PAGES_HUGE);
    if (whole < bytes)
        return NULL;
    void *at = map_aligned(whole);
    if (at == NULL)
        return NULL;
    madvise(at, whole, MADV_HUGEPAGE);
    list_range(at, whole);
    return at;
}

void pages_give(void *at, size_t bytes)
{
    if (at == NULL)
        return;
    if (bytes < PAGES_HUGE) {
        free(at);
        return;
    }
    unlist_range(at);
    munmap(at, round_up(bytes, PAGES_HUGE));
}

void *pages_reserve(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    madvise(at, bytes, MADV_NOHUGEPAGE);
    return at;
}

void pages_return(void *at, size_t bytes)
{
    if (at != NULL)
        munmap(at, bytes);
}

/* The kernel takes the huge page that was given back last. So one is touched here and given back,
 * that the next one is there at once: it may be a virtual machine's host that has to find it, which
 * takes milliseconds, in which who fills it holds a lock that all others need. */
static void warm(void)
{
    static _Atomic(unsigned char *) scratch;
    unsigned char *at = atomic_load(&scratch);
    if (at == NULL) {
        unsigned char *none = NULL, *fresh = map_aligned(PAGES_HUGE);
        if (fresh == NULL)
            return;
        madvise(fresh, PAGES_HUGE, MADV_HUGEPAGE);
        if (!atomic_compare_exchange_strong(&scratch, &none, fresh))
            munmap(fresh, PAGES_HUGE);
        at = atomic_load(&scratch);
    }
    atomic_store((_Atomic unsigned char *)at, 1);
    madvise(at, PAGES_HUGE, MADV_DONTNEED);
}

bool pages_mend(struct pages_walk *walk)
{
    unsigned char *at = NULL;
    hold();
    if (walk->range < range_count && walk->offset >= ranges[walk->range].bytes) {
        walk->range++;
        walk->offset = 0;
    }
    if (walk->range < range_count)
        at = ranges[walk->range].at + walk->offset;
    let_go();
    if (at == NULL)
        return false;
    warm();
    /* Untouched pages are refused, and stay untouched. */
    madvise(at, PAGES_HUGE, MADV_COLLAPSE);
    walk->offset += PAGES_HUGE;
    return true;
}

/* ---- ahead ---- */

enum { ASKED = 16 };
static _Atomic uintptr_t asked[ASKED]; /* 0: free */
static void (*_Atomic asked_hook)(void);

void pages_on_asked(void (*hook)(void))
{
    atomic_store(&asked_hook, hook);
}

void pages_ask(const void *front, const void *end)
{
    void (*hook)(void) = atomic_load(&asked_hook);
    uintptr_t next = (uintptr_t)front / PAGES_HUGE * PAGES_HUGE + PAGES_HUGE;
    if (hook == NULL || next >= (uintptr_t)end)
        return;
    for (int n = 0; n < ASKED; n++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&asked[n], &none, next)) {
            hook();
            return;
        }
    }
}

/* By a call that writes nothing and is refused where there is no memory any more. */
void pages_prepare(void)
{
    for (int n = 0; n < ASKED; n++) {
        uintptr_t at = atomic_exchange(&asked[n], 0);
        if (at == 0)
            continue;
        warm();
        madvise((void *)at, PAGES_HUGE, MADV_POPULATE_WRITE);
    }
}
