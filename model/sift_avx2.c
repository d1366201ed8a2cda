#include "model/sift.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

/* A user's four codes against those of eight items: products of absolute values and signs moved
 * over, so that two of them fit into sixteen bits (2 * 127 * 127). */
static inline __m256i four_products(__m256i items, __m256i user)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(user), _mm256_sign_epi8(items, user));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline unsigned judge(const struct sift_items *items, const struct sift_user *user,
                             size_t at, __m256i product, struct sifted *out)
{
    __m256 sum = _mm256_setzero_ps();
    for (uint32_t c = 0; c < items->columns; c++)
        sum = _mm256_fmadd_ps(_mm256_set1_ps(user->weight[c]),
                              _mm256_load_ps(items->column[c] + at), sum);
    __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(product), _mm256_load_ps(items->scale + at));
    sum = _mm256_fmadd_ps(_mm256_set1_ps(user->unit), scaled, sum);
    _mm256_store_ps(out->approximate + at, sum);
    __m256 passed = _mm256_cmp_ps(sum, _mm256_set1_ps(user->floor), _CMP_NLT_UQ);
    return (unsigned)_mm256_movemask_ps(passed);
}

static inline __attribute__((always_inline)) void sift_tile(const struct sift_items *items,
                                                            const struct sift_user *const *users,
                                                            uint32_t group, const int size,
                                                            struct sifted *out)
{
    const uint8_t *codes = items->codes + (size_t)group * items->dim * SIFT_LANES;
    const __m256i added = _mm256_set1_epi8((char)-128);
    __m256i low[2], high[2];
    for (int u = 0; u < size; u++)
        low[u] = high[u] = _mm256_setzero_si256();
    for (uint32_t d = 0; d < items->dim; d += 4, codes += 4 * SIFT_LANES) {
        const __m256i *at = (const __m256i *)(const void *)codes;
        __builtin_prefetch(items->next + (codes - items->codes));
        __m256i first = _mm256_xor_si256(_mm256_load_si256(at), added);
        __m256i second = _mm256_xor_si256(_mm256_load_si256(at + 1), added);
        for (int u = 0; u < size; u++) {
            int32_t four;
            memcpy(&four, users[u]->codes + d, sizeof four);
            __m256i user = _mm256_set1_epi32(four);
            low[u] = _mm256_add_epi32(low[u], four_products(first, user));
            high[u] = _mm256_add_epi32(high[u], four_products(second, user));
        }
    }
    for (int u = 0; u < size; u++) {
        size_t at = (size_t)group * SIFT_LANES;
        unsigned passed = judge(items, users[u], at, low[u], &out[u]);
        passed |= judge(items, users[u], at + 8, high[u], &out[u]) << 8;
        out[u].passed[group] = (uint16_t)passed;
    }
}

void sift_avx2(const struct sift_items *items, const struct sift_user *const *users, uint32_t count,
               struct sifted *out)
{
    for (; count >= 2; count -= 2, users += 2, out += 2)
        for (uint32_t group = 0; group < items->groups; group++)
            sift_tile(items, users, group, 2, out);
    for (uint32_t group = 0; count == 1 && group < items->groups; group++)
        sift_tile(items, users, group, 1, out);
}

#endif
