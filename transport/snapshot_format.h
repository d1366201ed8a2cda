/* How a snapshot file is laid out; for its writer and its reader only. See snapshot_file.h. */
#ifndef TRANSPORT_SNAPSHOT_FORMAT_H
#define TRANSPORT_SNAPSHOT_FORMAT_H

#include "transport/snapshot_file.h"

#include <xxhash.h>
#ifdef TASTED_HAVE_XXHASH_DISPATCH
#include <xxh_x86dispatch.h> /* takes the place of XXH3's functions: the same sums, faster */
#endif

/* Big enough that a system call's cost vanishes, small enough to be hashed while in the cache. */
enum { SNAPSHOT_BUFFER = 1 << 20 };

#define SNAPSHOT_MAGIC "tastesnp"
#define SNAPSHOT_END_MAGIC "tasteend"
#define SNAPSHOT_BYTE_ORDER 0x01020304u

struct snapshot_header {
    char magic[8];
    uint32_t byte_order; /* as the writing machine keeps integers */
    uint32_t format;     /* SNAPSHOT_FORMAT; the steps from older ones would stand here */
};

/* The sections follow the header without gaps, in the table's order; the table follows them. */
struct snapshot_entry {
    char tag[4];
    uint32_t zero;
    uint64_t offset; /* from the file's start */
    uint64_t bytes;
    struct snapshot_sum sum;
};

struct snapshot_end {
    uint64_t count;          /* of sections */
    uint64_t bytes;          /* of the whole file */
    struct snapshot_sum sum; /* of the header, the table, and count and bytes above */
    char magic[8];
};

_Static_assert(sizeof(struct snapshot_header) == 16, "the header's layout is part of the format");
_Static_assert(sizeof(struct snapshot_entry) == 40, "the table's layout is part of the format");
_Static_assert(sizeof(struct snapshot_end) == 40, "the end's layout is part of the format");

struct snapshot_sum snapshot_sum_of_state(const XXH3_state_t *hasher);
bool snapshot_sum_equal(struct snapshot_sum a, struct snapshot_sum b);
/* What the end's sum covers. `hasher` is scratch. */
struct snapshot_sum snapshot_frame_sum(XXH3_state_t *hasher, const struct snapshot_header *header,
                                       const struct snapshot_entry *table,
                                       const struct snapshot_end *end);
/* STATUS_IO, or STATUS_BAD_DATA where the file ends early. */
enum status snapshot_read_at(int file, uint64_t offset, void *bytes, size_t size);
/* The system's word for an errno, without locks or memory of its own: for forked children too. */
const char *snapshot_reason(int number);

#endif
