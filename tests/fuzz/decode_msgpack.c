/*
 * MessagePack messages, with msgpack-c as the oracle. It takes more than the contract does (keys
 * twice, any bytes as text, whatever trails), so these rules are checked on its tree, the slow way.
 */
#include "tests/fuzz/oracle.h"

#include <jansson.h>
#include <msgpack.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_utf8(const msgpack_object *text)
{
    json_t *json =
        json_stringn(text->via.str.ptr == NULL ? "" : text->via.str.ptr, text->via.str.size);
    json_decref(json);
    return json != NULL;
}

static bool is_key(const msgpack_object *object, const char *key)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(key) &&
           memcmp(object->via.str.ptr, key, strlen(key)) == 0;
}

static const msgpack_object *find(const msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (is_key(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    return NULL;
}

static struct node get(const void *map, const char *key)
{
    const msgpack_object *value = find(map, key);
    struct node node = {.kind = NODE_OTHER};
    switch (value == NULL ? MSGPACK_OBJECT_NIL : value->type) {
    case MSGPACK_OBJECT_NIL:
        node.kind = NODE_NONE;
        break;
    case MSGPACK_OBJECT_STR:
        node.kind = NODE_TEXT;
        node.text = (struct text){value->via.str.ptr, value->via.str.size};
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        node.kind = NODE_INTEGER;
        node.number = (double)value->via.u64;
        (void)snprintf(node.digits, sizeof node.digits, "%llu", (unsigned long long)value->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        node.kind = NODE_INTEGER;
        node.number = (double)value->via.i64;
        (void)snprintf(node.digits, sizeof node.digits, "%lld", (long long)value->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        node.kind = NODE_FRACTION;
        node.number = value->via.f64;
        break;
    case MSGPACK_OBJECT_MAP:
        node.kind = NODE_MAP;
        node.inner = value;
        break;
    default:
        break;
    }
    return node;
}

/* Floats and the like are keys by their bytes, which the tree has not kept: whatever we say of two
 * of them is fine. */
enum sameness { DIFFERENT, SAME, CANNOT_TELL };

static enum sameness compare_keys(const msgpack_object *a, const msgpack_object *b)
{
    const bool known = a->type == MSGPACK_OBJECT_STR ||
                       a->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
                       a->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    if (a->type != b->type)
        return DIFFERENT;
    if (!known)
        return CANNOT_TELL;
    return msgpack_object_equal(*a, *b) ? SAME : DIFFERENT;
}

struct judgement {
    bool refused, unsure;
};

static void judge(const msgpack_object *object, int depth, bool is_root, struct judgement *is);

static void judge_map(const msgpack_object *map, int depth, bool is_root, struct judgement *is)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object *key = &map->via.map.ptr[i].key, *value = &map->via.map.ptr[i].val;
        is->refused |= key->type == MSGPACK_OBJECT_MAP || key->type == MSGPACK_OBJECT_ARRAY;
        judge(key, depth, false, is);
        const bool judged =
            is_root && (is_key(key, "user") || is_key(key, "item") || is_key(key, "event"));
        if (!(judged && value->type == MSGPACK_OBJECT_STR))
            judge(value, depth, false, is);
        for (uint32_t j = 0; j < i; j++) {
            const enum sameness same = compare_keys(key, &map->via.map.ptr[j].key);
            is->refused |= same == SAME;
            is->unsure |= same == CANNOT_TELL;
        }
    }
}

static void judge(const msgpack_object *object, int depth, bool is_root, struct judgement *is)
{
    if (object->type == MSGPACK_OBJECT_STR)
        is->refused |= !is_utf8(object);
    if (object->type != MSGPACK_OBJECT_MAP && object->type != MSGPACK_OBJECT_ARRAY)
        return;
    is->refused |= depth == DECODE_DEPTH_MAX;
    if (object->type == MSGPACK_OBJECT_MAP)
        judge_map(object, depth + 1, is_root, is);
    else
        for (uint32_t i = 0; i < object->via.array.size; i++)
            judge(&object->via.array.ptr[i], depth + 1, false, is);
}

static void compare(const msgpack_unpacked *unpacked, bool trails, enum verdict verdict,
                    const struct event *event)
{
    const msgpack_object *root = &unpacked->data;
    struct judgement is = {.refused = trails || root->type != MSGPACK_OBJECT_MAP};
    judge(root, 0, true, &is);
    if (is.refused) {
        CHECK(verdict == VERDICT_UNDECODABLE);
        return;
    }
    if (is.unsure && verdict == VERDICT_UNDECODABLE)
        return;
    const enum verdict expected = expect_verdict(get, root);
    /* `forget` drops its item, but not one that is not UTF-8. */
    const msgpack_object *item = find(root, "item");
    if (expected == VERDICT_ACCEPTED && is_key(find(root, "event"), "forget") && item != NULL &&
        item->type == MSGPACK_OBJECT_STR && !is_utf8(item)) {
        CHECK(verdict == VERDICT_BAD_ITEM);
        return;
    }
    CHECK(verdict == expected);
    if (verdict == VERDICT_ACCEPTED)
        check_event(get, root, event);
}

/* A 32-bit header can make the oracle allocate 100 GB; such messages are for us alone. */
static bool has_huge_header(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((data[i] == 0xDD || data[i] == 0xDF) &&
            (i + 5 > size || data[i + 1] != 0 || data[i + 2] != 0))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decode_scratch scratch;
    struct event event;
    char *copy;
    const enum verdict verdict = decode_copy(data, size, &copy, &scratch, &event);
    if (size > 0 && size <= 4096 && memchr("{ \t\r\n", data[0], 5) == NULL &&
        !has_huge_header(data, size)) {
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        size_t used = 0;
        if (msgpack_unpack_next(&unpacked, copy, size, &used) == MSGPACK_UNPACK_SUCCESS)
            compare(&unpacked, used != size, verdict, &event);
        else
            CHECK(verdict == VERDICT_UNDECODABLE);
        msgpack_unpacked_destroy(&unpacked);
    }
    free(copy);
    return 0;
}
