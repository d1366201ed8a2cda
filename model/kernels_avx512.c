#include "model/kernels_variants.h"

#if defined(__x86_64__)

#include "model/few_step.h"
#include "model/pairwise_step.h"
#include "model/random.h"

#include <immintrin.h>

/* Unoptimised, gcc 12's own intrinsics are macros that it then complains about. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"

static float tree(__m512 lanes)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static float dot(const float *a, const float *b, size_t size)
{
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < size; i += 16)
        sum = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum);
    return tree(sum);
}

/* The trees over the lanes of four sums, side by side as soon as there is room. */
static __m128 trees(__m512 s0, __m512 s1, __m512 s2, __m512 s3)
{
    enum { LOW = 0x44, HIGH = 0xee, EVEN = 0x88, ODD = 0xdd };
    __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(s0, s1, LOW), _mm512_shuffle_f32x4(s0, s1, HIGH));
    __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(s2, s3, LOW), _mm512_shuffle_f32x4(s2, s3, HIGH));
    a = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, EVEN), _mm512_shuffle_f32x4(a, b, ODD));
    a = _mm512_add_ps(a, _mm512_permute_ps(a, _MM_SHUFFLE(1, 0, 3, 2)));
    a = _mm512_add_ps(a, _mm512_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1)));
    const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, a));
}

/* Four rows at once hide the latency of the additions; each keeps its own order. */
static inline __m128 four_dots(const float *x, const float *const rows[4], size_t size)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t i = 0; i < size; i += 16) {
        __m512 v = _mm512_loadu_ps(x + i);
        s0 = _mm512_fmadd_ps(v, _mm512_loadu_ps(rows[0] + i), s0);
        s1 = _mm512_fmadd_ps(v, _mm512_loadu_ps(rows[1] + i), s1);
        s2 = _mm512_fmadd_ps(v, _mm512_loadu_ps(rows[2] + i), s2);
        s3 = _mm512_fmadd_ps(v, _mm512_loadu_ps(rows[3] + i), s3);
    }
    return trees(s0, s1, s2, s3);
}

static void dot4(const float *x, const float *const rows[4], size_t size, float *out)
{
    _mm_storeu_ps(out, four_dots(x, rows, size));
}

static void dots(const float *x, const float *const *rows, size_t count, size_t size, float *out)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        dot4(x, rows + r, size, out + r);
    for (; r < count; r++)
        out[r] = dot(x, rows[r], size);
}

static void scan(const float *x, const float *base, size_t stride, size_t count, size_t size,
                 float *out)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const float *row = base + r * stride;
        const float *const rows[4] = {row, row + stride, row + 2 * stride, row + 3 * stride};
        dot4(x, rows, size, out + r);
    }
    for (; r < count; r++)
        out[r] = dot(x, base + r * stride, size);
}

static void add_scaled(float a, const float *x, float *y, size_t size)
{
    __m512 scale = _mm512_set1_ps(a);
    for (size_t i = 0; i < size; i += 16)
        _mm512_storeu_ps(y + i,
                         _mm512_fmadd_ps(scale, _mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i)));
}

/* 64 elements at a time, which stay in registers over all rows. */
static void mix64(const float *weights, const float *const *rows, size_t count, size_t at,
                  float *out)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t r = 0; r < count; r++) {
        __m512 weight = _mm512_set1_ps(weights[r]);
        const float *row = rows[r] + at;
        s0 = _mm512_fmadd_ps(weight, _mm512_loadu_ps(row), s0);
        s1 = _mm512_fmadd_ps(weight, _mm512_loadu_ps(row + 16), s1);
        s2 = _mm512_fmadd_ps(weight, _mm512_loadu_ps(row + 32), s2);
        s3 = _mm512_fmadd_ps(weight, _mm512_loadu_ps(row + 48), s3);
    }
    _mm512_storeu_ps(out + at, s0);
    _mm512_storeu_ps(out + at + 16, s1);
    _mm512_storeu_ps(out + at + 32, s2);
    _mm512_storeu_ps(out + at + 48, s3);
}

static void mix(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out)
{
    size_t at = 0;
    for (; at + 64 <= size; at += 64)
        mix64(weights, rows, count, at, out);
    for (; at < size; at += 16) {
        __m512 sum = _mm512_setzero_ps();
        for (size_t r = 0; r < count; r++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(weights[r]), _mm512_loadu_ps(rows[r] + at), sum);
        _mm512_storeu_ps(out + at, sum);
    }
}

/* 64 elements of x at a time, which stay in registers over all rows. */
static void spread64(const float *steps, const float *x, float *const *rows, size_t count,
                     size_t at)
{
    __m512 of[4];
#pragma GCC unroll 4
    for (size_t n = 0; n < 4; n++)
        of[n] = _mm512_loadu_ps(x + at + 16 * n);
    for (size_t r = 0; r < count; r++) {
        __m512 step = _mm512_set1_ps(steps[r]);
        float *row = rows[r] + at;
#pragma GCC unroll 4
        for (size_t n = 0; n < 4; n++)
            _mm512_storeu_ps(row + 16 * n,
                             _mm512_fmadd_ps(step, of[n], _mm512_loadu_ps(row + 16 * n)));
    }
}

static void spread(const float *steps, const float *x, float *const *rows, size_t count,
                   size_t size)
{
    size_t at = 0;
    for (; at + 64 <= size; at += 64)
        spread64(steps, x, rows, count, at);
    for (size_t r = 0; r < count && at < size; r++)
        add_scaled(steps[r], x + at, rows[r] + at, size - at);
}

/* Eight rows at a time, which stay in registers. */
static void multiply8(const float *a, size_t row, size_t step, size_t size, const float *matrix,
                      float *out)
{
    __m512 sum[8];
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
        sum[r] = _mm512_setzero_ps();
    for (size_t k = 0; k < size; k++) {
        __m512 of = _mm512_loadu_ps(matrix + 16 * k);
        const float *first = a + k * step;
#pragma GCC unroll 8
        for (size_t r = 0; r < 8; r++)
            sum[r] = _mm512_fmadd_ps(_mm512_set1_ps(first[r * row]), of, sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
        _mm512_storeu_ps(out + 16 * r, sum[r]);
}

static void multiply(const float *a, size_t row, size_t step, size_t count, size_t size,
                     const float *matrix, float *out)
{
    size_t r = 0;
    for (; r + 8 <= count; r += 8)
        multiply8(a + r * row, row, step, size, matrix, out + 16 * r);
    if (r > 0 && r < count) { /* the rest, and some rows before it once more */
        r = count - 8;
        multiply8(a + r * row, row, step, size, matrix, out + 16 * r);
        return;
    }
    for (; r < count; r++) {
        __m512 sum = _mm512_setzero_ps();
        for (size_t k = 0; k < size; k++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(a[r * row + k * step]),
                                  _mm512_loadu_ps(matrix + 16 * k), sum);
        _mm512_storeu_ps(out + 16 * r, sum);
    }
}

static void pair_dots(const float *x, const float *p, const float *q, size_t size,
                      struct pair_dots *out)
{
    __m512 xp = _mm512_setzero_ps(), xq = xp, xx = xp, dd = xp;
    for (size_t i = 0; i < size; i += 16) {
        __m512 vx = _mm512_loadu_ps(x + i), vp = _mm512_loadu_ps(p + i);
        __m512 vq = _mm512_loadu_ps(q + i), d = _mm512_sub_ps(vp, vq);
        xp = _mm512_fmadd_ps(vx, vp, xp);
        xq = _mm512_fmadd_ps(vx, vq, xq);
        xx = _mm512_fmadd_ps(vx, vx, xx);
        dd = _mm512_fmadd_ps(d, d, dd);
    }
    *out = (struct pair_dots){tree(xp), tree(xq), tree(xx), tree(dd)};
}

static void pair_step(float *x, float *p, float *q, float x_step, float p_step, float q_step,
                      size_t size)
{
    __m512 by_x = _mm512_set1_ps(x_step), by_p = _mm512_set1_ps(p_step);
    __m512 by_q = _mm512_set1_ps(q_step);
    for (size_t i = 0; i < size; i += 16) {
        __m512 vx = _mm512_loadu_ps(x + i), vp = _mm512_loadu_ps(p + i);
        __m512 vq = _mm512_loadu_ps(q + i);
        _mm512_storeu_ps(x + i, _mm512_fmadd_ps(by_x, _mm512_sub_ps(vp, vq), vx));
        _mm512_storeu_ps(p + i, _mm512_fmadd_ps(by_p, vx, vp));
        _mm512_storeu_ps(q + i, _mm512_fmadd_ps(by_q, vx, vq));
    }
}

/* 64 at a time while there are so many: one branch for all of them. */
static uint32_t find(const uint32_t *values, uint32_t count, uint32_t wanted)
{
    __m512i sought = _mm512_set1_epi32((int32_t)wanted);
    uint32_t n = 0;
    for (; n + 64 <= count; n += 64) {
        uint64_t hit[4];
#pragma GCC unroll 4
        for (uint32_t part = 0; part < 4; part++)
            hit[part] = _mm512_cmpeq_epi32_mask(_mm512_loadu_epi32(values + n + 16 * part), sought);
        uint64_t all = hit[0] | hit[1] << 16 | hit[2] << 32 | hit[3] << 48;
        if (all != 0)
            return n + (uint32_t)__builtin_ctzll(all);
    }
    for (; n < count; n += 16) {
        uint32_t left = count - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
        __mmask16 hit =
            _mm512_mask_cmpeq_epi32_mask(in, _mm512_maskz_loadu_epi32(in, values + n), sought);
        if (hit != 0)
            return n + (uint32_t)__builtin_ctz(hit);
    }
    return count;
}

/* Sixteen at a time, each a cell further until all have come to an end. */
static void look_up(const uint32_t *cells, uint32_t mask, const uint32_t *items, uint32_t count,
                    uint32_t *place)
{
    __m512i all = _mm512_set1_epi32((int32_t)mask), one = _mm512_set1_epi32(1);
    for (uint32_t n = 0; n < count; n += 16) {
        uint32_t left = count - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1), open = in;
        __m512i item = _mm512_maskz_loadu_epi32(in, items + n),
                sought = _mm512_add_epi32(item, one);
        __m512i mixed = _mm512_mullo_epi32(item, _mm512_set1_epi32((int32_t)KERNELS_HOME_FACTOR));
        __m512i cell = _mm512_and_epi32(_mm512_srli_epi32(mixed, 16), all);
        __m512i found = _mm512_set1_epi32(-1);
        while (open != 0) {
            __m512i held = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), open,
                                                       _mm512_slli_epi32(cell, 2), cells, 4);
            __mmask16 hit = _mm512_mask_cmpeq_epi32_mask(open, held, sought);
            found = _mm512_mask_mov_epi32(found, hit, cell);
            open = (__mmask16)(_mm512_mask_test_epi32_mask(open, held, held) & ~hit);
            cell = _mm512_and_epi32(_mm512_add_epi32(cell, one), all);
        }
        _mm512_mask_storeu_epi32(place + n, in, found);
    }
}

static bool count_cells(const uint32_t *cells, uint32_t fours, uint32_t most, uint32_t flags,
                        uint8_t *used)
{
    const __m512i bits = _mm512_set1_epi32((int32_t)flags);
    __m512i highest = _mm512_setzero_si512();
    uint32_t wrong = 0;
    for (uint32_t n = 0; n < fours; n++) {
        __m512i four = _mm512_loadu_si512(cells + 16 * (size_t)n);
        uint32_t empty = _mm512_testn_epi32_mask(four, four) & 0x1111u;
        highest = _mm512_max_epu32(highest, four);
        wrong |= _mm512_test_epi32_mask(four, bits) & empty << 3;
        used[n] = (uint8_t)(4 - __builtin_popcount(empty));
    }
    __m512i limit = _mm512_set1_epi32((int32_t)most);
    return ((_mm512_cmpgt_epu32_mask(highest, limit) & 0x1111u) | wrong) == 0;
}

static bool are_below(const float *values, size_t count, float limit)
{
    const __m512i no_sign = _mm512_set1_epi32(INT32_MAX);
    __m512i highest[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    size_t n = 0;
    for (; n + 32 <= count; n += 32)
        for (size_t k = 0; k < 2; k++)
            highest[k] = _mm512_max_epi32(
                highest[k], _mm512_and_si512(_mm512_loadu_si512(values + n + 16 * k), no_sign));
    __m512i least = _mm512_castps_si512(_mm512_set1_ps(limit));
    return _mm512_cmpge_epi32_mask(_mm512_max_epi32(highest[0], highest[1]), least) == 0 &&
           kernels_plain.are_below(values + n, count - n, limit);
}

/* The 32 words of marks stay in two registers. */
static uint32_t marked(const uint32_t *marks, const uint32_t *items, uint32_t count,
                       uint32_t *found)
{
    __m512i low = _mm512_loadu_epi32(marks), high = _mm512_loadu_epi32(marks + 16);
    __m512i place = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n += 16) {
        uint32_t left = count - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
        __m512i mixed = _mm512_mullo_epi32(_mm512_maskz_loadu_epi32(in, items + n),
                                           _mm512_set1_epi32((int32_t)KERNELS_HOME_FACTOR));
        __m512i word = _mm512_permutex2var_epi32(low, _mm512_srli_epi32(mixed, 27), high);
        __m512i bit = _mm512_rolv_epi32(_mm512_set1_epi32(1), _mm512_srli_epi32(mixed, 22));
        __mmask16 hit = _mm512_mask_test_epi32_mask(in, word, bit);
        _mm512_storeu_epi32(found + size, _mm512_maskz_compress_epi32(hit, place));
        size += (uint32_t)__builtin_popcount(hit);
        place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
    }
    return size;
}

static uint32_t keep(const struct sampling *sampling, const uint32_t *items,
                     const struct sampled *of, uint32_t count, uint32_t *kept, float *expected)
{
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    __m512i had = _mm512_set1_epi32((int32_t)sampling->stamp);
    __m512i positive = _mm512_set1_epi32((int32_t)sampling->positive);
    __m512 wanted = _mm512_set1_ps(sampling->wanted), by_ring = _mm512_set1_ps(sampling->ring);
    __m512 by_hard = _mm512_set1_ps(sampling->hard);
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n += 16) {
        uint32_t left = count - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
        __m512i item = _mm512_maskz_loadu_epi32(in, items + n);
        __m512i low = _mm512_maskz_loadu_epi64((__mmask8)in, of + n);
        __m512i high = _mm512_maskz_loadu_epi64((__mmask8)(in >> 8), of + n + 8);
        __m512i stamp = _mm512_permutex2var_epi32(low, even, high);
        __m512i times = _mm512_permutex2var_epi32(low, odd, high);
        __m512 ring = _mm512_cvtepi32_ps(_mm512_and_si512(times, _mm512_set1_epi32(0xffff)));
        __m512 hard = _mm512_cvtepi32_ps(_mm512_srli_epi32(times, 16));
        __m512 often = _mm512_add_ps(_mm512_add_ps(wanted, _mm512_mul_ps(by_ring, ring)),
                                     _mm512_mul_ps(by_hard, hard));
        __mmask16 stays = _mm512_mask_cmpneq_epi32_mask(in, stamp, had);
        stays = _mm512_mask_cmpneq_epi32_mask(stays, item, positive);
        _mm512_storeu_epi32(kept + size, _mm512_maskz_compress_epi32(stays, item));
        _mm512_storeu_ps(expected + size, _mm512_maskz_compress_ps(stays, often));
        size += (uint32_t)__builtin_popcount(stays);
    }
    return size;
}

/* random.h's mixing, eight at a time. */
static void numbers(uint64_t key, uint64_t first, uint32_t count, uint64_t *bits)
{
    const __m512i eight = _mm512_set1_epi64((int64_t)(8 * RANDOM_STEP));
    __m512i x = _mm512_add_epi64(_mm512_set1_epi64((int64_t)(key + (first + 1) * RANDOM_STEP)),
                                 _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                                                    _mm512_set1_epi64((int64_t)RANDOM_STEP)));
    for (uint32_t n = 0; n < count; n += 8, x = _mm512_add_epi64(x, eight)) {
        uint32_t left = count - n;
        __mmask8 in = left >= 8 ? (__mmask8)0xff : (__mmask8)((1u << left) - 1);
        __m512i y = _mm512_xor_si512(x, _mm512_srli_epi64(x, 30));
        y = _mm512_mullo_epi64(y, _mm512_set1_epi64((int64_t)RANDOM_MIX_1));
        y = _mm512_xor_si512(y, _mm512_srli_epi64(y, 27));
        y = _mm512_mullo_epi64(y, _mm512_set1_epi64((int64_t)RANDOM_MIX_2));
        y = _mm512_xor_si512(y, _mm512_srli_epi64(y, 31));
        _mm512_mask_storeu_epi64(bits + n, in, y);
    }
}

static float least(const float *values, uint32_t count)
{
    __m512 lowest = _mm512_set1_ps(values[0]);
    for (uint32_t n = 0; n < count; n += 16) {
        uint32_t left = count - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
        lowest = _mm512_min_ps(lowest, _mm512_mask_loadu_ps(lowest, in, values + n));
    }
    return _mm512_reduce_min_ps(lowest);
}

static __mmask16 first_lanes(uint32_t left)
{
    return left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
}

static uint32_t pick(const float *values, uint32_t count, float floor, float level, bool above,
                     uint32_t *found)
{
    __m512i place = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512 least = _mm512_set1_ps(floor), bound = _mm512_set1_ps(level);
    const unsigned turned = above ? 0 : 0xffff;
    uint32_t size = 0;
    for (uint32_t n = 0; n < count; n += 16) {
        __mmask16 in = first_lanes(count - n);
        __m512 some = _mm512_maskz_loadu_ps(in, values + n);
        in = _mm512_mask_cmp_ps_mask(in, some, least, _CMP_NLT_UQ);
        in &= (__mmask16)(_mm512_cmp_ps_mask(some, bound, _CMP_GT_OQ) ^ turned);
        _mm512_storeu_epi32(found + size, _mm512_maskz_compress_epi32(in, place));
        size += (uint32_t)__builtin_popcount(in);
        place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
    }
    return size;
}

static uint32_t count_above(const float *values, uint32_t count, float level)
{
    __m512 bound = _mm512_set1_ps(level);
    uint32_t above = 0;
    for (uint32_t n = 0; n < count; n += 16) {
        __mmask16 in = first_lanes(count - n);
        __m512 some = _mm512_maskz_loadu_ps(in, values + n);
        above += (uint32_t)__builtin_popcount(_mm512_mask_cmp_ps_mask(in, some, bound, _CMP_GT_OQ));
    }
    return above;
}

static float level(const float *values, uint32_t count, uint32_t wanted)
{
    __m512 lowest = _mm512_set1_ps(values[0]), highest = lowest;
    for (uint32_t n = 0; n < count; n += 16) {
        __mmask16 in = first_lanes(count - n);
        lowest = _mm512_min_ps(lowest, _mm512_mask_loadu_ps(lowest, in, values + n));
        highest = _mm512_max_ps(highest, _mm512_mask_loadu_ps(highest, in, values + n));
    }
    float low = _mm512_reduce_min_ps(lowest), high = _mm512_reduce_max_ps(highest);
    return kernels_level(values, count, wanted, low, high, count_above);
}

/* Of 32 keys at a time, each in a lane of its own. Those behind the last one are read as they are;
 * what becomes of them nobody asks. */
static void ranks(const uint64_t *keys, uint32_t count, uint32_t *rank)
{
    for (uint32_t n = 0; n < count; n += 32) {
        __m512i own[4], above[4], one = _mm512_set1_epi64(1);
        for (int v = 0; v < 4; v++) {
            own[v] = _mm512_loadu_epi64(keys + n + 8 * v);
            above[v] = _mm512_setzero_si512();
        }
        for (uint32_t other = 0; other < count; other++) {
            __m512i key = _mm512_set1_epi64((int64_t)keys[other]);
            for (int v = 0; v < 4; v++)
                above[v] = _mm512_mask_add_epi64(above[v], _mm512_cmpgt_epu64_mask(key, own[v]),
                                                 above[v], one);
        }
        for (int v = 0; v < 4; v++)
            _mm256_storeu_si256((__m256i *)(rank + n + 8 * v), _mm512_cvtepi64_epi32(above[v]));
    }
}

static __m512 exp16(__m512 x)
{
    __mmask16 in_range = _mm512_cmp_ps_mask(x, _mm512_set1_ps(EXP_LOWEST), _CMP_GE_OQ);
    x = _mm512_min_ps(x, _mm512_set1_ps(EXP_HIGHEST));
    __m512 k = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(EXP_LOG2E)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fmadd_ps(k, _mm512_set1_ps(-EXP_LN2_HIGH), x);
    r = _mm512_fmadd_ps(k, _mm512_set1_ps(-EXP_LN2_LOW), r);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(EXP_C6), r, _mm512_set1_ps(EXP_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    __m512i bits =
        _mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_cvtps_epi32(k), 23));
    return _mm512_maskz_mov_ps(in_range, _mm512_castsi512_ps(bits));
}

static float exp_one(float x)
{
    return _mm512_cvtss_f32(exp16(_mm512_set1_ps(x)));
}

static __m128 four_biases(const float *const row[4], size_t size)
{
    size_t at = size + COLUMN_BIAS;
    return _mm_setr_ps(row[0][at], row[1][at], row[2][at], row[3][at]);
}

static bool score_rows(const float *x, const float *const *row, size_t count, size_t size,
                       const struct few_form *form, float *out)
{
    __m128 low = _mm_add_ps(four_dots(x, row, size), four_biases(row, size));
    __m128 high = low;
    if (count > 4)
        high = _mm_add_ps(four_dots(x, row + 4, size), four_biases(row + 4, size));
    __m512 all = _mm512_zextps256_ps512(_mm256_set_m128(high, low)), one = _mm512_set1_ps(1.0f);
    if (form->sigmoid)
        all = _mm512_div_ps(one,
                            _mm512_add_ps(one, exp16(_mm512_xor_ps(all, _mm512_set1_ps(-0.0f)))));
    all = _mm512_sub_ps(all, _mm512_zextps128_ps512(_mm_set_ss(form->aim)));
    all = _mm512_mul_ps(all, _mm512_set1_ps(form->rate));
    _mm256_storeu_ps(out, _mm512_castps512_ps256(all));
    return (_mm512_cmp_ps_mask(all, _mm512_setzero_ps(), _CMP_EQ_OQ) & ((1u << count) - 1)) != 0;
}

static __m512 four_sums(float *const *row, size_t size)
{
    size_t at = size + COLUMN_SUM;
    __m512 sums = _mm512_castps128_ps512(_mm_loadu_ps(row[0] + at));
    sums = _mm512_insertf32x4(sums, _mm_loadu_ps(row[1] + at), 1);
    sums = _mm512_insertf32x4(sums, _mm_loadu_ps(row[2] + at), 2);
    return _mm512_insertf32x4(sums, _mm_loadu_ps(row[3] + at), 3);
}

/* Four lanes a row, of which two count: the vector's and the bias'. Gives what is taken. */
static inline __m512 four_steps(__m512 gradient, float mean_square, __m512 *sum)
{
    enum { BIAS = 0x2222 };
    __m512 by = _mm512_mask_mov_ps(_mm512_set1_ps(mean_square), BIAS, _mm512_set1_ps(1.0f));
    __m512 rate =
        _mm512_mask_mov_ps(_mm512_set1_ps(-RATE_CANDIDATE), BIAS, _mm512_set1_ps(-RATE_BIAS));
    __m512 least =
        _mm512_mask_mov_ps(_mm512_set1_ps(SUM_FLOOR), BIAS, _mm512_set1_ps(SUM_FLOOR_BIAS));
    __m512 square = _mm512_mul_ps(_mm512_mul_ps(gradient, gradient), by);
    *sum = _mm512_add_ps(_mm512_mul_ps(*sum, _mm512_set1_ps(ADAGRAD_DECAY)), square);
    __m512 root = _mm512_sqrt_ps(_mm512_add_ps(*sum, least));
    return _mm512_mul_ps(_mm512_div_ps(rate, root), gradient);
}

static void few_columns(float *const *rows, uint32_t count, const float *gradient,
                        float mean_square, size_t size, float *step)
{
    const __m512i low = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i high = _mm512_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7);
    float taken[32] __attribute__((aligned(64))), sums[32] __attribute__((aligned(64)));
    float *row[KERNELS_FEW];
    for (uint32_t n = 0; n < KERNELS_FEW; n++)
        row[n] = rows[n < count ? n : 0];
    __m512 all = _mm512_castps256_ps512(_mm256_loadu_ps(gradient));
    __m512 first = four_sums(row, size), second = four_sums(row + 4, size);
    _mm512_store_ps(taken, four_steps(_mm512_permutexvar_ps(low, all), mean_square, &first));
    _mm512_store_ps(sums, first);
    _mm512_store_ps(taken + 16, four_steps(_mm512_permutexvar_ps(high, all), mean_square, &second));
    _mm512_store_ps(sums + 16, second);
    for (uint32_t n = 0; n < count; n++) {
        float *columns = rows[n] + size;
        step[n] = taken[4 * n];
        columns[COLUMN_BIAS] += taken[4 * n + 1];
        memcpy(columns + COLUMN_SUM, sums + 4 * n, 2 * sizeof *columns);
    }
}

/* What few_warp_usual() has in registers: the user's side, and the loss' gradient by it. */
struct warp_vectors {
    __m512 x[FEW_USUAL / 16], by_x[FEW_USUAL / 16];
};

/* The scores of up to four rows; gives dot(x, x). */
static inline float warp_scores(const struct few_rows *rows, struct warp_vectors *of, float *score)
{
    const __m512 zero = _mm512_setzero_ps(), weight = _mm512_set1_ps(rows->own_weight);
    const float *row[4];
    __m512 s0 = zero, s1 = zero, s2 = zero, s3 = zero, xx = zero;
    for (uint32_t n = 0; n < 4; n++)
        row[n] = rows->row[n < rows->count ? n : 0];
#pragma GCC unroll 4
    for (size_t i = 0; i < FEW_USUAL; i += 16) {
        __m512 x = _mm512_fmadd_ps(weight, _mm512_loadu_ps(rows->own + i), zero);
        s0 = _mm512_fmadd_ps(x, _mm512_loadu_ps(row[0] + i), s0);
        s1 = _mm512_fmadd_ps(x, _mm512_loadu_ps(row[1] + i), s1);
        s2 = _mm512_fmadd_ps(x, _mm512_loadu_ps(row[2] + i), s2);
        s3 = _mm512_fmadd_ps(x, _mm512_loadu_ps(row[3] + i), s3);
        xx = _mm512_fmadd_ps(x, x, xx);
        _mm512_storeu_ps(rows->x + i, x);
        of->x[i / 16] = x;
    }
    _mm_storeu_ps(score, _mm_add_ps(trees(s0, s1, s2, s3), four_biases(row, FEW_USUAL)));
    return tree(xx);
}

/* The rows of the pair; gives dot(by_x, by_x). */
static inline float warp_spread(float *const pair[2], const float gradient[2], const float step[2],
                                struct warp_vectors *of)
{
    const __m512 p_gradient = _mm512_set1_ps(gradient[0]), q_gradient = _mm512_set1_ps(gradient[1]);
    const __m512 p_step = _mm512_set1_ps(step[0]), q_step = _mm512_set1_ps(step[1]);
    __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 4
    for (size_t i = 0; i < FEW_USUAL; i += 16) {
        __m512 p = _mm512_loadu_ps(pair[0] + i), q = _mm512_loadu_ps(pair[1] + i);
        __m512 by = _mm512_fmadd_ps(p_gradient, p, _mm512_setzero_ps());
        by = _mm512_fmadd_ps(q_gradient, q, by);
        sum = _mm512_fmadd_ps(by, by, sum);
        _mm512_storeu_ps(pair[0] + i, _mm512_fmadd_ps(p_step, of->x[i / 16], p));
        _mm512_storeu_ps(pair[1] + i, _mm512_fmadd_ps(q_step, of->x[i / 16], q));
        of->by_x[i / 16] = by;
    }
    return tree(sum);
}

/* few_warp_of() with every vector in a register from one end to the other. */
static uint32_t few_warp_usual(const struct few_rows *rows, const struct few_next *next,
                               const struct warp_form *form, float *score)
{
    struct warp_vectors of;
    float xx = warp_scores(rows, &of, score);
    few_bring(next, 0, FEW_USUAL);
    few_bring(next, 1, FEW_USUAL);
    uint32_t near = few_find_near(score, rows->count, form->sign);
    if (near > 0) {
        float by = form->sign * (form->rate * form->weight[near]), step[2];
        const float gradient[] = {-by, by};
        float *const pair[] = {rows->row[0], rows->row[near]};
        few_columns_each(pair, 2, gradient, xx / FEW_USUAL, FEW_USUAL, step);
        float own = rows->own_weight;
        float square = own * own * (warp_spread(pair, gradient, step, &of) / FEW_USUAL);
        float own_step = adagrad_step(rows->own_sum, square, RATE_USER, SUM_FLOOR);
        const __m512 scale = _mm512_set1_ps(own_step * own);
#pragma GCC unroll 4
        for (size_t i = 0; i < FEW_USUAL; i += 16)
            _mm512_storeu_ps(rows->own + i, _mm512_fmadd_ps(scale, of.by_x[i / 16],
                                                            _mm512_loadu_ps(rows->own + i)));
    }
    few_bring_rest(next, FEW_USUAL);
    return near;
}

static void exp_all(float *v, size_t size)
{
    for (size_t i = 0; i < size; i += 16)
        _mm512_storeu_ps(v + i, exp16(_mm512_loadu_ps(v + i)));
}

static void softmax(float *v, const float *by, size_t size)
{
    __m512 highest = _mm512_loadu_ps(v), sum = _mm512_setzero_ps();
    for (size_t i = 16; i < size; i += 16)
        highest = _mm512_max_ps(highest, _mm512_loadu_ps(v + i));
    highest = _mm512_set1_ps(_mm512_reduce_max_ps(highest));
    for (size_t i = 0; i < size; i += 16) {
        __m512 p = exp16(_mm512_sub_ps(_mm512_loadu_ps(v + i), highest));
        p = _mm512_div_ps(p, _mm512_loadu_ps(by + i));
        sum = _mm512_add_ps(sum, p);
        _mm512_storeu_ps(v + i, p);
    }
    __m512 share = _mm512_set1_ps(1.0f / tree(sum));
    for (size_t i = 0; i < size; i += 16)
        _mm512_storeu_ps(v + i, _mm512_mul_ps(_mm512_loadu_ps(v + i), share));
}

static void adagrad(float *sum, const float *square, uint32_t size, float rate, float floor,
                    float *step)
{
    __m512 decay = _mm512_set1_ps(ADAGRAD_DECAY), least = _mm512_set1_ps(floor);
    __m512 down = _mm512_set1_ps(-rate), one = _mm512_set1_ps(1.0f);
    for (uint32_t n = 0; n < size; n += 16) {
        uint32_t left = size - n;
        __mmask16 in = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
        __m512 faded = _mm512_mul_ps(_mm512_mask_loadu_ps(one, in, sum + n), decay);
        __m512 now = _mm512_add_ps(faded, _mm512_maskz_loadu_ps(in, square + n));
        _mm512_mask_storeu_ps(sum + n, in, now);
        now = _mm512_sqrt_ps(_mm512_add_ps(now, least));
        _mm512_mask_storeu_ps(step + n, in, _mm512_div_ps(down, now));
    }
}

const struct kernels kernels_avx512 = KERNELS_OF_THIS_FILE("avx512", keep, numbers, sift_avx2);

/* With VNNI, which a machine may have or not. */
const struct kernels kernels_avx512_vnni = KERNELS_OF_THIS_FILE("avx512", keep, numbers, sift_vnni);

#endif
