#include "transport/snapshot_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct snapshot_sum snapshot_sum_of_state(const XXH3_state_t *hasher)
{
    XXH128_hash_t sum = XXH3_128bits_digest(hasher);
    return (struct snapshot_sum){sum.low64, sum.high64};
}

bool snapshot_sum_equal(struct snapshot_sum a, struct snapshot_sum b)
{
    return a.low == b.low && a.high == b.high;
}

struct snapshot_sum snapshot_frame_sum(XXH3_state_t *hasher, const struct snapshot_header *header,
                                       const struct snapshot_entry *table,
                                       const struct snapshot_end *end)
{
    XXH3_128bits_reset(hasher);
    XXH3_128bits_update(hasher, header, sizeof *header);
    XXH3_128bits_update(hasher, table, end->count * sizeof *table);
    XXH3_128bits_update(hasher, &end->count, sizeof end->count);
    XXH3_128bits_update(hasher, &end->bytes, sizeof end->bytes);
    return snapshot_sum_of_state(hasher);
}

const char *snapshot_reason(int number)
{
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 32)
    const char *text = strerrordesc_np(number);
    return text != NULL ? text : "unknown error";
#endif
#endif
    return strerror(number);
}

static enum status digest_write(struct state_writer *writer, const void *bytes, size_t size)
{
    struct digest_writer *digest = (struct digest_writer *)writer;
    XXH3_128bits_update(digest->hasher, bytes, size);
    digest->bytes += size;
    return STATUS_OK;
}

enum status digest_begin(struct digest_writer *digest)
{
    XXH3_state_t *hasher = XXH3_createState();
    if (hasher == NULL)
        return STATUS_NO_MEMORY;
    XXH3_128bits_reset(hasher);
    *digest = (struct digest_writer){.writer = {digest_write}, .hasher = hasher};
    return STATUS_OK;
}

struct snapshot_sum digest_end(struct digest_writer *digest)
{
    struct snapshot_sum sum = snapshot_sum_of_state(digest->hasher);
    XXH3_freeState(digest->hasher);
    digest->hasher = NULL;
    return sum;
}

void snapshot_sum_text(struct snapshot_sum sum, char text[33])
{
    snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, sum.high, sum.low);
}
