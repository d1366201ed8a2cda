/* The variants against the plain one, bit for bit, and the plain one against plain arithmetic. */
#include "model/feature.h"
#include "model/kernels_variants.h"
#include "model/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LARGEST = 512, ROWS = 13 };

static _Alignas(64) float rows[ROWS][LARGEST];
static _Alignas(64) float vector[LARGEST];

static void fill(uint64_t key)
{
    for (uint32_t n = 0; n < LARGEST; n++)
        vector[n] = 3.0f * random_signed((uint32_t)random_at(key, n));
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t n = 0; n < LARGEST; n++)
            rows[r][n] = random_signed((uint32_t)random_at(key + 1 + r, n));
}

static void check_sums(const struct kernels *variant, size_t size)
{
    const float *pointers[ROWS];
    float expected[ROWS], got[ROWS];
    for (size_t r = 0; r < ROWS; r++)
        pointers[r] = rows[r];
    for (size_t count = 1; count <= ROWS; count++) {
        kernels_plain.dots(vector, pointers, count, size, expected);
        variant->dots(vector, pointers, count, size, got);
        assert_memory_equal(expected, got, count * sizeof(float));
        kernels_plain.scan(vector, rows[0], LARGEST, count, size, expected);
        variant->scan(vector, rows[0], LARGEST, count, size, got);
        assert_memory_equal(expected, got, count * sizeof(float));
    }
    float dot = variant->dot(vector, rows[0], size);
    assert_memory_equal(&expected[0], &dot, sizeof dot);
}

static void check_steps(const struct kernels *variant, size_t size)
{
    static _Alignas(64) float changed[2][ROWS][LARGEST], mixed[2][LARGEST];
    const struct kernels *side[2] = {&kernels_plain, variant};
    for (int s = 0; s < 2; s++) {
        float *pointers[ROWS];
        memcpy(changed[s], rows, sizeof rows);
        for (size_t r = 0; r < ROWS; r++)
            pointers[r] = changed[s][r == 3 ? 2 : r]; /* one is there twice */
        side[s]->spread(vector + 1, vector, pointers, ROWS, size);
        side[s]->mix(vector + 2, (const float *const *)pointers, ROWS, size, mixed[s]);
        side[s]->add_scaled(-0.73f, vector, changed[s][0], size);
    }
    assert_memory_equal(changed[0], changed[1], sizeof rows);
    assert_memory_equal(mixed[0], mixed[1], size * sizeof(float));
    variant->mix(vector, NULL, 0, size, mixed[1]);
    for (size_t n = 0; n < size; n++)
        assert_true(mixed[1][n] == 0.0f);
}

/* Rows of a matrix, and its columns as rows; beside plain sums. */
static void check_products(const struct kernels *variant)
{
    static _Alignas(64) float expected[ROWS][16], got[ROWS + 1][16];
    for (size_t count = 1; count <= ROWS; count++)
        for (size_t size = 0; size <= 32; size += 8) {
            memset(got, 77, sizeof got);
            kernels_plain.multiply(rows[0], LARGEST, 1, count, size, vector, expected[0]);
            variant->multiply(rows[0], LARGEST, 1, count, size, vector, got[0]);
            assert_memory_equal(expected, got, count * sizeof got[0]);
            assert_int_equal(*(unsigned char *)got[count], 77);
        }
    kernels_plain.multiply(vector, 1, 16, 11, 7, rows[2], expected[0]);
    variant->multiply(vector, 1, 16, 11, 7, rows[2], got[0]);
    assert_memory_equal(expected, got, 11 * sizeof got[0]);
    for (size_t r = 0; r < 11; r++)
        for (size_t l = 0; l < 16; l++) {
            float sum = 0.0f;
            for (size_t k = 0; k < 7; k++)
                sum += vector[r + 16 * k] * rows[2][16 * k + l];
            assert_true(fabsf(got[r][l] - sum) < 1e-4f);
        }
}

/* What the step is, tests/unit/pairwise.c tells. */
static void check_pairs(const struct kernels *variant, size_t size)
{
    static _Alignas(64) float changed[2][3][LARGEST + COLUMNS];
    float sum[2] = {0.1f, 0.1f};
    const struct kernels *side[2] = {&kernels_plain, variant};
    for (int s = 0; s < 2; s++) {
        for (size_t r = 0; r < 3; r++) {
            memcpy(changed[s][r], rows[r], size * sizeof(float));
            for (size_t n = size; n < size + COLUMNS; n++)
                changed[s][r][n] = 0.01f * (float)(n + r);
        }
        const struct pair_rows pair = {changed[s][0], &sum[s], changed[s][1], changed[s][2]};
        side[s]->pair_learn(&pair, 8.0f / (float)size, 1.5f, size);
    }
    assert_memory_equal(changed[0], changed[1], sizeof changed[0]);
    assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
    for (size_t r = 0; r < 3; r++)
        assert_true(fabsf(changed[0][r][0] - rows[r][0]) > 1e-7f);
}

/* What the step is, tests/unit/bare.c tells. */
static void check_few(const struct kernels *variant, size_t size, uint32_t count, bool sigmoid)
{
    static _Alignas(64) float changed[2][KERNELS_FEW + 1][LARGEST + COLUMNS], by_x[2][LARGEST];
    static _Alignas(64) float x[2][LARGEST];
    float sum[2] = {0.1f, 0.1f}, gradient[2][KERNELS_FEW];
    const struct kernels *side[2] = {&kernels_plain, variant};
    const struct few_form form = {sigmoid, 0.75f, 1.5f};
    for (int s = 0; s < 2; s++) {
        struct few_rows few = {changed[s][KERNELS_FEW], &sum[s], 0.7f, x[s], by_x[s], count, {0}};
        const struct few_next none = {NULL, 0};
        memcpy(x[s], vector, size * sizeof(float));
        for (size_t r = 0; r <= KERNELS_FEW; r++) {
            memcpy(changed[s][r], rows[r], size * sizeof(float));
            for (size_t n = size; n < size + COLUMNS; n++)
                changed[s][r][n] = 0.01f * (float)(n + r);
        }
        for (uint32_t r = 0; r < count; r++)
            few.row[r] = changed[s][r == 3 ? 1 : r]; /* one twice */
        side[s]->few_scores(&few, &form, size, gradient[s]);
        side[s]->few_step(&few, gradient[s], size);
        side[s]->few_learn(&few, &none, &form, size);
    }
    assert_memory_equal(gradient[0], gradient[1], count * sizeof(float));
    assert_memory_equal(changed[0], changed[1], sizeof changed[0]);
    assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
}

/* Where the n-th row is the first that is near, or, with n = 0, none is. */
static void check_warp(const struct kernels *variant, size_t size, uint32_t count, uint32_t near)
{
    static _Alignas(64) float changed[2][KERNELS_FEW + 1][LARGEST + COLUMNS], by_x[2][LARGEST];
    static _Alignas(64) float x[2][LARGEST];
    static const float weight[KERNELS_FEW] = {0.0f, 3.0f, 2.5f, 2.0f, 1.5f, 1.25f, 1.0f, 0.5f};
    float sum[2] = {0.1f, 0.1f}, score[2][KERNELS_FEW];
    const struct kernels *side[2] = {&kernels_plain, variant};
    const struct warp_form form = {1.0f, 0.75f, weight};
    for (int s = 0; s < 2; s++) {
        const float *const soon[] = {changed[s][0], changed[s][1], changed[s][2]};
        const struct few_next next = {soon, count % 4};
        struct few_rows few = {changed[s][KERNELS_FEW], &sum[s], 0.7f, x[s], by_x[s], count, {0}};
        for (size_t r = 0; r <= KERNELS_FEW; r++) {
            memcpy(changed[s][r], rows[r], size * sizeof(float));
            for (size_t n = size; n < size + COLUMNS; n++)
                changed[s][r][n] = 0.01f * (float)(n + r);
            changed[s][r][size + COLUMN_BIAS] = r == 0 ? 0.0f : r == near ? 1000.0f : -1000.0f;
        }
        for (uint32_t r = 0; r < count; r++)
            few.row[r] = changed[s][r];
        assert_int_equal(side[s]->few_warp(&few, &next, &form, size, score[s]), near);
    }
    assert_memory_equal(score[0], score[1], count * sizeof(float));
    assert_memory_equal(x[0], x[1], size * sizeof(float));
    assert_memory_equal(changed[0], changed[1], sizeof changed[0]);
    assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
    assert_int_equal(near > 0, changed[0][0][0] != rows[0][0]);
}

/* The same world on both sides, by `key`; biases are small, so that any row or none is near. */
static void fill_few(struct few_rows *few, float (*changed)[LARGEST + COLUMNS], size_t size,
                     uint64_t key)
{
    few->count = 1 + (uint32_t)(key % KERNELS_FEW);
    few->own_weight = random_signed((uint32_t)random_at(key, 0));
    few->own = changed[KERNELS_FEW];
    for (size_t r = 0; r <= KERNELS_FEW; r++)
        for (size_t n = 0; n < size + COLUMNS; n++) {
            float value = random_signed((uint32_t)random_at(key, LARGEST * (r + 1) + n));
            changed[r][n] = n < size                  ? 0.4f * value
                            : n == size + COLUMN_BIAS ? value
                                                      : value * value;
        }
    for (uint32_t r = 0; r < few->count; r++) /* some twice */
        few->row[r] = changed[r > 1 && random_at(key, r) % 4 == 0 ? r - 1 : r];
    if (key % 16 == 5)
        few->row[few->count - 1][size + COLUMN_BIAS] = NAN;
}

static void check_warp_of_anything(const struct kernels *variant, size_t size)
{
    static _Alignas(64) float changed[2][KERNELS_FEW + 1][LARGEST + COLUMNS], by_x[2][LARGEST];
    static _Alignas(64) float x[2][LARGEST];
    static const float weight[KERNELS_FEW] = {0.0f, 3.0f, 2.5f, 2.0f, 1.5f, 1.25f, 1.0f, 0.5f};
    const struct kernels *side[2] = {&kernels_plain, variant};
    const struct few_next next = {NULL, 0};
    uint32_t found[KERNELS_FEW] = {0};
    for (uint64_t key = 0; key < 2000; key++) {
        const struct warp_form form = {key % 3 == 0 ? -1.0f : 1.0f, 0.3f, weight};
        float sum[2] = {0.2f, 0.2f}, score[2][KERNELS_FEW];
        uint32_t near[2];
        for (int s = 0; s < 2; s++) {
            struct few_rows few = {.own_sum = &sum[s], .x = x[s], .by_x = by_x[s]};
            fill_few(&few, changed[s], size, key);
            near[s] = side[s]->few_warp(&few, &next, &form, size, score[s]);
        }
        assert_int_equal(near[0], near[1]);
        found[near[0]]++;
        assert_memory_equal(&score[0][0], &score[1][0], sizeof score[0][0]);
        assert_memory_equal(x[0], x[1], size * sizeof(float));
        assert_memory_equal(changed[0], changed[1], sizeof changed[0]);
        assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
    }
    for (uint32_t n = 0; n < 4; n++)
        assert_true(found[n] > 20);
}

static void check_find(const struct kernels *variant)
{
    uint32_t values[70];
    for (uint32_t n = 0; n < 70; n++)
        values[n] = (uint32_t)random_at(5, n) % 90;
    for (uint32_t count = 0; count <= 70; count++)
        for (uint32_t wanted = 0; wanted < 90; wanted++)
            assert_int_equal(variant->find(values, count, wanted),
                             kernels_plain.find(values, count, wanted));
}

/* As the plain one, by what each try tells; the room is enough. */
static void check_keep(const struct kernels *variant)
{
    enum { TRIED = 70, ROOM = TRIED + KERNELS_KEPT_MORE };
    const struct sampling sampling = {
        .stamp = 3, .positive = 11, .wanted = 0.013f, .ring = 0.0045f, .hard = 0.31f};
    uint32_t items[TRIED], expected[ROOM], kept[ROOM + 1];
    float expected_often[ROOM], often[ROOM + 1];
    struct sampled of[TRIED];
    for (uint32_t n = 0; n < TRIED; n++) {
        uint64_t bits = random_at(9, n);
        items[n] = (uint32_t)(bits % 16);
        of[n] = (struct sampled){.stamp = (uint32_t)((bits >> 8) % 5),
                                 .in_ring = (uint16_t)(bits >> 16),
                                 .how_hard = (uint16_t)(bits >> 32)};
    }
    for (uint32_t count = 0; count <= TRIED; count++) {
        kept[count + KERNELS_KEPT_MORE] = 77;
        often[count + KERNELS_KEPT_MORE] = 77;
        uint32_t size = kernels_plain.keep(&sampling, items, of, count, expected, expected_often);
        assert_int_equal(variant->keep(&sampling, items, of, count, kept, often), size);
        assert_memory_equal(kept, expected, size * sizeof *kept);
        assert_memory_equal(often, expected_often, size * sizeof *often);
        assert_true(kept[count + KERNELS_KEPT_MORE] == 77 &&
                    often[count + KERNELS_KEPT_MORE] == 77);
        for (uint32_t n = 0; n < size; n++)
            assert_int_not_equal(kept[n], sampling.positive);
        assert_true(count < 20 || (size > count / 2 && size < count));
    }
}

static void check_numbers(const struct kernels *variant)
{
    enum { MOST = 40 };
    uint64_t bits[MOST + 1];
    for (uint32_t count = 0; count <= MOST; count++) {
        bits[count] = 77;
        variant->numbers(0xfedcba9876543210u, 5 + count, count, bits);
        for (uint32_t n = 0; n < count; n++)
            assert_true(bits[n] == random_at(0xfedcba9876543210u, 5 + count + n));
        assert_int_equal(bits[count], 77);
    }
}

/* As the plain one, in front of which stands what is_marked tells; the room is enough. */
static void check_marked(const struct kernels *variant)
{
    enum { ASKED = 70 };
    uint32_t marks[KERNELS_MARKS] = {0}, items[ASKED], expected[ASKED + KERNELS_FOUND_MORE],
             found[ASKED + KERNELS_FOUND_MORE + 1];
    for (uint32_t n = 0; n < ASKED; n++)
        items[n] = (uint32_t)random_at(7, n) >> (n % 32);
    for (uint32_t n = 0; n < ASKED; n += 3)
        kernels_mark(marks, items[n]);
    for (uint32_t count = 0; count <= ASKED; count++) {
        found[count + KERNELS_FOUND_MORE] = 77;
        uint32_t hits = kernels_plain.marked(marks, items, count, expected);
        assert_true(hits >= (count + 2) / 3 && hits < count / 2 + 5);
        assert_int_equal(variant->marked(marks, items, count, found), hits);
        assert_memory_equal(found, expected, hits * sizeof *found);
        assert_int_equal(found[count + KERNELS_FOUND_MORE], 77);
    }
    for (uint32_t n = 0; n < ASKED; n += 3)
        assert_int_equal(kernels_is_marked(marks, items[n]), 1);
}

/* A table three quarters full, so that many have to look on, also around its end. */
static void check_look_up(const struct kernels *variant, uint32_t room)
{
    enum { ASKED = 67 };
    static _Alignas(64) uint32_t cells[4 * 4096];
    uint32_t items[ASKED], expected[ASKED], place[ASKED + 1], found = 0;
    memset(cells, 0, sizeof cells);
    for (uint32_t n = 0; 4 * n < 3 * room; n++) {
        uint32_t item = (uint32_t)random_at(room, n) % (4 * room),
                 cell = kernels_home(item, room - 1);
        while (cells[4 * cell] != 0 && cells[4 * cell] != item + 1)
            cell = (cell + 1) & (room - 1);
        cells[4 * cell] = item + 1;
        cells[4 * cell + 1] = 0xffffffff;
    }
    for (uint32_t n = 0; n < ASKED; n++)
        items[n] = (uint32_t)random_at(room + 1, n) % (4 * room);
    for (uint32_t count = 0; count <= ASKED; count++) {
        place[count] = 77;
        kernels_plain.look_up(cells, room - 1, items, count, expected);
        variant->look_up(cells, room - 1, items, count, place);
        assert_memory_equal(place, expected, count * sizeof *place);
        assert_int_equal(place[count], 77);
    }
    for (uint32_t n = 0; n < ASKED; n++) {
        bool there = false;
        for (uint32_t cell = 0; cell < room; cell++)
            there = there || cells[4 * cell] == items[n] + 1;
        assert_int_equal(there, expected[n] != UINT32_MAX);
        if (there)
            assert_int_equal(cells[4 * expected[n]], items[n] + 1);
        found += there;
    }
    assert_true(room < 64 || (found > 3 && found < ASKED - 3));
}

/* Of cells some of which are empty; then each thing that can be wrong, in each of them. */
static void check_count_cells(const struct kernels *variant)
{
    enum { FOURS = 9, MOST = 0x90000000 };
    uint32_t cells[16 * FOURS];
    uint8_t used[FOURS + 1], expected[FOURS];
    for (uint32_t n = 0; n < 4 * FOURS; n++) {
        bool empty = random_at(5, n) % 3 == 0;
        uint32_t *cell = cells + 4 * (size_t)n;
        cell[0] = empty ? 0 : (uint32_t)random_at(6, n) % MOST + 1;
        cell[1] = cell[2] = 0xffffffff;
        cell[3] = empty ? 0xff00ffff : 0xffffffff;
    }
    for (uint32_t fours = 0; fours <= FOURS; fours++) {
        used[fours] = 77;
        assert_true(kernels_plain.count_cells(cells, fours, MOST, 0x00ff0000, expected));
        assert_true(variant->count_cells(cells, fours, MOST, 0x00ff0000, used));
        assert_memory_equal(used, expected, fours);
        assert_int_equal(used[fours], 77);
    }
    for (uint32_t n = 0; n < 4 * FOURS; n++) {
        uint32_t *cell = cells + 4 * (size_t)n, before = cell[0];
        cell[0] = MOST + 1u;
        assert_false(variant->count_cells(cells, FOURS, MOST, 0x00ff0000, used));
        cell[0] = before;
        cell[3] ^= 0x00010000;
        assert_int_equal(variant->count_cells(cells, FOURS, MOST, 0x00ff0000, used), before != 0);
        cell[3] ^= 0x00010000;
    }
}

static void check_are_below(const struct kernels *variant)
{
    static const float wrong[] = {8.0f, -8.0f, NAN, -NAN, INFINITY, -INFINITY};
    float values[101] = {0};
    for (size_t count = 0; count <= 100; count++) {
        for (size_t n = 0; n <= count; n++)
            values[n] = n % 3 == 0 ? -7.999f : n % 3 == 1 ? 7.999f : 0.0f;
        assert_true(variant->are_below(values + 1, count, 8.0f));
        for (size_t n = 0; n < count; n++) {
            float before = values[1 + n];
            values[1 + n] = wrong[n % 6];
            assert_false(variant->are_below(values + 1, count, 8.0f));
            values[1 + n] = before;
        }
    }
}

static void check_least(const struct kernels *variant)
{
    float values[70];
    for (uint32_t n = 0; n < 70; n++)
        values[n] = random_signed((uint32_t)random_at(6, n));
    for (uint32_t count = 1; count <= 70; count++) {
        float expected = kernels_plain.least(values, count), got = variant->least(values, count);
        assert_memory_equal(&expected, &got, sizeof got);
    }
}

/* Also of what is no number, and with nothing, or all, above the level. */
static void check_pick(const struct kernels *variant)
{
    enum { ASKED = 70 };
    static const float levels[] = {-INFINITY, -0.4f, 0.0f, 0.6f, INFINITY};
    float values[ASKED];
    uint32_t expected[ASKED + KERNELS_FOUND_MORE], found[ASKED + KERNELS_FOUND_MORE + 1];
    for (uint32_t n = 0; n < ASKED; n++)
        values[n] = n % 9 == 5 ? NAN : random_signed((uint32_t)random_at(11, n));
    values[20] = levels[1];
    values[21] = INFINITY;
    for (uint32_t count = 0; count <= ASKED; count++)
        for (uint32_t n = 0; n < 50; n++) {
            float floor = levels[n % 5], level = levels[n / 5 % 5];
            bool above = n >= 25;
            found[count + KERNELS_FOUND_MORE] = 77;
            uint32_t size = kernels_plain.pick(values, count, floor, level, above, expected);
            assert_int_equal(variant->pick(values, count, floor, level, above, found), size);
            assert_memory_equal(found, expected, size * sizeof *found);
            assert_int_equal(found[count + KERNELS_FOUND_MORE], 77);
        }
}

static void check_level(const struct kernels *variant)
{
    float values[70];
    for (uint32_t n = 0; n < 70; n++)
        values[n] = random_signed((uint32_t)random_at(12, n));
    for (uint32_t count = 1; count <= 70; count++)
        for (uint32_t wanted = 0; wanted <= count; wanted += 5) {
            float expected = kernels_plain.level(values, count, wanted);
            float got = variant->level(values, count, wanted);
            assert_memory_equal(&expected, &got, sizeof got);
        }
}

static void check_ranks(const struct kernels *variant)
{
    enum { ASKED = 101 };
    uint64_t keys[ASKED + KERNELS_RANKED_MORE] = {0};
    uint32_t expected[ASKED + KERNELS_RANKED_MORE], rank[ASKED + KERNELS_RANKED_MORE + 1];
    for (uint32_t n = 0; n < ASKED; n++)
        keys[n] = random_at(13, n) >> (n % 3 == 0 ? 40 : 0);
    for (uint32_t count = 0; count <= ASKED; count++) {
        rank[count + KERNELS_RANKED_MORE] = 77;
        kernels_plain.ranks(keys, count, expected);
        variant->ranks(keys, count, rank);
        assert_memory_equal(rank, expected, count * sizeof *rank);
        assert_int_equal(rank[count + KERNELS_RANKED_MORE], 77);
    }
}

static void check_exp(const struct kernels *variant)
{
    _Alignas(64) float expected[LARGEST], got[LARGEST];
    for (uint32_t n = 0; n < LARGEST; n++)
        expected[n] = 120.0f * random_signed((uint32_t)random_at(99, n));
    expected[0] = 0.0f;
    expected[1] = -INFINITY;
    expected[2] = -87.0f;
    expected[3] = -87.5f;
    expected[4] = 1000.0f;
    memcpy(got, expected, sizeof got);
    kernels_plain.exp(expected, LARGEST);
    variant->exp(got, LARGEST);
    assert_memory_equal(expected, got, sizeof got);
}

/* Neither reads nor writes past the end: the places there differ. */
static void check_adagrad(const struct kernels *variant)
{
    for (uint32_t size = 0; size <= 70; size++) {
        float sum[2][72], step[2][72];
        const struct kernels *side[2] = {&kernels_plain, variant};
        for (int s = 0; s < 2; s++) {
            for (uint32_t n = 0; n < 72; n++)
                sum[s][n] = step[s][n] = fabsf(vector[n]);
            side[s]->adagrad(sum[s], vector + 100, size, 0.05f, 4.0f, step[s]);
            assert_true(sum[s][size] == fabsf(vector[size]) && step[s][size] == sum[s][size]);
        }
        assert_memory_equal(sum[0], sum[1], sizeof sum[0]);
        assert_memory_equal(step[0], step[1], sizeof step[0]);
    }
}

/* With some at the end that are not there. */
static void check_softmax(const struct kernels *variant)
{
    for (size_t size = 16; size <= 80; size += 16)
        for (size_t missing = 0; missing < 16; missing++) {
            _Alignas(64) float got[2][80], by[80];
            for (size_t n = 0; n < size; n++)
                by[n] = fabsf(rows[1][n]) + 0.001f;
            for (int s = 0; s < 2; s++)
                for (size_t n = 0; n < size; n++)
                    got[s][n] = n < size - missing ? 10.0f * vector[n] : -INFINITY;
            kernels_plain.softmax(got[0], by, size);
            variant->softmax(got[1], by, size);
            assert_memory_equal(got[0], got[1], size * sizeof(float));
            for (size_t n = size - missing; n < size; n++)
                assert_true(got[1][n] == 0.0f);
        }
}

static void check_variant(enum kernel_choice choice)
{
    if (!kernels_choose(choice))
        skip();
    const struct kernels *variant = kernels;
    kernels_choose(KERNEL_BEST);
    for (size_t size = 16; size <= LARGEST; size += 16) {
        fill(size);
        check_sums(variant, size);
        check_steps(variant, size);
        check_pairs(variant, size);
        for (uint32_t count = 1; count <= KERNELS_FEW; count++)
            check_few(variant, size, count, count % 3 != 0);
        for (uint32_t count = 1; count <= KERNELS_FEW; count++)
            for (uint32_t near = 0; near < count; near++)
                check_warp(variant, size, count, near);
    }
    check_warp_of_anything(variant, 64);
    check_warp_of_anything(variant, 80);
    check_products(variant);
    check_exp(variant);
    check_find(variant);
    check_keep(variant);
    check_numbers(variant);
    check_marked(variant);
    for (uint32_t room = 4; room <= 4096; room *= 2)
        check_look_up(variant, room);
    check_count_cells(variant);
    check_are_below(variant);
    check_least(variant);
    check_pick(variant);
    check_level(variant);
    check_ranks(variant);
    check_adagrad(variant);
    check_softmax(variant);
}

static void avx2_gives_the_same_bits(void **state)
{
    (void)state;
    check_variant(KERNEL_AVX2);
}

static void avx512_gives_the_same_bits(void **state)
{
    (void)state;
    check_variant(KERNEL_AVX512);
}

static void plain_computes_what_it_says(void **state)
{
    (void)state;
    fill(7);
    double sum = 0.0;
    for (size_t n = 0; n < 64; n++)
        sum += (double)vector[n] * (double)rows[0][n];
    assert_true(fabs(sum - (double)kernels_plain.dot(vector, rows[0], 64)) < 1e-4);
    const float *const pair[2] = {rows[0], rows[1]};
    const float weights[2] = {0.5f, -2.0f};
    _Alignas(64) float mixed[16];
    kernels_plain.mix(weights, pair, 2, 16, mixed);
    for (size_t n = 0; n < 16; n++)
        assert_true(fabsf(0.5f * rows[0][n] - 2.0f * rows[1][n] - mixed[n]) < 1e-5f);
    for (int n = -800; n < 800; n++) {
        float value[16] = {(float)n / 10.0f};
        kernels_plain.exp(value, 16);
        double exact = exp((double)((float)n / 10.0f));
        assert_true(fabs((double)value[0] - exact) <= 3e-7 * exact);
    }
}

static void plain_picks_what_it_says(void **state)
{
    (void)state;
    const float values[] = {0.5f, -1.0f, NAN, 2.0f, 1.0f, 0.0f};
    uint32_t found[6 + KERNELS_FOUND_MORE];
    assert_int_equal(kernels_plain.pick(values, 6, 0.0f, 0.5f, true, found), 2);
    assert_true(found[0] == 3 && found[1] == 4);
    assert_int_equal(kernels_plain.pick(values, 6, 0.0f, 0.5f, false, found), 3);
    assert_true(found[0] == 0 && found[1] == 2 && found[2] == 5);
    float even[100];
    for (int n = 0; n < 100; n++)
        even[n] = (float)(37 * n % 100);
    float level = kernels_plain.level(even, 100, 10);
    assert_true(level > 88.0f && level <= 89.0f);
    const uint64_t keys[] = {5, UINT64_MAX, 0, 6};
    uint32_t rank[4];
    kernels_plain.ranks(keys, 4, rank);
    assert_true(rank[0] == 2 && rank[1] == 0 && rank[2] == 3 && rank[3] == 1);
}

static void softmax_is_of_exp_by_what_is_expected(void **state)
{
    (void)state;
    _Alignas(64) float got[32], by[32];
    double total = 0.0;
    for (int n = 0; n < 32; n++) {
        got[n] = (float)(n % 7);
        by[n] = 0.5f + (float)n;
        total += exp((double)got[n]) / (double)by[n];
    }
    kernels_plain.softmax(got, by, 32);
    for (int n = 0; n < 32; n++)
        assert_true(fabs((double)got[n] - exp((double)(n % 7)) / (double)by[n] / total) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_computes_what_it_says),
        cmocka_unit_test(plain_picks_what_it_says),
        cmocka_unit_test(softmax_is_of_exp_by_what_is_expected),
        cmocka_unit_test(avx2_gives_the_same_bits),
        cmocka_unit_test(avx512_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
