/*
 * The circumstances of the event: hour of the day, day of the week, device. Each has a vector that
 * is added to the user's side (context as further entities of a factorization: Rendle et al. 2011,
 * "Fast context-aware recommendations with factorization machines", eq. 1, the pairs of context and
 * item alone), learned from the gradient by x with row Adagrad.
 *
 *     x += (1 - m) H_h + m H_{h+1} + (1 - m) W_h + m W_{h+1} + D_day + V_device
 *
 * with m the part of the hour that is over: the day has no steps. W are the hours of this kind of
 * day, working day or weekend, on top of those of any. Hour and day come from the time asked about,
 * UTC; the device is the last one the user is known to have used, for a list is made before anybody
 * knows what it will be read on. Devices are told apart by a hash of their names, so that no name
 * is kept; the first ones have a vector each, later ones share these.
 */
#include "model/random.h"
#include "model/recommender_parts.h"

#include <math.h>
#include <stdlib.h>

enum {
    HOURS = 24,
    DAYS = 7,
    SATURDAY = 2,
    SUNDAY = 3,
    DEVICES_MAX = 63,
    ROW_WORKING = HOURS,
    ROW_WEEKEND = ROW_WORKING + HOURS,
    ROW_DAY = ROW_WEEKEND + HOURS,
    ROW_DEVICE = ROW_DAY + DAYS,
    ROWS = ROW_DEVICE + DEVICES_MAX,
    USED_MAX = 6, /* rows at a time */
};

#define RATE 0.06f
#define SUM_DECAY 0.9999f
#define SUM_FLOOR 1e-3f

struct context {
    uint32_t dim, device_count;
    uint64_t device[DEVICES_MAX]; /* hashes, in the order of their first appearance */
    float sum[ROWS];              /* Adagrad's */
    struct table rows;            /* (ROWS, dim) */
    struct table users;           /* uint32_t (users): number of the last device, from 1 */
};

static void destroy(void *self)
{
    struct context *context = self;
    table_finish(&context->rows);
    table_finish(&context->users);
    free(context);
}

static enum status create(const struct recommender_settings *settings, void **self)
{
    struct context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return STATUS_NO_MEMORY;
    context->dim = settings->dim;
    table_init(&context->rows, settings->dim * sizeof(float));
    table_init(&context->users, sizeof(uint32_t));
    *self = context;
    return table_grow(&context->rows, ROWS);
}

static enum status grow(void *self, uint32_t users, uint32_t items)
{
    (void)items;
    return table_grow(&((struct context *)self)->users, users);
}

/* ---- which rows, and how much of each ---- */

struct used {
    uint32_t count, row[USED_MAX];
    float share[USED_MAX];
};

static void use(struct used *used, uint32_t row, float share)
{
    used->row[used->count] = row;
    used->share[used->count++] = share;
}

static void find_rows(const struct context *context, const struct query *query, struct used *used)
{
    uint32_t hours = query->second / 3600, hour = hours % HOURS, next = (hour + 1) % HOURS;
    uint32_t day = hours / HOURS % DAYS; /* 0: Thursday, like 1970-01-01 */
    uint32_t kind = day == SATURDAY || day == SUNDAY ? ROW_WEEKEND : ROW_WORKING;
    float over = (float)(query->second % 3600) / 3600.0f;
    used->count = 0;
    use(used, hour, 1.0f - over);
    use(used, next, over);
    use(used, kind + hour, 1.0f - over);
    use(used, kind + next, over);
    use(used, ROW_DAY + day, 1.0f);
    if (query->user == SLOT_NONE)
        return;
    uint32_t device = *(const uint32_t *)table_row(&context->users, query->user);
    if (device > 0)
        use(used, ROW_DEVICE + device - 1, 1.0f);
}

static void ask(const void *self, const struct recommender *model, struct query *query)
{
    const struct context *context = self;
    float weight = model->settings.part[PART_CONTEXT];
    struct used used;
    find_rows(context, query, &used);
    for (uint32_t n = 0; n < used.count; n++)
        kernels->add_scaled(weight * used.share[n], table_floats(&context->rows, used.row[n]),
                            query->taste.x, context->dim);
}

static void back(void *self, const struct query *query, const float *by_x)
{
    struct context *context = self;
    struct used used;
    find_rows(context, query, &used);
    float mean_square = kernels->dot(by_x, by_x, context->dim) / (float)context->dim;
    for (uint32_t n = 0; n < used.count; n++) {
        float share = used.share[n], *sum = &context->sum[used.row[n]];
        *sum = *sum * SUM_DECAY + share * share * mean_square;
        kernels->add_scaled(-RATE * share / sqrtf(*sum + SUM_FLOOR), by_x,
                            table_floats(&context->rows, used.row[n]), context->dim);
    }
}

/* ---- devices ---- */

static uint64_t hash_name(struct text name)
{
    uint64_t hash = name.size;
    for (uint32_t n = 0; n < name.size; n++)
        hash = random_mix(hash ^ (unsigned char)name.at[n]);
    return hash;
}

static uint32_t device_number(struct context *context, struct text name)
{
    uint64_t hash = hash_name(name);
    for (uint32_t n = 0; n < context->device_count; n++)
        if (context->device[n] == hash)
            return n + 1;
    if (context->device_count == DEVICES_MAX)
        return 1 + (uint32_t)(hash % DEVICES_MAX);
    context->device[context->device_count++] = hash;
    return context->device_count;
}

static enum status learn(void *self, struct recommender *model, const struct step *step)
{
    (void)model;
    struct context *context = self;
    if (step->device.size > 0)
        *(uint32_t *)table_row(&context->users, step->user) = device_number(context, step->device);
    return STATUS_OK;
}

static void forget(void *self, uint32_t user)
{
    *(uint32_t *)table_row(&((struct context *)self)->users, user) = 0;
}

/* ---- keeping ---- */

static size_t bytes(const void *self, uint32_t items)
{
    (void)items;
    return sizeof(struct context) + ROWS * ((const struct context *)self)->dim * sizeof(float);
}

static size_t user_bytes(const void *self)
{
    return ((const struct context *)self)->users.rows * sizeof(uint32_t);
}

static enum status save(const void *self, uint32_t users, uint32_t items,
                        struct state_writer *writer)
{
    (void)items;
    const struct context *context = self;
    enum status status =
        writer->write(writer, &context->device_count, sizeof context->device_count);
    if (status == STATUS_OK)
        status = writer->write(writer, context->device, sizeof context->device);
    if (status == STATUS_OK)
        status = writer->write(writer, context->sum, sizeof context->sum);
    if (status == STATUS_OK)
        status = table_save(&context->rows, ROWS, writer);
    return status == STATUS_OK ? table_save(&context->users, users, writer) : status;
}

static enum status load(void *self, uint32_t users, uint32_t items, struct state_reader *reader)
{
    (void)items;
    struct context *context = self;
    enum status status = reader->read(reader, &context->device_count, sizeof context->device_count);
    if (status == STATUS_OK)
        status = reader->read(reader, context->device, sizeof context->device);
    if (status == STATUS_OK)
        status = reader->read(reader, context->sum, sizeof context->sum);
    if (status == STATUS_OK)
        status = table_load_checked(&context->rows, ROWS, reader, table_floats_can_be);
    if (status == STATUS_OK)
        status = table_load(&context->users, users, reader);
    if (status == STATUS_OK && context->device_count > DEVICES_MAX)
        status = STATUS_BAD_DATA;
    for (uint32_t user = 0; user < users && status == STATUS_OK; user++)
        if (*(const uint32_t *)table_row(&context->users, user) > context->device_count)
            status = STATUS_BAD_DATA;
    return status;
}

const struct part part_context = {
    .name = "context",
    .create = create,
    .destroy = destroy,
    .grow = grow,
    .ask = ask,
    .back = back,
    .learn = learn,
    .forget = forget,
    .bytes = bytes,
    .user_bytes = user_bytes,
    .save = save,
    .load = load,
};
