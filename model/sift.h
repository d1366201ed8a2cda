/*
 * The inner loop of mips_index.c: which of a chunk's items may reach a user's floor, by their codes
 * of one byte a dimension.
 *
 *     approximate(u, i) = unit_u scale_i <code_u, code_i> + sum over columns c of w_c column_c,i
 *
 * Items' codes are -127..127, stored with 128 added, sixteen items side by side, four dimensions of
 * each together: (groups, dim / 4, 16, 4). Users' codes are -127..127. The sum of the products is
 * exact on every kernel; the rest is the same operations in the same order.
 */
#ifndef MODEL_SIFT_H
#define MODEL_SIFT_H

#include <stddef.h>
#include <stdint.h>

enum { SIFT_LANES = 16, SIFT_GROUPS = 8, SIFT_ITEMS = SIFT_GROUPS * SIFT_LANES };
enum { SIFT_COLUMNS = 12, SIFT_USERS = 16 };

/* Everything aligned to 64 bytes. */
struct sift_items {
    const uint8_t *codes;
    const float *scale;                /* (groups * 16) */
    const float *column[SIFT_COLUMNS]; /* (groups * 16) each */
    const uint8_t *next;               /* codes that will be asked for then: to be fetched */
    uint32_t groups, dim, columns;     /* columns: that any user has a weight for */
};

struct sift_user {
    const int8_t *codes; /* (dim), aligned to 4 bytes */
    int32_t offset;      /* what the added 128s make of the sum: to be added, too */
    float unit;
    float weight[SIFT_COLUMNS];
    float floor; /* of the approximation; NaN passes */
};

/* Who passed, a bit an item; and the approximations of a group in which anybody did. */
struct sifted {
    float approximate[SIFT_ITEMS] __attribute__((aligned(64)));
    uint16_t passed[SIFT_GROUPS];
};

/* out[n] for users[n]; `count` is at most SIFT_USERS. */
typedef void sift_fn(const struct sift_items *items, const struct sift_user *const *users,
                     uint32_t count, struct sifted *out);

sift_fn sift_plain;
#if defined(__x86_64__)
sift_fn sift_avx2, sift_vnni;
#endif

#endif
