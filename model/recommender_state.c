/* How a recommender is kept: its parts, one after the other, each saving what it cannot derive. */
#include "model/content.h"
#include "model/plausible.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <stdio.h>

/* Raise it when the layout or the meaning of a part's state changes. */
enum { STATE_VERSION = 19 };

struct state_head {
    char magic[8];
    uint32_t version, dim;
    uint64_t seed, memory_limit;
    uint32_t dedupe_ids;
    int32_t exclude_days;
    uint32_t loss, spare;
    uint64_t events;
    int64_t latest_ms;
    float part[32]; /* by part_id; the rest is 0 */
};

_Static_assert(PARTS <= 32, "raise the room for parts, and STATE_VERSION");

static const char magic[8] = {'t', 'a', 's', 't', 'e', 'd', 'M', '1'};

static enum status save_signals(const struct signals *signals, struct state_writer *writer)
{
    struct signals plain; /* zeroed names: the same settings give the same bytes */
    memset(&plain, 0, sizeof plain);
    plain.size = signals->size;
    plain.skip_below = signals->skip_below;
    plain.scale_low = signals->scale_low;
    plain.scale_high = signals->scale_high;
    plain.rating_positive = signals->rating_positive;
    plain.rating_negative = signals->rating_negative;
    for (uint32_t n = 0; n < signals->size; n++) {
        snprintf(plain.at[n].name, sizeof plain.at[n].name, "%s", signals->at[n].name);
        plain.at[n].kind = signals->at[n].kind;
        plain.at[n].weight = signals->at[n].weight;
    }
    return writer->write(writer, &plain, sizeof plain);
}

enum status recommender_save(const struct recommender *model, struct state_writer *writer)
{
    struct state_head head;
    memset(&head, 0, sizeof head);
    memcpy(head.magic, magic, sizeof magic);
    head.version = STATE_VERSION;
    head.dim = model->settings.dim;
    head.seed = model->settings.seed;
    head.memory_limit = model->settings.memory_limit;
    head.dedupe_ids = model->settings.dedupe_ids;
    head.exclude_days = model->settings.exclude_days;
    head.loss = (uint32_t)model->settings.loss;
    memcpy(head.part, model->settings.part, sizeof model->settings.part);
    head.events = model->events;
    head.latest_ms = model->latest_ms;
    uint32_t users = model->user_ids.bound, items = model->item_ids.bound;
    enum status status = writer->write(writer, &head, sizeof head);
    if (status == STATUS_OK)
        status = save_signals(&model->settings.signals, writer);
    if (status == STATUS_OK)
        status = ids_save(&model->user_ids, writer);
    if (status == STATUS_OK)
        status = ids_save(&model->item_ids, writer);
    if (status == STATUS_OK)
        status = users_save(&model->users, users, writer);
    if (status == STATUS_OK)
        status = factors_save(&model->factors, users, items, writer);
    if (status == STATUS_OK)
        status = popularity_save(&model->popularity, items, writer);
    if (status == STATUS_OK)
        status = sampler_save(&model->sampler, items, writer);
    if (status == STATUS_OK)
        status = cards_save(&model->cards, items, writer);
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        if (model->part[p] != NULL)
            status = model_parts[p]->save(model->part[p], users, items, writer);
    if (status == STATUS_OK)
        status = writer->write(writer, &model->blend, sizeof model->blend);
    return status == STATUS_OK ? dedupe_save(&model->dedupe, writer) : status;
}

/* ---- loading ---- */

static void complain(char *list, size_t size, const char *name)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

static void complain_signal(char *list, size_t size, const char *name)
{
    char key[SIGNAL_NAME_MAX + sizeof "signals."];
    snprintf(key, sizeof key, "signals.%s", name);
    complain(list, size, key);
}

static void compare_signals(const struct signals *wanted, const struct signals *kept, char *list,
                            size_t size)
{
    if (wanted->skip_below != kept->skip_below)
        complain_signal(list, size, "skip_below");
    if (wanted->scale_low != kept->scale_low || wanted->scale_high != kept->scale_high)
        complain_signal(list, size, "rating_scale");
    if (wanted->rating_positive != kept->rating_positive)
        complain_signal(list, size, "rating_positive");
    if (wanted->rating_negative != kept->rating_negative)
        complain_signal(list, size, "rating_negative");
    for (uint32_t n = 0; n < wanted->size || n < kept->size; n++) {
        if (n >= wanted->size)
            complain_signal(list, size, kept->at[n].name);
        else if (n >= kept->size || strcmp(wanted->at[n].name, kept->at[n].name) != 0 ||
                 wanted->at[n].weight != kept->at[n].weight)
            complain_signal(list, size, wanted->at[n].name);
    }
}

void recommender_settings_compare(const struct recommender_settings *wanted,
                                  const struct recommender_settings *kept, char *differ,
                                  size_t size)
{
    differ[0] = '\0';
    if (wanted->dim != kept->dim)
        complain(differ, size, "model.dim");
    if (wanted->seed != kept->seed)
        complain(differ, size, "model.seed");
    if (wanted->memory_limit != kept->memory_limit)
        complain(differ, size, "model.memory_limit");
    if (wanted->dedupe_ids != kept->dedupe_ids)
        complain(differ, size, "input.dedupe_ids");
    if (wanted->exclude_days != kept->exclude_days)
        complain(differ, size, "lists.exclude_seen");
    if (wanted->loss != kept->loss)
        complain(differ, size, "model.loss");
    for (int p = 0; p < PARTS; p++) {
        char name[64];
        snprintf(name, sizeof name, "model.%s", model_parts[p]->name);
        if (wanted->part[p] != kept->part[p])
            complain(differ, size, name);
    }
    compare_signals(&wanted->signals, &kept->signals, differ, size);
}

static enum status compare_settings(const struct recommender_settings *wanted,
                                    const struct recommender_settings *kept, struct error *error)
{
    char differ[256];
    recommender_settings_compare(wanted, kept, differ, sizeof differ);
    if (differ[0] == '\0')
        return STATUS_OK;
    return error_set(error, STATUS_BAD_CONFIG,
                     "the snapshot was made with other settings: %s; set them back, or move the "
                     "snapshot away and learn anew from the topic",
                     differ);
}

/* Whether settings could be made these by anybody: a loader takes nothing on trust. */
static bool settings_can_be(const struct recommender_settings *settings)
{
    const struct signals *signals = &settings->signals;
    if (settings->dim % 16 != 0 || settings->dim < 16 || settings->dim > DIM_MAX ||
        settings->dedupe_ids > DEDUPE_IDS_MAX || settings->exclude_days < HAVE_FOREVER ||
        (uint32_t)settings->loss >= LOSSES || signals->size > SIGNALS_MAX)
        return false;
    for (int p = 0; p < PARTS; p++)
        if (!floats_can_be(&settings->part[p], 1) || settings->part[p] < 0.0f)
            return false;
    for (uint32_t n = 0; n < signals->size; n++)
        if (memchr(signals->at[n].name, '\0', sizeof signals->at[n].name) == NULL ||
            signals->at[n].kind > SIGNAL_FORGET || !isfinite(signals->at[n].weight))
            return false;
    return true;
}

static enum status load_settings(struct state_reader *reader, struct recommender_settings *kept,
                                 struct state_head *head, struct error *error)
{
    enum status status = reader->read(reader, head, sizeof *head);
    if (status == STATUS_OK)
        status = reader->read(reader, &kept->signals, sizeof kept->signals);
    if (status != STATUS_OK)
        return error_set(error, status, "the snapshot's model ends in its head");
    if (memcmp(head->magic, magic, sizeof magic) != 0)
        return error_set(error, STATUS_BAD_DATA, "the snapshot holds no model of this machine");
    if (head->version != STATE_VERSION)
        return error_set(error, STATUS_BAD_DATA,
                         "the snapshot's model has format %u, this tasted reads %d: learn anew "
                         "from the topic, or use the version that wrote it",
                         head->version, STATE_VERSION);
    kept->seed = head->seed;
    kept->dim = head->dim;
    kept->dedupe_ids = head->dedupe_ids;
    kept->exclude_days = head->exclude_days;
    kept->loss = (enum loss_id)head->loss;
    kept->memory_limit = head->memory_limit;
    memcpy(kept->part, head->part, sizeof kept->part);
    if (!settings_can_be(kept))
        return error_set(error, STATUS_BAD_DATA,
                         "the snapshot's model has settings that cannot be");
    return STATUS_OK;
}

/* What takes thought is done while the reader fetches what comes next. */
static enum status load_users(struct recommender *model, struct state_reader *reader)
{
    unsigned char *hanging = NULL;
    uint32_t users = model->user_ids.bound, items = model->item_ids.bound;
    enum status status = users_load(&model->users, &model->memories, users, reader, &hanging);
    if (status == STATUS_OK)
        status = factors_expect(&model->factors, users, items, reader);
    if (status == STATUS_OK)
        status = users_attach(&model->users, users, items, hanging, reader, &model->memory_bytes);
    return status == STATUS_OK ? factors_load(&model->factors, users, items, reader) : status;
}

/* All but the ids, whose numbers are known. */
static enum status load_parts(struct recommender *model, struct state_reader *reader)
{
    uint32_t users = model->user_ids.bound, items = model->item_ids.bound;
    enum status status = load_users(model, reader);
    if (status == STATUS_OK)
        status = popularity_load(&model->popularity, items, reader);
    if (status == STATUS_OK)
        status = sampler_load(&model->sampler, items, reader);
    if (status == STATUS_OK)
        status = cards_load(&model->cards, items, reader);
    for (int p = 0; p < PARTS && status == STATUS_OK; p++)
        if (model->part[p] != NULL)
            status = model_parts[p]->load(model->part[p], users, items, reader);
    const void *content = model->part[PART_CONTENT];
    if (status == STATUS_OK && content != NULL && !content_fits(content, &model->cards))
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = reader->read(reader, &model->blend, sizeof model->blend);
    if (status == STATUS_OK && !blend_can_be(&model->blend))
        status = STATUS_BAD_DATA;
    if (status == STATUS_OK)
        status = dedupe_load(&model->dedupe, reader);
    return status;
}

static enum status index_ids(void *context)
{
    struct recommender *model = context;
    enum status status = ids_index(&model->user_ids);
    return status == STATUS_OK ? ids_index(&model->item_ids) : status;
}

static enum status load_model(struct recommender *model, struct state_reader *reader)
{
    struct state_task index = {index_ids, model, STATUS_OK};
    enum status status = ids_load(&model->user_ids, reader);
    if (status == STATUS_OK)
        status = ids_load(&model->item_ids, reader);
    if (status != STATUS_OK)
        return status;
    state_begin(reader, &index);
    status = load_parts(model, reader);
    if (status == STATUS_OK)
        status = state_end(reader, &index);
    else
        state_give_up(reader);
    return status;
}

enum status recommender_load(const struct recommender_settings *settings,
                             struct state_reader *reader, struct recommender **out,
                             struct error *error)
{
    struct recommender_settings kept = {0};
    struct state_head head;
    *out = NULL;
    enum status status = load_settings(reader, &kept, &head, error);
    if (status == STATUS_OK && settings != NULL)
        status = compare_settings(settings, &kept, error);
    if (status == STATUS_OK)
        status = recommender_create(&kept, out, error);
    if (status != STATUS_OK)
        return status;
    (*out)->events = head.events;
    (*out)->latest_ms = head.latest_ms;
    status = load_model(*out, reader);
    if (status == STATUS_OK)
        return STATUS_OK;
    state_give_up(reader);
    recommender_destroy(*out);
    *out = NULL;
    return error_set(error, status, "the snapshot's model cannot be read: %s", status_text(status));
}
