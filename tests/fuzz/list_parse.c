/* Lists as they are read back from Redis, where anybody may have written: never more memory than in
 * proportion to the bytes (the fuzzer's limit), and what is read lies in the arena. */
#include "transport/list_parse.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ROOM = 4096 };
    static struct list list;
    static char room[ROOM];
    struct arena arena = {room, sizeof room};
    struct error error;
    int64_t at_ms;
    char *copy = malloc(size + (size == 0));
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    const struct text text = {copy, (uint32_t)size};
    if (list_parse(text, &list, &arena, &at_ms, &error) == STATUS_OK) {
        CHECK(list.size <= LIST_SIZE_MAX);
        for (uint32_t i = 0; i < list.size; i++)
            CHECK(list.at[i].item.at >= room &&
                  list.at[i].item.at + list.at[i].item.size <= room + sizeof room);
    } else {
        CHECK(error.text[0] != '\0');
    }
    free(copy);
    return 0;
}
