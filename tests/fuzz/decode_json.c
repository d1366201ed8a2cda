/* JSON messages, with jansson as the oracle: the same are refused, the same fields are read. */
#include "tests/fuzz/oracle.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct node get(const void *map, const char *key)
{
    const json_t *value = json_object_get((const json_t *)map, key);
    struct node node = {.kind = NODE_OTHER};
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_NULL:
        node.kind = NODE_NONE;
        break;
    case JSON_STRING:
        node.kind = NODE_TEXT;
        node.text = (struct text){json_string_value(value), (uint32_t)json_string_length(value)};
        break;
    case JSON_INTEGER:
        node.kind = NODE_INTEGER;
        node.number = (double)json_integer_value(value);
        (void)snprintf(node.digits, sizeof node.digits, "%lld",
                       (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        node.kind = NODE_FRACTION;
        node.number = json_real_value(value);
        break;
    case JSON_OBJECT:
        node.kind = NODE_MAP;
        node.inner = value;
        break;
    default:
        break;
    }
    return node;
}

static int depth_of(const json_t *json)
{
    int deepest = 0;
    const char *key;
    json_t *value;
    size_t index;
    if (json_is_object(json))
        json_object_foreach((json_t *)json, key, value)
        {
            const int depth = depth_of(value);
            deepest = depth > deepest ? depth : deepest;
        }
    else if (json_is_array(json))
        json_array_foreach(json, index, value)
        {
            const int depth = depth_of(value);
            deepest = depth > deepest ? depth : deepest;
        }
    else
        return 0;
    return deepest + 1;
}

static void compare(const char *copy, size_t size, enum verdict verdict, const struct event *event)
{
    json_error_t error;
    json_t *json = json_loadb(copy, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        /* We take numbers of any size where nobody reads them, integers of any size as ids, and
         * a NUL in a key. */
        const enum json_error_code code = json_error_code(&error);
        if (code != json_error_numeric_overflow && code != json_error_null_byte_in_key)
            CHECK(verdict != VERDICT_ACCEPTED);
        return;
    }
    if (!json_is_object(json) || depth_of(json) > DECODE_DEPTH_MAX)
        CHECK(verdict == VERDICT_UNDECODABLE);
    else {
        CHECK(verdict == expect_verdict(get, json));
        if (verdict == VERDICT_ACCEPTED)
            check_event(get, json, event);
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decode_scratch scratch;
    struct event event;
    char *copy;
    const enum verdict verdict = decode_copy(data, size, &copy, &scratch, &event);
    size_t at = 0;
    while (at < size && memchr(" \t\r\n", data[at], 4) != NULL)
        at++;
    /* Jansson passes over a NUL between tokens, which is no JSON. */
    if (at < size && data[at] == '{' && memchr(data, 0, size) != NULL)
        CHECK(verdict == VERDICT_UNDECODABLE || verdict == VERDICT_TOO_LARGE);
    /* A number of more than 400 bytes is none to us; 64 KiB are for the other tests. */
    if (at < size && data[at] == '{' && size <= 400 && memchr(data, 0, size) == NULL)
        compare(copy, size, verdict, &event);
    free(copy);
    return 0;
}
