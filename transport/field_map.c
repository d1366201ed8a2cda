#include "transport/decode.h"

#include "model/status.h"

static const char *const names[FIELDS] = {
    [FIELD_USER] = "user",
    [FIELD_ITEM] = "item",
    [FIELD_EVENT] = "event",
    [FIELD_TS] = "ts",
    [FIELD_VALUE] = "value",
    [FIELD_ID] = "id",
    [FIELD_CONTEXT] = "context",
    [FIELD_PLAYED_MS] = "played_ms",
    [FIELD_DURATION_MS] = "duration_ms",
};

static int parse_path(struct field_path *path, const char *dotted)
{
    size_t size = strlen(dotted);
    memset(path, 0, sizeof *path);
    if (size == 0 || size > FIELD_TEXT_MAX)
        return STATUS_INVALID;
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (dotted[i] != '.' && dotted[i] != 0) {
            path->text[i] = dotted[i];
            continue;
        }
        if (i == start || path->size == FIELD_PATH_MAX)
            return STATUS_INVALID;
        path->offset[path->size++] = (uint8_t)start;
        start = i + 1;
    }
    return STATUS_OK;
}

static void derive_device(struct field_map *map)
{
    const struct field_path *context = &map->at[FIELD_CONTEXT];
    struct field_path *device = &map->at[FIELD_DEVICE];
    *device = *context;
    const uint8_t last = context->offset[context->size - 1];
    const size_t end = last + strlen(context->text + last) + 1;
    memcpy(device->text + end, "device", sizeof "device");
    device->offset[device->size++] = (uint8_t)end;
}

static void build_index(struct field_map *map)
{
    memset(map->by_length, 0, sizeof map->by_length);
    memset(map->ends, 0, sizeof map->ends);
    for (unsigned field = 0; field < FIELDS_AND_DEVICE; field++) {
        const struct field_path *path = &map->at[field];
        const uint16_t bit = (uint16_t)(1U << field);
        for (uint8_t level = 0; level < path->size; level++)
            map->by_length[level][strlen(path->text + path->offset[level])] |= bit;
        map->ends[path->size - 1] |= bit;
    }
}

void field_map_init(struct field_map *map)
{
    memset(map, 0, sizeof *map);
    for (unsigned field = 0; field < FIELDS; field++)
        (void)parse_path(&map->at[field], names[field]);
    derive_device(map);
    build_index(map);
}

int field_map_set(struct field_map *map, enum field field, const char *dotted)
{
    struct field_path path;
    if ((unsigned)field >= FIELDS || parse_path(&path, dotted) != STATUS_OK)
        return STATUS_INVALID;
    map->at[field] = path;
    derive_device(map);
    build_index(map);
    return STATUS_OK;
}
