/*
 * An instance in a simulated world: seeded schedules of messages, a store that goes away, comes
 * back, or comes back empty, dead letters that are refused, snapshots that take time, kills, ends.
 * Whatever the schedule: at its end every message counts once and every user has a list.
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PARTITIONS_MAX = 3,
    LOG_MAX = 4000,
    USERS = 40,
    ITEMS = 60,
    IN_FLIGHT = 256,
    LIST = 10,
    SIMILAR = 5,
    ARTISTS = 7, /* of items, in turn */
};

static const char topic[] = "events", catalogue_topic[] = "catalogue";

/* ---- chance ---- */

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state += 0x9e3779b97f4a7c15U;
    uint64_t z = chance_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return (uint32_t)((z ^ z >> 31) % below);
}

/* ---- the world ---- */

struct record {
    char value[128];
    int64_t timestamp_ms;
    bool good, dead_letter_sent;
};

struct entry {
    char item[8], value[96];
};

struct key {
    bool there;
    uint64_t version;
    uint32_t size;
    char items[LIST][16];
};

struct flying {
    uint64_t ticket;
    struct key key;
    int user;   /* -1: popular */
    int item;   /* -1: not an item's neighbours */
    int artist; /* -1: not popular items of an artist's */
    bool remove, renew;
};

struct world { // NOLINT(clang-analyzer-optin.performance.Padding): read in this order
    struct clock_source clock; /* first: the clock is the world */
    int64_t monotonic_ns, wall_ms, look_ns;

    struct source source;
    struct source_owner owner;
    int partitions;
    struct record log[PARTITIONS_MAX][LOG_MAX];
    int64_t end[PARTITIONS_MAX], at[PARTITIONS_MAX];
    bool end_told[PARTITIONS_MAX];
    bool assigned, closing, cut_off, stuck; /* no message comes */
    bool ends_unknown;
    enum source_result taking; /* SOURCE_REVOKED or SOURCE_LOST: to be told; else SOURCE_NOTHING */
    bool taken;                /* told, and not let go yet */
    uint64_t saves_before;
    struct commitment committed[PARTITIONS_MAX]; /* in a group that has none yet: nothing */
    bool commits[PARTITIONS_MAX], fresh[PARTITIONS_MAX];
    bool reach_told, reach_unknown;
    int64_t stuck_at;               /* of the first partition; 0: nowhere */
    int64_t listed[PARTITIONS_MAX]; /* lists tell of messages before that */
    struct position told[PARTITIONS_MAX];

    bool has_catalogue;
    struct source catalogue;
    struct source_owner catalogue_owner;
    struct entry entries[LOG_MAX];
    int64_t entries_end, entries_at;
    bool catalogue_assigned, told_end, retired[ITEMS];

    struct dead_letters dead_letters;
    bool refusing;
    uint64_t outstanding, sent;

    struct store store;
    struct store_owner store_owner;
    bool up, epoch_there;
    uint64_t canary; /* how often the status was written */
    uint64_t known;  /* … as the process that lives knows */
    bool counted;    /* since it connected */
    struct key keys[USERS], similar[ITEMS], popular, of_artist[ARTISTS];
    struct flying flying[IN_FLIGHT];
    uint32_t flying_size;
    uint64_t strange; /* writes for somebody who never did anything */
    char status[16][32];

    struct vault vault;
    struct vault_owner vault_owner;
    char path[64], pending[80], previous[80];
    bool saving;
    uint64_t pending_bytes, saves;

    bool seen[USERS], forgot[USERS], wrote_to_store;
    char last_item[USERS][32];
    uint64_t good, forgotten;
    struct settings *settings;
    struct instance *instance;
};

static struct world world;

/* ---- clock ---- */

static int64_t world_wall_ms(struct clock_source *self)
{
    return ((struct world *)self)->wall_ms;
}

/* Time goes on while one looks at it, so that slices come to an end. */
static int64_t world_monotonic_ns(struct clock_source *self)
{
    struct world *now = (struct world *)self;
    int64_t before_ms = now->monotonic_ns / 1000000;
    now->monotonic_ns += now->look_ns;
    now->wall_ms += now->monotonic_ns / 1000000 - before_ms;
    return now->monotonic_ns;
}

static void pass(int64_t ms)
{
    world.monotonic_ns += ms * 1000000;
    world.wall_ms += ms;
}

/* ---- source ---- */

/* Of each partition once. */
static enum source_result tell_end(struct source_turn *turn)
{
    for (int p = 0; p < world.partitions; p++)
        if (!world.end_told[p] && world.at[p] > 0) {
            world.end_told[p] = true;
            world.told[p].next_offset = world.at[p];
            turn->change = (struct assignment){1, &world.told[p]};
            return SOURCE_CAUGHT_UP;
        }
    return SOURCE_NOTHING;
}

static bool is_grouped(void)
{
    return world.settings->input.group[0] != '\0';
}

/* As the broker has it, if it answers. */
static enum source_result tell_reach(struct source_turn *turn)
{
    for (int p = 0; p < world.partitions; p++) {
        int64_t reach = world.commits[p] ? world.committed[p].reach : world.fresh[p] ? 0 : -1;
        world.told[p].next_offset = world.reach_unknown ? -1 : reach;
    }
    world.reach_told = true;
    turn->change = (struct assignment){(uint32_t)world.partitions, world.told};
    return SOURCE_REACHED;
}

static enum source_result world_next(struct source *self, struct source_turn *turn)
{
    (void)self;
    if (world.closing || world.cut_off)
        return SOURCE_NOTHING;
    assert_false(world.taken);
    if (world.assigned && world.taking != SOURCE_NOTHING) {
        world.taken = true;
        world.saves_before = world.saves;
        turn->change = (struct assignment){(uint32_t)world.partitions, world.told};
        return world.taking;
    }
    if (!world.assigned) {
        world.assigned = true;
        for (int p = 0; p < world.partitions; p++) {
            int64_t where = world.owner.where(world.owner.context, topic, p);
            world.at[p] = where < 0 ? 0 : where;
            snprintf(world.told[p].topic, sizeof world.told[p].topic, "%s", topic);
            world.told[p].partition = p;
            world.told[p].next_offset = where;
            world.end_told[p] = false;
            world.fresh[p] = where < 0;
        }
        world.reach_told = false;
        turn->change = (struct assignment){(uint32_t)world.partitions, world.told};
        return SOURCE_ASSIGNED;
    }
    if (is_grouped() && !world.reach_told && chance(4) == 0)
        return tell_reach(turn);
    if (world.stuck || (world.stuck_at > 0 && world.at[0] >= world.stuck_at))
        return SOURCE_NOTHING;
    int first = world.partitions == 1 ? 0 : (int)chance((uint32_t)world.partitions);
    for (int i = 0; i < world.partitions; i++) {
        int p = (first + i) % world.partitions;
        if (world.at[p] >= world.end[p])
            continue;
        /* Now and then the same message twice, as after a seek. */
        if (world.at[p] > 0 && chance(50) == 0)
            world.at[p]--;
        const struct record *record = &world.log[p][world.at[p]];
        turn->message = (struct message){
            .topic = topic,
            .partition = p,
            .offset = world.at[p]++,
            .timestamp_ms = record->timestamp_ms,
            .value = record->value,
            .size = strlen(record->value),
        };
        return SOURCE_MESSAGE;
    }
    return tell_end(turn);
}

static void world_nothing(struct source *self)
{
    (void)self;
}

static void world_let_go(struct source *self)
{
    (void)self;
    assert_true(world.taken);
    if (world.taking == SOURCE_REVOKED)
        assert_true(world.saves > world.saves_before);
    world.taking = SOURCE_NOTHING;
    world.taken = world.assigned = false;
    world.owner.wake(world.owner.context);
}

/* The snapshot has what is committed, or the messages before it are nobody's. */
static void world_commit(struct source *self, const struct commitment *commitments, uint32_t size)
{
    (void)self;
    for (uint32_t i = 0; i < size; i++) {
        const struct commitment *at = &commitments[i];
        if (strcmp(at->position.topic, topic) != 0)
            continue;
        world.committed[at->position.partition] = *at;
        world.commits[at->position.partition] = true;
        assert_true(is_grouped() ? at->reach >= 0 : at->reach == -1);
    }
}

static int64_t world_end_offset(struct source *self, const char *of, int32_t partition)
{
    (void)self, (void)of;
    return world.ends_unknown ? -1 : world.end[partition];
}

static bool world_cut_off(const struct source *self)
{
    (void)self;
    return world.cut_off;
}

static void world_close(struct source *self)
{
    (void)self;
    world.closing = true;
}

static bool world_closed(struct source *self)
{
    (void)self;
    return world.closing;
}

static const struct source_ops source_ops = {
    .next = world_next,
    .let_go = world_let_go,
    .commit = world_commit,
    .end_offset = world_end_offset,
    .cut_off = world_cut_off,
    .close = world_close,
    .closed = world_closed,
    .destroy = world_nothing,
};

/* ---- catalogue ---- */

static enum source_result catalogue_next(struct source *self, struct source_turn *turn)
{
    (void)self;
    static struct position told;
    snprintf(told.topic, sizeof told.topic, "%s", catalogue_topic);
    turn->change = (struct assignment){1, &told};
    if (!world.catalogue_assigned) {
        told.next_offset =
            world.catalogue_owner.where(world.catalogue_owner.context, catalogue_topic, 0);
        world.entries_at = told.next_offset < 0 ? 0 : told.next_offset;
        world.catalogue_assigned = true;
        return SOURCE_ASSIGNED;
    }
    if (world.entries_at == world.entries_end) {
        told.next_offset = world.entries_end;
        enum source_result result = world.told_end ? SOURCE_NOTHING : SOURCE_CAUGHT_UP;
        world.told_end = true;
        return result;
    }
    const struct entry *entry = &world.entries[world.entries_at];
    turn->message = (struct message){.topic = catalogue_topic,
                                     .offset = world.entries_at++,
                                     .timestamp_ms = world.wall_ms,
                                     .value = entry->value,
                                     .size = strlen(entry->value),
                                     .key = entry->item,
                                     .key_size = strlen(entry->item)};
    return SOURCE_MESSAGE;
}

static int64_t catalogue_end_offset(struct source *self, const char *of, int32_t partition)
{
    (void)self, (void)partition;
    assert_string_equal(of, catalogue_topic);
    return world.entries_end;
}

static const struct source_ops catalogue_ops = {
    .next = catalogue_next, .let_go = world_nothing, .end_offset = catalogue_end_offset};

/* An item is retired, or described. */
/* What the catalogue says of an item from now on; nothing: it is retired. */
__attribute__((format(printf, 2, 3))) static void put_entry(int item, const char *format, ...)
{
    struct entry *entry = &world.entries[world.entries_end++];
    va_list arguments;
    snprintf(entry->item, sizeof entry->item, "i%d", item);
    va_start(arguments, format);
    vsnprintf(entry->value, sizeof entry->value, format, arguments);
    va_end(arguments);
    world.told_end = false;
    world.catalogue_owner.wake(world.catalogue_owner.context);
}

static void describe(void)
{
    int item = (int)chance(ITEMS);
    if (world.entries_end == LOG_MAX)
        return;
    world.retired[item] = chance(2) == 0;
    if (world.retired[item])
        put_entry(item, "%s", "");
    else
        put_entry(item, "{\"features\":[\"artist:%d\"]}", item % ARTISTS);
}

/* ---- dead letters ---- */

static bool world_send(struct dead_letters *self, const struct message *message, const char *reason)
{
    (void)self;
    if (world.refusing)
        return false;
    struct record *record = &world.log[message->partition][message->offset];
    assert_false(record->good);
    assert_string_equal(reason, "undecodable");
    record->dead_letter_sent = true;
    world.sent++;
    world.outstanding++;
    return true;
}

static uint64_t world_outstanding(struct dead_letters *self)
{
    (void)self;
    return world.outstanding;
}

static uint64_t world_lost(struct dead_letters *self)
{
    (void)self;
    return 0;
}

static void world_serve(struct dead_letters *self)
{
    (void)self;
    if (chance(3) == 0)
        world.outstanding = 0;
}

static const struct dead_letters_ops dead_letters_ops = {world_send, world_outstanding, world_lost,
                                                         world_serve, NULL};

/* ---- store ---- */

static bool world_has_room(const struct store *self)
{
    (void)self;
    return world.up && world.flying_size < IN_FLIGHT;
}

/* What follows the letter. */
static int number_of(struct text name)
{
    char text[16] = "";
    memcpy(text, name.at, name.size < 15 ? name.size : 15);
    return text[0] == '\0' ? -1 : atoi(text + 1);
}

/* What a list tells of was announced, and it knows no less than any before. */
static void check_reach(int user)
{
    int p = user % world.partitions;
    const struct partition *partition = offsets_find(&world.instance->offsets, topic, p);
    const int64_t next = partition->position.next_offset;
    assert_true(world.commits[p] && next <= world.committed[p].reach);
    assert_true(next >= world.listed[p]);
    world.listed[p] = next;
}

static bool world_put(struct store *self, const struct store_write *write)
{
    if (!world_has_room(self))
        return false;
    assert_true(world.counted); /* or `v` could go back if it ends now */
    struct flying *flying = &world.flying[world.flying_size++];
    *flying = (struct flying){.ticket = write->ticket, .user = -1, .item = -1, .artist = -1};
    flying->remove = write->list->size == 0;
    flying->key = (struct key){.there = true, .version = write->version, .size = write->list->size};
    assert_true(write->list->size <= LIST);
    for (uint32_t i = 0; i < write->list->size; i++)
        snprintf(flying->key.items[i], sizeof flying->key.items[i], "%.*s",
                 (int)write->list->at[i].item.size, write->list->at[i].item.at);
    if (write->key == KEY_POPULAR) {
        assert_true(!flying->remove || world.has_catalogue || write->name.size > 0);
        if (write->name.size > 0)
            flying->artist = write->name.at[strlen("artist:")] - '0';
        return true;
    }
    if (!flying->remove)
        assert_in_range(write->ttl_s, 90, 110);
    if (write->key == KEY_SIMILAR) {
        assert_true(write->list->size <= SIMILAR);
        flying->item = number_of(write->name);
        return true;
    }
    flying->user = number_of(write->name);
    world.strange += flying->user < 0 || !world.seen[flying->user];
    if (is_grouped() && !flying->remove && flying->user >= 0)
        check_reach(flying->user);
    return true;
}

static bool world_expire(struct store *self, enum store_key key, struct text name, int64_t ttl_s,
                         uint64_t ticket)
{
    (void)ttl_s;
    if (!world_has_room(self))
        return false;
    world.flying[world.flying_size++] =
        (struct flying){.ticket = ticket,
                        .user = key == KEY_SIMILAR ? -1 : number_of(name),
                        .item = key == KEY_SIMILAR ? number_of(name) : -1,
                        .artist = -1,
                        .renew = true};
    return true;
}

static struct key *key_of(const struct flying *flying)
{
    if (flying->item >= 0)
        return &world.similar[flying->item];
    if (flying->artist >= 0)
        return &world.of_artist[flying->artist];
    return flying->user < 0 ? &world.popular : &world.keys[flying->user];
}

static void apply(const struct flying *flying)
{
    struct key *key = key_of(flying);
    if (flying->remove) {
        *key = (struct key){0};
    } else if (!flying->renew) {
        if (flying->user < 0 || !world.forgot[flying->user])  /* who returns begins anew */
            assert_true(flying->key.version >= key->version); /* equal: tried again */
        *key = flying->key;
    }
}

/* The oldest `count` are answered; with `lost` the connection goes before the reply, and Redis has
 * seen them or not. */
static void answer(uint32_t count, bool lost)
{
    while (count-- > 0 && world.flying_size > 0) {
        struct flying flying = world.flying[0];
        memmove(world.flying, world.flying + 1, --world.flying_size * sizeof flying);
        bool missing = flying.renew && !key_of(&flying)->there;
        if (!lost || chance(2) == 0)
            apply(&flying);
        world.store_owner.done(world.store_owner.context, flying.ticket, !lost && !missing);
    }
}

static bool world_put_status(struct store *self, const struct store_field *fields, uint32_t size)
{
    if (!world_has_room(self))
        return false;
    for (uint32_t i = 0; i < size; i++)
        snprintf(world.status[i], sizeof world.status[i], "%s", fields[i].value);
    bool there = world.epoch_there;
    world.epoch_there = true;
    world.known = ++world.canary;
    world.counted = true;
    if (!there)
        world.store_owner.connected(world.store_owner.context, false);
    return true;
}

static uint64_t world_mark(const struct store *self)
{
    (void)self;
    return world.known;
}

static uint32_t world_in_flight(const struct store *self)
{
    (void)self;
    return world.flying_size;
}

static bool world_is_connected(const struct store *self)
{
    (void)self;
    return world.up;
}

static const struct store_ops store_ops = {
    world_has_room, world_put,       world_expire,       world_put_status,
    world_mark,     world_in_flight, world_is_connected, NULL,
};

static void store_up(void)
{
    if (world.up)
        return;
    world.up = true;
    world.known = world.canary;
    world.counted = false;
    world.store_owner.connected(world.store_owner.context, world.epoch_there);
}

static void store_down(void)
{
    struct error why = {.text = "simulated"};
    if (!world.up)
        return;
    world.up = false;
    answer(IN_FLIGHT, true);
    world.store_owner.disconnected(world.store_owner.context, &why);
}

static void store_emptied(void)
{
    memset(world.keys, 0, sizeof world.keys);
    memset(world.similar, 0, sizeof world.similar);
    memset(&world.popular, 0, sizeof world.popular);
    memset(world.of_artist, 0, sizeof world.of_artist);
    world.epoch_there = false;
}

/* ---- vault: the file is written at once, as a fork would see it, and put in place later ---- */

static enum status world_save(struct vault *self, vault_fill *fill, void *context,
                              struct error *error)
{
    (void)self;
    if (world.saving)
        return error_set(error, STATUS_INVALID, "saving");
    world.saving = true;
    return snapshot_save(world.pending, fill, context, &world.pending_bytes, error);
}

static void finish_saving(void)
{
    if (!world.saving)
        return;
    struct error error = {0};
    world.saving = false;
    world.saves++;
    if (chance(4) == 0) {
        error_set(&error, STATUS_IO, "the disk is full, it is simulated");
        unlink(world.pending);
    } else {
        rename(world.path, world.previous); /* but for the first */
        assert_int_equal(rename(world.pending, world.path), 0);
    }
    world.vault_owner.saved(world.vault_owner.context, &error, world.pending_bytes, 0.1);
}

static bool world_busy(const struct vault *self)
{
    (void)self;
    return world.saving;
}

static enum status world_save_now(struct vault *self, vault_fill *fill, void *context,
                                  struct error *error)
{
    (void)self;
    finish_saving();
    world.saves++;
    return snapshot_save(world.path, fill, context, NULL, error);
}

static enum status world_load(struct vault *self, vault_take *take, void *context,
                              struct error *error)
{
    (void)self;
    return snapshot_load_newest(world.path, take, context, error);
}

static const struct vault_ops vault_ops = {world_save, world_busy, world_save_now, world_load,
                                           NULL};

/* ---- life ---- */

static void begin(void)
{
    struct error error;
    world.assigned = world.closing = world.saving = world.taken = false;
    world.taking = SOURCE_NOTHING;
    world.flying_size = 0;
    world.outstanding = 0;
    assert_int_equal(instance_create(world.settings, &world.clock, &world.instance, &error),
                     STATUS_OK);
    world.owner = instance_source_owner(world.instance);
    world.store_owner = instance_store_owner(world.instance);
    world.vault_owner = instance_vault_owner(world.instance);
    enum status status = instance_load(world.instance, &world.vault, "epoch", &error);
    if (status != STATUS_OK)
        fail_msg("%s", error.text);
    instance_attach(world.instance, &world.source, &world.dead_letters, &world.store);
    world.catalogue_assigned = world.told_end = false;
    if (world.has_catalogue) {
        world.catalogue_owner = instance_catalogue_owner(world.instance);
        assert_int_equal(instance_attach_catalogue(world.instance, &world.catalogue), STATUS_OK);
    }
    world.known = instance_mark(world.instance);
    if (world.canary != world.known || !instance_had_ended(world.instance))
        world.epoch_there = false; /* as the store would tell */
    bool was_up = world.up;
    world.up = false;
    if (was_up)
        store_up();
}

/* Without a snapshot nothing is known of the life before. */
static void forget_versions(void)
{
    world.popular.version = 0;
    for (int user = 0; user < USERS; user++)
        world.keys[user].version = 0;
    for (int item = 0; item < ITEMS; item++)
        world.similar[item].version = 0;
    for (int artist = 0; artist < ARTISTS; artist++)
        world.of_artist[artist].version = 0;
}

/* As by kill -9: replies, the save under way and all memory are gone. */
static void crash(void)
{
    for (uint32_t i = 0; i < world.flying_size; i++)
        if (chance(2) == 0)
            apply(&world.flying[i]);
    unlink(world.pending);
    instance_destroy(world.instance);
    if (access(world.path, F_OK) != 0)
        forget_versions();
    begin();
}

static int64_t turn(void)
{
    int64_t wait_ms = instance_turn(world.instance);
    assert_true(wait_ms >= 0 && wait_ms <= 1000);
    return wait_ms;
}

/* All well, until nothing is left to do; false: it does not come to that. */
static bool settle(void)
{
    world.refusing = false;
    store_up();
    world.owner.wake(world.owner.context);
    for (int i = 0; i < 20000; i++) {
        int64_t wait_ms = turn();
        bool quiet = world.flying_size == 0 && !world.saving && wait_ms > 0 &&
                     lists_are_done(world.instance) && neighbours_are_searched(world.instance) &&
                     !world.instance->intake.holding && world.epoch_there;
        answer(IN_FLIGHT, false);
        finish_saving();
        if (quiet && !world.instance->keeping.changed && instance_lag(world.instance) == 0)
            return true;
        pass(wait_ms);
        if (i % 7 == 0)
            world.owner.wake(world.owner.context);
    }
    return false;
}

static void end(void)
{
    struct error error = {0};
    bool answering = chance(2) == 0, was_up = world.up;
    instance_stop(world.instance);
    for (int i = 0; i < 10000 && !instance_has_stopped(world.instance, &error); i++) {
        pass(turn());
        if (answering)
            answer(IN_FLIGHT, false);
    }
    assert_true(instance_has_stopped(world.instance, &error));
    assert_int_equal(error.status, STATUS_OK);
    if (answering && was_up)
        assert_int_equal(publication_waiting(world.instance->publication), 0);
    world.forgotten += world.instance->intake.dead_lost;
    store_down(); /* what is in flight gets its answer, as from a store that is destroyed */
    world.up = was_up;
    instance_destroy(world.instance);
    world.instance = NULL;
}

/* Keyed by user, so that a user's events have an order. */
static void say(void)
{
    static const char *const names[] = {"play", "play", "like", "skip", "view"};
    uint32_t user = chance(USERS), item = chance(ITEMS);
    int p = (int)user % world.partitions;
    struct record *record = &world.log[p][world.end[p]];
    if (world.end[p] == LOG_MAX)
        return;
    record->timestamp_ms = world.wall_ms;
    record->good = true;
    if (chance(12) == 0) {
        record->good = false;
        snprintf(record->value, sizeof record->value, "{\"user\":%u", user);
    } else if (chance(40) == 0) {
        snprintf(record->value, sizeof record->value, "{\"user\":\"u%u\",\"event\":\"forget\"}",
                 user);
        world.seen[user] = world.forgot[user] = true;
        world.last_item[user][0] = '\0';
    } else {
        snprintf(record->value, sizeof record->value,
                 "{\"user\":\"u%u\",\"item\":\"i%u\",\"event\":\"%s\"}", user, item,
                 names[chance(5)]);
        world.seen[user] = true;
        snprintf(world.last_item[user], sizeof world.last_item[user], "i%u", item);
    }
    world.good += record->good;
    world.end[p]++;
}

static void make_world(uint64_t seed, int partitions)
{
    struct error error;
    memset(&world, 0, sizeof world);
    chance_state = seed;
    world.clock = (struct clock_source){world_wall_ms, world_monotonic_ns};
    world.wall_ms = 1700000000000;
    world.monotonic_ns = 5000000000;
    world.look_ns = 20000;
    world.source.ops = &source_ops;
    world.catalogue.ops = &catalogue_ops;
    world.dead_letters.ops = &dead_letters_ops;
    world.store.ops = &store_ops;
    world.vault.ops = &vault_ops;
    world.partitions = partitions;
    world.up = true;
    char folder[] = "/tmp/tasted-instance-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(world.path, sizeof world.path, "%s/model.snapshot", folder);
    snprintf(world.pending, sizeof world.pending, "%s.pending", world.path);
    snprintf(world.previous, sizeof world.previous, "%s.previous", world.path);
    struct settings_source source = {.file = "/dev/null"};
    assert_int_equal(settings_load(&source, &world.settings, &error), STATUS_OK);
    world.settings->model.dim = 16;
    world.settings->threads = 1;
    world.settings->input.catalogue_topic = catalogue_topic;
    world.settings->lists.size = LIST;
    world.settings->lists.similar = SIMILAR;
    world.settings->lists.popular_features = "artist:3, artist:5";
    world.settings->lists.ttl_s = 100;
    world.settings->snapshot_interval_ms = 500;
}

static void unmake_world(void)
{
    static const char *const ends[] = {"", ".previous", ".tmp", ".pending", ".lock"};
    instance_destroy(world.instance);
    world.instance = NULL;
    settings_free(world.settings);
    char path[128];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", world.path, ends[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s.pending%s", world.path, ends[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s", world.path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

/* ---- what has to hold ---- */

static uint64_t learned(void)
{
    return recommender_count(world.instance->engine.model).events;
}

/* The state after the same messages in order, straight through the engine. */
static void straight_digest(char text[33])
{
    struct error error;
    struct engine engine = {.fields = &world.settings->input.fields};
    assert_int_equal(recommender_create(&world.settings->model, &engine.model, &error), STATUS_OK);
    for (int64_t i = 0; i < world.end[0]; i++) {
        struct learned effect;
        const struct record *record = &world.log[0][i];
        engine_take_message(&engine, record->value, strlen(record->value), record->timestamp_ms,
                            &effect);
    }
    assert_int_equal(engine_digest(&engine, text), STATUS_OK);
    recommender_destroy(engine.model);
}

/* Somebody who did something, and has not had everything there is. */
static bool has_a_list(uint32_t user)
{
    struct instance *instance = world.instance;
    char name[16];
    snprintf(name, sizeof name, "u%u", user);
    uint32_t slot = recommender_find_user(instance->engine.model, text_of(name));
    if (slot == SLOT_NONE)
        return false;
    assert_int_equal(ranker_rank(instance->ranker, &slot, 1,
                                 recommender_latest_ms(instance->engine.model), LIST, false,
                                 instance->lists.batch),
                     STATUS_OK);
    return instance->lists.batch[0].size > 0;
}

static void check_key(const char *kind, int number, const struct key *key)
{
    for (uint32_t i = 0; i < key->size; i++)
        if (world.retired[atoi(key->items[i] + 1)])
            fail_msg("%s %d: %s is retired", kind, number, key->items[i]);
}

static void check_retired(void)
{
    check_key("popular", 0, &world.popular);
    for (int artist = 0; artist < ARTISTS; artist++)
        check_key("popular of artist", artist, &world.of_artist[artist]);
    for (int user = 0; user < USERS; user++)
        check_key("user", user, &world.keys[user]);
    for (int item = 0; item < ITEMS; item++) {
        check_key("item", item, &world.similar[item]);
        if (world.retired[item] && world.similar[item].there)
            fail_msg("item %d is retired, and has neighbours", item);
    }
}

/* Of searching again for those that had no event of their own. */
static void live_for_a_round(void)
{
    pass(61000);
    world.owner.wake(world.owner.context);
    for (int i = 0; i < 100; i++)
        pass(turn());
    assert_true(settle());
}

/* Whoever is known has neighbours, unless nothing is like it, or was when it was searched for; none
 * is its own. */
static void check_similar(void)
{
    const struct recommender *model = world.instance->engine.model;
    for (uint32_t item = 0; item < ITEMS; item++) {
        const struct key *key = &world.similar[item];
        char name[16];
        snprintf(name, sizeof name, "i%u", item);
        uint32_t slot = recommender_find_item(model, text_of(name));
        struct list *list = world.instance->neighbours.list;
        list->size = 0;
        if (slot != SLOT_NONE && !world.retired[item])
            assert_int_equal(recommender_similar(model, slot, SIMILAR, list), STATUS_OK);
        bool expected = list->size == SIMILAR; /* fewer: it depends on when it was searched */
        if (expected && !key->there)
            live_for_a_round();
        if (expected && !key->there)
            fail_msg("item %u: no neighbours", item);
        for (uint32_t i = 0; i < key->size; i++)
            assert_string_not_equal(key->items[i], name);
    }
}

static void check_lists(void)
{
    for (uint32_t user = 0; user < USERS; user++) {
        bool expected = world.last_item[user][0] != '\0';
        if (expected && !has_a_list(user))
            expected = world.keys[user].there; /* either: it depends on when it was ranked */
        if (world.keys[user].there != expected)
            fail_msg("user %u: list %d, expected %d", user, world.keys[user].there, expected);
        for (uint32_t i = 0; i < world.keys[user].size; i++)
            assert_string_not_equal(world.keys[user].items[i], world.last_item[user]);
    }
    assert_true(world.popular.there);
    check_retired();
    assert_int_equal(world.strange, 0);
}

static void check_dead_letters(void)
{
    uint64_t unsent = 0;
    for (int p = 0; p < world.partitions; p++)
        for (int64_t i = 0; i < world.end[p]; i++)
            unsent += !world.log[p][i].good && !world.log[p][i].dead_letter_sent;
    /* In a life that a crash ended more may have been counted as lost. */
    if (unsent > 0)
        assert_true(world.forgotten + world.instance->intake.dead_lost >= unsent);
}

static void one_step(void)
{
    if (world.has_catalogue && chance(6) == 0)
        describe();
    world.reach_unknown = is_grouped() && chance(5) == 0;
    switch (chance(25)) {
    case 0:
        store_down();
        break;
    case 1:
    case 2:
        store_up();
        break;
    case 3:
        if (chance(3) == 0)
            store_emptied();
        break;
    case 4:
        world.refusing = !world.refusing;
        break;
    case 5:
        if (chance(3) == 0) {
            world.forgotten += world.instance->intake.dead_lost;
            crash();
        }
        break;
    case 6:
        if (chance(4) == 0) {
            end();
            begin();
        }
        break;
    case 7:
    case 8:
        finish_saving();
        break;
    case 9:
        if (chance(3) == 0 && world.taking == SOURCE_NOTHING) {
            world.taking = chance(2) == 0 ? SOURCE_REVOKED : SOURCE_LOST;
            world.owner.wake(world.owner.context);
        }
        break;
    case 10:
        pass(chance(2000));
        break;
    case 11:
    case 12:
    case 13:
        for (uint32_t i = chance(60); i > 0; i--)
            say();
        world.owner.wake(world.owner.context);
        break;
    default:
        answer(chance(40), false);
        pass(chance(60));
        break;
    }
}

static void live_one_life(uint64_t seed, int partitions, bool has_catalogue)
{
    begin();
    for (int i = 0; i < 400; i++) {
        one_step();
        turn();
    }
    assert_true(settle());
    if (learned() != world.good)
        fail_msg("seed %" PRIu64 ": %" PRIu64 " events for %" PRIu64 " messages", seed, learned(),
                 world.good);
    check_lists();
    check_similar();
    check_dead_letters();
    char mine[33], straight[33];
    assert_int_equal(engine_digest(&world.instance->engine, mine), STATUS_OK);
    if (partitions == 1 && !has_catalogue) {
        straight_digest(straight);
        assert_string_equal(mine, straight);
    }
    char after[33];
    end();
    begin();
    assert_int_equal(engine_digest(&world.instance->engine, after), STATUS_OK);
    assert_string_equal(mine, after);
    unmake_world();
}

static void one_life(uint64_t seed, int partitions, bool has_catalogue)
{
    make_world(seed, partitions);
    world.has_catalogue = has_catalogue;
    live_one_life(seed, partitions, has_catalogue);
}

static uint64_t seeds(void)
{
    const char *asked = getenv("TASTED_SEEDS");
    return asked == NULL ? 20 : strtoull(asked, NULL, 10);
}

static void exactly_once_on_one_partition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        one_life(seed, 1, false);
}

static void exactly_once_on_three_partitions(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        one_life(1000000 + seed, 3, false);
}

static void retired_items_leave_every_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        one_life(2000000 + seed, 2, true);
}

static void in_a_group_no_list_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 3000001; seed <= 3000000 + seeds(); seed++) {
        int partitions = 1 + (int)(seed % 3);
        make_world(seed, partitions);
        world.settings->input.group = "some";
        world.has_catalogue = seed % 2 == 0;
        live_one_life(seed, partitions, world.has_catalogue);
    }
}

static void live_for(int64_t ms)
{
    for (int64_t since_ms = world.wall_ms; world.wall_ms - since_ms < ms;) {
        int64_t wait_ms = turn();
        answer(IN_FLIGHT, false);
        pass(wait_ms < 10 ? 1 : 10);
    }
}

static void live_with_a_catalogue(void)
{
    make_world(7, 1);
    world.has_catalogue = true;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
}

static void a_retired_item_is_gone_within_a_second(void **state)
{
    (void)state;
    live_with_a_catalogue();
    for (int i = 0; i < 20; i++)
        describe();
    live_for(1000);
    check_retired();
    unmake_world();
}

static void when_all_items_are_retired_there_are_no_lists(void **state)
{
    (void)state;
    make_world(10, 1);
    world.has_catalogue = true;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    for (int item = 0; item < ITEMS; item++)
        put_entry(item, "%s", "");
    live_for(3000);
    assert_false(world.popular.there);
    for (int user = 0; user < USERS; user++)
        assert_false(world.keys[user].there);
    unmake_world();
}

static void check_artists(void)
{
    for (int artist = 0; artist < ARTISTS; artist++) {
        const struct key *key = &world.of_artist[artist];
        assert_int_equal(key->there, artist == 3 || artist == 5);
        assert_true(!key->there || key->size > 3);
        for (uint32_t i = 0; i < key->size; i++)
            assert_int_equal(atoi(key->items[i] + 1) % ARTISTS, artist);
    }
}

static void features_have_popular_lists(void **state)
{
    (void)state;
    make_world(13, 1);
    world.has_catalogue = true;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    live_for(1500);
    assert_true(world.popular.there);
    assert_false(world.of_artist[3].there);
    for (int item = 0; item < ITEMS; item++)
        put_entry(item, "{\"features\":[\"artist:%d\"]}", item % ARTISTS);
    live_for(1500); /* nobody does anything, and yet */
    check_artists();
    store_emptied();
    live_for(2500);
    check_artists();
    put_entry(atoi(world.of_artist[3].items[0] + 1), "%s", "");
    world.retired[atoi(world.of_artist[3].items[0] + 1)] = true;
    live_for(1000);
    check_retired();
    check_artists();
    unmake_world();
}

/* Also when nobody does anything, so that the stream's own time stands still. */
static void an_item_that_expires_leaves_every_list(void **state)
{
    (void)state;
    make_world(9, 1);
    world.has_catalogue = true;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    assert_true(world.popular.there && world.popular.size > 0);
    int item = atoi(world.popular.items[0] + 1);
    put_entry(item, "{\"expires\":%lld}", (long long)world.wall_ms + 5000);
    live_for(2000);
    assert_int_equal(atoi(world.popular.items[0] + 1), item);
    live_for(5000);
    world.retired[item] = true;
    check_retired();
    unmake_world();
}

/* One sender's clock does not move the stream's: else all that expires would have. */
static void a_clock_far_ahead_expires_nothing(void **state)
{
    (void)state;
    make_world(9, 1);
    world.has_catalogue = true;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    int item = atoi(world.popular.items[0] + 1);
    put_entry(item, "{\"expires\":%lld}", (long long)world.wall_ms + 3600000);
    struct record *record = &world.log[0][world.end[0]++];
    *record = (struct record){.timestamp_ms = world.wall_ms + INT64_C(1576800000000), .good = true};
    snprintf(record->value, sizeof record->value,
             "{\"user\":\"u1\",\"item\":\"i%d\",\"event\":\"like\"}", item);
    world.good++;
    assert_true(settle());
    live_for(2000);
    assert_int_equal(atoi(world.popular.items[0] + 1), item);
    unmake_world();
}

static bool holds(const struct key *key, struct text id)
{
    for (uint32_t i = 0; i < key->size; i++)
        if (strlen(key->items[i]) == id.size && memcmp(key->items[i], id.at, id.size) == 0)
            return true;
    return false;
}

static void restart(void)
{
    end();
    begin();
    assert_true(instance_had_ended(world.instance));
    assert_true(settle());
    assert_int_equal(world.instance->rank_seconds.count, 0);
}

static uint32_t count_holders(int item)
{
    char id[16];
    uint32_t holders = 0;
    snprintf(id, sizeof id, "i%d", item);
    for (int user = 0; user < USERS; user++)
        holders += world.keys[user].there && holds(&world.keys[user], text_of(id));
    return holders;
}

/* No lag is not the same as one of nobody knows how much. */
static void the_lag_is_told_when_it_is_known(void **state)
{
    enum { LAG = 7 };
    (void)state;
    make_world(7, 1);
    for (int i = 0; i < 100; i++)
        say();
    world.ends_unknown = true;
    begin();
    live_for(300);
    assert_int_equal(learned(), world.good);
    assert_string_equal(world.status[LAG], "-1");
    world.ends_unknown = false;
    live_for(30);
    assert_string_equal(world.status[LAG], "0");
    unmake_world();
}

static int most_popular(void)
{
    assert_true(world.popular.there && world.popular.size > 0);
    return atoi(world.popular.items[0] + 1);
}

static void retire(int item)
{
    put_entry(item, "%s", "");
    world.retired[item] = true;
}

static void a_retired_item_does_not_wait_until_refresh_is_over(void **state)
{
    (void)state;
    make_world(7, 1);
    world.has_catalogue = true;
    world.settings->lists.refresh_ms = 60000;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    live_for(1000); /* all are written, and none may be again so soon */
    int item = most_popular();
    assert_in_range(count_holders(item), 1, USERS);
    retire(item);
    live_for(1000);
    check_retired();
    unmake_world();
}

/* Rather no list than such a one. */
static void lists_that_cannot_all_be_ranked_in_time_go(void **state)
{
    (void)state;
    live_with_a_catalogue();
    live_for(1000);
    int item = most_popular();
    uint32_t holders = count_holders(item);
    assert_in_range(holders, 8, USERS);
    retire(item);
    int64_t since_ms = world.wall_ms;
    world.look_ns = 15000000;
    while (count_holders(item) > 0) {
        world.instance->lists.rank_ns = 50e6;
        turn();
        answer(IN_FLIGHT, false);
    }
    assert_in_range(world.wall_ms - since_ms, 0, 1000);
    uint64_t removed = world.instance->lists.outcomes.removed;
    assert_in_range(removed, 1, holders - 1);
    world.look_ns = 20000;
    assert_true(settle());
    check_lists();
    for (int user = 0; user < USERS; user++)
        assert_true(world.keys[user].there || world.last_item[user][0] == '\0');
    assert_int_equal(publication_withdrawn(world.instance->publication), 0);
    unmake_world();
}

static void a_restart_does_not_forget_who_holds_what(void **state)
{
    (void)state;
    live_with_a_catalogue();
    restart();
    int item = 0;
    while (count_holders(item) == 0)
        item++;
    uint32_t holders = count_holders(item);
    assert_in_range(holders, 1, USERS / 2);
    retire(item);
    live_for(1000);
    check_retired();
    assert_in_range(world.instance->rank_seconds.count, holders, holders + USERS / 10);
    unmake_world();
}

static void what_expired_long_before_a_restart_is_no_news(void **state)
{
    (void)state;
    live_with_a_catalogue();
    for (int item = 0; item < ITEMS / 2; item++)
        put_entry(item, "{\"expires\":%lld}", (long long)world.wall_ms + 1000);
    live_for(65000);
    assert_true(settle());
    assert_int_equal(count_holders(0), 0);
    restart();
    live_for(2000);
    assert_int_equal(world.instance->rank_seconds.count, 0);
    assert_int_equal(world.instance->catalogue.hurries_until_ms, 0);
    unmake_world();
}

/* As good as: an item that had no event of its own since is not searched for again, though others
 * may have come nearer to it. */
static void neighbours_are_those_of_the_model(void **state)
{
    (void)state;
    make_world(9, 1);
    begin();
    for (int i = 0; i < 900; i++)
        say();
    assert_true(settle());
    live_for_a_round();
    check_similar();
    const struct recommender *model = world.instance->engine.model;
    struct list *list = calloc(1, sizeof *list);
    uint32_t same = 0, all = 0;
    for (uint32_t item = 0; item < ITEMS; item++) {
        char name[16];
        snprintf(name, sizeof name, "i%u", item);
        uint32_t slot = recommender_find_item(model, text_of(name));
        assert_int_equal(recommender_similar(model, slot, SIMILAR, list), STATUS_OK);
        for (uint32_t i = 0; i < list->size; i++, all++)
            same += holds(&world.similar[item], list->at[i].item);
    }
    free(list);
    assert_true(all > ITEMS);
    assert_true(same * 10 >= all * 7); /* by chance: one in twelve */
    unmake_world();
}

static void retire_but_three(bool back)
{
    for (int item = 3; item < ITEMS; item++) {
        put_entry(item, "%s", back ? "{}" : "");
        world.retired[item] = !back;
    }
}

/* Though nobody does anything: both for those that were searched for meanwhile and for those whose
 * lists were only cut. */
static void neighbours_come_back_with_their_items(void **state)
{
    (void)state;
    static const int64_t retired_ms[] = {2000, 125000};
    for (int n = 0; n < 2; n++) {
        static struct key before[ITEMS];
        make_world(12, 1);
        world.has_catalogue = true;
        begin();
        for (int i = 0; i < 600; i++)
            say();
        assert_true(settle());
        memcpy(before, world.similar, sizeof before);
        retire_but_three(false);
        live_for(retired_ms[n]);
        check_retired();
        for (int item = 0; item < 3; item++)
            assert_true(before[item].size == SIMILAR && world.similar[item].size < 3);
        retire_but_three(true);
        live_for(4000);
        for (int item = 0; item < ITEMS; item++)
            if (world.similar[item].size < before[item].size)
                fail_msg("item %d: %u neighbours of %u", item, world.similar[item].size,
                         before[item].size);
        unmake_world();
    }
}

/* From memory: nothing is searched for again. */
static void neighbours_are_written_again_to_an_empty_store(void **state)
{
    (void)state;
    make_world(10, 1);
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    static struct key before[ITEMS];
    memcpy(before, world.similar, sizeof before);

    world.instance->neighbours.search_due_ms = INT64_MAX; /* no searching */
    store_emptied();
    for (int i = 0; i < 200; i++) {
        pass(turn());
        answer(IN_FLIGHT, false);
    }
    uint32_t lists = 0, again = 0;
    for (uint32_t item = 0; item < ITEMS; item++) {
        lists += before[item].there;
        again += world.similar[item].there;
    }
    assert_true(lists > ITEMS / 2);
    assert_int_equal(again, lists);
    unmake_world();
}

static void no_neighbours_if_not_wanted(void **state)
{
    (void)state;
    make_world(11, 1);
    world.settings->lists.similar = 0;
    begin();
    for (int i = 0; i < 600; i++)
        say();
    assert_true(settle());
    for (uint32_t item = 0; item < ITEMS; item++)
        assert_false(world.similar[item].there);
    unmake_world();
}

static void not_ready_while_kafka_does_not_answer(void **state)
{
    (void)state;
    char why[256];
    make_world(11, 1);
    begin();
    for (int i = 0; i < 100; i++)
        say();
    assert_true(settle());
    assert_true(instance_is_ready(world.instance, why, sizeof why));
    world.cut_off = true;
    assert_false(instance_is_ready(world.instance, why, sizeof why));
    assert_string_equal(why, "Kafka does not answer\n");
    world.cut_off = false;
    assert_true(instance_is_ready(world.instance, NULL, 0));
    unmake_world();
}

static void begin_in_a_group(void)
{
    make_world(12, 1);
    world.settings->input.group = "some";
    begin();
    for (int i = 0; i < 100; i++)
        say();
    assert_true(settle());
}

/* After the store was emptied and the instance began again. */
static void check_that_no_list_is_written(int64_t *waited_ms)
{
    *waited_ms = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait_ms = turn();
        answer(IN_FLIGHT, false);
        pass(wait_ms);
        *waited_ms += wait_ms;
    }
    for (uint32_t user = 0; user < USERS; user++)
        assert_false(world.keys[user].there);
}

static void check_that_all_lists_are_written(void)
{
    assert_true(settle());
    for (uint32_t user = 0; user < USERS; user++)
        assert_int_equal(world.keys[user].there, has_a_list(user));
}

/* Nor does the loop turn and turn meanwhile. */
static void in_a_group_lists_wait_for_partitions(void **state)
{
    (void)state;
    int64_t waited_ms;
    begin_in_a_group();
    world.cut_off = true;
    store_emptied();
    crash();
    check_that_no_list_is_written(&waited_ms);
    assert_true(publication_waiting(world.instance->publication) > 0);
    assert_true(waited_ms > 10000);
    world.cut_off = false;
    check_that_all_lists_are_written();
    unmake_world();
}

/* Somebody may be known to us still whom the member that had the partition was told to forget. */
static void in_a_group_lists_wait_until_the_partition_is_level(void **state)
{
    (void)state;
    int64_t waited_ms;
    begin_in_a_group();
    for (int i = 0; i < 50; i++)
        say(); /* to another */
    world.stuck = true;
    store_emptied();
    crash();
    check_that_no_list_is_written(&waited_ms);
    assert_true(instance_is_ready(world.instance, NULL, 0));
    assert_int_equal(instance_waiting_partitions(world.instance), 1);
    world.stuck = false;
    check_that_all_lists_are_written();
    assert_int_equal(instance_waiting_partitions(world.instance), 0);
    unmake_world();
}

static void check_that_lists_are_written(void)
{
    for (int i = 0; i < 300; i++) {
        turn();
        answer(IN_FLIGHT, false);
        pass(10);
    }
    for (uint32_t user = 0; user < USERS; user++)
        assert_int_equal(world.keys[user].there, has_a_list(user));
}

/* Nobody of the group has written any, so that none is newer. */
static void a_new_group_writes_lists_before_it_is_through(void **state)
{
    (void)state;
    make_world(13, 1);
    world.settings->input.group = "some";
    for (int i = 0; i < 400; i++)
        say();
    world.stuck_at = 200;
    begin();
    check_that_lists_are_written();
    assert_true(instance_lag(world.instance) > 0 && learned() > 0);
    assert_int_equal(world.committed[0].position.next_offset, 0); /* nothing is saved yet */
    unmake_world();
}

/* The whole group was down, and what it had committed at its end is all that it had read. */
static void begin_with_a_backlog(void)
{
    begin_in_a_group();
    end();
    assert_int_equal(world.committed[0].reach, 100);
    for (int i = 0; i < 100; i++)
        say();
    store_emptied();
}

static void a_group_that_was_down_writes_lists_before_it_is_through(void **state)
{
    (void)state;
    begin_with_a_backlog();
    world.stuck = true;
    begin();
    check_that_lists_are_written();
    assert_int_equal(instance_lag(world.instance), 100);
    assert_int_equal(instance_waiting_partitions(world.instance), 0);
    unmake_world();
}

static void lists_wait_for_as_far_as_others_have_come(void **state)
{
    (void)state;
    int64_t waited_ms;
    begin_with_a_backlog();
    world.committed[0].reach = 150; /* by another */
    world.stuck_at = 149;
    begin();
    check_that_no_list_is_written(&waited_ms);
    assert_int_equal(instance_lag(world.instance), 51);
    assert_int_equal(instance_waiting_partitions(world.instance), 1);
    assert_int_equal(world.committed[0].reach, 150); /* for who comes after us, if we die now */
    world.stuck_at = 150;
    world.owner.wake(world.owner.context);
    check_that_lists_are_written();
    assert_int_equal(instance_waiting_partitions(world.instance), 0);
    assert_int_equal(world.committed[0].reach, 150 + OFFSETS_AHEAD);
    unmake_world();
}

static void where_nobody_knows_how_far_lists_wait_for_the_end(void **state)
{
    (void)state;
    int64_t waited_ms;
    begin_with_a_backlog();
    world.reach_unknown = true;
    world.stuck_at = 199;
    begin();
    check_that_no_list_is_written(&waited_ms);
    world.stuck_at = 0;
    check_that_all_lists_are_written();
    unmake_world();
}

/* It comes level while the round over all users that another one began has passed some of its. */
static void what_a_sweep_has_passed_is_reclaimed_by_another(void **state)
{
    (void)state;
    begin_in_a_group();
    struct lists *lists = &world.instance->lists;
    for (uint32_t user = 0; user < recommender_user_bound(world.instance->engine.model); user++)
        publication_give_up(world.instance->publication, user);
    store_emptied();
    world.epoch_there = true; /* and nobody noticed */
    lists->reclaims = true;
    lists->sweep_end = recommender_user_bound(world.instance->engine.model);
    lists->sweep = lists->sweep_end - 1;
    lists_reclaim(world.instance);
    assert_int_equal(lists->sweep, lists->sweep_end - 1);
    check_that_lists_are_written();
    unmake_world();
}

/* Events do not wait for ever for a topic that is not there. */
static void a_catalogue_that_does_not_come_holds_nothing_up(void **state)
{
    (void)state;
    make_world(8, 1);
    world.has_catalogue = true;
    begin();
    world.catalogue_assigned = world.told_end = true; /* and never heard of */
    for (int i = 0; i < 100; i++)
        say();
    for (int i = 0; i < 20; i++) {
        turn();
        pass(100);
    }
    assert_int_equal(learned(), 0);
    for (int i = 0; i < 200; i++) {
        turn();
        pass(100);
    }
    assert_int_equal(learned(), world.good);
    unmake_world();
}

/* ---- when there is more to learn and to publish than there is time ---- */

struct stretch {
    bool publishes; /* or else it learns */
    int64_t since_ms;
    uint32_t turns;
};

/* A turn that did something else than the ones before it: they lasted as long as a shift does, give
 * or take a turn. */
static void check_stretch(const struct stretch *stretch, int64_t until_ms)
{
    enum { TURN_MS = 10 };
    const int64_t shift_ms = stretch->publishes ? PUBLISH_SHIFT_MS : LEARN_SHIFT_MS;
    assert_in_range(until_ms - stretch->since_ms, shift_ms - TURN_MS, shift_ms + TURN_MS);
}

/* A look at the clock takes long, and so does a list, it is thought: a turn has time for some
 * messages and fewer lists. */
static void begin_behind(bool has_catalogue)
{
    make_world(12, 1);
    world.has_catalogue = has_catalogue;
    world.settings->lists.refresh_ms = 0;
    world.settings->lists.similar = 0;
    world.settings->snapshot_interval_ms = 3600000;
    begin();
    for (int i = 0; i < 2500; i++)
        say();
    world.look_ns = 600000;
    world.owner.wake(world.owner.context);
}

static void turn_behind(void)
{
    world.instance->lists.rank_ns = 1e6;
    turn();
    answer(IN_FLIGHT, false);
}

static void behind_it_learns_for_a_while_then_publishes(void **state)
{
    enum { WARM = 10, LEFT = 300 };
    (void)state;
    begin_behind(false);
    struct stretch stretch = {.turns = 0};
    uint32_t stretches = 0, both = 0;
    for (int i = 0; world.at[0] < world.end[0] - LEFT; i++) {
        uint64_t learned_before = learned(), ranked_before = world.instance->rank_seconds.count;
        int64_t before_ms = world.monotonic_ns / 1000000;
        turn_behind();
        bool learns = learned() > learned_before;
        bool publishes = world.instance->rank_seconds.count > ranked_before;

        both += i >= WARM && learns && publishes;
        assert_true(i < WARM || learns || publishes);
        if (i < WARM || (stretch.turns > 0 && stretch.publishes == publishes)) {
            stretch.turns += i >= WARM;
            continue;
        }
        if (stretches++ > 1) /* the first one began before we looked */
            check_stretch(&stretch, before_ms);
        stretch = (struct stretch){publishes, before_ms, 1};
    }
    assert_int_equal(both, 0);
    assert_true(stretches >= 6);
    world.look_ns = 20000;
    assert_true(settle());
    assert_int_equal(learned(), world.good);
    check_lists();
    unmake_world();
}

static bool is_listed(const char *item)
{
    for (int user = 0; user < USERS; user++)
        for (uint32_t i = 0; i < world.keys[user].size; i++)
            if (strcmp(world.keys[user].items[i], item) == 0)
                return true;
    return false;
}

static void behind_what_is_retired_leaves_lists_before_more_is_learned(void **state)
{
    (void)state;
    begin_behind(true);
    const struct shift *shift = &world.instance->shift;
    bool published = false;
    while (!published || shift->publishing || !world.popular.there) {
        turn_behind();
        assert_true(world.at[0] < world.end[0]);
        published |= shift->publishing;
    }
    char name[16];
    snprintf(name, sizeof name, "%s", world.popular.items[0]);
    assert_true(is_listed(name));

    put_entry(atoi(name + 1), "%s", "");
    turn_behind();
    uint64_t learned_before = learned();
    int64_t since_ms = world.wall_ms;
    assert_true(is_listed(name));
    while (is_listed(name)) {
        turn_behind();
        assert_int_equal(learned(), learned_before);
    }
    assert_true(world.wall_ms - since_ms < HURRY_MS);
    assert_true(world.at[0] < world.end[0]);
    assert_true(settle());
    assert_int_equal(learned(), world.good);
    assert_false(is_listed(name));
    unmake_world();
}

/* ---- who is forgotten leaves the disk ---- */

static const char forgotten[] = "u0000000000007"; /* nothing else on the disk looks like it */

static void say_of_the_forgotten(const char *rest)
{
    struct record *record = &world.log[0][world.end[0]++];
    record->timestamp_ms = world.wall_ms;
    record->good = true;
    snprintf(record->value, sizeof record->value, "{\"user\":\"%s\",%s}", forgotten, rest);
    world.seen[7] = world.forgot[7] = true;
    world.owner.wake(world.owner.context);
}

static bool file_names_the_forgotten(const char *path)
{
    static char bytes[1 << 22];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_true(size < sizeof bytes);
    fclose(file);
    return memmem(bytes, size, forgotten, sizeof forgotten - 1) != NULL;
}

static bool disk_names_the_forgotten(void)
{
    return file_names_the_forgotten(world.path) || file_names_the_forgotten(world.previous);
}

static void live(int64_t ms, bool answering)
{
    for (int64_t until_ms = world.wall_ms + ms; world.wall_ms < until_ms;) {
        int64_t wait_ms = turn();
        pass(wait_ms > 0 ? wait_ms : 1);
        if (answering)
            answer(IN_FLIGHT, false);
        if (answering && wait_ms > 0)
            finish_saving();
    }
}

/* Idle for so long that a save is overdue; both generations hold somebody who then is forgotten. */
static void forget_somebody(uint64_t seed)
{
    make_world(seed, 1);
    begin();
    for (int i = 0; i < 100; i++)
        say();
    say_of_the_forgotten("\"item\":\"i1\",\"event\":\"play\"");
    assert_true(settle());
    say_of_the_forgotten("\"item\":\"i2\",\"event\":\"play\"");
    assert_true(settle());
    live(60000, true);
    assert_true(file_names_the_forgotten(world.path));
    assert_true(file_names_the_forgotten(world.previous));
    say_of_the_forgotten("\"event\":\"forget\"");
}

static void the_forgotten_leave_an_idle_disk(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        forget_somebody(seed);
        uint64_t before = world.instance->keeping.saved;
        live(60000, true); /* some saves fail */
        assert_false(disk_names_the_forgotten());
        assert_int_equal(world.instance->keeping.saved, before + 2);
        live(60000, true); /* and then it is idle again */
        assert_int_equal(world.instance->keeping.saved, before + 2);
        unmake_world();
    }
}

static void the_forgotten_leave_the_disk_also_after_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        forget_somebody(seed);
        uint64_t before = world.instance->keeping.saved;
        while (world.instance->keeping.saved == before)
            live(1, true);
        assert_false(file_names_the_forgotten(world.path));
        assert_true(file_names_the_forgotten(world.previous));
        crash();
        live(60000, true);
        assert_false(disk_names_the_forgotten());
        unmake_world();
    }
}

static void the_forgotten_have_left_the_disk_at_an_end(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms < 2000; ms += 90) {
        struct error error = {0};
        forget_somebody((uint64_t)ms);
        live(ms, true);
        instance_stop(world.instance);
        while (!instance_has_stopped(world.instance, &error))
            live(1, true);
        assert_false(disk_names_the_forgotten());
        unmake_world();
    }
}

/* A save waits for the store's answers, but not for long, and not for a store that is away. Until
 * there is an answer it names who is to be erased, and nothing is gained by another one. */
static void a_save_waits_a_moment_for_erasures(void **state)
{
    (void)state;
    for (int away = 0; away < 2; away++) {
        forget_somebody(3);
        if (away)
            store_down();
        live(SNAPSHOT_ERASE_MS - 200, false);
        assert_int_equal(world.saving, away);
        live(400, false);
        assert_true(world.saving);
        while (world.saving || world.instance->keeping.changed) {
            finish_saving();
            live(1000, false);
        }
        assert_true(file_names_the_forgotten(world.path));
        uint64_t before = world.saves;
        live(60000, false);
        assert_int_equal(world.saves, before);
        store_up();
        live(60000, true);
        assert_false(disk_names_the_forgotten());
        unmake_world();
    }
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_once_on_one_partition),
        cmocka_unit_test(exactly_once_on_three_partitions),
        cmocka_unit_test(retired_items_leave_every_list),
        cmocka_unit_test(in_a_group_no_list_is_lost),
        cmocka_unit_test(a_retired_item_is_gone_within_a_second),
        cmocka_unit_test(the_lag_is_told_when_it_is_known),
        cmocka_unit_test(a_retired_item_does_not_wait_until_refresh_is_over),
        cmocka_unit_test(lists_that_cannot_all_be_ranked_in_time_go),
        cmocka_unit_test(a_restart_does_not_forget_who_holds_what),
        cmocka_unit_test(what_expired_long_before_a_restart_is_no_news),
        cmocka_unit_test(behind_it_learns_for_a_while_then_publishes),
        cmocka_unit_test(behind_what_is_retired_leaves_lists_before_more_is_learned),
        cmocka_unit_test(neighbours_are_those_of_the_model),
        cmocka_unit_test(neighbours_come_back_with_their_items),
        cmocka_unit_test(neighbours_are_written_again_to_an_empty_store),
        cmocka_unit_test(no_neighbours_if_not_wanted),
        cmocka_unit_test(features_have_popular_lists),
        cmocka_unit_test(an_item_that_expires_leaves_every_list),
        cmocka_unit_test(a_clock_far_ahead_expires_nothing),
        cmocka_unit_test(when_all_items_are_retired_there_are_no_lists),
        cmocka_unit_test(the_forgotten_leave_an_idle_disk),
        cmocka_unit_test(the_forgotten_leave_the_disk_also_after_a_crash),
        cmocka_unit_test(the_forgotten_have_left_the_disk_at_an_end),
        cmocka_unit_test(a_save_waits_a_moment_for_erasures),
        cmocka_unit_test(not_ready_while_kafka_does_not_answer),
        cmocka_unit_test(in_a_group_lists_wait_for_partitions),
        cmocka_unit_test(in_a_group_lists_wait_until_the_partition_is_level),
        cmocka_unit_test(a_new_group_writes_lists_before_it_is_through),
        cmocka_unit_test(what_a_sweep_has_passed_is_reclaimed_by_another),
        cmocka_unit_test(a_group_that_was_down_writes_lists_before_it_is_through),
        cmocka_unit_test(lists_wait_for_as_far_as_others_have_come),
        cmocka_unit_test(where_nobody_knows_how_far_lists_wait_for_the_end),
        cmocka_unit_test(a_catalogue_that_does_not_come_holds_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
