/*
 * Decoding one event of six fields (user item event ts value id), as MessagePack and as JSON: ours
 * against what a library takes for its tree, which nobody has looked a field up in yet. In turns,
 * over the same messages.
 *
 *     decode [--rounds N]        one line of JSON a round and kind: nanoseconds a message
 *
 * "bytes" is a message's size, "read" what it takes to add them up, eight at a time; not in turns
 * with the others, as it would bring the messages near for who comes next.
 */
#include "transport/decode.h"
#include "bench.h"

#include <inttypes.h>
#include <jansson.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES = 4096, PASSES = 51, BYTES = 256 };

struct message {
    char *bytes;
    size_t size;
};

static const int64_t first_ms = INT64_C(1700000000000);
static uint64_t sink; /* what was decoded is of use: nothing may be left out */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- messages ---- */

struct fields {
    char user[24], item[24], id[24];
    uint64_t user_number, item_number;
    const char *event;
    int64_t ts;
    double value;
};

static struct fields make_fields(uint64_t *random, int n)
{
    static const char *const events[] = {"play", "click", "view", "play"};
    struct fields fields = {.event = events[next_random(random) % 4], .ts = first_ms + 37 * n};
    fields.user_number = next_random(random) % 1000000;
    fields.item_number = next_random(random) % 100000;
    fields.value = (double)(next_random(random) % 100) / 100;
    snprintf(fields.user, sizeof fields.user, "user-%06" PRIu64, fields.user_number);
    snprintf(fields.item, sizeof fields.item, "track:%" PRIu64, fields.item_number);
    snprintf(fields.id, sizeof fields.id, "%016" PRIx64, next_random(random));
    return fields;
}

static struct message keep(const char *bytes, size_t size)
{
    struct message message = {malloc(size), size};
    if (message.bytes == NULL)
        abort();
    memcpy(message.bytes, bytes, size);
    return message;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack_id(msgpack_packer *packer, bool as_number, uint64_t number, const char *text)
{
    if (as_number)
        msgpack_pack_uint64(packer, number);
    else
        pack_text(packer, text);
}

static struct message make_msgpack(const struct fields *fields, bool numbers)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 6);
    pack_text(&packer, "user");
    pack_id(&packer, numbers, fields->user_number, fields->user);
    pack_text(&packer, "item");
    pack_id(&packer, numbers, fields->item_number, fields->item);
    pack_text(&packer, "event");
    pack_text(&packer, fields->event);
    pack_text(&packer, "ts");
    msgpack_pack_int64(&packer, fields->ts);
    pack_text(&packer, "value");
    msgpack_pack_double(&packer, fields->value);
    pack_text(&packer, "id");
    pack_text(&packer, fields->id);
    struct message message = keep(buffer.data, buffer.size);
    msgpack_sbuffer_destroy(&buffer);
    return message;
}

static struct message make_json(const struct fields *fields, bool numbers)
{
    char text[BYTES];
    int size = numbers
                   ? snprintf(text, sizeof text,
                              "{\"user\":%" PRIu64 ",\"item\":%" PRIu64
                              ",\"event\":\"%s\",\"ts\":%" PRId64 ",\"value\":%.2f,\"id\":\"%s\"}",
                              fields->user_number, fields->item_number, fields->event, fields->ts,
                              fields->value, fields->id)
                   : snprintf(text, sizeof text,
                              "{\"user\":\"%s\",\"item\":\"%s\",\"event\":\"%s\",\"ts\":%" PRId64
                              ",\"value\":%.2f,\"id\":\"%s\"}",
                              fields->user, fields->item, fields->event, fields->ts, fields->value,
                              fields->id);
    return keep(text, (size_t)size);
}

/* ---- the three decoders ---- */

static void decode_ours(const struct message *message)
{
    static struct field_map map;
    static bool ready;
    if (!ready)
        field_map_init(&map);
    ready = true;
    struct decode_scratch scratch;
    struct event event;
    if (decode_event(&map, message->bytes, message->size, first_ms + 1000000, &scratch, &event) !=
        VERDICT_ACCEPTED)
        abort();
    sink += (uint64_t)event.ts_ms + event.user.size + event.item.size;
}

static void decode_msgpack(const struct message *message)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    if (msgpack_unpack_next(&unpacked, message->bytes, message->size, &used) !=
        MSGPACK_UNPACK_SUCCESS)
        abort();
    sink += unpacked.data.via.map.size;
    msgpack_unpacked_destroy(&unpacked);
}

static void decode_jansson(const struct message *message)
{
    json_t *json = json_loadb(message->bytes, message->size, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL)
        abort();
    sink += json_object_size(json);
    json_decref(json);
}

/* What anybody needs who looks at each byte. */
static void read_bytes(const struct message *message)
{
    uint64_t sum = 0, word = 0;
    size_t at = 0;
    for (; at + sizeof word <= message->size; at += sizeof word) {
        memcpy(&word, message->bytes + at, sizeof word);
        sum += word;
    }
    for (; at < message->size; at++)
        sum += (unsigned char)message->bytes[at];
    sink += sum;
}

/* ---- measuring ---- */

static double time_pass(void (*decode)(const struct message *message),
                        const struct message *messages)
{
    uint64_t began = bench_cpu_ns();
    for (int i = 0; i < MESSAGES; i++)
        decode(&messages[i]);
    return (double)(bench_cpu_ns() - began) / MESSAGES;
}

/* Passes of some hundred microseconds in turns, and of each the quickest: others on the same core
 * slow down whoever does more at a time. */
static void race(void (*theirs)(const struct message *message), const struct message *messages,
                 double least[2])
{
    for (int pass = 0; pass < PASSES; pass++) {
        const double took[2] = {time_pass(decode_ours, messages), time_pass(theirs, messages)};
        for (int who = 0; who < 2; who++)
            if (pass == 0 || took[who] < least[who])
                least[who] = took[who];
    }
}

static double least_read(const struct message *messages)
{
    double least = time_pass(read_bytes, messages);
    for (int pass = 1; pass < PASSES; pass++) {
        const double took = time_pass(read_bytes, messages);
        least = took < least ? took : least;
    }
    return least;
}

static void compare(const char *what, struct message (*make)(const struct fields *fields, bool),
                    bool numbers, const char *against,
                    void (*theirs)(const struct message *message), int rounds)
{
    static struct message messages[MESSAGES];
    uint64_t random = 88172645463325252U, bytes = 0;
    for (int i = 0; i < MESSAGES; i++) {
        struct fields fields = make_fields(&random, i);
        messages[i] = make(&fields, numbers);
        bytes += messages[i].size;
    }
    double least[2];
    race(theirs, messages, least); /* warms up */
    for (int round = 0; round < rounds; round++) {
        race(theirs, messages, least);
        printf("{\"what\":\"%s\",\"against\":\"%s\",\"ours\":%.1f,\"theirs\":%.1f,\"bytes\":%.1f,"
               "\"read\":%.2f}\n",
               what, against, least[0], least[1], (double)bytes / MESSAGES, least_read(messages));
    }
    for (int i = 0; i < MESSAGES; i++)
        free(messages[i].bytes);
}

int main(int argc, char **argv)
{
    int rounds = (int)bench_number(argc, argv, "--rounds", 5);
    compare("msgpack, ids as text", make_msgpack, false, "msgpack_unpack_next", decode_msgpack,
            rounds);
    compare("msgpack, ids as integers", make_msgpack, true, "msgpack_unpack_next", decode_msgpack,
            rounds);
    compare("json, ids as text", make_json, false, "jansson", decode_jansson, rounds);
    compare("json, ids as integers", make_json, true, "jansson", decode_jansson, rounds);
    return sink == 0;
}
