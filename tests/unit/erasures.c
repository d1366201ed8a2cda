#include "daemon/erasures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void add(struct erasures *erasures, int user)
{
    char name[16];
    snprintf(name, sizeof name, "u%d", user);
    assert_int_equal(erasures_add(erasures, text_of(name)), STATUS_OK);
}

static uint64_t expect(struct erasures *erasures, int user)
{
    char name[16];
    snprintf(name, sizeof name, "u%d", user);
    struct text given;
    uint64_t ticket;
    assert_true(erasures_next(erasures, &given, &ticket));
    assert_true(text_equal(given, text_of(name)));
    return ticket;
}

static void refused_ones_are_sent_again(void **state)
{
    (void)state;
    struct erasures erasures = {0};
    for (int i = 0; i < 100; i++)
        add(&erasures, i);
    uint64_t tickets[100];
    for (int i = 0; i < 100; i++)
        tickets[i] = expect(&erasures, i);
    struct text user;
    uint64_t ticket;
    assert_false(erasures_next(&erasures, &user, &ticket));
    for (int i = 0; i < 100; i++)
        erasures_answered(&erasures, tickets[i], i != 40 && i != 70);
    erasures_answered(&erasures, tickets[3], false); /* twice: nothing happens */
    uint64_t again = expect(&erasures, 40);
    erasures_answered(&erasures, expect(&erasures, 70), true);
    assert_true(erasures.first < erasures.end);
    erasures_answered(&erasures, again, true);
    assert_true(erasures.first == erasures.end);
    erasures_finish(&erasures);
}

static void the_oldest_gives_way(void **state)
{
    (void)state;
    struct erasures erasures = {0};
    for (int i = 0; i < ERASURES_MAX + 5; i++)
        add(&erasures, i);
    assert_int_equal(erasures.given_up, 5);
    assert_int_equal(erasures.waiting, ERASURES_MAX);
    expect(&erasures, 5);
    erasures_finish(&erasures);
}

struct memory {
    struct state_writer writer;
    struct state_reader reader;
    unsigned char bytes[4096];
    size_t size, at;
};

static enum status memory_write(struct state_writer *writer, const void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)writer;
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return STATUS_OK;
}

static enum status memory_read(struct state_reader *reader, void *bytes, size_t size)
{
    struct memory *memory = (struct memory *)((char *)reader - offsetof(struct memory, reader));
    if (memory->at + size > memory->size)
        return STATUS_BAD_DATA;
    memcpy(bytes, memory->bytes + memory->at, size);
    memory->at += size;
    return STATUS_OK;
}

static void unanswered_ones_are_kept(void **state)
{
    (void)state;
    static struct memory memory = {.writer = {memory_write}, .reader.read = memory_read};
    struct erasures erasures = {0};
    for (int i = 0; i < 3; i++)
        add(&erasures, i);
    erasures_answered(&erasures, expect(&erasures, 0), true);
    expect(&erasures, 1); /* sent, not answered */
    assert_int_equal(erasures_save(&erasures, &memory.writer), STATUS_OK);
    erasures_finish(&erasures);
    assert_int_equal(erasures_load(&erasures, &memory.reader), STATUS_OK);
    expect(&erasures, 1);
    expect(&erasures, 2);
    assert_int_equal(erasures.waiting, 0);
    erasures_finish(&erasures);
}

/* What a snapshot made now is worth. */
static uint32_t save(struct erasures *erasures)
{
    erasures_saving(erasures);
    erasures_saved(erasures);
    return erasures->owed;
}

static void two_snapshots_are_owed(void **state)
{
    (void)state;
    struct erasures erasures = {0};
    assert_int_equal(save(&erasures), 0);
    add(&erasures, 1);
    uint64_t ticket = expect(&erasures, 1);
    assert_int_equal(save(&erasures), 2); /* it names the user */
    erasures_answered(&erasures, ticket, true);
    assert_int_equal(save(&erasures), 1);
    assert_int_equal(erasures_saving(&erasures), 0);
    assert_int_equal(erasures.owed, 1); /* that one fails */
    assert_int_equal(save(&erasures), 0);
    assert_int_equal(save(&erasures), 0);
    erasures_finish(&erasures);
}

static void who_is_forgotten_during_a_save_is_owed_all(void **state)
{
    (void)state;
    struct erasures erasures = {0};
    erasures_owe(&erasures, 1);
    erasures_saving(&erasures);
    add(&erasures, 1);
    erasures_answered(&erasures, expect(&erasures, 1), true);
    erasures_saved(&erasures);
    assert_int_equal(erasures.owed, 2);
    erasures_finish(&erasures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_ones_are_sent_again),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(unanswered_ones_are_kept),
        cmocka_unit_test(two_snapshots_are_owed),
        cmocka_unit_test(who_is_forgotten_during_a_save_is_owed_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
