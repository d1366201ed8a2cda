/* Searching the index; see mips_index.h. */
#include "model/kernels.h"
#include "model/mips_parts.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The users of a search side by side, as far as chunks are ruled out by it. */
struct pass {
    const struct mips_index *index;
    struct mips_query *const *queries;
    uint32_t count, columns, odd;
    uint32_t column[SIFT_COLUMNS];     /* those that anybody has a weight for */
    uint32_t odd_column[SIFT_COLUMNS]; /* … another one than is typical */
    float slack[MIPS_USERS], floor[MIPS_USERS];
    float reach[DIRECTIONS][MIPS_USERS]; /* weights of limits->reach */
    float above[SIFT_COLUMNS][MIPS_USERS], below[SIFT_COLUMNS][MIPS_USERS]; /* odd, by sign */
};

static float weight_of(const struct mips_index *index, const struct mips_query *query, uint32_t c)
{
    return c + 1 < index->columns ? query->vector[index->dim + c] : query->along;
}

/* How many typical users the user's weights are worth, as they come nearest. */
static float share_of_typical(const struct mips_index *index, const struct mips_query *query)
{
    float both = 0.0f, square = 0.0f;
    for (uint32_t c = 0; c < index->columns; c++) {
        float size = index->magnitude[c], typical = size * index->typical.weight[c];
        both += size * weight_of(index, query, c) * typical;
        square += typical * typical;
    }
    return both > 0.0f && both / square < 1e6f ? both / square : 0.0f;
}

static void prepare_query(const struct mips_index *index, struct mips_query *query)
{
    struct coded rest;
    query->along = mips_part(index, query->vector, &rest);
    memcpy(query->codes, rest.code, index->dim);
    query->norm = rest.norm;
    query->residual = rest.residual;
    query->size = rest.norm + fabsf(query->along);
    query->slack = ROUNDING * query->size * index->magnitude[index->columns - 1];
    for (uint32_t c = 0; c < index->columns; c++)
        query->slack += ROUNDING * fabsf(weight_of(index, query, c)) * index->magnitude[c];
    int32_t sum = 0;
    for (uint32_t d = 0; d < index->dim; d++)
        sum += rest.code[d];
    query->side =
        (struct sift_user){.codes = query->codes, .offset = -CODE_ADDED * sum, .unit = rest.scale};
    query->count = 0;
}

/* A user's share of the typical one and their remaining length are a vector between two directions:
 * what it makes of appeal and reach is no more than those two together do. */
static void set_reach(struct pass *pass, uint32_t n, float share)
{
    const struct mips_index *index = pass->index;
    const struct mips_query *query = pass->queries[n];
    float length = query->norm / index->typical.length;
    double angle = atan2((double)length, (double)share);
    int k = 0;
    while (k < DIRECTIONS - 2 && angle >= TURN * (k + 1))
        k++;
    float sine = index->across[1];
    float first = (share * index->across[k + 1] - length * index->along[k + 1]) / sine;
    float second = (length * index->along[k] - share * index->across[k]) / sine;
    pass->reach[k][n] = first < 0.0f ? 0.0f : first;
    pass->reach[k + 1][n] = second < 0.0f ? 0.0f : second;
    pass->slack[n] = query->slack + ROUNDING * (share + length) *
                                        (index->appeal + index->typical.length * index->norm);
    for (uint32_t c = 0; c < index->columns; c++)
        pass->slack[n] += ROUNDING * share * fabsf(index->typical.weight[c]) * index->magnitude[c];
}

static void note_floor(struct pass *pass, uint32_t n)
{
    pass->floor[n] = pass->queries[n]->top->floor;
}

/* The columns in which somebody is not as is typical. */
static void set_odd(struct pass *pass, const float share[MIPS_USERS])
{
    const struct mips_index *index = pass->index;
    for (uint32_t c = 0; c < index->columns; c++) {
        bool odd = false;
        for (uint32_t n = 0; n < pass->count; n++) {
            float weight = weight_of(index, pass->queries[n], c);
            weight -= share[n] * index->typical.weight[c];
            odd |= weight != 0.0f;
            pass->above[pass->odd][n] = weight > 0.0f ? weight : 0.0f;
            pass->below[pass->odd][n] = weight > 0.0f ? 0.0f : weight;
        }
        if (odd)
            pass->odd_column[pass->odd++] = c;
    }
}

static void begin(struct pass *pass)
{
    const struct mips_index *index = pass->index;
    float share[MIPS_USERS];
    for (uint32_t n = 0; n < pass->count; n++) {
        struct mips_query *query = pass->queries[n];
        prepare_query(index, query);
        share[n] = share_of_typical(index, query);
        set_reach(pass, n, share[n]);
        note_floor(pass, n);
    }
    for (uint32_t c = 0; c < index->columns; c++) {
        bool used = false;
        for (uint32_t n = 0; n < pass->count; n++) {
            float weight = weight_of(index, pass->queries[n], c);
            pass->queries[n]->side.weight[pass->columns] = weight;
            used |= weight != 0.0f;
        }
        if (used)
            pass->column[pass->columns++] = c;
    }
    set_odd(pass, share);
}

/* Users, as bits, for whom something within the limits may get in. */
static unsigned who_may(const struct pass *pass, const struct limits *limits)
{
    float bound[MIPS_USERS];
    memcpy(bound, pass->slack, sizeof bound);
    for (int k = 0; k < DIRECTIONS; k++)
        for (uint32_t n = 0; n < MIPS_USERS; n++)
            bound[n] += pass->reach[k][n] * limits->reach[k];
    for (uint32_t k = 0; k < pass->odd; k++) {
        float most = limits->most[pass->odd_column[k]], least = limits->least[pass->odd_column[k]];
        for (uint32_t n = 0; n < MIPS_USERS; n++)
            bound[n] += pass->above[k][n] * most + pass->below[k][n] * least;
    }
    unsigned users = 0;
    for (uint32_t n = 0; n < pass->count; n++)
        users |= (unsigned)!(bound[n] < pass->floor[n]) << n;
    return users;
}

static void judge_some(struct mips_query *query, const uint32_t *slots, uint32_t count)
{
    float scores[MIPS_JUDGED];
    if (count == 0)
        return;
    query->judge(query->context, slots, count, scores);
    query->judged += count;
    for (uint32_t n = 0; n < count; n++)
        if (top_may_take(query->top, scores[n]))
            top_push(query->top, slots[n], scores[n]);
}

static void fetch(const void *from, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += 64)
        __builtin_prefetch((const char *)from + n);
}

/* What a search will soon read of a chunk, but for the codes, which sift() fetches. */
static void fetch_chunk(const struct pass *pass, const struct chunk *chunk)
{
    fetch(chunk->slot, sizeof chunk->slot + sizeof chunk->scale);
    for (uint32_t k = 0; k < pass->columns; k++)
        fetch(chunk->column + (size_t)pass->column[k] * SIFT_ITEMS, SIFT_ITEMS * sizeof(float));
}

/* Those with a bound from the floor, which rises, up to `level`, or above it. */
static void judge_those(struct mips_query *query, float level, bool above)
{
    uint32_t found[MIPS_CANDIDATES + KERNELS_FOUND_MORE], slots[MIPS_JUDGED];
    uint32_t count =
        kernels->pick(query->bound, query->count, query->top->floor, level, above, found);
    for (uint32_t n = 0; n < count;) {
        uint32_t filled = 0;
        for (; n < count && filled < MIPS_JUDGED; n++) {
            slots[filled] = query->slot[found[n]];
            filled += !(query->bound[found[n]] < query->top->floor);
        }
        judge_some(query, slots, filled);
    }
}

/* The most promising ones first: they raise the floor for the others. */
static void judge_all(struct mips_query *query)
{
    float level = INFINITY;
    if (query->count > query->top->most) {
        level = kernels->level(query->bound, query->count, query->top->most);
        judge_those(query, level, true);
    }
    judge_those(query, level, false);
    query->count = 0;
}

static void collect(struct mips_query *query, const struct chunk *chunk,
                    const struct sifted *sifted, float error)
{
    uint32_t count = query->count;
    for (uint32_t first = 0; first < chunk->count; first += SIFT_LANES) {
        unsigned passed = sifted->passed[first / SIFT_LANES];
        if (chunk->count - first < SIFT_LANES)
            passed &= (1u << (chunk->count - first)) - 1;
        for (; passed != 0; passed &= passed - 1, count++) {
            uint32_t n = first + (uint32_t)__builtin_ctz(passed);
            query->slot[count] = chunk->slot[n];
            query->bound[count] = sifted->approximate[n] + error;
        }
    }
    query->count = count;
}

static void search_chunk(struct pass *pass, struct chunk *chunk, struct chunk *next, unsigned users)
{
    const struct mips_index *index = pass->index;
    const struct sift_user *side[MIPS_USERS];
    struct sifted sifted[MIPS_USERS];
    float error[MIPS_USERS];
    uint32_t who[MIPS_USERS], count = 0;
    for (; users != 0; users &= users - 1, count++) {
        uint32_t n = who[count] = (uint32_t)__builtin_ctz(users);
        struct mips_query *query = pass->queries[n];
        error[count] = chunk->limits.residual * (query->norm + query->residual) +
                       chunk->limits.norm * (query->residual + ROUNDING * query->size) +
                       query->slack;
        query->side.floor = pass->floor[n] - error[count];
        side[count] = &query->side;
    }
    struct sift_items items = {.codes = codes_of(index, chunk),
                               .next = codes_of(index, next),
                               .scale = chunk->scale,
                               .groups = (chunk->count + SIFT_LANES - 1) / SIFT_LANES,
                               .dim = index->dim,
                               .columns = pass->columns};
    for (uint32_t k = 0; k < pass->columns; k++)
        items.column[k] = chunk->column + (size_t)pass->column[k] * SIFT_ITEMS;
    fetch_chunk(pass, next);
    kernels->sift(&items, side, count, sifted);
    for (uint32_t k = 0; k < count; k++) {
        struct mips_query *query = pass->queries[who[k]];
        collect(query, chunk, &sifted[k], error[k]);
        if (query->count <= MIPS_CANDIDATES - SIFT_ITEMS)
            continue;
        judge_all(query);
        note_floor(pass, who[k]);
    }
}

/* Each chunk that is searched is known before the one before it is, so that it can be fetched. */
void mips_search(const struct mips_index *index, struct mips_query *const *queries, uint32_t count)
{
    struct pass pass = {.index = index, .queries = queries, .count = count};
    struct chunk *waiting = NULL;
    unsigned waiting_users = 0;
    begin(&pass);
    for (uint32_t b = index->bands; b-- > 0;) {
        uint32_t id = index->band[b].first;
        if (id == NONE || who_may(&pass, &index->band[b].limits) == 0)
            continue;
        for (; id != NONE; id = index->chunk[id]->next) {
            struct chunk *chunk = index->chunk[id];
            unsigned users = who_may(&pass, &chunk->limits);
            if (users == 0)
                continue;
            if (waiting != NULL)
                search_chunk(&pass, waiting, chunk, waiting_users);
            waiting = chunk;
            waiting_users = users;
        }
    }
    if (waiting != NULL)
        search_chunk(&pass, waiting, waiting, waiting_users);
    for (uint32_t n = 0; n < count; n++)
        judge_all(queries[n]);
}
