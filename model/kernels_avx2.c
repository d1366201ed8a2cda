#include "model/kernels_variants.h"

#if defined(__x86_64__)

#include "model/few_step.h"
#include "model/pairwise_step.h"

#include <immintrin.h>

/* Lanes 0..7 in `low`, 8..15 in `high`. */
static float tree(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static float dot(const float *a, const float *b, size_t size)
{
    __m256 low = _mm256_setzero_ps(), high = low;
    for (size_t i = 0; i < size; i += 16) {
        low = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), low);
        high = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), high);
    }
    return tree(low, high);
}

/* Two rows at once hide the latency of the additions; each keeps its own order. */
static void dot2(const float *x, const float *a, const float *b, size_t size, float *out)
{
    __m256 a0 = _mm256_setzero_ps(), a1 = a0, b0 = a0, b1 = a0;
    for (size_t i = 0; i < size; i += 16) {
        __m256 x0 = _mm256_loadu_ps(x + i), x1 = _mm256_loadu_ps(x + i + 8);
        a0 = _mm256_fmadd_ps(x0, _mm256_loadu_ps(a + i), a0);
        a1 = _mm256_fmadd_ps(x1, _mm256_loadu_ps(a + i + 8), a1);
        b0 = _mm256_fmadd_ps(x0, _mm256_loadu_ps(b + i), b0);
        b1 = _mm256_fmadd_ps(x1, _mm256_loadu_ps(b + i + 8), b1);
    }
    out[0] = tree(a0, a1);
    out[1] = tree(b0, b1);
}

static void dots(const float *x, const float *const *rows, size_t count, size_t size, float *out)
{
    size_t r = 0;
    for (; r + 2 <= count; r += 2)
        dot2(x, rows[r], rows[r + 1], size, out + r);
    for (; r < count; r++)
        out[r] = dot(x, rows[r], size);
}

static void scan(const float *x, const float *base, size_t stride, size_t count, size_t size,
                 float *out)
{
    size_t r = 0;
    for (; r + 2 <= count; r += 2)
        dot2(x, base + r * stride, base + (r + 1) * stride, size, out + r);
    for (; r < count; r++)
        out[r] = dot(x, base + r * stride, size);
}

static void add_scaled(float a, const float *x, float *y, size_t size)
{
    __m256 scale = _mm256_set1_ps(a);
    for (size_t i = 0; i < size; i += 8)
        _mm256_storeu_ps(y + i,
                         _mm256_fmadd_ps(scale, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
}

/* 64 elements at a time, which stay in registers over all rows. */
static void mix64(const float *weights, const float *const *rows, size_t count, size_t at,
                  float *out)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    for (size_t r = 0; r < count; r++) {
        __m256 weight = _mm256_set1_ps(weights[r]);
        const float *row = rows[r] + at;
        s0 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row), s0);
        s1 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 8), s1);
        s2 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 16), s2);
        s3 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 24), s3);
        s4 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 32), s4);
        s5 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 40), s5);
        s6 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 48), s6);
        s7 = _mm256_fmadd_ps(weight, _mm256_loadu_ps(row + 56), s7);
    }
    _mm256_storeu_ps(out + at, s0);
    _mm256_storeu_ps(out + at + 8, s1);
    _mm256_storeu_ps(out + at + 16, s2);
    _mm256_storeu_ps(out + at + 24, s3);
    _mm256_storeu_ps(out + at + 32, s4);
    _mm256_storeu_ps(out + at + 40, s5);
    _mm256_storeu_ps(out + at + 48, s6);
    _mm256_storeu_ps(out + at + 56, s7);
}

static void mix(const float *weights, const float *const *rows, size_t count, size_t size,
                float *out)
{
    size_t at = 0;
    for (; at + 64 <= size; at += 64)
        mix64(weights, rows, count, at, out);
    for (; at < size; at += 8) {
        __m256 sum = _mm256_setzero_ps();
        for (size_t r = 0; r < count; r++)
            sum = _mm256_fmadd_ps(_mm256_set1_ps(weights[r]), _mm256_loadu_ps(rows[r] + at), sum);
        _mm256_storeu_ps(out + at, sum);
    }
}

/* 64 elements of x at a time, which stay in registers over all rows. */
static void spread64(const float *steps, const float *x, float *const *rows, size_t count,
                     size_t at)
{
    __m256 of[8];
#pragma GCC unroll 8
    for (size_t n = 0; n < 8; n++)
        of[n] = _mm256_loadu_ps(x + at + 8 * n);
    for (size_t r = 0; r < count; r++) {
        __m256 step = _mm256_set1_ps(steps[r]);
        float *row = rows[r] + at;
#pragma GCC unroll 8
        for (size_t n = 0; n < 8; n++)
            _mm256_storeu_ps(row + 8 * n,
                             _mm256_fmadd_ps(step, of[n], _mm256_loadu_ps(row + 8 * n)));
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

/* Four rows at a time, which stay in registers. */
static void multiply4(const float *a, size_t row, size_t step, size_t size, const float *matrix,
                      float *out)
{
    __m256 low[4], high[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++)
        low[r] = high[r] = _mm256_setzero_ps();
    for (size_t k = 0; k < size; k++) {
        __m256 of_low = _mm256_loadu_ps(matrix + 16 * k);
        __m256 of_high = _mm256_loadu_ps(matrix + 16 * k + 8);
#pragma GCC unroll 4
        for (size_t r = 0; r < 4; r++) {
            __m256 by = _mm256_set1_ps(a[r * row + k * step]);
            low[r] = _mm256_fmadd_ps(by, of_low, low[r]);
            high[r] = _mm256_fmadd_ps(by, of_high, high[r]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        _mm256_storeu_ps(out + 16 * r, low[r]);
        _mm256_storeu_ps(out + 16 * r + 8, high[r]);
    }
}

static void multiply(const float *a, size_t row, size_t step, size_t count, size_t size,
                     const float *matrix, float *out)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        multiply4(a + r * row, row, step, size, matrix, out + 16 * r);
    if (r > 0 && r < count) { /* the rest, and some rows before it once more */
        r = count - 4;
        multiply4(a + r * row, row, step, size, matrix, out + 16 * r);
        return;
    }
    for (; r < count; r++) {
        __m256 low = _mm256_setzero_ps(), high = low;
        for (size_t k = 0; k < size; k++) {
            __m256 by = _mm256_set1_ps(a[r * row + k * step]);
            low = _mm256_fmadd_ps(by, _mm256_loadu_ps(matrix + 16 * k), low);
            high = _mm256_fmadd_ps(by, _mm256_loadu_ps(matrix + 16 * k + 8), high);
        }
        _mm256_storeu_ps(out + 16 * r, low);
        _mm256_storeu_ps(out + 16 * r + 8, high);
    }
}

static void pair_dots(const float *x, const float *p, const float *q, size_t size,
                      struct pair_dots *out)
{
    __m256 xp[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    __m256 xq[2] = {xp[0], xp[0]}, xx[2] = {xp[0], xp[0]}, dd[2] = {xp[0], xp[0]};
    for (size_t i = 0; i < size; i += 16)
        for (int half = 0; half < 2; half++) {
            size_t at = i + 8 * (size_t)half;
            __m256 vx = _mm256_loadu_ps(x + at), vp = _mm256_loadu_ps(p + at);
            __m256 vq = _mm256_loadu_ps(q + at), d = _mm256_sub_ps(vp, vq);
            xp[half] = _mm256_fmadd_ps(vx, vp, xp[half]);
            xq[half] = _mm256_fmadd_ps(vx, vq, xq[half]);
            xx[half] = _mm256_fmadd_ps(vx, vx, xx[half]);
            dd[half] = _mm256_fmadd_ps(d, d, dd[half]);
        }
    *out = (struct pair_dots){tree(xp[0], xp[1]), tree(xq[0], xq[1]), tree(xx[0], xx[1]),
                              tree(dd[0], dd[1])};
}

static void pair_step(float *x, float *p, float *q, float x_step, float p_step, float q_step,
                      size_t size)
{
    __m256 by_x = _mm256_set1_ps(x_step), by_p = _mm256_set1_ps(p_step);
    __m256 by_q = _mm256_set1_ps(q_step);
    for (size_t i = 0; i < size; i += 8) {
        __m256 vx = _mm256_loadu_ps(x + i), vp = _mm256_loadu_ps(p + i);
        __m256 vq = _mm256_loadu_ps(q + i);
        _mm256_storeu_ps(x + i, _mm256_fmadd_ps(by_x, _mm256_sub_ps(vp, vq), vx));
        _mm256_storeu_ps(p + i, _mm256_fmadd_ps(by_p, vx, vp));
        _mm256_storeu_ps(q + i, _mm256_fmadd_ps(by_q, vx, vq));
    }
}

static uint32_t find(const uint32_t *values, uint32_t count, uint32_t wanted)
{
    __m256i sought = _mm256_set1_epi32((int32_t)wanted);
    uint32_t n = 0;
    for (; n + 8 <= count; n += 8) {
        __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(values + n));
        int hit = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(eight, sought)));
        if (hit != 0)
            return n + (uint32_t)__builtin_ctz((unsigned)hit);
    }
    while (n < count && values[n] != wanted)
        n++;
    return n;
}

/* Eight at a time, each a cell further until all have come to an end; the rest one by one. */
static void look_up(const uint32_t *cells, uint32_t mask, const uint32_t *items, uint32_t count,
                    uint32_t *place)
{
    __m256i all = _mm256_set1_epi32((int32_t)mask), one = _mm256_set1_epi32(1);
    uint32_t n = 0;
    for (; n + 8 <= count; n += 8) {
        __m256i item = _mm256_loadu_si256((const __m256i *)(const void *)(items + n));
        __m256i sought = _mm256_add_epi32(item, one), found = _mm256_set1_epi32(-1), open = found;
        __m256i mixed = _mm256_mullo_epi32(item, _mm256_set1_epi32((int32_t)KERNELS_HOME_FACTOR));
        __m256i cell = _mm256_and_si256(_mm256_srli_epi32(mixed, 16), all);
        while (_mm256_movemask_epi8(open) != 0) {
            __m256i held = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(),
                                                       (const int *)(const void *)cells,
                                                       _mm256_slli_epi32(cell, 2), open, 4);
            __m256i hit = _mm256_and_si256(open, _mm256_cmpeq_epi32(held, sought));
            __m256i empty = _mm256_cmpeq_epi32(held, _mm256_setzero_si256());
            found = _mm256_blendv_epi8(found, cell, hit);
            open = _mm256_andnot_si256(_mm256_or_si256(hit, empty), open);
            cell = _mm256_and_si256(_mm256_add_epi32(cell, one), all);
        }
        _mm256_storeu_si256((__m256i *)(void *)(place + n), found);
    }
    kernels_plain.look_up(cells, mask, items + n, count - n, place + n);
}

static bool count_cells(const uint32_t *cells, uint32_t fours, uint32_t most, uint32_t flags,
                        uint8_t *used)
{
    const __m256i in_last = _mm256_setr_epi32(0, 0, 0, (int32_t)flags, 0, 0, 0, (int32_t)flags);
    __m256i highest = _mm256_setzero_si256(), wrong = highest, zero = highest;
    for (uint32_t n = 0; n < fours; n++, cells += 16) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)cells);
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(cells + 8));
        __m256i low_empty = _mm256_shuffle_epi32(_mm256_cmpeq_epi32(low, zero), 0);
        __m256i high_empty = _mm256_shuffle_epi32(_mm256_cmpeq_epi32(high, zero), 0);
        highest = _mm256_max_epu32(highest, _mm256_max_epu32(low, high));
        wrong = _mm256_or_si256(wrong, _mm256_and_si256(low_empty, low));
        wrong = _mm256_or_si256(wrong, _mm256_and_si256(high_empty, high));
        int both = (_mm256_movemask_ps(_mm256_castsi256_ps(low_empty)) & 0x11) |
                   (_mm256_movemask_ps(_mm256_castsi256_ps(high_empty)) & 0x22);
        used[n] = (uint8_t)(4 - __builtin_popcount((unsigned)both));
    }
    uint32_t first = (uint32_t)_mm256_extract_epi32(highest, 0);
    uint32_t fifth = (uint32_t)_mm256_extract_epi32(highest, 4);
    return first <= most && fifth <= most && _mm256_testz_si256(wrong, in_last) != 0;
}

static bool are_below(const float *values, size_t count, float limit)
{
    const __m256i no_sign = _mm256_set1_epi32(INT32_MAX);
    __m256i highest[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t n = 0;
    for (; n + 16 <= count; n += 16)
        for (size_t k = 0; k < 2; k++) {
            __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(values + n + 8 * k));
            highest[k] = _mm256_max_epi32(highest[k], _mm256_and_si256(eight, no_sign));
        }
    __m256i least = _mm256_castps_si256(_mm256_set1_ps(limit));
    __m256i below = _mm256_cmpgt_epi32(least, _mm256_max_epi32(highest[0], highest[1]));
    return _mm256_movemask_epi8(below) == -1 &&
           kernels_plain.are_below(values + n, count - n, limit);
}

static uint32_t marked(const uint32_t *marks, const uint32_t *items, uint32_t count,
                       uint32_t *found)
{
    uint32_t size = 0, n = 0;
    for (; n + 8 <= count; n += 8) {
        __m256i mixed = _mm256_mullo_epi32(_mm256_loadu_si256((const __m256i *)(items + n)),
                                           _mm256_set1_epi32((int32_t)KERNELS_HOME_FACTOR));
        __m256i word = _mm256_i32gather_epi32((const int *)marks, _mm256_srli_epi32(mixed, 27), 4);
        __m256i bit = _mm256_and_si256(_mm256_srli_epi32(mixed, 22), _mm256_set1_epi32(31));
        __m256i last = _mm256_sub_epi32(_mm256_set1_epi32(31), bit); /* it goes to the sign */
        int hits = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(word, last)));
        for (uint32_t hit = (uint32_t)hits; hit != 0; hit &= hit - 1)
            found[size++] = n + (uint32_t)__builtin_ctz(hit);
    }
    for (; n < count; n++) {
        found[size] = n;
        size += kernels_is_marked(marks, items[n]);
    }
    return size;
}

static float least(const float *values, uint32_t count)
{
    float lane[8], lowest = values[0];
    uint32_t n = 0;
    __m256 eight = _mm256_set1_ps(lowest);
    for (; n + 8 <= count; n += 8)
        eight = _mm256_min_ps(eight, _mm256_loadu_ps(values + n));
    _mm256_storeu_ps(lane, eight);
    for (int l = 0; l < 8; l++)
        lowest = lane[l] < lowest ? lane[l] : lowest;
    for (; n < count; n++)
        lowest = values[n] < lowest ? values[n] : lowest;
    return lowest;
}

static uint32_t pick(const float *values, uint32_t count, float floor, float level, bool above,
                     uint32_t *found)
{
    __m256 lowest = _mm256_set1_ps(floor), bound = _mm256_set1_ps(level);
    const unsigned turned = above ? 0 : 0xff;
    uint32_t size = 0, n = 0;
    for (; n + 8 <= count; n += 8) {
        __m256 some = _mm256_loadu_ps(values + n);
        int in = _mm256_movemask_ps(_mm256_cmp_ps(some, lowest, _CMP_NLT_UQ));
        int over = _mm256_movemask_ps(_mm256_cmp_ps(some, bound, _CMP_GT_OQ));
        for (uint32_t left = (unsigned)in & ((unsigned)over ^ turned); left != 0; left &= left - 1)
            found[size++] = n + (uint32_t)__builtin_ctz(left);
    }
    for (; n < count; n++) {
        found[size] = n;
        size += (uint32_t)(!(values[n] < floor) & ((values[n] > level) == above));
    }
    return size;
}

static uint32_t count_above(const float *values, uint32_t count, float level)
{
    __m256 bound = _mm256_set1_ps(level);
    uint32_t above = 0, n = 0;
    for (; n + 8 <= count; n += 8)
        above += (uint32_t)__builtin_popcount((uint32_t)_mm256_movemask_ps(
            _mm256_cmp_ps(_mm256_loadu_ps(values + n), bound, _CMP_GT_OQ)));
    for (; n < count; n++)
        above += values[n] > level;
    return above;
}

static float highest(const float *values, uint32_t count)
{
    float lane[8], most = values[0];
    uint32_t n = 0;
    __m256 eight = _mm256_set1_ps(most);
    for (; n + 8 <= count; n += 8)
        eight = _mm256_max_ps(eight, _mm256_loadu_ps(values + n));
    _mm256_storeu_ps(lane, eight);
    for (int l = 0; l < 8; l++)
        most = lane[l] > most ? lane[l] : most;
    for (; n < count; n++)
        most = values[n] > most ? values[n] : most;
    return most;
}

static float level(const float *values, uint32_t count, uint32_t wanted)
{
    float low = least(values, count), high = highest(values, count);
    return kernels_level(values, count, wanted, low, high, count_above);
}

/* Of 16 keys at a time, each in a lane of its own, compared as signed numbers: so their signs are
 * turned. Those behind the last one are read as they are; what becomes of them nobody asks. */
static void ranks(const uint64_t *keys, uint32_t count, uint32_t *rank)
{
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
    for (uint32_t n = 0; n < count; n += 16) {
        __m256i own[4], above[4];
        for (int v = 0; v < 4; v++) {
            own[v] = _mm256_loadu_si256((const __m256i *)(keys + n + 4 * v));
            own[v] = _mm256_xor_si256(own[v], sign);
            above[v] = _mm256_setzero_si256();
        }
        for (uint32_t other = 0; other < count; other++) {
            __m256i key = _mm256_set1_epi64x((int64_t)(keys[other] ^ (uint64_t)INT64_MIN));
            for (int v = 0; v < 4; v++)
                above[v] = _mm256_sub_epi64(above[v], _mm256_cmpgt_epi64(key, own[v]));
        }
        for (int v = 0; v < 4; v++) {
            uint64_t lane[4];
            _mm256_storeu_si256((__m256i *)lane, above[v]);
            for (int l = 0; l < 4; l++)
                rank[n + 4 * (uint32_t)v + (uint32_t)l] = (uint32_t)lane[l];
        }
    }
}

static __m256 exp8(__m256 x)
{
    __m256 in_range = _mm256_cmp_ps(x, _mm256_set1_ps(EXP_LOWEST), _CMP_GE_OQ);
    x = _mm256_min_ps(x, _mm256_set1_ps(EXP_HIGHEST));
    __m256 k = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(EXP_LOG2E)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fmadd_ps(k, _mm256_set1_ps(-EXP_LN2_HIGH), x);
    r = _mm256_fmadd_ps(k, _mm256_set1_ps(-EXP_LN2_LOW), r);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(EXP_C6), r, _mm256_set1_ps(EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    __m256i bits =
        _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_cvtps_epi32(k), 23));
    return _mm256_and_ps(in_range, _mm256_castsi256_ps(bits));
}

static float exp_one(float x)
{
    return _mm256_cvtss_f32(exp8(_mm256_set1_ps(x)));
}

static bool score_rows(const float *x, const float *const *row, size_t count, size_t size,
                       const struct few_form *form, float *out)
{
    float score[KERNELS_FEW] = {0};
    dots(x, row, count, size, score);
    for (size_t n = 0; n < count; n++)
        score[n] += row[n][size + COLUMN_BIAS];
    __m256 eight = _mm256_loadu_ps(score), one = _mm256_set1_ps(1.0f);
    if (form->sigmoid)
        eight = _mm256_div_ps(
            one, _mm256_add_ps(one, exp8(_mm256_xor_ps(eight, _mm256_set1_ps(-0.0f)))));
    eight = _mm256_sub_ps(eight, _mm256_setr_ps(form->aim, 0, 0, 0, 0, 0, 0, 0));
    eight = _mm256_mul_ps(eight, _mm256_set1_ps(form->rate));
    _mm256_storeu_ps(out, eight);
    int zero = _mm256_movemask_ps(_mm256_cmp_ps(eight, _mm256_setzero_ps(), _CMP_EQ_OQ));
    return (zero & ((1 << count) - 1)) != 0;
}

static void few_columns(float *const *rows, uint32_t count, const float *gradient,
                        float mean_square, size_t size, float *step)
{
    few_columns_each(rows, count, gradient, mean_square, size, step);
}

static uint32_t few_warp_usual(const struct few_rows *rows, const struct few_next *next,
                               const struct warp_form *form, float *score)
{
    return few_warp_of(rows, rows->count, next, form, FEW_USUAL, score);
}

static void exp_all(float *v, size_t size)
{
    for (size_t i = 0; i < size; i += 8)
        _mm256_storeu_ps(v + i, exp8(_mm256_loadu_ps(v + i)));
}

static float highest_of(const float *v, size_t size)
{
    float lane[8], highest = v[0];
    __m256 eight = _mm256_loadu_ps(v);
    for (size_t i = 8; i < size; i += 8)
        eight = _mm256_max_ps(eight, _mm256_loadu_ps(v + i));
    _mm256_storeu_ps(lane, eight);
    for (int l = 0; l < 8; l++)
        highest = lane[l] > highest ? lane[l] : highest;
    return highest;
}

static void softmax(float *v, const float *by, size_t size)
{
    __m256 highest = _mm256_set1_ps(highest_of(v, size)), sum[2] = {_mm256_setzero_ps()};
    sum[1] = sum[0];
    for (size_t i = 0; i < size; i += 8) {
        __m256 p = exp8(_mm256_sub_ps(_mm256_loadu_ps(v + i), highest));
        p = _mm256_div_ps(p, _mm256_loadu_ps(by + i));
        sum[i / 8 % 2] = _mm256_add_ps(sum[i / 8 % 2], p);
        _mm256_storeu_ps(v + i, p);
    }
    __m256 share = _mm256_set1_ps(1.0f / tree(sum[0], sum[1]));
    for (size_t i = 0; i < size; i += 8)
        _mm256_storeu_ps(v + i, _mm256_mul_ps(_mm256_loadu_ps(v + i), share));
}

static void adagrad(float *sum, const float *square, uint32_t size, float rate, float floor,
                    float *step)
{
    __m256 decay = _mm256_set1_ps(ADAGRAD_DECAY), least = _mm256_set1_ps(floor);
    __m256 down = _mm256_set1_ps(-rate);
    uint32_t n = 0;
    for (; n + 8 <= size; n += 8) {
        __m256 faded = _mm256_mul_ps(_mm256_loadu_ps(sum + n), decay);
        __m256 now = _mm256_add_ps(faded, _mm256_loadu_ps(square + n));
        _mm256_storeu_ps(sum + n, now);
        _mm256_storeu_ps(step + n, _mm256_div_ps(down, _mm256_sqrt_ps(_mm256_add_ps(now, least))));
    }
    kernels_plain.adagrad(sum + n, square + n, size - n, rate, floor, step + n);
}

/* Without the instructions that leave out lanes, or multiply 64 bits. */
const struct kernels kernels_avx2 =
    KERNELS_OF_THIS_FILE("avx2", kernels_keep_plain, kernels_numbers_plain, sift_avx2);

#endif
