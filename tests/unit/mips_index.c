/* The index against a plain scan: the same items in the same order with the same scores. */
#include "model/mips_index.h"
#include "model/kernels.h"

#include "tests/unit/small_stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DIM_MOST = 96, COLUMNS = 4, PADDED = 16, ITEMS = 2600 };

struct world {
    uint32_t dim, items;
    float rows[ITEMS][DIM_MOST + PADDED] __attribute__((aligned(64)));
    bool present[ITEMS], hidden[ITEMS];
    struct mips_index *index;
};

struct user {
    const struct world *world;
    float vector[DIM_MOST + PADDED] __attribute__((aligned(64)));
    struct top top;
    struct mips_query query;
};

static struct world world;
static struct user users[MIPS_USERS];
static uint64_t dice;

static float uniform(void)
{
    return (float)(small_random(dice++) >> 40) / 0x1p23f - 1.0f;
}

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(small_random(dice++) % bound);
}

static uint32_t width(void)
{
    return world.dim + PADDED;
}

static void draw_vector(float *row, float length)
{
    memset(row, 0, width() * sizeof *row);
    for (uint32_t d = 0; d < world.dim; d++)
        row[d] = length * uniform();
}

/* Lengths over octaves, some vectors alike, some zero, columns now and then much larger. */
static void draw_item(uint32_t slot)
{
    float *row = world.rows[slot];
    draw_vector(row, ldexpf(1.0f + uniform() / 2, -(int)below(6)));
    if (below(20) == 0)
        draw_vector(row, 0.0f);
    if (below(10) == 0 && slot > 0)
        memcpy(row, world.rows[below(slot)], sizeof world.rows[0]);
    for (uint32_t c = 0; c < COLUMNS; c++)
        row[world.dim + c] = c == 0 ? 0.0f : uniform() * (below(10) == 0 ? 8.0f : 0.5f);
}

static void set_item(uint32_t slot)
{
    assert_int_equal(mips_set(world.index, slot, world.rows[slot]), STATUS_OK);
    world.present[slot] = true;
}

static void draw_user(struct user *user)
{
    draw_vector(user->vector, 2.0f + uniform());
    for (uint32_t d = 0; d < world.dim; d += 3) /* what they have in common */
        user->vector[d] += 1.0f;
    for (uint32_t c = 0; c < COLUMNS; c++)
        user->vector[world.dim + c] = below(4) == 0 ? 0.0f : 0.5f + uniform();
}

/* With a sample of nobody, or of some. */
static void create(void)
{
    const float *user_rows[MIPS_USERS], *item_rows[ITEMS];
    for (uint32_t n = 0; n < MIPS_USERS; n++) {
        draw_user(&users[n]);
        user_rows[n] = users[n].vector;
    }
    for (uint32_t slot = 0; slot < world.items; slot++)
        item_rows[slot] = world.rows[slot];
    struct mips_sample sample = {user_rows, item_rows, below(4) == 0 ? 0 : MIPS_USERS,
                                 below(4) == 0 ? 0 : world.items, below(4) == 0 ? 0 : world.items};
    assert_int_equal(mips_create(world.dim, COLUMNS, &sample, &world.index), STATUS_OK);
}

static void begin(uint32_t dim, uint32_t items)
{
    world.dim = dim;
    world.items = items;
    for (uint32_t slot = 0; slot < items; slot++)
        draw_item(slot);
    create();
    for (uint32_t slot = 0; slot < items; slot++) {
        world.hidden[slot] = below(30) == 0;
        world.present[slot] = false;
        if (below(50) != 0)
            set_item(slot);
    }
    mips_settle(world.index);
}

static void end(void)
{
    mips_destroy(world.index);
}

static void judge(void *context, const uint32_t *slots, uint32_t count, float *scores)
{
    const struct user *user = context;
    assert_true(count > 0 && count <= MIPS_JUDGED);
    for (uint32_t n = 0; n < count; n++) {
        assert_true(world.present[slots[n]]);
        scores[n] = kernels->dot(user->vector, world.rows[slots[n]], width());
        if (world.hidden[slots[n]])
            scores[n] = -INFINITY;
    }
}

static void scan(const struct user *user, uint32_t size, float floor, struct list *list)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    kernels->scan(user->vector, world.rows[0], DIM_MOST + PADDED, world.items, width(), scores);
    for (uint32_t slot = 0; slot < world.items; slot++)
        if (!world.present[slot] || world.hidden[slot])
            scores[slot] = -INFINITY;
    top_select(scores, world.items, floor, size, list);
}

static void assert_lists_equal(const struct list *wanted, const struct list *found)
{
    assert_int_equal(found->size, wanted->size);
    for (uint32_t n = 0; n < wanted->size; n++) {
        assert_int_equal(found->at[n].slot, wanted->at[n].slot);
        assert_memory_equal(&found->at[n].score, &wanted->at[n].score, sizeof(float));
    }
}

/* All users at once, as the index takes them; then against the scan. */
static void check(uint32_t count, uint32_t size, float floor)
{
    static struct list wanted, found;
    struct mips_query *queries[MIPS_USERS];
    for (uint32_t n = 0; n < count; n++) {
        struct user *user = &users[n];
        top_begin(&user->top, size, floor);
        user->query.vector = user->vector;
        user->query.judge = judge;
        user->query.context = user;
        user->query.top = &user->top;
        queries[n] = &user->query;
    }
    mips_search(world.index, queries, count);
    for (uint32_t n = 0; n < count; n++) {
        scan(&users[n], size, floor, &wanted);
        top_end(&users[n].top, &found);
        assert_lists_equal(&wanted, &found);
    }
}

static void check_sizes(void)
{
    static const uint32_t sizes[] = {1, 10, 100, 999, LIST_SIZE_MAX};
    for (uint32_t count = 1; count <= MIPS_USERS; count++) {
        for (uint32_t n = 0; n < count; n++)
            draw_user(&users[n]);
        check(count, sizes[count % 5], -1e20f);
    }
}

static void each_kernel(void (*test)(void))
{
    static const enum kernel_choice choices[] = {KERNEL_PLAIN, KERNEL_AVX2, KERNEL_AVX512};
    for (int n = 0; n < 3; n++)
        if (kernels_choose(choices[n]))
            test();
    kernels_choose(KERNEL_BEST);
}

static void try_sizes(void)
{
    static const uint32_t dims[] = {16, 48, 64, 96}, items[] = {0, 1, 17, 130, 600, ITEMS};
    for (int d = 0; d < 4; d++) {
        for (int i = 0; i < 6; i++) {
            begin(dims[d], items[i]);
            check_sizes();
            end();
        }
    }
}

static void test_it_equals_a_scan(void **state)
{
    (void)state;
    each_kernel(try_sizes);
}

static void test_items_change_and_go(void **state)
{
    (void)state;
    begin(64, ITEMS);
    for (int round = 0; round < 30; round++) {
        for (int n = 0; n < 200; n++) {
            uint32_t slot = below(ITEMS);
            if (below(4) == 0) {
                mips_remove(world.index, slot);
                world.present[slot] = false;
                continue;
            }
            draw_item(slot);
            if (below(8) == 0) /* a small step, as learning makes them */
                world.rows[slot][below(64)] += 1e-3f;
            set_item(slot);
        }
        mips_settle(world.index);
        check_sizes();
    }
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < ITEMS; slot++)
        count += world.present[slot];
    assert_int_equal(mips_count(world.index), count);
    for (uint32_t slot = 0; slot < ITEMS; slot++) {
        mips_remove(world.index, slot);
        world.present[slot] = false;
    }
    mips_settle(world.index);
    check_sizes();
    assert_int_equal(mips_count(world.index), 0);
    end();
}

/* What is in the heap beforehand raises the floor, and is not found again. */
static void test_what_is_known_already(void **state)
{
    (void)state;
    static struct list wanted, found;
    begin(64, ITEMS);
    struct user *user = &users[0];
    draw_user(user);
    scan(user, 100, -1e20f, &wanted);
    check(1, 100, -1e20f);
    uint64_t cold = user->query.judged;
    for (uint32_t n = 0; n < wanted.size; n++)
        world.hidden[wanted.at[n].slot] = true;
    top_begin(&user->top, 100, -1e20f);
    for (uint32_t n = 0; n < wanted.size; n++)
        top_push(&user->top, wanted.at[n].slot, wanted.at[n].score);
    struct mips_query *query = &user->query;
    query->judged = 0;
    mips_search(world.index, &query, 1);
    top_end(&user->top, &found);
    assert_lists_equal(&wanted, &found);
    assert_true(user->query.judged < cold);
    end();
}

static void test_a_floor(void **state)
{
    (void)state;
    begin(64, ITEMS);
    for (int n = 0; n < MIPS_USERS; n++)
        draw_user(&users[n]);
    check(MIPS_USERS, 50, 1.0f);
    check(MIPS_USERS, 50, 1e9f);
    check(MIPS_USERS, 0, -1e20f);
    end();
}

static void test_users_without_a_taste(void **state)
{
    (void)state;
    begin(32, 900);
    draw_vector(users[0].vector, 0.0f);
    draw_vector(users[1].vector, 0.0f);
    users[1].vector[world.dim + 1] = 1.0f;
    draw_vector(users[2].vector, 1e-30f);
    draw_vector(users[3].vector, 1e18f);
    check(4, 100, -1e20f);
    end();
}

/* Numbers out of range are judged, whatever their bounds say; those near them are not lost. */
static void test_numbers_out_of_range(void **state)
{
    (void)state;
    static const float odd[] = {INFINITY, -INFINITY, NAN, 1e38f, 1e-38f, 1e-42f, -3e19f};
    begin(64, 1500);
    for (int n = 0; n < 40; n++) {
        uint32_t slot = below(1500);
        float value = odd[n % 7];
        if (n % 2 == 0)
            world.rows[slot][world.dim + below(COLUMNS)] = value;
        else
            for (int d = 0; d < 64; d++)
                world.rows[slot][d] = value;
        set_item(slot);
    }
    mips_settle(world.index);
    check_sizes();
    draw_user(&users[0]);
    users[0].vector[3] = NAN;
    draw_user(&users[1]);
    users[1].vector[3] = INFINITY;
    draw_user(&users[2]);
    users[2].vector[world.dim + 2] = INFINITY;
    draw_user(&users[3]);
    check(4, 100, -1e20f);
    end();
}

static void test_most_items_are_never_judged(void **state)
{
    (void)state;
    begin(64, ITEMS);
    draw_user(&users[0]);
    users[0].query.judged = 0;
    check(1, 10, -1e20f);
    assert_in_range(users[0].query.judged, 10, ITEMS / 4);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_equals_a_scan),
        cmocka_unit_test(test_items_change_and_go),
        cmocka_unit_test(test_what_is_known_already),
        cmocka_unit_test(test_a_floor),
        cmocka_unit_test(test_users_without_a_taste),
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_most_items_are_never_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
