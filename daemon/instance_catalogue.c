/*
 * The catalogue's topic, and what follows when it takes an item away:
 *
 *     next() ─► admit (offsets) ─► decode ─► model ─► advance (offsets)
 *                                     └─ retired, or expired since ─► withdraw ─► sweep: whose list
 *                                                     may hold it is touched, and ranked again
 *
 * At the start events wait until the catalogue has been read to its end, but not for one that
 * cannot be read.
 */
#include "daemon/instance_state.h"

#include "transport/log.h"

#include <inttypes.h>

enum { WAIT_MS = 10000, EXPIRY_MS = 500, END_MS = 60000, SWEPT_AT_ONCE = 16384 };

/* Events no older than this are of now, and not recorded ones that are played. */
#define LIVE_MS ((int64_t)24 * 3600 * 1000)
/* … and those that are further ahead come from a clock that is wrong. */
#define AHEAD_MS ((int64_t)24 * 3600 * 1000)

/* ---- what the source is told to call ---- */

static void wake(void *context)
{
    struct instance *instance = context;
    instance->catalogue.readable = true;
}

static int64_t where(void *context, const char *topic, int32_t partition)
{
    struct instance *instance = context;
    const struct partition *found = offsets_find(&instance->offsets, topic, partition);
    return found == NULL ? -1 : found->position.next_offset;
}

struct source_owner instance_catalogue_owner(struct instance *instance)
{
    return (struct source_owner){instance, wake, where};
}

enum status instance_attach_catalogue(struct instance *instance, struct source *source)
{
    struct catalogue *catalogue = &instance->catalogue;
    catalogue->decoder = catalogue_decoder_create();
    if (catalogue->decoder == NULL ||
        (catalogue->holders == NULL &&
         holders_create(instance->settings->lists.size, &catalogue->holders) != STATUS_OK))
        return STATUS_NO_MEMORY;
    instance_look_at_clock(instance);
    catalogue->source = source;
    catalogue->readable = catalogue->awaited = true;
    catalogue->heard_ms = instance->now_ms;
    return STATUS_OK;
}

void catalogue_finish(struct catalogue *catalogue)
{
    catalogue_decoder_destroy(catalogue->decoder);
    holders_destroy(catalogue->holders);
}

/* ---- items that no list may hold any more ---- */

static void withdraw(struct instance *instance, uint32_t item)
{
    struct withdrawal *waiting = &instance->catalogue.waiting;
    if (waiting->size == WITHDRAWN_MAX)
        waiting->all = true;
    else
        waiting->item[waiting->size++] =
            prequential_item(recommender_item_id(instance->engine.model, item));
    neighbours_withdraw(instance, item);
    popular_withdraw(instance);
    if (instance->now_ms >= instance->catalogue.hurries_until_ms + HURRY_PAUSE_MS)
        instance->catalogue.hurries_until_ms = instance->now_ms + HURRY_MS;
}

bool catalogue_hurries(const struct instance *instance)
{
    return instance->now_ms < instance->catalogue.hurries_until_ms;
}

/* Users that have a list, or whose first one is on its way. */
static bool is_affected(const struct instance *instance, uint32_t user)
{
    const struct catalogue *catalogue = &instance->catalogue;
    if (!publication_is_listed(instance->publication, user) &&
        !holders_know(catalogue->holders, user))
        return false;
    bool may = catalogue->sweeping.all;
    for (uint32_t n = 0; n < catalogue->sweeping.size && !may; n++)
        may = holders_may_hold(catalogue->holders, user, catalogue->sweeping.item[n]);
    return may;
}

bool catalogue_is_swept(const struct instance *instance)
{
    return instance->catalogue.sweeping.size == 0 && instance->catalogue.waiting.size == 0 &&
           neighbours_are_swept(instance);
}

/* What came up since the last sweep began waits for the next one. */
bool sweep_withdrawn(struct instance *instance)
{
    struct catalogue *catalogue = &instance->catalogue;
    const struct recommender *model = instance->engine.model;
    uint32_t bound = recommender_user_bound(model);
    if (catalogue->source == NULL)
        return false;
    if (catalogue->at >= bound && catalogue->waiting.size > 0) {
        catalogue->sweeping = catalogue->waiting;
        catalogue->waiting = (struct withdrawal){.size = 0};
        catalogue->at = catalogue->removable = 0;
        if (publication_withdrawn(instance->publication) == 0 ||
            instance->now_ms >= catalogue->ranked_by_ms)
            catalogue->ranked_by_ms = instance->now_ms + RANKED_MS;
    } else if (catalogue->sweeping.size == 0) {
        catalogue->at = bound;
    }
    for (uint32_t i = 0; i < SWEPT_AT_ONCE && catalogue->at < bound; i++) {
        uint32_t user = catalogue->at++;
        if (recommender_user_id(model, user).size == 0 || !is_affected(instance, user))
            continue;
        if (publication_withdraw(instance->publication, user, instance_tag(instance, user),
                                 instance->now_ms) != STATUS_OK)
            log_error("no memory to remember that a user's list is due");
    }
    if (catalogue->at >= bound)
        catalogue->sweeping.size = 0;
    return catalogue->at < bound || catalogue->waiting.size > 0;
}

/* Whether all withdrawn lists can be ranked by the time that they are to be. */
static bool is_in_time(const struct instance *instance)
{
    int64_t left_ms = instance->catalogue.ranked_by_ms - instance->now_ms;
    double needed_ms = publication_withdrawn(instance->publication) * instance->lists.rank_ns / 1e6;
    return left_ms > 0 && needed_ms <= (double)left_ms;
}

/* No more than have to go. Of lists that nothing is known of, none: after a sudden end that might
 * be everybody's. */
void remove_withdrawn(struct instance *instance)
{
    struct catalogue *catalogue = &instance->catalogue;
    for (uint32_t i = 0; i < SWEPT_AT_ONCE && catalogue->removable < catalogue->at; i++) {
        if (publication_withdrawn(instance->publication) == 0 || is_in_time(instance))
            return;
        if (holders_know(catalogue->holders, catalogue->removable) &&
            !lists_remove(instance, catalogue->removable))
            return;
        catalogue->removable++;
    }
}

/* That of the latest event. One sender whose clock is far ahead does not move it: what others had
 * would count as had long ago, and items as expired. */
static int64_t stream_time(const struct instance *instance)
{
    int64_t latest_ms = recommender_latest_ms(instance->engine.model);
    return latest_ms - instance->wall_ms > AHEAD_MS ? instance->wall_ms : latest_ms;
}

/* The time of the stream; where it is quiet for the moment, time goes on all the same. */
static int64_t expiry_clock(const struct instance *instance)
{
    int64_t latest_ms = stream_time(instance);
    bool live = instance->wall_ms - latest_ms < LIVE_MS;
    return live && instance->wall_ms > latest_ms ? instance->wall_ms : latest_ms;
}

int64_t instance_list_time(const struct instance *instance)
{
    int64_t latest_ms = stream_time(instance);
    int64_t expired_ms = instance->catalogue.expired_ms;
    return expired_ms > latest_ms ? expired_ms : latest_ms;
}

/* What expired before has left the lists; but for what did while the process before came to its
 * end. */
void catalogue_resume(struct instance *instance, int64_t saved_ms)
{
    int64_t to_ms = expiry_clock(instance);
    instance->catalogue.expired_to_ms = (saved_ms < to_ms ? saved_ms : to_ms) - END_MS;
}

static void look_for_expired(struct instance *instance)
{
    struct catalogue *catalogue = &instance->catalogue;
    int64_t to_ms = expiry_clock(instance);
    if (instance->now_ms < catalogue->expiry_due_ms || to_ms <= catalogue->expired_to_ms)
        return;
    uint32_t items[WITHDRAWN_MAX];
    uint32_t count = recommender_expired(instance->engine.model, catalogue->expired_to_ms, to_ms,
                                         items, WITHDRAWN_MAX);
    if (count > 0)
        catalogue->expired_ms = to_ms;
    for (uint32_t n = 0; n < count && n < WITHDRAWN_MAX; n++)
        withdraw(instance, items[n]);
    catalogue->waiting.all |= count > WITHDRAWN_MAX;
    if (count > WITHDRAWN_MAX)
        neighbours_withdraw_all(instance);
    catalogue->expired_to_ms = to_ms;
    catalogue->expiry_due_ms = instance->now_ms + EXPIRY_MS;
}

/* ---- entries ---- */

static void refuse(struct instance *instance, const struct message *message, enum verdict verdict)
{
    struct dead_letters *letters = instance->dead_letters;
    instance->engine.verdicts[verdict]++;
    if (!letters->ops->send(letters, message, verdict_text(verdict)))
        instance->intake.dead_lost++;
}

static bool is_withheld(const struct instance *instance, uint32_t item)
{
    return item != SLOT_NONE &&
           recommender_is_withheld(instance->engine.model, item, expiry_clock(instance));
}

/* `back`: if it may be recommended now, it comes back. */
static void take_described(struct instance *instance, uint32_t item, bool available, bool back)
{
    if (!is_withheld(instance, item)) {
        neighbours_describe(instance, item, back);
        popular_described(instance);
        return;
    }
    if (available)
        instance->catalogue.expired_ms = expiry_clock(instance);
    withdraw(instance, item);
}

static void take_entry(struct instance *instance, const struct message *message)
{
    struct catalogue *catalogue = &instance->catalogue;
    struct recommender *model = instance->engine.model;
    struct text key = {message->key, (uint32_t)message->key_size};
    struct item_card card;
    struct partition *partition = offsets_admit(&instance->offsets, message);
    if (partition == NULL)
        return;
    enum verdict verdict =
        catalogue_decode(catalogue->decoder, key, message->value, message->size, &card);
    instance->keeping.changed = true;
    catalogue->entries++;
    bool withheld = verdict == VERDICT_ACCEPTED &&
                    is_withheld(instance, recommender_find_item(model, card.item));
    if (verdict != VERDICT_ACCEPTED) {
        refuse(instance, message, verdict);
    } else if (recommender_describe(model, &card) != STATUS_OK) {
        instance->broken = true;
        return;
    } else {
        take_described(instance, recommender_find_item(model, card.item), card.available, withheld);
    }
    offsets_advance(partition, message);
}

static void take_caught_up(struct instance *instance, const struct assignment *change)
{
    if (change->size == 0)
        return;
    struct partition *partition =
        offsets_find(&instance->offsets, change->at[0].topic, change->at[0].partition);
    if (partition == NULL)
        return;
    partition->read_to = change->at[0].next_offset;
    if (partition->position.next_offset < partition->read_to) {
        partition->position.next_offset = partition->read_to;
        instance->keeping.changed = true;
    }
}

/* False: the source has nothing now. */
static bool take_one(struct instance *instance)
{
    static struct log_limit limit;
    struct catalogue *catalogue = &instance->catalogue;
    struct source_turn *turn = &catalogue->turn;
    enum source_result result = catalogue->source->ops->next(catalogue->source, turn);
    switch (result) {
    case SOURCE_NOTHING:
        catalogue->readable = false;
        return false;
    case SOURCE_MESSAGE:
        take_entry(instance, &turn->message);
        break;
    case SOURCE_ASSIGNED:
        catalogue->assigned = true;
        offsets_own(&instance->offsets, &turn->change, true);
        break;
    case SOURCE_CAUGHT_UP:
        take_caught_up(instance, &turn->change);
        break;
    case SOURCE_REVOKED: /* not without a group, none of these */
    case SOURCE_LOST:
        offsets_own(&instance->offsets, &turn->change, false);
        catalogue->source->ops->let_go(catalogue->source);
        break;
    case SOURCE_REACHED:
        break;
    case SOURCE_TROUBLE:
    case SOURCE_FAILED:
        log_every(&limit, 10, LOG_LEVEL_WARNING, "the catalogue: %s", turn->trouble.text);
        return true;
    }
    catalogue->heard_ms = instance->now_ms;
    return true;
}

/* ---- waiting for it at the start ---- */

bool is_of_catalogue(const struct instance *instance, const struct partition *partition)
{
    return instance->catalogue.source != NULL &&
           strcmp(partition->position.topic, instance->settings->input.catalogue_topic) == 0;
}

static bool is_read(const struct instance *instance)
{
    if (!instance->catalogue.assigned)
        return false;
    for (uint32_t i = 0; i < instance->offsets.size; i++) {
        const struct partition *partition = &instance->offsets.at[i];
        if (is_of_catalogue(instance, partition) && partition->owned && partition->read_to < 0)
            return false;
    }
    return true;
}

bool catalogue_is_awaited(struct instance *instance)
{
    struct catalogue *catalogue = &instance->catalogue;
    if (!catalogue->awaited)
        return false;
    bool read = is_read(instance), late = instance->now_ms - catalogue->heard_ms > WAIT_MS;
    if (read)
        log_notice("catalogue: read, %" PRIu64 " entries", catalogue->entries);
    else if (late)
        log_warning("catalogue: nothing heard of topic %s for %d s; events do not wait longer",
                    instance->settings->input.catalogue_topic, WAIT_MS / 1000);
    catalogue->awaited = !read && !late;
    return catalogue->awaited;
}

bool take_entries(struct instance *instance)
{
    struct catalogue *catalogue = &instance->catalogue;
    if (catalogue->source == NULL || instance->phase != PHASE_RUNNING ||
        snapshot_holds_intake(instance))
        return false;
    look_for_expired(instance);
    int64_t until_ns = instance_look_at_clock(instance) + ENGINE_SLICE_NS;
    for (int i = 1; catalogue->readable && !instance->broken && i <= INTAKE_SLICE_MESSAGES; i++) {
        if (!take_one(instance))
            return false;
        if (i % 8 == 0 && instance_look_at_clock(instance) >= until_ns)
            break;
    }
    return catalogue->readable;
}
