/*
 * The settings' loader against any file: what it takes can be printed and read again as the same,
 * and reloading it changes nothing; what it refuses, it refuses with words.
 */
#include "daemon/settings_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) /* also where assert() is compiled out */
{
    if (!holds)
        abort();
}

static void nothing_differs(const char *line)
{
    fprintf(stderr, "%s\n", line);
    abort();
}

static void read_back(struct settings *settings)
{
    const struct setting *at = settings->record->first;
    for (; at; at = at->next) {
        char first[OPTION_SCRATCH], second[OPTION_SCRATCH];
        struct error error = {.status = STATUS_OK};
        char *text = strdup(at->slot.option->type->print(settings, at->slot, first));
        must(text != NULL);
        must(at->slot.option->type->parse(settings, at->slot, text, &error) == STATUS_OK);
        must(strcmp(at->slot.option->type->print(settings, at->slot, second), text) == 0);
        option_show(settings, at->slot, second);
        free(text);
    }
}

static bool reads_other_files(const uint8_t *data, size_t size)
{
    return memmem(data, size, "@/", 2) || memmem(data, size, "plugin", 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (reads_other_files(data, size))
        return 0;
    if (file < 0) {
        file = memfd_create("settings", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    must(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    struct settings_source source = {.file = path};
    struct settings *settings = NULL, *again = NULL;
    struct error error = {.status = STATUS_OK};
    if (settings_load(&source, &settings, &error) != STATUS_OK) {
        must(error.status == STATUS_BAD_CONFIG && error.text[0] != '\0');
        return 0;
    }
    must(settings_load(&source, &again, &error) == STATUS_OK);
    must(settings_take_live(settings, again, nothing_differs) == 0);
    settings_free(again);
    read_back(settings);
    settings_free(settings);
    return 0;
}
