#include "daemon/npy.h"

#include "daemon/output_file.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { HEADER_ALIGNED = 64, PREFIX = 10 };

static enum status begin(struct npy *npy, const char *folder, const char *name, const char *type,
                         const char *shape, struct error *error)
{
    static const char magic[] = "\x93NUMPY\x01";
    char header[256];
    snprintf(npy->path, sizeof npy->path, "%s/%s", folder, name);
    npy->file = fopen(npy->path, "wb");
    if (npy->file == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", npy->path, strerror(errno));
    int used = snprintf(header, sizeof header,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    size_t size =
        ((size_t)used + 1 + PREFIX + HEADER_ALIGNED - 1) / HEADER_ALIGNED * HEADER_ALIGNED - PREFIX;
    memset(header + used, ' ', size - (size_t)used);
    header[size - 1] = '\n';
    fwrite(magic, 1, sizeof magic, npy->file); /* its NUL is the minor version */
    fputc((int)(size & 0xff), npy->file);
    fputc((int)(size >> 8), npy->file);
    fwrite(header, 1, size, npy->file);
    return STATUS_OK;
}

enum status npy_open_floats(struct npy *npy, const char *folder, const char *name, uint64_t rows,
                            uint32_t columns, struct error *error)
{
    char shape[64];
    if (columns == 0)
        snprintf(shape, sizeof shape, "%llu,", (unsigned long long)rows);
    else
        snprintf(shape, sizeof shape, "%llu, %u", (unsigned long long)rows, columns);
    return begin(npy, folder, name, "<f4", shape, error);
}

enum status npy_open_texts(struct npy *npy, const char *folder, const char *name, uint64_t rows,
                           uint32_t characters, struct error *error)
{
    char shape[64], type[16];
    snprintf(shape, sizeof shape, "%llu,", (unsigned long long)rows);
    snprintf(type, sizeof type, "<U%u", characters);
    return begin(npy, folder, name, type, shape, error);
}

static void write_word(struct npy *npy, uint32_t word)
{
    word = htole32(word);
    fwrite(&word, sizeof word, 1, npy->file);
}

void npy_write_floats(struct npy *npy, const float *at, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        uint32_t word;
        memcpy(&word, &at[n], sizeof word);
        write_word(npy, word);
    }
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

uint32_t npy_characters(struct text text)
{
    uint32_t characters = 0;
    for (uint32_t n = 0; n < text.size; n++)
        characters += !continues(text.at[n]);
    return characters;
}

/* Ids are valid UTF-8: the decoder saw to it. */
void npy_write_text(struct npy *npy, struct text text, uint32_t characters)
{
    uint32_t written = 0;
    for (uint32_t n = 0; n < text.size && written < characters; written++) {
        uint32_t first = (unsigned char)text.at[n++];
        uint32_t character = first < 0x80   ? first
                             : first < 0xe0 ? first & 0x1f
                             : first < 0xf0 ? first & 0x0f
                                            : first & 0x07;
        for (; n < text.size && continues(text.at[n]); n++)
            character = character << 6 | ((unsigned char)text.at[n] & 0x3f);
        write_word(npy, character);
    }
    for (; written < characters; written++)
        write_word(npy, 0);
}

enum status npy_close(struct npy *npy, struct error *error)
{
    bool failed = ferror(npy->file) != 0;
    failed = fclose(npy->file) != 0 || failed;
    npy->file = NULL;
    if (!failed)
        return STATUS_OK;
    error_set(error, STATUS_CANNOT_WRITE, "%s: %s", npy->path, strerror(errno));
    remove_unfinished(npy->path);
    return STATUS_CANNOT_WRITE;
}
