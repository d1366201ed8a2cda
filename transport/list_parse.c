#include "transport/list_parse.h"

#include "transport/decode_walk.h"

#include <jansson.h>
#include <math.h>
#include <msgpack.h>

enum status list_append(struct list *list, struct arena *arena, struct text item, float score,
                        struct error *error)
{
    if (list->size == LIST_SIZE_MAX || arena->left < item.size)
        return error_set(error, STATUS_BAD_DATA, "the list is longer than %d items", LIST_SIZE_MAX);
    char *copy = arena->at;
    if (item.size > 0)
        memcpy(copy, item.at, item.size);
    arena->at += item.size;
    arena->left -= item.size;
    list->at[list->size++] = (struct list_entry){.item = {copy, item.size}, .score = score};
    return STATUS_OK;
}

static enum status not_a_list(const char *why, struct error *error)
{
    return error_set(error, STATUS_BAD_DATA, "this is not a list: %s", why);
}

/* ---- JSON ---- */

static enum status take_json(const json_t *map, struct list *list, struct arena *arena,
                             int64_t *at_ms, struct error *error)
{
    const json_t *items = json_object_get(map, "items"), *scores = json_object_get(map, "scores");
    if (!json_is_array(items))
        return not_a_list("no array of items", error);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i), *score = json_array_get(scores, i);
        if (!json_is_string(item))
            return not_a_list("an item that is not a string", error);
        struct text id = {json_string_value(item), (uint32_t)json_string_length(item)};
        float value = json_is_number(score) ? (float)json_number_value(score) : NAN;
        enum status status = list_append(list, arena, id, value, error);
        if (status != STATUS_OK)
            return status;
    }
    *at_ms = json_integer_value(json_object_get(map, "at"));
    return STATUS_OK;
}

static enum status parse_json(struct text bytes, struct list *list, struct arena *arena,
                              int64_t *at_ms, struct error *error)
{
    json_error_t why;
    json_t *map = json_loadb(bytes.at, bytes.size, JSON_ALLOW_NUL, &why);
    if (map == NULL)
        return not_a_list(why.text, error);
    enum status status = take_json(map, list, arena, at_ms, error);
    json_decref(map);
    return status;
}

/* ---- MessagePack ---- */

static const msgpack_object *find(const msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR &&
            text_equal((struct text){pair->key.via.str.ptr, pair->key.via.str.size}, text_of(key)))
            return &pair->val;
    }
    return NULL;
}

static float score_at(const msgpack_object *scores, uint32_t i)
{
    if (scores == NULL || scores->type != MSGPACK_OBJECT_ARRAY || i >= scores->via.array.size)
        return NAN;
    const msgpack_object *score = &scores->via.array.ptr[i];
    switch (score->type) {
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return (float)score->via.f64;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return (float)score->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return (float)score->via.i64;
    default:
        return NAN;
    }
}

static enum status take_msgpack(const msgpack_object *map, struct list *list, struct arena *arena,
                                int64_t *at_ms, struct error *error)
{
    if (map->type != MSGPACK_OBJECT_MAP)
        return not_a_list("neither a JSON object nor a MessagePack map", error);
    const msgpack_object *items = find(map, "items"), *scores = find(map, "scores");
    if (items == NULL || items->type != MSGPACK_OBJECT_ARRAY)
        return not_a_list("no array of items", error);
    for (uint32_t i = 0; i < items->via.array.size; i++) {
        const msgpack_object *item = &items->via.array.ptr[i];
        if (item->type != MSGPACK_OBJECT_STR)
            return not_a_list("an item that is not a string", error);
        struct text id = {item->via.str.ptr, item->via.str.size};
        enum status status = list_append(list, arena, id, score_at(scores, i), error);
        if (status != STATUS_OK)
            return status;
    }
    const msgpack_object *at = find(map, "at");
    if (at != NULL && at->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        *at_ms = at->via.i64;
    return STATUS_OK;
}

static enum status parse_msgpack(struct text bytes, struct list *list, struct arena *arena,
                                 int64_t *at_ms, struct error *error)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    enum status status;
    if (bytes.size == 0 || !msgpack_is_bounded(bytes.at, bytes.at + bytes.size) ||
        msgpack_unpack_next(&unpacked, bytes.at, bytes.size, &used) != MSGPACK_UNPACK_SUCCESS)
        status = not_a_list("neither JSON nor MessagePack", error);
    else
        status = take_msgpack(&unpacked.data, list, arena, at_ms, error);
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

enum status list_parse(struct text bytes, struct list *list, struct arena *arena, int64_t *at_ms,
                       struct error *error)
{
    list->size = 0;
    *at_ms = 0;
    if (bytes.size > 0 && bytes.at[0] == '{')
        return parse_json(bytes, list, arena, at_ms, error);
    return parse_msgpack(bytes, list, arena, at_ms, error);
}
