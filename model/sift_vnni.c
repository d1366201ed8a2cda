#include "model/sift.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

/* Unoptimised, gcc 12's own intrinsics are macros that it then complains about. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"

static inline __m512i four_codes(const int8_t *codes)
{
    int32_t four;
    memcpy(&four, codes, sizeof four);
    return _mm512_set1_epi32(four);
}

static inline void judge(const struct sift_items *items, const struct sift_user *user,
                         uint32_t group, __m512i product, struct sifted *out)
{
    size_t at = (size_t)group * SIFT_LANES;
    __m512 sum = _mm512_setzero_ps();
    for (uint32_t c = 0; c < items->columns; c++)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(user->weight[c]),
                              _mm512_load_ps(items->column[c] + at), sum);
    __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(product), _mm512_load_ps(items->scale + at));
    sum = _mm512_fmadd_ps(_mm512_set1_ps(user->unit), scaled, sum);
    __mmask16 passed = _mm512_cmp_ps_mask(sum, _mm512_set1_ps(user->floor), _CMP_NLT_UQ);
    out->passed[group] = (uint16_t)passed;
    if (passed != 0)
        _mm512_store_ps(out->approximate + at, sum);
}

/* Some users and groups at once: what is loaded for one serves the others, and their sums hide
 * each other's latency. The sizes are constants where it is inlined. */
static inline __attribute__((always_inline)) void sift_tile(const struct sift_items *items,
                                                            const struct sift_user *const *users,
                                                            uint32_t group, const int size,
                                                            const int groups, struct sifted *out)
{
    size_t group_bytes = (size_t)items->dim * SIFT_LANES;
    const uint8_t *codes = items->codes + group * group_bytes;
    const uint8_t *next = items->next + group * group_bytes;
    __m512i sum[4][2];
    for (int u = 0; u < size; u++)
        for (int g = 0; g < groups; g++)
            sum[u][g] = _mm512_set1_epi32(users[u]->offset);
    for (uint32_t d = 0; d < items->dim; d += 4, codes += 4 * SIFT_LANES, next += 4 * SIFT_LANES) {
        __m512i item[2];
        for (int g = 0; g < groups; g++)
            __builtin_prefetch(next + (size_t)g * group_bytes);
        for (int g = 0; g < groups; g++)
            item[g] = _mm512_load_si512(codes + (size_t)g * group_bytes);
        for (int u = 0; u < size; u++) {
            __m512i user = four_codes(users[u]->codes + d);
            for (int g = 0; g < groups; g++)
                sum[u][g] = _mm512_dpbusd_epi32(sum[u][g], item[g], user);
        }
    }
    for (int u = 0; u < size; u++)
        for (int g = 0; g < groups; g++)
            judge(items, users[u], group + (uint32_t)g, sum[u][g], &out[u]);
}

static inline __attribute__((always_inline)) void sift_users(const struct sift_items *items,
                                                             const struct sift_user *const *users,
                                                             const int size, struct sifted *out)
{
    uint32_t group = 0;
    for (; group + 2 <= items->groups; group += 2)
        sift_tile(items, users, group, size, 2, out);
    if (group < items->groups)
        sift_tile(items, users, group, size, 1, out);
}

void sift_vnni(const struct sift_items *items, const struct sift_user *const *users, uint32_t count,
               struct sifted *out)
{
    for (; count >= 4; count -= 4, users += 4, out += 4)
        sift_users(items, users, 4, out);
    if (count == 3)
        sift_users(items, users, 3, out);
    if (count == 2)
        sift_users(items, users, 2, out);
    if (count == 1)
        sift_users(items, users, 1, out);
}

#endif
