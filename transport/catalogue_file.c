#include "transport/catalogue.h"
#include "transport/event_file.h"

#include <stdlib.h>

enum column { COLUMN_ITEM, COLUMN_FEATURES, COLUMN_OTHER, WIDTH_MAX = 64 };

struct catalogue_file {
    struct line_file *lines;
    struct catalogue_decoder *decoder;
    bool is_tsv;
    uint32_t width;
    uint8_t column[WIDTH_MAX]; /* enum column */
};

/* Takes what is before the next `separator` off the text; false: that was the last piece. */
static bool take_piece(struct text *text, char separator, struct text *piece)
{
    const char *end = text->size == 0 ? NULL : memchr(text->at, separator, text->size);
    piece->at = text->at;
    piece->size = end == NULL ? text->size : (uint32_t)(end - text->at);
    if (end == NULL)
        return false;
    text->size -= piece->size + 1;
    text->at = end + 1;
    return true;
}

/* ---- opening ---- */

static enum status read_header(struct catalogue_file *file, struct text line, struct error *error)
{
    const char *name = line_file_name(file->lines);
    bool seen[COLUMN_OTHER + 1] = {false};
    file->is_tsv = true;
    for (bool more = true; more; file->width++) {
        struct text text;
        if (file->width == WIDTH_MAX)
            return error_set(error, STATUS_BAD_DATA, "%s: more than %d columns in line 1", name,
                             (int)WIDTH_MAX);
        more = take_piece(&line, '\t', &text);
        enum column column = text_equal(text, text_of("item"))       ? COLUMN_ITEM
                             : text_equal(text, text_of("features")) ? COLUMN_FEATURES
                                                                     : COLUMN_OTHER;
        if (column != COLUMN_OTHER && seen[column])
            return error_set(error, STATUS_BAD_DATA, "%s: line 1 names a column twice", name);
        seen[column] = true;
        file->column[file->width] = (uint8_t)column;
    }
    if (seen[COLUMN_ITEM] && seen[COLUMN_FEATURES])
        return STATUS_OK;
    return error_set(error, STATUS_BAD_DATA,
                     "%s: line 1 of a TSV catalogue must name its columns: item, features "
                     "(separated by |), and any others, separated by tabs",
                     name);
}

enum status catalogue_file_open(const char *path, struct catalogue_file **out, struct error *error)
{
    *out = NULL;
    struct catalogue_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_set(error, STATUS_NO_MEMORY, "%s: no memory to read the catalogue", path);
    struct text header;
    enum status status = STATUS_OK;
    file->decoder = catalogue_decoder_create();
    if (file->decoder == NULL)
        status = error_set(error, STATUS_NO_MEMORY, "%s: no memory to read the catalogue", path);
    if (status == STATUS_OK)
        status = line_file_open(path, &file->lines, error);
    if (status == STATUS_OK)
        status = line_file_header(file->lines, &header, error) ? read_header(file, header, error)
                                                               : error->status;
    if (status == STATUS_OK)
        *out = file;
    else
        catalogue_file_close(file);
    return status;
}

void catalogue_file_close(struct catalogue_file *file)
{
    if (file == NULL)
        return;
    catalogue_decoder_destroy(file->decoder);
    line_file_close(file->lines);
    free(file);
}

/* ---- reading ---- */

static enum verdict read_tsv(const struct catalogue_file *file, struct text line,
                             struct item_card *card)
{
    struct text texts[COLUMN_OTHER + 1] = {{NULL, 0}}, feature;
    bool more = true;
    for (uint32_t n = 0; more; n++) {
        if (n == file->width)
            return VERDICT_UNDECODABLE;
        more = take_piece(&line, '\t', &texts[file->column[n]]);
    }
    *card = (struct item_card){.item = texts[COLUMN_ITEM], .available = true};
    if (card->item.size == 0)
        return VERDICT_MISSING_ITEM;
    if (card->item.size > ID_BYTES_MAX || !text_is_utf8(card->item))
        return VERDICT_BAD_ITEM;
    for (more = true; more;) {
        more = take_piece(&texts[COLUMN_FEATURES], '|', &feature);
        catalogue_add_feature(card, feature);
    }
    return VERDICT_ACCEPTED;
}

enum catalogue_result catalogue_file_next(struct catalogue_file *file, struct item_card *card,
                                          struct error *error)
{
    struct text line;
    bool too_long;
    if (!line_file_next(file->lines, &line, &too_long, error))
        return error->status == STATUS_OK ? CATALOGUE_END : CATALOGUE_FAILED;
    enum verdict verdict = VERDICT_TOO_LARGE;
    if (!too_long)
        verdict = file->is_tsv ? read_tsv(file, line, card)
                               : catalogue_decode(file->decoder, (struct text){NULL, 0}, line.at,
                                                  line.size, card);
    if (verdict == VERDICT_ACCEPTED)
        return CATALOGUE_CARD;
    (void)error_set(error, STATUS_BAD_DATA, "%s, line %llu: %s", line_file_name(file->lines),
                    (unsigned long long)line_file_number(file->lines), verdict_text(verdict));
    return CATALOGUE_BAD;
}

void catalogue_file_progress(const struct catalogue_file *file, uint64_t *done, uint64_t *total)
{
    line_file_progress(file->lines, done, total);
}
