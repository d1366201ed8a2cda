#include "transport/field_map.h"

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
    if (size == 0 || size > FIELD_TEXT_MAX || !text_is_utf8(text_of(dotted)))
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

static void index_component(struct field_map *map, unsigned field, uint8_t level)
{
    const uint8_t offset = map->at[field].offset[level];
    const struct text text = text_of(map->at[field].text + offset);
    struct field_slot *slot = &map->slots[field_find(map, text, level) - map->slots];
    if (slot->fields == 0)
        *slot = (struct field_slot){.word = field_word(text),
                                    .size = (uint8_t)text.size,
                                    .level = level,
                                    .field = (uint8_t)field,
                                    .offset = offset};
    slot->fields = (uint16_t)(slot->fields | 1U << field);
}

/* The key of the context leads to its device, too. */
static unsigned fields_alone(unsigned field)
{
    return field == FIELD_CONTEXT ? 1U << FIELD_CONTEXT | 1U << FIELD_DEVICE : 1U << field;
}

static bool is_escaped_in_json(struct text name)
{
    for (uint32_t i = 0; i < name.size; i++)
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == '"' || name.at[i] == '\\')
            return true;
    return false;
}

static bool is_alone(const struct field_map *map, unsigned field)
{
    const struct text name = text_of(map->at[field].text);
    return map->at[field].size == 1 && name.size <= 7 && !is_escaped_in_json(name) &&
           field_find(map, name, 0)->fields == fields_alone(field);
}

static const struct field_head fits_nothing = {.word = 1, .quoted = 1};

static struct field_head head_of(const struct field_map *map, unsigned field)
{
    if (!is_alone(map, field))
        return fits_nothing;
    const struct text name = text_of(map->at[field].text);
    struct field_head head = {.bits = (uint16_t)fields_alone(field),
                              .field = (uint8_t)field,
                              .size = (uint8_t)(1 + name.size)};
    for (uint32_t i = name.size; i-- > 0;)
        head.word = (head.word | (unsigned char)name.at[i]) << 8;
    head.quoted = head.word >> 8 | (uint64_t)'"' << 8 * name.size;
    head.word |= 0xA0 | name.size;
    head.mask = UINT64_MAX >> (64 - 8 * head.size);
    return head;
}

/* False: two want one place. */
static bool place_heads(struct field_map *map)
{
    memset(map->head_at, FIELDS, sizeof map->head_at);
    for (unsigned field = 0; field < FIELDS; field++) {
        const uint64_t word = map->heads[field].word;
        uint8_t *place = &map->head_at[word * map->factor >> (64 - FIELD_HEAD_BITS)];
        if (map->heads[field].size == 0)
            continue;
        if (*place != FIELDS)
            return false;
        *place = (uint8_t)field;
    }
    return true;
}

/* Tries odd factors until no two heads want one place, or lets such keys go the longer way. */
static void build_heads(struct field_map *map)
{
    for (unsigned field = 0; field < sizeof map->heads / sizeof *map->heads; field++)
        map->heads[field] = field < FIELDS ? head_of(map, field) : fits_nothing;
    map->factor = UINT64_C(0x9E3779B97F4A7C15);
    for (int tries = 0; tries < 100 && !place_heads(map); tries++)
        map->factor = map->factor * UINT64_C(0xD1342543DE82EF95) + 2;
}

static void build_index(struct field_map *map)
{
    memset(map->slots, 0, sizeof map->slots);
    memset(map->ends, 0, sizeof map->ends);
    for (unsigned field = 0; field < FIELDS_AND_DEVICE; field++) {
        const uint8_t size = map->at[field].size;
        for (uint8_t level = 0; level < size; level++)
            index_component(map, field, level);
        map->ends[size - 1] = (uint16_t)(map->ends[size - 1] | 1U << field);
    }
    build_heads(map);
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
