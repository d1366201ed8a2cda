/*
 * An entry of the catalogue, JSON or MessagePack, to an item's card:
 *
 *     {"item": …, "features": ["artist:42", "genre:rock"], "available": true, "expires": ms,
 *      "title": …}
 *
 * The whole value is checked as decode.h does: nesting, keys given twice, UTF-8, what follows.
 *
 *     item       text or an integer; absent, null: the message's key
 *     features   an array of texts or integers; others, empty ones and those over ID_BYTES_MAX are
 *                passed over, so are those after the first CARD_FEATURES_MAX
 *     available  false: the item is retired. True, absent, null: it is available; else bad_value
 *     expires    an integer, ms since 1970; absent, null, 0: never; else bad_ts
 *
 * Unknown keys, the title too, are ignored. No value (a null message), or the value null, retires
 * the item of the key.
 */
#ifndef TRANSPORT_CATALOGUE_H
#define TRANSPORT_CATALOGUE_H

#include "model/event.h"
#include "model/status.h"

#include <stddef.h>

struct catalogue_decoder; /* opaque; holds what the last card points into */

struct catalogue_decoder *catalogue_decoder_create(void);          /* NULL: no memory */
void catalogue_decoder_destroy(struct catalogue_decoder *decoder); /* NULL is legal */

/* `key` size 0: there is none. The card holds until the next call. VERDICT_ACCEPTED,
 * VERDICT_UNDECODABLE, VERDICT_TOO_LARGE (over 64 KiB), VERDICT_MISSING_ITEM, VERDICT_BAD_ITEM,
 * VERDICT_BAD_TS (`expires`), VERDICT_BAD_VALUE (`available`). */
enum verdict catalogue_decode(struct catalogue_decoder *decoder, struct text key, const void *value,
                              size_t size, struct item_card *card);
/* Adds a feature unless it is to be passed over. */
void catalogue_add_feature(struct item_card *card, struct text feature);

/*
 * A file of entries: NDJSON, or TSV with a header line naming at least `item` and `features` (with
 * `|` between features); plain, gzip or zstd; "-" for standard input. Told apart by the first line
 * as in event_file.h.
 */
struct catalogue_file; /* opaque */

enum catalogue_result {
    CATALOGUE_CARD, /* `card` is filled; valid until the next call */
    CATALOGUE_BAD,  /* a line that is no entry: `error` says where and why */
    CATALOGUE_END,
    CATALOGUE_FAILED, /* cannot be read on: `error` */
};

/* `path` must outlive the file. */
enum status catalogue_file_open(const char *path, struct catalogue_file **out, struct error *error);
enum catalogue_result catalogue_file_next(struct catalogue_file *file, struct item_card *card,
                                          struct error *error);
/* Compressed bytes read so far and in all (0 when unknown). */
void catalogue_file_progress(const struct catalogue_file *file, uint64_t *done, uint64_t *total);
void catalogue_file_close(struct catalogue_file *file); /* NULL is legal */

#endif
