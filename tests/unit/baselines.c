/* The baselines' ranks against counting all events anew for each. */
#include "model/baselines.h"
#include "model/ids.h"
#include "model/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { USERS = 6, ITEMS = 12, EVENTS = 30000, LOOK_EVERY = 97, HIDDEN_MOST = 3 };

struct past {
    uint32_t user, item;
    bool positive;
};

static struct past past[EVENTS];
static uint32_t size;

static uint32_t previous_of(uint32_t user, uint32_t end)
{
    for (uint32_t n = end; n-- > 0;)
        if (past[n].positive && past[n].user == user)
            return past[n].item;
    return SLOT_NONE;
}

/* One count for each baseline, of an item for the user. */
static void count_anew(uint32_t user, uint32_t item, double count[BASELINES])
{
    uint32_t last[USERS], previous = previous_of(user, size);
    count[BASELINE_POPULARITY] = count[BASELINE_RECENT] = count[BASELINE_TRANSITION] = 0;
    for (uint32_t n = 0; n < USERS; n++)
        last[n] = SLOT_NONE;
    for (uint32_t n = 0; n < size; n++) {
        if (!past[n].positive)
            continue;
        if (past[n].item == item) {
            count[BASELINE_POPULARITY]++;
            count[BASELINE_RECENT] += exp2(-(double)(size - 1 - n) / 5000);
            count[BASELINE_TRANSITION] += last[past[n].user] == previous && previous != SLOT_NONE;
        }
        last[past[n].user] = past[n].item;
    }
    count[BASELINE_TRANSITION] += count[BASELINE_POPULARITY] / (EVENTS + 1.0); /* for ties */
}

static void compare(struct baselines *baselines, uint32_t user, uint32_t item)
{
    double count[ITEMS][BASELINES];
    uint32_t rank[BASELINES], hidden[HIDDEN_MOST], hidden_count = 0;
    for (uint32_t other = 0; other < ITEMS; other++)
        count_anew(user, other, count[other]);
    assert_int_equal(baselines_is_candidate(baselines, item), count[item][0] > 0);
    if (!baselines_is_candidate(baselines, item))
        return;
    for (uint32_t other = 0; other < ITEMS && hidden_count < size % (HIDDEN_MOST + 1); other += 2)
        if (other != item)
            hidden[hidden_count++] = other;
    baselines_rank(baselines, user, item, hidden, hidden_count, rank);
    for (int b = 0; b < BASELINES; b++) {
        uint32_t wanted = 0;
        for (uint32_t other = 0; other < ITEMS; other++) {
            bool hides = false;
            for (uint32_t n = 0; n < hidden_count; n++)
                hides = hides || hidden[n] == other;
            wanted += !hides && count[other][0] > 0 && count[other][b] >= count[item][b] - 1e-9;
        }
        assert_int_equal(rank[b], wanted);
    }
}

/* Users come and go, most of what they do is no wish, and what is wished for changes. */
static void ranks_are_those_of_counting_anew(void **state)
{
    (void)state;
    struct baselines *baselines;
    assert_int_equal(baselines_create(&baselines), STATUS_OK);
    for (size = 0; size < EVENTS;) {
        uint64_t bits = random_at(7, size);
        struct past *event = &past[size++];
        event->user = (uint32_t)bits % USERS;
        event->item = (uint32_t)((bits >> 16) % 5 + (bits >> 24) % 4 + size / (EVENTS / 5));
        event->positive = (bits >> 40) % 10 < (size < EVENTS / 2 ? 9 : 1);
        baselines_fade(baselines);
        if (event->positive)
            assert_int_equal(baselines_learn(baselines, event->user, event->item), STATUS_OK);
        if (size % LOOK_EVERY == 0)
            compare(baselines, (uint32_t)(bits >> 48) % USERS, (uint32_t)(bits >> 52) % ITEMS);
    }
    baselines_destroy(baselines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_counting_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
