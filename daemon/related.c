#include "daemon/related.h"

#include "model/fetch.h"
#include "model/kernels.h"
#include "model/recommender.h"
#include "model/table.h"

#include <stdlib.h>
#include <string.h>

/* What an event looks at: small, so that it is near. */
enum count_state { COUNT_IDLE, COUNT_QUEUED, COUNT_SEARCHED };

struct count {
    uint16_t left; /* events until the item is queued */
    uint8_t marked;
    uint8_t state; /* enum count_state */
};
_Static_assert(sizeof(struct count) == 4, "the header promises it");

struct row {
    uint32_t tag;
    uint8_t known, size;
    uint8_t spare[2];
    uint32_t slot[]; /* (most) */
};

enum { USUALLY_MOST = 20, PUBLICATION_BYTES = 64 };
_Static_assert(PUBLICATION_BYTES + sizeof(struct count) + sizeof(struct row) +
                       USUALLY_MOST * sizeof(uint32_t) <=
                   RECOMMENDER_BESIDE_ITEM,
               "what the memory limit counts");

struct related {
    uint32_t most;
    struct table counts, rows;
    uint32_t *queue; /* (room) a ring */
    uint32_t first, queued, room;
    uint32_t round; /* the next to be looked at; RELATED_NONE: no round */
};

enum status related_create(uint32_t most, struct related **out)
{
    struct related *related = calloc(1, sizeof *related);
    *out = related;
    if (related == NULL)
        return STATUS_NO_MEMORY;
    related->most = most < RELATED_MAX ? most : RELATED_MAX;
    related->round = RELATED_NONE;
    table_init(&related->counts, sizeof(struct count));
    table_init(&related->rows, sizeof(struct row) + related->most * sizeof(uint32_t));
    return STATUS_OK;
}

void related_destroy(struct related *related)
{
    if (related == NULL)
        return;
    table_finish(&related->counts);
    table_finish(&related->rows);
    free(related->queue);
    free(related);
}

static struct count *count_of(struct related *related, uint32_t item)
{
    if (item >= related->counts.rows && table_grow(&related->counts, item + 1) != STATUS_OK)
        return NULL;
    return table_row(&related->counts, item);
}

/* ---- the queue ---- */

static enum status grow_queue(struct related *related)
{
    uint32_t room = related->room == 0 ? 64 : 2 * related->room;
    uint32_t *queue = malloc(room * sizeof *queue);
    if (queue == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t n = 0; n < related->queued; n++)
        queue[n] = related->queue[(related->first + n) % related->room];
    free(related->queue);
    related->queue = queue;
    related->first = 0;
    related->room = room;
    return STATUS_OK;
}

static enum status push(struct related *related, uint32_t item, struct count *count)
{
    if (related->queued == related->room && grow_queue(related) != STATUS_OK)
        return STATUS_NO_MEMORY;
    related->queue[(related->first + related->queued++) % related->room] = item;
    count->state = COUNT_QUEUED;
    return STATUS_OK;
}

enum status related_touch(struct related *related, uint32_t item)
{
    struct count *count = count_of(related, item);
    if (count == NULL)
        return STATUS_NO_MEMORY;
    count->marked = true;
    if (count->left > 1)
        count->left--;
    else if (count->state == COUNT_IDLE)
        return push(related, item, count);
    return STATUS_OK;
}

void related_fetch(const struct related *related, uint32_t item)
{
    if (item < related->counts.rows)
        fetch_line(table_row(&related->counts, item));
}

enum status related_mark(struct related *related, uint32_t item)
{
    struct count *count = count_of(related, item);
    if (count == NULL)
        return STATUS_NO_MEMORY;
    count->marked = true;
    return STATUS_OK;
}

void related_begin_round(struct related *related)
{
    related->round = 0;
}

static uint32_t next_marked(struct related *related, uint32_t *slice)
{
    for (; related->round < related->counts.rows; (*slice)--) {
        if (*slice == 0)
            return RELATED_NONE;
        uint32_t item = related->round++;
        if (((struct count *)table_row(&related->counts, item))->marked)
            return item;
    }
    related->round = RELATED_NONE;
    return RELATED_NONE;
}

uint32_t related_next(struct related *related, uint32_t *slice)
{
    uint32_t item;
    if (related->queued > 0) {
        item = related->queue[related->first];
        related->first = (related->first + 1) % related->room;
        related->queued--;
    } else if ((item = next_marked(related, slice)) == RELATED_NONE) {
        return RELATED_NONE;
    }
    struct count *count = table_row(&related->counts, item);
    /* Of what comes until it is known what was found, all is counted. */
    *count = (struct count){.left = UINT16_MAX, .state = COUNT_SEARCHED};
    return item;
}

bool related_waits(const struct related *related)
{
    return related->queued > 0 || related->round != RELATED_NONE;
}

uint64_t related_queued(const struct related *related)
{
    return related->queued;
}

/* ---- rows ---- */

static uint16_t events_until_next(uint32_t wanted)
{
    enum { SHARE = 8 };
    uint32_t left = wanted / SHARE + 1;
    return (uint16_t)(left < UINT16_MAX ? left : UINT16_MAX);
}

enum status related_put(struct related *related, uint32_t item, uint32_t tag, uint32_t wanted,
                        const uint32_t *slots, uint32_t size)
{
    struct count *count = count_of(related, item);
    if (count == NULL ||
        (item >= related->rows.rows && table_grow(&related->rows, item + 1) != STATUS_OK))
        return STATUS_NO_MEMORY;
    uint32_t since = count->state == COUNT_SEARCHED ? UINT16_MAX - count->left : 0;
    uint32_t left = events_until_next(wanted);
    count->left = (uint16_t)(left > since ? left - since : 1);
    count->state = COUNT_IDLE;
    struct row *row = table_row(&related->rows, item);
    row->tag = tag;
    row->known = true;
    row->size = (uint8_t)(size < related->most ? size : related->most);
    if (row->size > 0)
        memcpy(row->slot, slots, row->size * sizeof *slots);
    return STATUS_OK;
}

uint32_t related_bound(const struct related *related)
{
    return related->rows.rows;
}

static const struct row *row_of(const struct related *related, uint32_t item)
{
    if (item >= related->rows.rows)
        return NULL;
    const struct row *row = table_row(&related->rows, item);
    return row->known ? row : NULL;
}

const uint32_t *related_of(const struct related *related, uint32_t item, uint32_t tag,
                           uint32_t *size)
{
    const struct row *row = row_of(related, item);
    if (row == NULL || row->tag != tag)
        return NULL;
    *size = row->size;
    return row->slot;
}

bool related_has(const struct related *related, uint32_t item, const uint32_t *slots,
                 uint32_t count)
{
    const struct row *row = row_of(related, item);
    if (row == NULL || row->size == 0)
        return false;
    for (uint32_t n = 0; n < count; n++)
        if (kernels->find(row->slot, row->size, slots[n]) < row->size)
            return true;
    return false;
}

bool related_is_short(const struct related *related, uint32_t item)
{
    const struct row *row = row_of(related, item);
    return row != NULL && row->size < related->most;
}

/* ---- keeping ---- */

struct record {
    uint32_t item, tag;
    uint16_t left;
    uint8_t known, marked, size;
    uint8_t spare[3];
};
_Static_assert(sizeof(struct record) == 16, "no padding goes into a snapshot");

static bool record_of(const struct related *related, uint32_t item, struct record *record)
{
    const struct row *row = row_of(related, item);
    const struct count *count = table_row(&related->counts, item);
    *record = (struct record){
        .item = item, .left = count->left, .marked = count->marked || count->state != COUNT_IDLE};
    if (count->state != COUNT_IDLE)
        record->left = 1;
    if (row != NULL) {
        record->tag = row->tag;
        record->known = true;
        record->size = row->size;
    }
    return row != NULL || record->marked;
}

/* An item without a count has no row. */
enum status related_save(const struct related *related, struct state_writer *writer)
{
    struct record record;
    uint32_t head[2] = {0, related->most};
    for (uint32_t item = 0; item < related->counts.rows; item++)
        head[0] += record_of(related, item, &record);
    enum status status = writer->write(writer, head, sizeof head);
    for (uint32_t item = 0; item < related->counts.rows && status == STATUS_OK; item++) {
        if (!record_of(related, item, &record))
            continue;
        status = writer->write(writer, &record, sizeof record);
        if (status == STATUS_OK && record.size > 0)
            status =
                writer->write(writer, row_of(related, item)->slot, record.size * sizeof(uint32_t));
    }
    return status;
}

static enum status load_record(struct related *related, const struct record *record,
                               const uint32_t *slots, uint32_t items)
{
    for (uint32_t n = 0; n < record->size; n++)
        if (slots[n] >= items)
            return STATUS_BAD_DATA;
    enum status status = related_mark(related, record->item);
    if (status == STATUS_OK && record->known)
        status = related_put(related, record->item, record->tag, 0, slots, record->size);
    if (status != STATUS_OK)
        return status;
    struct count *count = table_row(&related->counts, record->item);
    count->left = record->left;
    count->marked = record->marked;
    return STATUS_OK;
}

enum status related_load(struct related *related, struct state_reader *reader, uint32_t items)
{
    uint32_t head[2];
    enum status status = reader->read(reader, head, sizeof head);
    bool fewer = status == STATUS_OK && head[1] < related->most;
    for (uint32_t n = 0; status == STATUS_OK && n < head[0]; n++) {
        struct record record;
        uint32_t slots[RELATED_MAX];
        status = reader->read(reader, &record, sizeof record);
        if (status == STATUS_OK && (record.item >= items || record.size > RELATED_MAX))
            status = STATUS_BAD_DATA;
        if (status == STATUS_OK && record.size > 0)
            status = reader->read(reader, slots, record.size * sizeof *slots);
        if (status != STATUS_OK)
            break;
        record.marked |= fewer;
        status = load_record(related, &record, slots, items);
    }
    return status;
}
