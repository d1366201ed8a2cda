#include "transport/redis_command.h"

#include "transport/decode_number.h"
#include "transport/float_text.h"
#include "transport/redis.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* What stands before the value of a SET: it is written after the value, whose size it has. */
    HEAD_BYTES = REDIS_PREFIX_MAX + REDIS_NAME_MAX + 128,
    TAIL_BYTES = 128,
    /* JSON needs six bytes for a control character; a zset's entry stands in two arguments. */
    ENTRY_BYTES = 6 * ID_BYTES_MAX + FLOAT_TEXT_MAX + 32,
    BUILDER_BYTES = HEAD_BYTES + LIST_SIZE_MAX * ENTRY_BYTES + TAIL_BYTES,
};

enum status command_builder_init(struct command_builder *builder)
{
    builder->size = BUILDER_BYTES;
    builder->bytes = builder->at = malloc(builder->size);
    return builder->bytes != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void command_builder_finish(struct command_builder *builder)
{
    free(builder->bytes);
    builder->bytes = NULL;
}

struct command_key key_of(struct text prefix, enum store_key kind, struct text name)
{
    static const char *const kinds[] = {
        [KEY_TOP] = "top:", [KEY_POPULAR] = "popular:", [KEY_SIMILAR] = "similar:"};
    struct text text = text_of(kinds[kind]);
    if (name.size == 0)
        text.size--; /* the key without a name: no colon */
    return (struct command_key){prefix, text, name};
}

static void add(struct command_builder *builder, const char *bytes, size_t size)
{
    assert((size_t)(builder->at - builder->bytes) + size <= builder->size);
    memcpy(builder->at, bytes, size);
    builder->at += size;
}

/* A line of the protocol that counts: *N of arguments, $N of bytes. */
static void add_count(struct command_builder *builder, char kind, size_t count)
{
    char line[24];
    char *end = line + sizeof line, *at = end;
    *--at = '\n';
    *--at = '\r';
    do {
        *--at = (char)('0' + count % 10);
        count /= 10;
    } while (count > 0);
    *--at = kind;
    add(builder, at, (size_t)(end - at));
}

static void add_word(struct command_builder *builder, struct text word)
{
    add_count(builder, '$', word.size);
    add(builder, word.at, word.size);
    add(builder, "\r\n", 2);
}

static void add_key(struct command_builder *builder, struct command_key key)
{
    add_count(builder, '$', (size_t)key.prefix.size + key.kind.size + key.name.size);
    add(builder, key.prefix.at, key.prefix.size);
    add(builder, key.kind.at, key.kind.size);
    if (key.name.size > 0)
        add(builder, key.name.at, key.name.size);
    add(builder, "\r\n", 2);
}

static void add_number(struct command_builder *builder, int64_t number)
{
    char room[INTEGER_TEXT_MAX];
    add_word(builder, integer_to_text(number < 0,
                                      number < 0 ? 0 - (uint64_t)number : (uint64_t)number, room));
}

static void begin(struct command_builder *builder, size_t words, const char *name)
{
    builder->at = builder->bytes;
    add_count(builder, '*', words);
    add_word(builder, text_of(name));
}

static struct command end(const struct command_builder *builder)
{
    return (struct command){builder->bytes, (size_t)(builder->at - builder->bytes)};
}

struct command command_words(struct command_builder *builder, const struct text *words,
                             uint32_t size)
{
    builder->at = builder->bytes;
    add_count(builder, '*', size);
    for (uint32_t i = 0; i < size; i++)
        add_word(builder, words[i]);
    return end(builder);
}

struct command command_delete(struct command_builder *builder, struct command_key key)
{
    begin(builder, 2, "DEL");
    add_key(builder, key);
    return end(builder);
}

struct command command_expire(struct command_builder *builder, struct command_key key,
                              int64_t ttl_s)
{
    begin(builder, 3, "EXPIRE");
    add_key(builder, key);
    add_number(builder, ttl_s);
    return end(builder);
}

struct command command_publish(struct command_builder *builder, struct text prefix,
                               struct text name)
{
    begin(builder, 3, "PUBLISH");
    add_key(builder, (struct command_key){prefix, text_of("refreshed"), {NULL, 0}});
    add_word(builder, name);
    return end(builder);
}

struct command command_set(struct command_builder *builder, struct command_key key,
                           enum list_format format, const struct store_write *write)
{
    /* The value stands where the longest head would end, the head then right before it. */
    char *value = builder->bytes + HEAD_BYTES;
    size_t room = builder->size - HEAD_BYTES - TAIL_BYTES;
    size_t size = list_format_bytes(format, write->list, write->at_ms, write->version, value, room);
    assert(size > 0);
    begin(builder, write->ttl_s > 0 ? 5 : 3, "SET");
    add_key(builder, key);
    add_count(builder, '$', size);
    size_t head = (size_t)(builder->at - builder->bytes);
    assert(head <= HEAD_BYTES);
    memmove(value - head, builder->bytes, head);
    builder->at = value + size;
    add(builder, "\r\n", 2);
    if (write->ttl_s > 0) {
        add_word(builder, text_of("EX"));
        add_number(builder, write->ttl_s);
    }
    return (struct command){value - head, (size_t)(builder->at - value) + head};
}

struct command command_push(struct command_builder *builder, struct command_key key,
                            enum list_format format, const struct list *list)
{
    bool scored = format == LIST_ZSET;
    begin(builder, 2 + (scored ? 2 : 1) * (size_t)list->size, scored ? "ZADD" : "RPUSH");
    add_key(builder, key);
    for (uint32_t i = 0; i < list->size; i++) {
        if (scored) {
            char score[FLOAT_TEXT_MAX];
            size_t size = float_text(list->at[i].score, score);
            add_word(builder, (struct text){score, (uint32_t)size});
        }
        add_word(builder, list->at[i].item);
    }
    return end(builder);
}
