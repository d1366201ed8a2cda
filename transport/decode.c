#include "transport/decode.h"

#include "transport/decode_number.h"
#include "transport/decode_walk.h"

#include <math.h>

/* On the way of every message: without being asked to, compilers keep some of it apart, which costs
 * a tenth. */
#define ON_THE_WAY __attribute__((always_inline)) static inline

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

static inline const struct found *find(const struct walk *walk, enum field field)
{
    return &walk->at[field];
}

static inline struct text no_text(void)
{
    return (struct text){NULL, 0};
}

static bool is_forget(struct text name)
{
    return name.size == 6 && bytes_equal(name.at, "forget", 6);
}

/* What may be played in part. */
static bool is_played(struct text name)
{
    return name.size == 4 && (bytes_equal(name.at, "play", 4) || bytes_equal(name.at, "skip", 4));
}

/* By its parts: they were just written one by one, and to load them as one would have to wait. */
static inline struct text text_found(const struct found *found)
{
    return (struct text){found->text.at, found->text.size};
}

/* ---- ids ---- */

static inline struct text integer_text(const struct found *found, struct decode_scratch *scratch)
{
    if (found->text.size != 0)
        return found->fits && found->magnitude == 0 ? text_of("0") : text_found(found); /* -0 too */
    char *to = scratch->bytes + scratch->used;
    scratch->used += INTEGER_TEXT_MAX;
    return integer_to_text(found->negative, found->magnitude, to);
}

/* Text or integer of 1..ID_BYTES_MAX bytes; false: anything else. Writes `id` in any case. */
static inline bool read_id(const struct found *found, struct decode_scratch *scratch,
                           struct text *id)
{
    if (found->kind == FOUND_TEXT && !found->has_nul)
        *id = text_found(found);
    else if (found->kind == FOUND_INTEGER)
        *id = integer_text(found, scratch);
    else
        *id = no_text();
    return id->size - 1 < ID_BYTES_MAX;
}

/* Below 10^8 and without a text of its own. */
static inline bool is_short_number(const struct found *found)
{
    return found->kind == FOUND_INTEGER && (found->text.size | found->negative) == 0 &&
           found->magnitude < 100000000;
}

/* Both ids where they are short numbers: by one step instead of two. */
ON_THE_WAY bool read_numbers(const struct found *user, const struct found *item,
                             struct decode_scratch *scratch, struct event *event)
{
    if (!is_short_number(user) || !is_short_number(item) || is_forget(event->name))
        return false;
    char *to = scratch->bytes + scratch->used;
    const struct zeros zeros =
        put_two_numbers(to, (uint32_t)user->magnitude, (uint32_t)item->magnitude);
    scratch->used += INTEGER_TEXT_MAX;
    event->user = (struct text){to + zeros.first, 8 - zeros.first};
    event->item = (struct text){to + 8 + zeros.second, 8 - zeros.second};
    return true;
}

/* ---- numbers ---- */

/* ms since 1970, or -1 when it is no such number. */
static int64_t read_time(const struct found *found)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    if (found->kind == FOUND_INTEGER && found->fits && found->magnitude <= INT64_MAX &&
        (!found->negative || found->magnitude == 0))
        return (int64_t)found->magnitude;
    if (found->kind == FOUND_FRACTION && found->number >= 0 && found->number < exact_max &&
        floor(found->number) == found->number)
        return (int64_t)found->number;
    return -1;
}

ON_THE_WAY double read_number(const struct found *found)
{
    double number = found->number;
    if (found->kind == FOUND_INTEGER && found->fits)
        number = found->negative ? -(double)found->magnitude : (double)found->magnitude;
    else if (found->kind != FOUND_INTEGER && found->kind != FOUND_FRACTION)
        number = (double)NAN;
    return isfinite(number) ? number : (double)NAN;
}

ON_THE_WAY void read_value(const struct walk *walk, struct event *event)
{
    const struct found *value = find(walk, FIELD_VALUE);
    const struct found *played = find(walk, FIELD_PLAYED_MS);
    const struct found *duration = find(walk, FIELD_DURATION_MS);
    if (value->kind != FOUND_NOTHING) {
        event->has_value = true;
        event->value = read_number(value);
    } else if (played->kind != FOUND_NOTHING && duration->kind != FOUND_NOTHING &&
               is_played(event->name)) {
        const double whole = read_number(duration);
        event->has_value = whole != 0; /* a stream without an end has no fraction */
        event->value = whole > 0 ? read_number(played) / whole : (double)NAN;
    }
}

/* ---- the event ---- */

static enum verdict find_missing(const struct walk *walk, struct text name)
{
    if (find(walk, FIELD_USER)->kind == FOUND_NOTHING)
        return VERDICT_MISSING_USER;
    if (find(walk, FIELD_ITEM)->kind == FOUND_NOTHING && !is_forget(name))
        return VERDICT_MISSING_ITEM;
    if (find(walk, FIELD_EVENT)->kind == FOUND_NOTHING)
        return VERDICT_MISSING_EVENT;
    return VERDICT_ACCEPTED;
}

static bool read_event_id(const struct walk *walk, struct event *event)
{
    const struct found *id = find(walk, FIELD_ID);
    if (id->kind == FOUND_TEXT)
        event->id = text_found(id);
    else if (id->kind == FOUND_INTEGER)
        event->id = integer_text(id, walk->scratch);
    else
        event->id = no_text();
    return id->kind <= FOUND_TEXT || id->kind == FOUND_INTEGER;
}

ON_THE_WAY bool read_item(const struct walk *walk, struct event *event)
{
    const struct found *item = find(walk, FIELD_ITEM);
    if (is_forget(event->name)) {
        event->item = no_text();
        return item->kind != FOUND_BAD_TEXT;
    }
    return read_id(item, walk->scratch, &event->item);
}

static void read_device(const struct walk *walk, struct event *event)
{
    const struct found *device = find(walk, FIELD_DEVICE);
    if (device->kind != FOUND_NOTHING && !read_id(device, walk->scratch, &event->device))
        event->device = (struct text){NULL, 0};
}

/* What follows the ids. One by one: as a whole it would be a string instruction, slow to start. */
static inline void clear_rest(struct event *event)
{
    event->device = no_text();
    event->ts_ms = 0;
    event->value = 0;
    event->has_value = false;
}

static enum verdict lack(struct event *event, enum verdict verdict)
{
    event->user = event->item = no_text();
    return verdict;
}

ON_THE_WAY enum verdict read_ids(const struct walk *walk, struct event *event)
{
    const struct found *user = find(walk, FIELD_USER), *item = find(walk, FIELD_ITEM);
    if (read_numbers(user, item, walk->scratch, event))
        return VERDICT_ACCEPTED;
    if (!read_id(user, walk->scratch, &event->user)) {
        event->item = no_text();
        return VERDICT_BAD_USER;
    }
    return read_item(walk, event) ? VERDICT_ACCEPTED : VERDICT_BAD_ITEM;
}

/* In the order of the enum. */
ON_THE_WAY enum verdict read_event(const struct walk *walk, int64_t default_ts_ms,
                                   int64_t latest_ts_ms, struct event *event)
{
    clear_rest(event);
    const struct found *name = find(walk, FIELD_EVENT);
    const bool has_id = read_event_id(walk, event);
    event->name = has_id && name->kind == FOUND_TEXT ? text_found(name) : no_text();
    if (!has_id)
        return lack(event, VERDICT_UNDECODABLE);
    const enum verdict missing = find_missing(walk, event->name);
    if (missing != VERDICT_ACCEPTED)
        return lack(event, missing);
    const enum verdict ids = read_ids(walk, event);
    if (ids != VERDICT_ACCEPTED)
        return ids;
    if (name->kind != FOUND_TEXT || name->text.size == 0 || name->has_nul)
        return VERDICT_BAD_EVENT;
    const struct found *ts = find(walk, FIELD_TS);
    event->ts_ms = ts->kind == FOUND_NOTHING ? default_ts_ms : read_time(ts);
    if (event->ts_ms < 0 || event->ts_ms > latest_ts_ms)
        return VERDICT_BAD_TS;
    read_value(walk, event);
    read_device(walk, event);
    return VERDICT_ACCEPTED;
}

static inline bool walk_message(struct walk *walk, const char *at, const char *end)
{
    for (; at < end; at++) {
        const unsigned char first = (unsigned char)*at;
        if (first == '{')
            return walk_json(walk, at, end);
        if ((first & 0xF0) == 0x80 || first == 0xDE || first == 0xDF)
            return walk_msgpack(walk, at, end);
        if (first != ' ' && first != '\n' && first != '\r' && first != '\t')
            return false;
    }
    return false;
}

ON_THE_WAY enum verdict decode(const struct field_map *map, const void *value, size_t size,
                               int64_t default_ts_ms, int64_t latest_ts_ms,
                               struct decode_scratch *scratch, struct event *event)
{
    if (size - 1 >= DECODE_BYTES_MAX)
        return size == 0 ? VERDICT_IGNORED : VERDICT_TOO_LARGE;
    struct walk walk;
    walk_init(&walk, map, scratch);
    const char *bytes = value;
    if (!walk_message(&walk, bytes, bytes + size))
        return VERDICT_UNDECODABLE;
    return read_event(&walk, default_ts_ms, latest_ts_ms, event);
}

enum verdict decode_event_within(const struct field_map *map, const void *value, size_t size,
                                 int64_t default_ts_ms, int64_t latest_ts_ms,
                                 struct decode_scratch *scratch, struct event *event)
{
    return decode(map, value, size, default_ts_ms, latest_ts_ms, scratch, event);
}

static int64_t latest_ts_ms(int64_t message_ts_ms)
{
    const bool is_early = (uint64_t)message_ts_ms <= (uint64_t)(INT64_MAX - day_ms);
    return is_early ? message_ts_ms + day_ms : INT64_MAX;
}

enum verdict decode_event(const struct field_map *map, const void *value, size_t size,
                          int64_t message_ts_ms, struct decode_scratch *scratch,
                          struct event *event)
{
    return decode(map, value, size, message_ts_ms, latest_ts_ms(message_ts_ms), scratch, event);
}

static bool id_is_good(struct text id)
{
    return id.size >= 1 && id.size <= ID_BYTES_MAX && text_is_utf8(id);
}

enum verdict event_check(const struct event *event, int64_t message_ts_ms)
{
    const bool forget = is_forget(event->name);
    if (event->user.at == NULL)
        return VERDICT_MISSING_USER;
    if (event->item.at == NULL && !forget)
        return VERDICT_MISSING_ITEM;
    if (event->name.at == NULL)
        return VERDICT_MISSING_EVENT;
    if (!id_is_good(event->user))
        return VERDICT_BAD_USER;
    if (!forget && !id_is_good(event->item))
        return VERDICT_BAD_ITEM;
    if (event->name.size == 0 || !text_is_utf8(event->name))
        return VERDICT_BAD_EVENT;
    if (event->ts_ms < 0 || event->ts_ms > latest_ts_ms(message_ts_ms))
        return VERDICT_BAD_TS;
    return VERDICT_ACCEPTED;
}
