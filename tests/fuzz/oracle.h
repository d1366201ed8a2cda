/*
 * What the contract says an event is, written a second time and the slow way, over whatever tree a
 * library makes of a message. The fuzz targets compare it with what transport/decode.h makes of it.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include "tests/fuzz/check.h"
#include "transport/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum node_kind { NODE_NONE, NODE_TEXT, NODE_INTEGER, NODE_FRACTION, NODE_MAP, NODE_OTHER };

struct node {
    enum node_kind kind;
    struct text text;  /* NODE_TEXT */
    char digits[24];   /* NODE_INTEGER, in decimal */
    double number;     /* NODE_INTEGER, NODE_FRACTION */
    const void *inner; /* NODE_MAP */
};

/* A map's value under a key; NODE_NONE when there is none, or null. */
typedef struct node (*node_getter)(const void *map, const char *key);

static const int64_t oracle_message_ts = 1700000000000;

static struct text node_text(const struct node *node)
{
    return node->kind == NODE_INTEGER ? text_of(node->digits) : node->text;
}

static bool node_is_id(const struct node *node)
{
    if (node->kind != NODE_INTEGER && node->kind != NODE_TEXT)
        return false;
    const struct text text = node_text(node);
    return text.size >= 1 && text.size <= 255 && text_is_utf8(text);
}

static bool node_is_time(const struct node *node)
{
    if (node->kind != NODE_INTEGER && node->kind != NODE_FRACTION)
        return false;
    return node->number >= 0 && node->number <= (double)(oracle_message_ts + 86400000) &&
           trunc(node->number) == node->number;
}

static double node_number(const struct node *node)
{
    const bool is_number = node->kind == NODE_INTEGER || node->kind == NODE_FRACTION;
    return is_number && isfinite(node->number) ? node->number : (double)NAN;
}

static enum verdict expect_verdict(node_getter get, const void *root)
{
    const struct node user = get(root, "user"), item = get(root, "item"), name = get(root, "event"),
                      ts = get(root, "ts"), id = get(root, "id");
    const bool forget = name.kind == NODE_TEXT && text_equal(name.text, text_of("forget"));
    if (id.kind != NODE_NONE && id.kind != NODE_TEXT && id.kind != NODE_INTEGER)
        return VERDICT_UNDECODABLE;
    if (user.kind == NODE_NONE)
        return VERDICT_MISSING_USER;
    if (item.kind == NODE_NONE && !forget)
        return VERDICT_MISSING_ITEM;
    if (name.kind == NODE_NONE)
        return VERDICT_MISSING_EVENT;
    if (!node_is_id(&user))
        return VERDICT_BAD_USER;
    if (!forget && !node_is_id(&item))
        return VERDICT_BAD_ITEM;
    if (name.kind != NODE_TEXT || name.text.size == 0 || !text_is_utf8(name.text))
        return VERDICT_BAD_EVENT;
    if (ts.kind != NODE_NONE && !node_is_time(&ts))
        return VERDICT_BAD_TS;
    return VERDICT_ACCEPTED;
}

static void check_value(node_getter get, const void *root, const struct event *event)
{
    const struct node value = get(root, "value"), played = get(root, "played_ms"),
                      duration = get(root, "duration_ms");
    double expected = node_number(&value);
    bool has_value = value.kind != NODE_NONE;
    const bool in_part =
        text_equal(event->name, text_of("play")) || text_equal(event->name, text_of("skip"));
    if (!has_value && in_part && played.kind != NODE_NONE && duration.kind != NODE_NONE) {
        has_value = node_number(&duration) != 0;
        expected = node_number(&duration) > 0 ? node_number(&played) / node_number(&duration)
                                              : (double)NAN;
    }
    CHECK(event->has_value == has_value);
    if (has_value && isnan(expected))
        CHECK(isnan(event->value));
    else if (has_value)
        CHECK(memcmp(&event->value, &expected, sizeof expected) == 0 || event->value == expected);
}

/* The event agrees with the tree it was read from. */
static void check_event(node_getter get, const void *root, const struct event *event)
{
    const struct node user = get(root, "user"), item = get(root, "item"), name = get(root, "event"),
                      ts = get(root, "ts"), id = get(root, "id"), context = get(root, "context");
    CHECK(text_equal(event->user, node_text(&user)));
    if (text_equal(name.text, text_of("forget")))
        CHECK(event->item.size == 0);
    else
        CHECK(text_equal(event->item, node_text(&item)));
    /* Long text with escapes stays escaped: longer, and of use only as a whole. */
    if (name.text.size <= ID_BYTES_MAX)
        CHECK(text_equal(event->name, name.text));
    else
        CHECK(event->name.size >= name.text.size);
    if (id.kind == NODE_NONE)
        CHECK(event->id.size == 0);
    else if (node_text(&id).size <= ID_BYTES_MAX)
        CHECK(text_equal(event->id, node_text(&id)));
    else
        CHECK(event->id.size >= node_text(&id).size);
    CHECK(event->ts_ms == (ts.kind == NODE_NONE ? oracle_message_ts : (int64_t)ts.number));
    struct node device = {.kind = NODE_NONE};
    if (context.kind == NODE_MAP)
        device = get(context.inner, "device");
    CHECK(text_equal(event->device,
                     node_is_id(&device) ? node_text(&device) : (struct text){NULL, 0}));
    check_value(get, root, event);
    CHECK(event_check(event, oracle_message_ts) == VERDICT_ACCEPTED);
}

/* In a block of its own size, so that the sanitizer sees a byte read too far. */
static enum verdict decode_copy(const uint8_t *data, size_t size, char **copy,
                                struct decode_scratch *scratch, struct event *event)
{
    struct field_map map;
    field_map_init(&map);
    *copy = malloc(size + (size == 0));
    CHECK(*copy != NULL);
    if (size > 0)
        memcpy(*copy, data, size);
    return decode_event(&map, *copy, size, oracle_message_ts, scratch, event);
}

#endif
