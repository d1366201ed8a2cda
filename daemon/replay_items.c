#include "daemon/replay_items.h"

#include "daemon/plural.h"
#include "daemon/progress.h"
#include "transport/catalogue.h"

#include <stdio.h>

enum { BAD_LINES_SHOWN = 5 };

static enum status describe(struct replay_variant *variants, uint32_t count,
                            const struct item_card *card, struct error *error)
{
    for (uint32_t n = 0; n < count; n++) {
        enum status status = recommender_describe(variants[n].engine.model, card);
        if (status != STATUS_OK)
            return error_set(error, status, "taking the catalogue: %s", status_text(status));
    }
    return STATUS_OK;
}

static void complain(uint64_t bad, const struct error *error)
{
    if (bad <= BAD_LINES_SHOWN)
        fprintf(stderr, "tasted: %s\n", error->text);
    else if (bad == BAD_LINES_SHOWN + 1)
        fprintf(stderr, "tasted: more bad lines of the catalogue are only counted\n");
}

enum status replay_take_items(const char *path, struct replay_variant *variants, uint32_t count,
                              struct error *error)
{
    struct catalogue_file *file;
    struct progress progress;
    struct item_card card;
    uint64_t taken = 0, bad = 0, done, total;
    enum status status = catalogue_file_open(path, &file, error);
    if (status != STATUS_OK)
        return status;
    progress_init(&progress, "catalogue", "items");
    while (status == STATUS_OK) {
        enum catalogue_result result = catalogue_file_next(file, &card, error);
        if (result == CATALOGUE_END)
            break;
        if (result == CATALOGUE_FAILED)
            status = error->status;
        else if (result == CATALOGUE_BAD)
            complain(++bad, error);
        else
            status = describe(variants, count, &card, error);
        taken += result == CATALOGUE_CARD;
        catalogue_file_progress(file, &done, &total);
        progress_update(&progress, taken, total == 0 ? -1.0 : (double)done / (double)total);
    }
    progress_finish(&progress, taken);
    catalogue_file_close(file);
    if (status == STATUS_OK && taken == 0)
        return error_set(error, STATUS_BAD_DATA, "%s: no entry of a catalogue among %llu line%s",
                         path, (unsigned long long)bad, plural(bad));
    return status;
}
