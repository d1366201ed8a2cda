/* Work is shared where that is quicker, and still where it has become so. */
#include "daemon/sharing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* How often of 1000 times it is shared when the two take so long. */
static int times_shared(struct sharing *sharing, int64_t alone_ns, int64_t shared_ns)
{
    int times = 0;
    for (int n = 0; n < 1000; n++) {
        bool shared = sharing_choose(sharing);
        sharing_learn(sharing, shared, shared ? shared_ns : alone_ns);
        times += shared;
    }
    return times;
}

static void test_takes_the_better_and_changes_its_mind(void **state)
{
    (void)state;
    struct sharing sharing = {0};
    assert_in_range(times_shared(&sharing, 1000, 600), 900, 999);
    assert_in_range(times_shared(&sharing, 1000, 5000), 1, 100);
    assert_in_range(times_shared(&sharing, 1000, 5000), 1, 40);
    assert_in_range(times_shared(&sharing, 1000, 500), 300, 999);
    assert_in_range(times_shared(&sharing, 1000, 500), 960, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_better_and_changes_its_mind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
