/*
 * Memory for big arrays: zeroed, aligned to 64 bytes, and from PAGES_HUGE bytes on in huge pages
 * where the system has them. They save most of the processor's address look-ups in random rows,
 * and a process made of them is forked in no time, for a fork copies an entry a page.
 *
 * After a fork each page that is written is broken up into small ones, of which those written are
 * copied: so writing goes on without a stall. pages_mend() puts them together again when the child
 * has ended.
 */
#ifndef MODEL_PAGES_H
#define MODEL_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_HUGE ((size_t)2 << 20)

/* NULL: no memory. Big ranges cost memory only where they are touched. */
void *pages_take(size_t bytes);
/* `bytes` as it was taken; NULL is legal. */
void pages_give(void *at, size_t bytes);

/* Zeroed memory of which mostly only the beginning is used: it costs what is touched, in small
 * pages, whatever its size. */
void *pages_reserve(size_t bytes);
void pages_return(void *at, size_t bytes); /* NULL is legal */

/* The first touch of a huge page takes a fraction of a millisecond, and several where a virtual
 * machine's host has yet to find the memory. So what is filled from its beginning asks for the page
 * after the one it comes into, and a thread that waits for that makes it ready: */

/* `hook` is called by whoever asks; NULL, as at first: nobody asks. */
void pages_on_asked(void (*hook)(void));
/* Asks for the page after the one that `front` is in, if it begins before `end`. Of more than a few
 * at a time some are forgotten: they are touched when they are needed, as without. */
void pages_ask(const void *front, const void *end);
/* Makes ready what was asked for. In any thread, while others work; also after a range is gone. */
void pages_prepare(void);

/* Memory up to `front` is in use, up to `before` it was: asks at the step into another page. */
static inline void pages_advance(const void *before, const void *front, const void *end)
{
    if (((uintptr_t)before ^ (uintptr_t)front) >= PAGES_HUGE)
        pages_ask(front, end);
}

/* Where pages_mend() is: zeroed at first. */
struct pages_walk {
    size_t range, offset;
};
/* Puts one huge page together again, of all that the process has taken; false: that was the last
 * one. In any thread, while others work; takes a fraction of a millisecond each. */
bool pages_mend(struct pages_walk *walk);

#endif
