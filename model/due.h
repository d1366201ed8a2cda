/* What is done at some events only is done at no rhythm: or else the events of a stream that takes
 * turns, each purchase after a view, could all fall beside it. */
#ifndef MODEL_DUE_H
#define MODEL_DUE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether event number `now` is one of those that are taken, one in `of`. Steps of the golden ratio
 * around a circle are spread evenly over it, also each second or fourth of them alone (Weyl). */
static inline bool is_due(uint64_t now, uint32_t of)
{
    return (uint32_t)now * 0x9e3779b1u <= UINT32_MAX / of;
}

#endif
